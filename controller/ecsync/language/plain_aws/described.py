"""What `describe` prints, as documents: the elements of its output, each in the form of the create input.

AWS prints some members of the input under another name or in another place. The other members that only describe has
stay: the check of the body leaves them out, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeAlias

from ecsync.core.model import Problem
from ecsync.core.wording import quoted
from ecsync.language.nodes import Node

_Fields: TypeAlias = Mapping[str, Node]
_LONGEST = 63  # characters of the name of a document
_INVALID = re.compile(r"[^A-Za-z0-9_.-]+")
_DIGITS = re.compile(r"[0-9]{1,9}")


class Described(NamedTuple):
    """One element of an output. An element that no manifest declares has only the reason why it is left out."""

    kind: str
    name: Node
    spec: Node
    left_out: str = ""


class _Printed(NamedTuple):
    """How AWS prints a kind: its member in the output, and the members that only an element of this kind has."""

    kind: str
    output: str
    members: tuple[str, ...]
    name: Callable[[_Fields], str]


def _member(name: str) -> Callable[[_Fields], str]:
    return lambda fields: _text(fields, name)


def _scaled(member: str) -> Callable[[_Fields], str]:
    """Return the name of something of a scalable target: two services may have policies of one name."""
    return lambda fields: "-".join(filter(None, (_text(fields, "ResourceId").partition("/")[2], _text(fields, member))))


def _listener_name(fields: _Fields) -> str:
    port = fields["Port"].value if "Port" in fields else ""
    return f"{_part(_text(fields, 'LoadBalancerArn'), 2)}-{port}"


def _rule_name(fields: _Fields) -> str:
    arn, priority = _text(fields, "RuleArn"), fields["Priority"].value if "Priority" in fields else ""
    return f"{_part(arn, 2)}-{_part(arn, 4)}-{priority}"


def _part(arn: str, number: int) -> str:
    """Return one of the parts of an ARN between slashes; empty if it has fewer."""
    parts = arn.split("/")
    return parts[number] if number < len(parts) else ""


_ALL = (
    _Printed("Cluster", "clusters", ("clusterArn", "clusterName"), _member("clusterName")),
    _Printed("CapacityProvider", "capacityProviders", ("capacityProviderArn", "name"), _member("name")),
    _Printed("TargetGroup", "TargetGroups", ("TargetGroupArn", "TargetGroupName"), _member("TargetGroupName")),
    _Printed("LoadBalancer", "LoadBalancers", ("LoadBalancerArn", "LoadBalancerName"), _member("LoadBalancerName")),
    _Printed("Listener", "Listeners", ("ListenerArn", "LoadBalancerArn"), _listener_name),
    _Printed("ListenerRule", "Rules", ("RuleArn",), _rule_name),
    _Printed(
        "AutoScalingGroup", "AutoScalingGroups", ("AutoScalingGroupName", "MinSize"), _member("AutoScalingGroupName")
    ),
    _Printed(
        "LaunchTemplate",
        "LaunchTemplateVersions",
        ("LaunchTemplateName", "LaunchTemplateData"),
        _member("LaunchTemplateName"),
    ),
    _Printed("ScheduledAction", "ScheduledActions", ("ScheduledActionName",), _scaled("ScheduledActionName")),
    _Printed("ScalingPolicy", "ScalingPolicies", ("PolicyName", "ResourceId"), _scaled("PolicyName")),
    _Printed("ScalableTarget", "ScalableTargets", ("ScalableDimension", "MinCapacity", "MaxCapacity"), _scaled("")),
    _Printed("LogGroup", "logGroups", ("logGroupName",), _member("logGroupName")),
    _Printed("Repository", "repositories", ("repositoryName",), _member("repositoryName")),
    _Printed("Role", "Role", ("RoleName", "AssumeRolePolicyDocument"), _member("RoleName")),
    _Printed("Role", "Roles", ("RoleName", "AssumeRolePolicyDocument"), _member("RoleName")),
    _Printed("SecurityGroup", "SecurityGroups", ("GroupName", "VpcId"), _member("GroupName")),
    _Printed("Alarm", "MetricAlarms", ("AlarmName", "ComparisonOperator"), _member("AlarmName")),
)


def elements(node: Node) -> Iterator[Described]:
    """Yield the one element that the node is, else the elements of the output that it is; none if it is neither."""
    for printed in _ALL:
        if _is(node, printed):
            yield from _each(printed, [node])
            return
    for printed in _ALL:
        output = node.get(printed.output)
        inner = [] if output is None else output.value if isinstance(output.value, list) else [output]
        if inner and all(_is(one, printed) for one in inner):
            yield from _each(printed, inner)
            return


_OTHER_OUTPUTS = {
    "tasks": "tasks: a service starts them; paste the output of describe-services",
    "containerInstances": "instances: a group starts them; paste the output of describe-auto-scaling-groups",
    "LaunchTemplates": "launch templates without their data; paste the output of describe-launch-template-versions",
    "TagDescriptions": "tags alone; add them to the document of their resource",
    "Vpcs": "VPCs, which ecsync does not create; declare a lookup: `resources: {Network/main: {id: vpc-…}}`",
    "Subnets": "subnets, which ecsync does not create; declare a lookup: `resources: {Network/main: {id: vpc-…}}`",
    **{
        f"{what}Arns": f"ARNs alone; paste the output of describe-{command}"
        for what, command in (
            ("service", "services"),
            ("cluster", "clusters"),
            ("taskDefinition", "task-definition"),
            ("task", "services"),
        )
    },
}


def other_output(fields: _Fields) -> str:
    """Return what an output of the AWS CLI has that no manifest declares, and what to do; empty if it is none."""
    return next((what for name, what in _OTHER_OUTPUTS.items() if isinstance(_value(fields, name), list)), "")


def _value(fields: _Fields, member: str) -> object:
    return fields[member].value if member in fields else None


_BESIDE = {"failures", "NextToken", "nextToken", "NextMarker", "CompositeAlarms", "ResponseMetadata"}


def is_empty(node: Node) -> bool:
    """Return whether the node is an output of describe without elements."""
    lists = node.value.keys() - _BESIDE
    return len(lists) == 1 and any(one.output in lists and node.value[one.output].value == [] for one in _ALL)


def _is(node: Node, printed: _Printed) -> bool:
    return isinstance(node.value, dict) and all(node.get(member) is not None for member in printed.members)


def _each(printed: _Printed, inner: list[Node]) -> Iterator[Described]:
    versions = _declared(inner) if printed.kind == "LaunchTemplate" else {}
    for one in inner:
        name = Node(document_name(printed.name(one.value)), one.origin)
        reason = _left_out(printed.kind, one.value, versions)
        yield Described(printed.kind, name, one, reason)


def document_name(text: str) -> str:
    """Return AWS's name as a name of a document; a text without a character that is valid there stays."""
    name = _INVALID.sub("-", text).strip("_.-") or text
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 7].rstrip('_.-')}-{sha256(text.encode()).hexdigest()[:6]}"  # two may begin alike


def _declared(versions: list[Node]) -> dict[str, int]:
    """Return the number of the version to declare, of each launch template: the default one, else the newest."""
    found: dict[str, tuple[bool, int]] = {}
    for one in versions:
        name, default = _text(one.value, "LaunchTemplateName"), one.value.get("DefaultVersion")
        rank = (default is not None and default.value is True, _number(one.value))
        found[name] = max(found.get(name, rank), rank)
    return {name: number for name, (_, number) in found.items()}


def _number(fields: _Fields) -> int:
    number = fields["VersionNumber"].value if "VersionNumber" in fields else 0
    return number if isinstance(number, int) else 0


def _left_out(kind: str, fields: _Fields, versions: Mapping[str, int]) -> str:
    """Return why no manifest declares an element; empty if one does."""
    if kind == "CapacityProvider" and _text(fields, "name") in ("FARGATE", "FARGATE_SPOT"):
        return f"{_text(fields, 'name')} is AWS's own capacity provider"
    if kind == "ListenerRule" and _text(fields, "Priority") == "default":
        return "the default rule is the DefaultActions of its listener"
    if kind == "SecurityGroup" and _text(fields, "GroupName") == "default":
        return "AWS makes the default group of a VPC"
    if kind == "Role" and _text(fields, "Path").startswith("/aws-service-role/"):
        return f"{_text(fields, 'RoleName')} is a service-linked role, which AWS makes"
    template = _text(fields, "LaunchTemplateName")
    if kind == "LaunchTemplate" and _number(fields) != versions[template]:
        return f"version {_number(fields)} of {quoted(template)}: version {versions[template]} is declared"
    return ""


def _text(fields: _Fields, member: str) -> str:
    value = fields[member].value if member in fields else ""
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------- in the form of the create input


def as_created(kind: str, node: Node) -> Node:
    """Return a described body in the form of the create input. A body in that form is returned unchanged."""
    convert = _CONVERSIONS.get(kind)
    if convert is None or not isinstance(node.value, dict):
        return node
    fields = dict(node.value)
    convert(fields)
    return Node(fields, node.origin) if fields != node.value else node


_GONE = ("INACTIVE", "DRAINING", "DELETE_IN_PROGRESS")


def notes(kind: str, node: Node) -> Iterator[Problem]:
    """Yield what a described body is that AWS has deleted or deletes: the plan creates it again."""
    status = node.get("status") if kind in ("Service", "Cluster", "TaskDefinition") else None
    if status is not None and status.value in _GONE:
        again = "registers" if kind == "TaskDefinition" else "creates"
        yield Problem(status.origin, f"the {kind} is {status.value} in AWS: declared, ecsync {again} it again")


_ON_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")


def _service(fields: dict[str, Node]) -> None:
    """Take the cluster from `clusterArn`, and three blocks from the PRIMARY deployment. A DAEMON has no count.

    ecs.DescribeServices returns the three only there. Without them in the body, ecsync would turn their features off.
    It returns a count of a DAEMON service, which ecs.CreateService does not take.
    """
    _rename(fields, "clusterArn", "cluster")
    if "serviceArn" in fields and _text(fields, "schedulingStrategy") == "DAEMON":
        fields.pop("desiredCount", None)
    deployments = fields["deployments"].value if "deployments" in fields else []
    for deployment in deployments if isinstance(deployments, list) else []:
        status = deployment.get("status")
        if status is not None and status.value == "PRIMARY":
            for name in _ON_DEPLOYMENT:
                if name in deployment.value:
                    fields.setdefault(name, deployment.value[name])


def _load_balancer(fields: dict[str, Node]) -> None:
    """Take the name, and the subnets from the zones, with their addresses where they have some."""
    _rename(fields, "LoadBalancerName", "Name")
    zones = fields["AvailabilityZones"].value if "AvailabilityZones" in fields else None
    if "Subnets" in fields or "SubnetMappings" in fields or not isinstance(zones, list):
        return
    found = [(zone.get("SubnetId"), zone) for zone in zones]
    subnets = [(subnet, zone) for subnet, zone in found if subnet is not None]
    mappings = [Node({"SubnetId": subnet, **_addresses(zone)}, zone.origin) for subnet, zone in subnets]
    origin = fields["AvailabilityZones"].origin
    if any(len(one.value) > 1 for one in mappings):
        fields["SubnetMappings"] = Node(mappings, origin)
    elif subnets:
        fields["Subnets"] = Node([subnet for subnet, _ in subnets], origin)


_ADDRESSES = ("AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix")


def _addresses(zone: Node) -> dict[str, Node]:
    """Return the addresses that a zone of a load balancer was given. elbv2.DescribeLoadBalancers lists them in it."""
    addresses = zone.get("LoadBalancerAddresses")
    if addresses is None or not isinstance(addresses.value, list) or len(addresses.value) != 1:
        return {}
    (one,) = addresses.value
    return {name: one.value[name] for name in _ADDRESSES if one.get(name) is not None}


def _target_group(fields: dict[str, Node]) -> None:
    _rename(fields, "TargetGroupName", "Name")


def _rule(fields: dict[str, Node]) -> None:
    """Take the listener from the ARN of the rule, and the priority as the number that elbv2.CreateRule takes."""
    if "RuleArn" not in fields:
        return
    arn, priority = fields["RuleArn"], fields.get("Priority")
    if "ListenerArn" not in fields and ":listener-rule/" in str(arn.value):
        listener = str(arn.value).replace(":listener-rule/", ":listener/").rpartition("/")[0]
        fields["ListenerArn"] = Node(listener, arn.origin)
    if priority is not None and isinstance(priority.value, str) and _DIGITS.fullmatch(priority.value):
        fields["Priority"] = Node(int(priority.value), priority.origin)


def _launch_template(fields: dict[str, Node]) -> None:
    """Leave out whether the version is the default one: the same member of a manifest is `latest` or `keep`."""
    if "DefaultVersion" in fields and isinstance(fields["DefaultVersion"].value, bool):
        del fields["DefaultVersion"]


def _group(fields: dict[str, Node]) -> None:
    """Name the launch template once: the input takes its name or its id, and describe prints both."""
    if "AutoScalingGroupARN" not in fields:
        return
    if "LaunchTemplate" in fields:
        fields["LaunchTemplate"] = _by_name(fields["LaunchTemplate"])
    policy = fields.get("MixedInstancesPolicy")
    template = policy.get("LaunchTemplate") if policy is not None else None
    if policy is None or template is None or not isinstance(template.value, dict):
        return
    inner = dict(template.value)
    if "LaunchTemplateSpecification" in inner:
        inner["LaunchTemplateSpecification"] = _by_name(inner["LaunchTemplateSpecification"])
    overrides = inner.get("Overrides")
    if overrides is not None and isinstance(overrides.value, list):
        inner["Overrides"] = Node([_with_template_by_name(one) for one in overrides.value], overrides.origin)
    named = {**policy.value, "LaunchTemplate": Node(inner, template.origin)}
    fields["MixedInstancesPolicy"] = Node(named, policy.origin)


def _with_template_by_name(override: Node) -> Node:
    template = override.get("LaunchTemplateSpecification")
    if template is None:
        return override
    return Node({**override.value, "LaunchTemplateSpecification": _by_name(template)}, override.origin)


def _by_name(template: Node) -> Node:
    if template.get("LaunchTemplateName") is None or template.get("LaunchTemplateId") is None:
        return template
    return Node({name: value for name, value in template.value.items() if name != "LaunchTemplateId"}, template.origin)


_CONVERSIONS: Mapping[str, Callable[[dict[str, Node]], None]] = {
    "Service": _service,
    "LoadBalancer": _load_balancer,
    "TargetGroup": _target_group,
    "ListenerRule": _rule,
    "LaunchTemplate": _launch_template,
    "AutoScalingGroup": _group,
}


def _rename(fields: dict[str, Node], printed: str, created: str) -> None:
    if created not in fields and printed in fields:
        fields[created] = fields[printed]
