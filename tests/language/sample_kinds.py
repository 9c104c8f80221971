"""A few kinds with AWS's real shapes and names, without reads and calls: the parts that the language uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ecsync.core.kind import Kind, ShapeOf, Tagging
from ecsync.core.model import Call, Text
from ecsync.core.rules import CommaList, Keyed, Late, Sensitive
from ecsync.core.trees import Body, leaves


def _reads_nothing(*_: object) -> Iterator[object]:
    return iter(())


def _calls_nothing(_: object) -> tuple[Call, ...]:
    return ()


def resolved(value: object) -> bool:
    """Return whether the value contains no reference."""
    return not any(isinstance(leaf, Text) for _, leaf in leaves(value))


def _named(member: str) -> Callable[[Body], str | None]:
    return lambda body: body[member] if member in body and resolved(body[member]) else None


def _tagging(style: str) -> Tagging:
    member = "tags" if style != "Key/Value" else "Tags"
    return Tagging(member=member, style=style, put=lambda *_: (), remove=lambda *_: ())  # type: ignore[arg-type]


def _service_name(body: Body) -> str | None:
    parts = (body.get("cluster", "default"), body.get("serviceName"))
    return "/".join(str(part) for part in parts) if resolved(list(parts)) else None


def _known(**outputs: str) -> Callable[[Body], Mapping[str, str]]:
    return lambda body: {name: body[member] for name, member in outputs.items() if isinstance(body.get(member), str)}


_COMMON = {"read": _reads_nothing, "reads": frozenset[str](), "calls": _calls_nothing}

NETWORK = Kind(
    name="Network",
    natural=lambda _: None,
    primary="vpcId",
    outputs=dict.fromkeys(("vpcId", "subnetIds", "publicSubnetIds", "privateSubnetIds", "availabilityZones"), ""),
    list_outputs=frozenset(("subnetIds", "publicSubnetIds", "privateSubnetIds", "availabilityZones")),
    read=_reads_nothing,  # type: ignore[arg-type]
    reads=frozenset(),
    check=lambda body: [
        ((name,), f'unknown field "{name}" in Network')
        for name in body
        if name not in ("id", "tags", "default", "subnets")
    ],
)
CLUSTER = Kind(
    name="Cluster",
    natural=_named("clusterName"),
    name_member="clusterName",
    primary="name",
    outputs=dict.fromkeys(("name", "arn"), ""),
    known=_known(name="clusterName"),
    tagging=_tagging("key/value"),
    shape=ShapeOf(operation="ecs.CreateCluster", describe="ecs.DescribeClusters:clusters[]"),
    rules=(
        Keyed(path="settings", key=("name",)),
        Late(path="capacityProviders"),
        Late(path="defaultCapacityProviderStrategy"),
    ),
    **_COMMON,  # type: ignore[arg-type]
)
TASK_DEFINITION = Kind(
    name="TaskDefinition",
    natural=_named("family"),
    name_member="family",
    primary="arn",
    outputs=dict.fromkeys(("arn", "family", "revision"), ""),
    known=_known(family="family"),
    retain_default=True,
    tagging=_tagging("key/value"),
    shape=ShapeOf(
        operation="ecs.RegisterTaskDefinition",
        describe="ecs.DescribeTaskDefinition:taskDefinition",
        optional=("family",),
    ),
    rules=(
        Keyed(path="containerDefinitions", key=("name",)),
        Keyed(path="containerDefinitions[].environment", key=("name",), value="value"),
        Keyed(path="containerDefinitions[].portMappings", key=("containerPort", "protocol")),
        Sensitive(path="containerDefinitions[].environment"),
    ),
    **_COMMON,  # type: ignore[arg-type]
)
SERVICE = Kind(
    name="Service",
    natural=_service_name,
    name_member="serviceName",
    primary="name",
    outputs=dict.fromkeys(("name", "arn"), ""),
    known=_known(name="serviceName"),
    tagging=_tagging("key/value"),
    shape=ShapeOf(operation="ecs.CreateService", describe="ecs.DescribeServices:services[]", optional=("serviceName",)),
    **_COMMON,  # type: ignore[arg-type]
)
TARGET_GROUP = Kind(
    name="TargetGroup",
    natural=_named("Name"),
    name_member="Name",
    name_limit=32,
    primary="arn",
    outputs=dict.fromkeys(("arn", "name"), ""),
    known=_known(name="Name"),
    tagging=_tagging("Key/Value"),
    shape=ShapeOf(
        operation="elbv2.CreateTargetGroup",
        extra={"Attributes": "elbv2.ModifyTargetGroupAttributes:Attributes"},
        describe="elbv2.DescribeTargetGroups:TargetGroups[]",
        optional=("Name",),
    ),
    **_COMMON,  # type: ignore[arg-type]
)
LOG_GROUP = Kind(
    name="LogGroup",
    natural=_named("logGroupName"),
    name_member="logGroupName",
    primary="name",
    outputs=dict.fromkeys(("name", "arn"), ""),
    known=_known(name="logGroupName"),
    adopt_default="if-untagged",
    retain_default=True,
    tagging=_tagging("map"),
    shape=ShapeOf(
        operation="logs.CreateLogGroup",
        extra={"retentionInDays": "logs.PutRetentionPolicy:retentionInDays"},
        optional=("logGroupName",),
    ),
    **_COMMON,  # type: ignore[arg-type]
)
AUTO_SCALING_GROUP = Kind(
    name="AutoScalingGroup",
    natural=_named("AutoScalingGroupName"),
    name_member="AutoScalingGroupName",
    primary="name",
    outputs=dict.fromkeys(("name", "arn"), ""),
    known=_known(name="AutoScalingGroupName"),
    tagging=_tagging("Key/Value"),
    shape=ShapeOf(operation="autoscaling.CreateAutoScalingGroup", optional=("AutoScalingGroupName",)),
    rules=(CommaList(path="VPCZoneIdentifier"),),
    **_COMMON,  # type: ignore[arg-type]
)
ROLE = Kind(
    name="Role",
    natural=_named("RoleName"),
    name_member="RoleName",
    regional=False,
    primary="name",
    outputs=dict.fromkeys(("name", "arn", "instanceProfileArn"), ""),
    retain_default=True,
    shape=ShapeOf(
        operation="iam.CreateRole", extra={"AssumeRolePolicyDocument": "any", "Policies": "any"}, optional=("RoleName",)
    ),
    **_COMMON,  # type: ignore[arg-type]
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (NETWORK, CLUSTER, TASK_DEFINITION, SERVICE, TARGET_GROUP, LOG_GROUP, AUTO_SCALING_GROUP, ROLE)
}
