"""Shared by the tests of the load balancing kinds: ARNs, live resources, and equivalence cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

from ecsync.awsmodel.shapes import load
from ecsync.core.diff import differences
from ecsync.core.kind import Kind
from ecsync.core.marks import ID, OWNER
from ecsync.core.model import Call, Key, Marks, Present, Text
from ecsync.core.normalise import normalise
from ecsync.core.trees import leaves, thaw, transform
from ecsync.language.check import check
from tests.kinds.infra import Answers, Case, compare, missing

BodyOf = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
MEMBERS = ("Attributes", "Tags")  # members that other describe calls return


def arn(what: str, name: str = "web") -> str:
    """Return an ARN of Elastic Load Balancing."""
    return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:{what}/{name}"


LB = arn("loadbalancer", "app/web/1")
LISTENER = arn("listener", "app/web/1/2")
OLD, NEW, OTHER = arn("targetgroup", "web/1"), arn("targetgroup", "web-0a1b2c/2"), arn("targetgroup", "other/3")


def mine(kind: Kind, name: str = "web") -> list[dict[str, str]]:
    """Return the mark of a resource of the application `shop`, as tags."""
    return [{"Key": OWNER, "Value": f"v1/prod/shop/{kind.name}/{name}"}, {"Key": ID, "Value": "1234"}]


def tags_answer(by_arn: Mapping[str, Sequence[Mapping[str, str]]]) -> Callable[..., dict[str, Any]]:
    """Return a DescribeTags like AWS's: at most twenty ARNs, and an error if one of them is missing."""

    def answer(*, ResourceArns: Sequence[str]) -> Any:  # noqa: N803 - AWS's name
        assert len(ResourceArns) <= 20
        if not all(one in by_arn for one in ResourceArns):
            return missing("TargetGroupNotFound")
        return {"TagDescriptions": [{"ResourceArn": one, "Tags": by_arn[one]} for one in ResourceArns]}

    return answer


def operations(reader: Answers) -> list[str]:
    """Return the operations that were called, in order."""
    return [name for name, _ in reader.asked]


# ---------------------------------------------------------------- live resources


def group(name: str = "web", arn_: str = NEW, **facts: Any) -> tuple[Key, Present]:
    """Return a live target group with its key."""
    body = {"Name": name, "Protocol": "HTTP", "Port": 80}
    return Key(application="shop", kind="TargetGroup", name=name), Present(
        body=body, outputs={"arn": arn_, "name": name}, marks=Marks(owner="o", id="i"), facts=facts
    )


def service(*arns: str, steady: bool = True, **body: Any) -> tuple[Key, Present]:
    """Return a live service behind these target groups with its key."""
    balancers = [{"targetGroupArn": one, "containerName": "web", "containerPort": 80} for one in arns]
    present = Present(body={"loadBalancers": balancers, **body}, outputs={}, facts={"steady": steady})
    return Key(application="shop", kind="Service", name="web"), present


def forward(**shares: int) -> list[dict[str, Any]]:
    """Return a single forward with these weights."""
    named = {"old": OLD, "new": NEW, "other": OTHER}
    groups = [{"TargetGroupArn": named[name], "Weight": weight} for name, weight in shares.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


# ---------------------------------------------------------------- equivalence cases


def checked(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the desired side of a case, coerced to AWS's types as a manifest is."""
    assert kind.shape is not None
    return thaw(check(body, load(kind.shape), name=kind.name, rules=kind.rules, tags="Tags").body)  # type: ignore[no-any-return]


def live_of(body_of: BodyOf, case: Case, live: Mapping[str, Any], declared: Mapping[str, Any]) -> Present:
    """Return the live side of a case, as `read` returns it; members that a case omits equal the declared ones."""
    same = {"Priority": str(declared.get("Priority")), "TargetGroupName": declared.get("Name")}
    body = {**body_of({**same, **live}, declared), **{name: live[name] for name in MEMBERS if name in live}}
    body["Tags"] = [tag for tag in body.get("Tags", ()) if not tag["Key"].startswith("aws:")]
    if "Priority" not in declared:
        body.pop("Priority", None)
    return Present(body=body, outputs={}, facts=case.get("context") or {})


def equivalent(kind: Kind, body_of: BodyOf, case: Case) -> bool:
    """True if the two sides of a case do not differ."""
    declared = checked(kind, case["desired"])
    return not compare(kind, declared, live_of(body_of, case, case["live"], declared)).fields


def undetected(kind: Kind, body_of: BodyOf, case: Case, left_alone: Sequence[str]) -> list[str]:
    """Change each single leaf of the live side; return the paths of the changes that are not detected."""
    declared = checked(kind, case["desired"])
    return [
        path
        for path, live in _mutations(case["live"], declared, (*left_alone, *case.get("context", ())))
        if not compare(kind, declared, live_of(body_of, case, live, declared)).fields
    ]


def _mutations(
    live: Mapping[str, Any], declared: Mapping[str, Any], left_alone: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    keys = {name: {one["Key"] for one in declared.get(name) or ()} for name in MEMBERS}
    for path, leaf in leaves(live):
        others = path[0] in keys and live[path[0]] and live[path[0]][path[1]]["Key"] not in keys[str(path[0])]
        if others or leaf in ([], {}, None) or path[-1] == "Key" or {*path} & {*left_alone}:
            continue
        changed = thaw(live)
        container = changed
        for part in path[:-1]:
            container = container[part]
        container[path[-1]] = not leaf if isinstance(leaf, bool) else leaf + 1 if isinstance(leaf, int) else f"{leaf}9"
        yield "/".join(map(str, path)), changed


def settled(kind: Kind, body_of: BodyOf, case: Case) -> bool:
    """True if normalising twice equals normalising once, on both sides, and a body does not differ from itself."""
    declared = checked(kind, case["desired"])
    both = (declared, live_of(body_of, case, case["live"], declared).body)
    once = [normalise(body, kind.rules) for body in both]
    again = [normalise(body, kind.rules) for body in once]
    return once == again and not any(differences(body, body, kind.rules).fields for body in both)


def refused(calls: Sequence[Call]) -> list[str]:
    """Return the errors of botocore's validation of the calls; a reference counts as text."""
    found = []
    for call in calls:
        shape = Session().get_service_model(call.service).operation_model(call.operation).input_shape
        params = transform(call.params, lambda leaf: str(leaf) if isinstance(leaf, Text) else leaf)
        report = ParamValidator().validate(params, shape)
        found += [report.generate_report()] if report.has_errors() else []
    return found
