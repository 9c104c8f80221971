"""What the tests of the load-balancing kinds share: ARNs, live resources, and the equivalence cases as they read."""

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
MEMBERS = ("Attributes", "Tags")  # what describe prints by calls of their own


def arn(what: str, name: str = "web") -> str:
    """Return an ARN of Elastic Load Balancing."""
    return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:{what}/{name}"


LB = arn("loadbalancer", "app/web/1")
LISTENER = arn("listener", "app/web/1/2")
OLD, NEW, OTHER = arn("targetgroup", "web/1"), arn("targetgroup", "web-0a1b2c/2"), arn("targetgroup", "other/3")


def mine(kind: Kind, name: str = "web") -> list[dict[str, str]]:
    """Return the tags of a resource that a document of ours owns."""
    return [{"Key": OWNER, "Value": f"v1/prod/shop/{kind.name}/{name}"}, {"Key": ID, "Value": "1234"}]


def tags_answer(by_arn: Mapping[str, Sequence[Mapping[str, str]]]) -> Callable[..., dict[str, Any]]:
    """DescribeTags as AWS has it: at most twenty, and nothing at all where one of them is not there."""

    def answer(*, ResourceArns: Sequence[str]) -> Any:  # noqa: N803 - AWS's spelling
        assert len(ResourceArns) <= 20
        if not all(one in by_arn for one in ResourceArns):
            return missing("TargetGroupNotFound")
        return {"TagDescriptions": [{"ResourceArn": one, "Tags": by_arn[one]} for one in ResourceArns]}

    return answer


def operations(reader: Answers) -> list[str]:
    """Return what was asked, in order."""
    return [name for name, _ in reader.asked]


# ---------------------------------------------------------------- live resources


def group(name: str = "web", arn_: str = NEW, **facts: Any) -> tuple[Key, Present]:
    """Return a live target group, as the world has it."""
    body = {"Name": name, "Protocol": "HTTP", "Port": 80}
    return Key(application="shop", kind="TargetGroup", name=name), Present(
        body=body, outputs={"arn": arn_, "name": name}, marks=Marks(owner="o", id="i"), facts=facts
    )


def service(*arns: str, steady: bool = True, **body: Any) -> tuple[Key, Present]:
    """Return a live service behind these target groups, as the world has it."""
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
    """The desired side, in AWS's types, as the core would have it."""
    assert kind.shape is not None
    return thaw(check(body, load(kind.shape), name=kind.name, rules=kind.rules, tags="Tags").body)  # type: ignore[no-any-return]


def live_of(body_of: BodyOf, case: Case, live: Mapping[str, Any], declared: Mapping[str, Any]) -> Present:
    """The live side, as `read` would give it; what a case leaves out was not its business."""
    same = {"Priority": str(declared.get("Priority")), "TargetGroupName": declared.get("Name")}
    body = {**body_of({**same, **live}, declared), **{name: live[name] for name in MEMBERS if name in live}}
    body["Tags"] = [tag for tag in body.get("Tags", ()) if not tag["Key"].startswith("aws:")]
    if "Priority" not in declared:
        body.pop("Priority", None)
    return Present(body=body, outputs={}, facts=case.get("context") or {})


def equivalent(kind: Kind, body_of: BodyOf, case: Case) -> bool:
    """Tell whether we see no difference between the two sides of a case."""
    declared = checked(kind, case["desired"])
    return not compare(kind, declared, live_of(body_of, case, case["live"], declared)).fields


def unseen(kind: Kind, body_of: BodyOf, case: Case, left_alone: Sequence[str]) -> list[str]:
    """Change each single leaf of the live side; return the paths whose change nobody would see."""
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
    """Tell whether normalising twice is normalising once, on both sides, and a body does not differ from itself."""
    declared = checked(kind, case["desired"])
    both = (declared, live_of(body_of, case, case["live"], declared).body)
    once = [normalise(body, kind.rules) for body in both]
    again = [normalise(body, kind.rules) for body in once]
    return once == again and not any(differences(body, body, kind.rules).fields for body in both)


def refused(calls: Sequence[Call]) -> list[str]:
    """What AWS's own model has against the calls; a reference is text to it."""
    found = []
    for call in calls:
        shape = Session().get_service_model(call.service).operation_model(call.operation).input_shape
        params = transform(call.params, lambda leaf: str(leaf) if isinstance(leaf, Text) else leaf)
        report = ParamValidator().validate(params, shape)
        found += [report.generate_report()] if report.has_errors() else []
    return found
