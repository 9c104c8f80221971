"""What AWS asks of the caller beside the action of a call: passed roles, service-linked roles, calls in its name.

Source: the column "Dependent actions" of the Service Authorization Reference, and the pages named below. A kind
declares the names of these actions (`Kind.rights`). Here is when they are needed, and on what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ecsync.core.kind import Kind
from ecsync.core.model import Desired, Text
from ecsync.core.rules import Refers
from ecsync.core.trees import Body, Json, leaves, locate
from ecsync.offline.permissions.places import Place, Places, role_arns

Condition = tuple[str, str, tuple[str, ...]]  # operator, key, values


class Right(NamedTuple):
    """An action beside those of calls, and the call that asks for it."""

    call: str
    action: str
    resource: str
    conditions: tuple[Condition, ...] = ()


_TASKS, _ECS, _EC2 = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "ec2.amazonaws.com"
# Kind -> its first call with a role, and the service that the role is passed to.
_PASSED = {
    "TaskDefinition": ("ecs.RegisterTaskDefinition", _TASKS),
    "Service": ("ecs.CreateService", _ECS),
    "CapacityProvider": ("ecs.CreateCapacityProvider", _ECS),
}
_INFRASTRUCTURE = "managedInstancesProvider.infrastructureRoleArn"  # of CapacityProvider; ECS assumes it
_PROFILE = "managedInstancesProvider.instanceLaunchTemplate.ec2InstanceProfileArn"


def rights(kind: Kind, desired: Desired, places: Places, place: Place) -> Iterator[Right]:
    """Yield what AWS asks for besides, in the life of a document that is written."""
    body = places.body(desired.key)
    yield from _passed_roles(kind, body, place)
    more = _MORE.get(kind.name)
    if more is not None:
        yield from more(desired, body, places, place)


def pass_role(call: str, arn: str, service: str) -> Right:
    """Return the right to pass a role to a service. EC2 has another name in China."""
    names = (service, f"{service}.cn") if service == _EC2 and arn.startswith("arn:aws-cn:") else (service,)
    return Right(call, "iam:PassRole", arn, (("StringEquals", "iam:PassedToService", names),))


def _passed_roles(kind: Kind, body: Body, place: Place) -> Iterator[Right]:
    if kind.name not in _PASSED:
        return
    call, service = _PASSED[kind.name]
    paths = [row.segments for row in kind.rules if isinstance(row, Refers) and row.kind == "Role"]
    if kind.name == "CapacityProvider":
        paths = [tuple(_INFRASTRUCTURE.split("."))]
    for segments in paths:
        for block, member, _ in locate(body, segments):
            for arn in role_arns(_member(block, member), place):
                yield pass_role(call, arn, service)


def _member(block: Json, member: str | int) -> Json:
    return block.get(member) if isinstance(block, Mapping) else None


def _linked(call: str, place: Place, *services: str) -> Iterator[Right]:
    """Yield the right to create a service-linked role: AWS creates it at the first use of a service in an account."""
    for service in services:
        resource = place.one("iam.role", f"aws-service-role/{service}/*")
        yield Right(
            call, "iam:CreateServiceLinkedRole", resource, (("StringEquals", "iam:AWSServiceName", (service,)),)
        )


def _cluster(_: Desired, __: Body, ___: Places, place: Place) -> Iterator[Right]:
    yield from _linked("ecs.CreateCluster", place, _ECS)


def _service(_: Desired, __: Body, ___: Places, place: Place) -> Iterator[Right]:
    yield from _linked("ecs.CreateService", place, _ECS)


def _load_balancer(_: Desired, __: Body, ___: Places, place: Place) -> Iterator[Right]:
    yield from _linked("elbv2.CreateLoadBalancer", place, "elasticloadbalancing.amazonaws.com")


def _capacity_provider(desired: Desired, body: Body, places: Places, place: Place) -> Iterator[Right]:
    call = "ecs.CreateCapacityProvider"
    yield from _linked(call, place, _ECS)
    group = (body.get("autoScalingGroupProvider") or {}).get("autoScalingGroupArn")
    if isinstance(group, str):  # ECS puts the tag AmazonECSManaged on the group with the credentials of the caller
        resource = group if group.startswith("arn:") else place.every("autoscaling.group")
        yield Right(call, "autoscaling:CreateOrUpdateTags", resource)
    for role in _roles_of_profile(desired.body, _PROFILE.split("."), places, place):
        yield pass_role(call, role, _EC2)


def _roles_of_profile(body: Body, path: list[str], places: Places, place: Place) -> Iterator[str]:
    """Yield the ARN of the role in an instance profile: of the document that it refers to, else of any role."""
    value: Json = body
    for member in path:
        value = value.get(member) if isinstance(value, Mapping) else None
    if value is None:
        return
    found = [arn for ref in value.refs for arn in places.forms(ref.key).get("iam.role", ())] if _is_text(value) else []
    yield from found or [place.every("iam.role")]


def _is_text(value: Json) -> bool:
    return isinstance(value, Text)


def _auto_scaling_group(desired: Desired, _: Body, places: Places, place: Place) -> Iterator[Right]:
    """Yield what EC2 Auto Scaling checks for the caller that names a launch template.

    Source: EC2 Auto Scaling User Guide, "Control launch template usage": ec2:RunInstances, ec2:CreateTags for tags of
    the template, and iam:PassRole for its instance profile.
    """
    call = "autoscaling.CreateAutoScalingGroup"
    yield from _linked(call, place, "autoscaling.amazonaws.com")
    templates = [
        leaf for path, leaf in leaves(desired.body) if path and path[-1] in ("LaunchTemplateId", "LaunchTemplateName")
    ]
    if not templates:
        return
    conditions: tuple[Condition, ...] = (("ArnLike", "ec2:LaunchTemplate", (place.every("ec2.launch-template"),)),)
    for resource in (*_LAUNCHED, *_launched_from(templates, places)):
        yield Right(call, "ec2:RunInstances", place.arn(resource), conditions)
    for resource in _TAGGED_AT_LAUNCH:
        at_launch: Condition = ("StringEquals", "ec2:CreateAction", ("RunInstances",))
        yield Right(call, "ec2:CreateTags", place.arn(resource), (at_launch,))
    for template in templates:
        for role in _roles_of_template(template, places, place):
            yield pass_role(call, role, _EC2)


def _launched_from(templates: list[Json], places: Places) -> Iterator[str]:
    """Yield what only some templates use: snapshots and placement groups."""
    refs = [ref for template in templates if _is_text(template) for ref in template.refs]
    declared = [one.body for one in (places.document(ref.key) for ref in refs) if one]
    members = {path[-1] for body in declared for path, _ in leaves(body)}
    if "SnapshotId" in members:
        yield "ec2:{region}::snapshot/*"
    if members & {"GroupName", "GroupId"} and any("Placement" in path for body in declared for path, _ in leaves(body)):
        yield "ec2:{region}:{account}:placement-group/*"


_LAUNCHED = tuple(
    f"ec2:{{region}}:{'' if of == 'image' else '{account}'}:{of}/*"
    for of in (
        "image", "instance", "key-pair", "launch-template", "network-interface", "security-group", "subnet", "volume",
    )
)  # fmt: skip
_TAGGED_AT_LAUNCH = tuple(f"ec2:{{region}}:{{account}}:{of}/*" for of in ("instance", "network-interface", "volume"))


def _roles_of_template(template: Json, places: Places, place: Place) -> Iterator[str]:
    """Yield the roles that the instances of a launch template get; any role, if no document declares the template."""
    if not _is_text(template):
        yield place.every("iam.role")
        return
    for ref in template.refs:
        declared = places.document(ref.key)
        for member in ("Arn", "Name"):
            path = ["LaunchTemplateData", "IamInstanceProfile", member]
            yield from _roles_of_profile(declared.body if declared else {}, path, places, place)


def _launch_template(_: Desired, body: Body, __: Places, place: Place) -> Iterator[Right]:
    image = (body.get("LaunchTemplateData") or {}).get("ImageId")
    if isinstance(image, str) and image.startswith("resolve:ssm:"):
        name = image.removeprefix("resolve:ssm:").split(":")[0].lstrip("/")
        owner = "" if name.startswith("aws/service/") else "{account}"  # public parameters have no account
        resource = place.arn(f"ssm:{{region}}:{owner}:parameter/{name}")
        yield Right("ec2.CreateLaunchTemplate", "ssm:GetParameters", resource)


def _role(desired: Desired, body: Body, places: Places, _: Place) -> Iterator[Right]:
    if body.get("InstanceProfile"):
        for arn in places.forms(desired.key)["iam.role"]:
            yield pass_role("iam.AddRoleToInstanceProfile", arn, _EC2)


def _cognito(call: str) -> Callable[[Desired, Body, Places, Place], Iterator[Right]]:
    def found(_: Desired, body: Body, __: Places, ___: Place) -> Iterator[Right]:
        for path, leaf in leaves(body):
            if path and path[-1] == "UserPoolArn" and isinstance(leaf, str):
                yield Right(call, "cognito-idp:DescribeUserPoolClient", leaf)

    return found


def _scalable_target(_: Desired, body: Body, __: Places, place: Place) -> Iterator[Right]:
    """Yield what Application Auto Scaling checks: it describes and updates the service in the name of the caller."""
    call = "application-autoscaling.RegisterScalableTarget"
    yield from _linked(call, place, "ecs.application-autoscaling.amazonaws.com")
    for action in ("ecs:DescribeServices", "ecs:UpdateService"):
        yield Right(call, action, place.one("ecs.service", service_name(body)))


def _scaling_policy(_: Desired, body: Body, __: Places, place: Place) -> Iterator[Right]:
    """Yield the rights for the alarms of target tracking, which are created with the credentials of the caller."""
    if body.get("PolicyType") == "TargetTrackingScaling":
        call = "application-autoscaling.PutScalingPolicy"
        resource = place.one("cloudwatch.alarm", f"TargetTracking-service/{service_name(body)}-*")
        yield Right(call, "cloudwatch:DescribeAlarms", "*")
        yield Right(call, "cloudwatch:PutMetricAlarm", resource)
        yield Right(call, "cloudwatch:DeleteAlarms", resource)


def service_name(body: Body) -> str:
    """Return `cluster/service` of a document about the scaling of a service; `*` for what is not known."""
    value = body.get("Service") or body.get("ResourceId")
    path = str(value).split(":")[-1].removeprefix("service/") if isinstance(value, str) else "*"
    return path if "/" in path else "*/*"


def _alarm(_: Desired, body: Body, __: Places, place: Place) -> Iterator[Right]:
    """Yield the service-linked role of alarms that act on instances (cloudwatch.PutMetricAlarm)."""
    actions = [
        leaf for path, leaf in leaves(body) if path and str(path[0]).endswith("Actions") and isinstance(leaf, str)
    ]
    if any(":ec2:" in one or ":swf:" in one for one in actions):
        yield from _linked("cloudwatch.PutMetricAlarm", place, "events.amazonaws.com")


_MORE: Mapping[str, Callable[[Desired, Body, Places, Place], Iterator[Right]]] = {
    "Alarm": _alarm,
    "AutoScalingGroup": _auto_scaling_group,
    "CapacityProvider": _capacity_provider,
    "Cluster": _cluster,
    "LaunchTemplate": _launch_template,
    "Listener": _cognito("elbv2.CreateListener"),
    "ListenerRule": _cognito("elbv2.CreateRule"),
    "LoadBalancer": _load_balancer,
    "Role": _role,
    "ScalableTarget": _scalable_target,
    "ScalingPolicy": _scaling_policy,
    "Service": _service,
}
