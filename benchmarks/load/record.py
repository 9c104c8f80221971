"""The recording: the simulator's answers for a small converged fleet, as templates of one service and one balancer.

Ids become places, and so do the marks, which contain hashes of names. The recording checks itself: filled in with the
values of a service of another application, its marks are those that the simulator has of that service.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

from benchmarks.controller import Controller, use
from benchmarks.converge import converge, new_fleet
from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet, balancer_of, priority_of
from benchmarks.load.template import Template
from benchmarks.load.values import Applied, Values, mark_id, natural
from ecsim import Settings, Simulator, VirtualClock
from ecsync.core import marks
from ecsync.core.model import Key
from ecsync.core.trees import canonical

FLEET = Fleet(services=4, applications=2, first=7710)  # four digits: no other number of the answers is like them
SHOWN, BALANCER = 7711, balancer_of(7711)  # the service of the templates, in application 1
EVENTS = 100  # AWS returns up to 100 of a service


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Templates by name, the members of the marks by kind, and the tags of what all services share.

    The template `tagged Kind` is the item of a kind in the answer of the tagging API; a kind without one is not in it.
    """

    simulator: Simulator
    templates: Mapping[str, Template]
    applied: Mapping[str, Applied]
    vpc: str
    shared: Mapping[str, Mapping[str, str]]  # ARN of a cluster or security group -> its tags


class Account:
    """The simulated account as the recorder reads it: raw bodies and parsed answers."""

    def __init__(self, url: str) -> None:
        session = boto3.Session(region_name=REGION)
        self._client: Callable[[str], Any] = lambda name: session.client(name, endpoint_url=url)

    def read(self, service: str, method: str, **params: Any) -> tuple[str, Any]:
        """Return the body of an answer, and what botocore makes of it."""
        client, bodies = self._client(service), []
        client.meta.events.register("before-parse", lambda response_dict, **_: bodies.append(response_dict["body"]))
        parsed = getattr(client, method)(**params)
        return bodies[-1].decode(), parsed


def record(events: int = EVENTS) -> Recording:
    """Converge a small fleet in a new simulator and record it. Sets the endpoint of this process.

    Each service gets this number of events; 0: as many as it has in the simulator.
    """
    settings = Settings(region=REGION, account=ACCOUNT, settling=False, throttling=False)
    simulator = Simulator(settings, VirtualClock())
    use(simulator.start())
    controller = new_fleet(simulator, [FLEET])
    converge(controller, simulator)
    return of_account(simulator, controller, events)


def of_account(simulator: Simulator, controller: Controller, events: int = EVENTS) -> Recording:
    """Record a converged account that has `FLEET`."""
    account = Account(simulator.url)
    texts = dict(_texts(account, events))
    body, _ = account.read("resourcegroupstaggingapi", "get_resources", TagFilters=[{"Key": marks.OWNER}])
    texts |= dict(_tagged(json.loads(body)["ResourceTagMappingList"]))
    tags = {
        one["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        for one in json.loads(body)["ResourceTagMappingList"]
    }
    scaling = "application-autoscaling"
    scaled = {target["ResourceId"]: target["ScalableTargetARN"] for target in _scalable_targets(account)}
    for arn in scaled.values():
        tags.setdefault(arn, account.read(scaling, "list_tags_for_resource", ResourceARN=arn)[1]["Tags"])
    known = _known(texts, tags)
    flags = {_kind(own): own[marks.APPLIED].partition(":")[0] for own in tags.values() if known.get(own[marks.APPLIED])}
    applied = {
        kind: Applied(
            flags[kind],
            tuple((bytes.fromhex(marks.path_hash(name)), Template(text, known)) for name, text in members.items()),
        )
        for kind, members in _declared(controller, SHOWN).items()
    }
    vpc = account.read("ec2", "describe_vpcs")[1]["Vpcs"][0]["VpcId"]
    recording = Recording(
        simulator=simulator,
        templates={name: Template(text, known) for name, text in texts.items()},
        applied=applied,
        vpc=vpc,
        shared={arn: of for arn, of in tags.items() if ":cluster/" in arn or ":security-group/" in arn},
    )
    _check(recording, tags, {place: text for text, place in known.items()})
    return recording


# ---------------------------------------------------------------- the texts of one service


def _texts(account: Account, events: int) -> Iterator[tuple[str, str]]:
    """Yield the items of the answers for one service and one balancer, as AWS writes them."""
    name, family = f"web-{SHOWN}", f"bench-web-{SHOWN}"
    for form, include in (("service", ["TAGS"]), ("service untagged", [])):
        body, _ = account.read("ecs", "describe_services", cluster="bench", services=[name], include=include)
        yield form, json.dumps(_with_events(json.loads(body)["services"][0], events))
    for form, include in (("definition", ["TAGS"]), ("definition untagged", [])):
        yield form, account.read("ecs", "describe_task_definition", taskDefinition=family, include=include)[0]
    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:1"
    yield "definition tags", account.read("ecs", "list_tags_for_resource", resourceArn=definition)[0]
    service = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/bench/{name}"
    yield "service tags", account.read("ecs", "list_tags_for_resource", resourceArn=service)[0]
    yield from _load_balancing(account, family)
    (target,) = [one for one in _scalable_targets(account) if one["ResourceId"].endswith(name)]
    ids = {"ServiceNamespace": "ecs", "ResourceIds": [target["ResourceId"]]}
    body, _ = account.read("application-autoscaling", "describe_scalable_targets", **ids)
    yield "target", json.dumps(json.loads(body)["ScalableTargets"][0])
    arn = target["ScalableTargetARN"]
    yield "target tags", account.read("application-autoscaling", "list_tags_for_resource", ResourceARN=arn)[0]
    named = {"ServiceNamespace": "ecs", "PolicyNames": [name]}
    body, _ = account.read("application-autoscaling", "describe_scaling_policies", **named)
    yield "policy", json.dumps(json.loads(body)["ScalingPolicies"][0])
    body, _ = account.read("logs", "describe_log_groups", logGroupIdentifiers=[f"/bench/{name}"])
    yield "logs", json.dumps({**json.loads(body)["logGroups"][0], "retentionInDays": "@retention@"})
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/bench/{name}"
    yield "logs tags", account.read("logs", "list_tags_for_resource", resourceArn=logs)[0]


def _tagged(items: list[Any]) -> Iterator[tuple[str, str]]:
    for item in items:
        key = marks.key_of(next(tag["Value"] for tag in item["Tags"] if tag["Key"] == marks.OWNER))
        if key and key[1].name in (f"web-{SHOWN}", f"lb-{BALANCER}", "main", "web"):
            yield f"tagged {key[1].kind}", json.dumps(item)


def _load_balancing(account: Account, group_name: str) -> Iterator[tuple[str, str]]:
    body, groups = account.read("elbv2", "describe_target_groups", Names=[group_name])
    group = groups["TargetGroups"][0]["TargetGroupArn"]
    yield "group", xml_items(body)[0]
    one = {"TargetGroupArn": group}
    yield "group attributes", xml_inner(account.read("elbv2", "describe_target_group_attributes", **one)[0])
    yield "group health", xml_inner(account.read("elbv2", "describe_target_health", **one)[0])
    body, found = account.read("elbv2", "describe_load_balancers", Names=[f"bench-{BALANCER}"])
    balancer = found["LoadBalancers"][0]["LoadBalancerArn"]
    yield "balancer", xml_items(body)[0]
    one = {"LoadBalancerArn": balancer}
    yield "balancer attributes", xml_inner(account.read("elbv2", "describe_load_balancer_attributes", **one)[0])
    body, found = account.read("elbv2", "describe_listeners", **one)
    listener = found["Listeners"][0]["ListenerArn"]
    yield "listener", xml_items(body)[0]
    one = {"ListenerArn": listener}
    yield "listener attributes", xml_inner(account.read("elbv2", "describe_listener_attributes", **one)[0])
    body, found = account.read("elbv2", "describe_rules", **one)
    rules = dict(zip((rule["RuleArn"] for rule in found["Rules"]), xml_items(body), strict=True))
    (rule,) = [arn for arn, text in rules.items() if group in text]
    priority = f"<Priority>{priority_of(SHOWN)}</Priority>"
    assert priority in rules[rule]
    yield "rule", rules[rule].replace(priority, "<Priority>@priority@</Priority>")
    (default,) = [one["RuleArn"] for one in found["Rules"] if one["IsDefault"]]
    yield "default rule", rules[default]
    for form, arn in (("group", group), ("balancer", balancer), ("listener", listener), ("rule", rule)):
        yield f"{form} tags", xml_items(account.read("elbv2", "describe_tags", ResourceArns=[arn])[0])[0]


def _scalable_targets(account: Account) -> list[Any]:
    found: list[Any] = account.read("application-autoscaling", "describe_scalable_targets", ServiceNamespace="ecs")[1][
        "ScalableTargets"
    ]
    return found


def _with_events(service: Any, count: int) -> Any:
    """Return the service with as many events, as after months of deployments: its own ones again, with other ids."""
    own = service["events"]
    if not count:
        return service
    events = [
        {**own[number % len(own)], "id": f"{number:08x}{own[number % len(own)]['id'][8:]}"} for number in range(count)
    ]
    return {**service, "events": events}


def xml_items(body: str) -> list[str]:
    """Return each item of the list in the result of an answer, as text."""
    result = ET.fromstring(re.sub(r' xmlns="[^"]+"', "", body))[0]  # noqa: S314  # the simulator's own answer
    return [_text(item) for item in result[0]]


def xml_inner(body: str) -> str:
    """Return the inside of the result of an answer."""
    result = ET.fromstring(re.sub(r' xmlns="[^"]+"', "", body))[0]  # noqa: S314  # the simulator's own answer
    return "".join(map(_text, result))


def _text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode", short_empty_elements=False)


# ---------------------------------------------------------------- places


def _known(texts: Mapping[str, str], tags: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the values in the texts that differ from service to service or from site to site, by place."""
    ids = {
        "group": (texts["group"], rf"targetgroup/bench-web-{SHOWN}/([0-9a-f]+)"),
        "balancer": (texts["balancer"], rf"loadbalancer/app/bench-{BALANCER}/([0-9a-f]+)"),
        "listener": (texts["listener"], rf"listener/app/bench-{BALANCER}/[0-9a-f]+/([0-9a-f]+)"),
        "rule": (texts["rule"], rf"listener-rule/app/bench-{BALANCER}/[0-9a-f]+/[0-9a-f]+/([0-9a-f]+)"),
        "default rule": (texts["default rule"], r"listener-rule/app/[^/]+/[0-9a-f]+/[0-9a-f]+/([0-9a-f]+)"),
        "target": (texts["target"], r"scalable-target/([0-9a-f]+)"),
        "policy": (texts["policy"], r"scalingPolicy:([0-9a-f-]+):"),
        "deployment": (texts["service"], r"ecs-svc/([0-9]+)"),
        "revision": (texts["service"], rf"service-revision/bench/web-{SHOWN}/([0-9]+)"),
    }
    known = {}
    for place, (text, pattern) in ids.items():
        found = re.search(pattern, text)
        assert found, f"no {place} in {text[:200]}"
        known[found[1]] = place
    for own in tags.values():
        key = marks.key_of(own[marks.OWNER])
        if key and key[1].name in (f"web-{SHOWN}", f"lb-{BALANCER}"):
            known[own[marks.APPLIED]] = f"applied {key[1].kind}"
            known[own[marks.ID]] = f"id {key[1].kind}"
    return {
        **known,
        str(SHOWN): "number",
        FLEET.application_of(SHOWN): "application",
        FLEET.shared: "shared",
        f"bench-{BALANCER}": "balancer name",
        f"lb-{BALANCER}": "balancer key",
        REGION: "region",
        "@priority@": "priority",
        '"@retention@"': "retention",
    }


def _declared(controller: Controller, number: int) -> dict[str, dict[str, str]]:
    """Return what the marks of a service and its balancer record, by kind: each member as canonical text."""
    found = {}
    for application in controller.catalogue.applications.values():
        kinds = controller.workspace.destination_for(application).kinds
        for desired in application.resources:
            kind = kinds[desired.key.kind]
            if desired.key.name in (f"web-{number}", f"lb-{balancer_of(number)}") and kind.tagging is not None:
                members = {name: canonical(value) for name, value in marks.declared_members(kind, desired.body).items()}
                if "Priority" in members:
                    members["Priority"] = "@priority@"
                found[kind.name] = members
    return found


def _kind(tags: Mapping[str, str]) -> str:
    key = marks.key_of(tags[marks.OWNER])
    return key[1].kind if key else ""


def _check(recording: Recording, tags: Mapping[str, Mapping[str, str]], places: Mapping[str, str]) -> None:
    """Assert that the computed marks of the other services are the recorded ones."""
    values = Values(FLEET, recording.applied)
    for own in tags.values():
        parsed = marks.key_of(own[marks.OWNER])
        assert parsed is not None
        key = parsed[1]
        if not key.name.startswith("web-"):
            continue
        number = int(key.name[4:])
        assert own[marks.APPLIED].encode() == values.of(number)[f"applied {key.kind}"], f"another mark of {key}"
        name = natural(key.kind, number, REGION, places["balancer"], places["listener"])
        assert own[marks.ID] == mark_id(key.kind, name, REGION), f"another identity of {key}"
        owner = Key(application=FLEET.application_of(number), kind=key.kind, name=key.name)
        assert own[marks.OWNER] == marks.owner(INSTALLATION, owner), f"another owner of {key}"
