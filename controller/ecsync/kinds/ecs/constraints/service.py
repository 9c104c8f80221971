"""What ECS accepts of a service alone. `service_documents.py` has what it accepts of a service with other documents."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraint, Constraints, Length, Pattern, Range, Spot
from ecsync.core.trees import Body, Json
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import (
    arn_constraints,
    blocks,
    id_constraints,
    is_unknown,
    member,
    number,
    tag_constraints,
    text,
)
from ecsync.kinds.ecs.constraints.strategies import strategy_constraints

_CREATE = "API Reference ecs.CreateService"
_NAME = Pattern(allowed=r"[A-Za-z0-9_-]{1,255}", text="letters, digits, - and _, at most 255")
_FARGATE = ("FARGATE", "FARGATE_SPOT")
_NETWORK = "networkConfiguration.awsvpcConfiguration"


def controller(body: Body) -> str:
    """Return the deployment controller of a service; empty if it is not known."""
    declared = member(body.get("deploymentController"), "type")
    return "ECS" if declared is None else text(declared)


def strategy(body: Body) -> str:
    """Return the deployment strategy of a service; empty if it is not known."""
    declared = member(body.get("deploymentConfiguration"), "strategy")
    return "ROLLING" if declared in (None, "") else text(declared)


def on_fargate(body: Body) -> bool:
    """Return whether the tasks of a service certainly run on Fargate."""
    if body.get("launchType"):
        return bool(body["launchType"] == "FARGATE")
    providers = [one.get("capacityProvider") for one in blocks(body.get("capacityProviderStrategy"))]
    return bool(providers) and all(one in _FARGATE for one in providers)


def on_instances(body: Body) -> bool:
    """Return whether the tasks of a service certainly do not run on Fargate."""
    return text(body.get("launchType")) in ("EC2", "EXTERNAL")


def is_daemon(body: Body) -> bool:
    """Return whether the service runs one task on each instance."""
    return body.get("schedulingStrategy") == "DAEMON"


def _with_ecs(body: Body) -> bool:
    return controller(body) == "ECS"


# ---------------------------------------------------------------- what a launch type has


def _needs_network(spot: Spot) -> str:
    if spot.value or controller(spot.body) == "EXTERNAL":
        return ""
    return "tasks on Fargate use awsvpc, which needs subnets; declare networkConfiguration.awsvpcConfiguration.subnets"


def _not_on_fargate(spot: Spot) -> str:
    return f"Fargate has no instances to place tasks on; leave {spot.path[-1]} out" if spot.value else ""


def _no_daemon_on_fargate(spot: Spot) -> str:
    return "Fargate has no DAEMON services; use REPLICA" if spot.value == "DAEMON" else ""


def _no_daemon_by_others(spot: Spot) -> str:
    other = controller(spot.body)
    if spot.value != "DAEMON" or other not in ("CODE_DEPLOY", "EXTERNAL"):
        return ""
    return f"the deployment controller {other} has no DAEMON services; use REPLICA"


def _no_platform(spot: Spot) -> str:
    launch = spot.body.get("launchType")
    return f"launch type {launch} has no platform version; leave platformVersion out" if spot.value else ""


def _public_ip(spot: Spot) -> str:
    launch = spot.body.get("launchType")
    enabled = spot.value == "ENABLED"
    return f"launch type {launch} has no public IPs for tasks; use DISABLED, or leave it out" if enabled else ""


# ---------------------------------------------------------------- load balancers, registries, volumes


def _grace_without_balancer(spot: Spot) -> str:
    others = ("loadBalancers", "vpcLatticeConfigurations", "gatewayConnectors")
    if not spot.value or any(spot.body.get(name) for name in others):
        return ""
    return "the service has no load balancer; leave healthCheckGracePeriodSeconds out"


def _one_balancer(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    group, name = spot.value.get("targetGroupArn"), spot.value.get("loadBalancerName")
    if group and name:
        return "it has targetGroupArn and loadBalancerName; keep one of them"
    return "" if group or name else "it names no target group; declare targetGroupArn, such as ${TargetGroup/web}"


def _has(what: str, example: str) -> Json:
    def test(spot: Spot) -> str:
        return "" if spot.value not in (None, "", 0) else f"it is missing; declare {what}, such as {example}"

    return test


def _no_role(spot: Spot) -> str:
    balancers = blocks(spot.body.get("loadBalancers"))
    if not text(spot.value) or "AWSServiceRoleForECS" in spot.value:
        return ""
    if not member(spot.body.get("networkConfiguration"), "awsvpcConfiguration") and len(balancers) < 2:
        return ""
    return "ECS uses its service-linked role here; leave role out"


def _role_of_balancer(spot: Spot) -> str:
    if not text(spot.value) or "AWSServiceRoleForECS" in spot.value or spot.body.get("loadBalancers"):
        return ""
    return "a role is for load balancers, and the service has none; leave role out"


def _registry_port(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    name, port = spot.value.get("containerName"), spot.value.get("containerPort")
    if bool(name) == bool(port):
        return ""
    return f"it has {'containerName' if name else 'containerPort'} alone; declare both, or port"


def _expression(spot: Spot) -> str:
    kind = spot.block.get("type")
    if kind == "memberOf" and not spot.value:
        return "memberOf needs an expression; write one such as attribute:ecs.instance-type =~ t3.*"
    if kind == "distinctInstance" and spot.value:
        return "distinctInstance has no expression; leave it out"
    return ""


def _field(spot: Spot) -> str:
    kind, value = spot.block.get("type"), text(spot.value)
    if kind == "binpack" and spot.value is None:
        return "binpack needs a field; use cpu or memory"
    if kind == "binpack" and value and value.lower() not in ("cpu", "memory"):
        return f"binpack has no field {quoted(value)}; use cpu or memory"
    if kind == "random" and value:
        return "random has no field; leave it out"
    if kind == "spread" and spot.value is None:
        return "spread needs a field; use attribute:ecs.availability-zone, instanceId or host"
    is_known = value.lower() in ("instanceid", "host") or value.startswith("attribute:")
    if kind == "spread" and value and not is_known:
        return f"spread has no field {quoted(value)}; use attribute:ecs.availability-zone, instanceId or host"
    return ""


def _no_strategy_of_daemon(spot: Spot) -> str:
    return "a DAEMON service has no placement strategy; leave it out" if spot.value else ""


def _size(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping) or spot.value.get("sizeInGiB") or spot.value.get("snapshotId"):
        return ""
    return "it has no size; declare sizeInGiB or snapshotId"


def _volume_type(body: Json) -> str:
    return text(body.get("volumeType") or "gp3")


def _iops(spot: Spot) -> str:
    kind = _volume_type(spot.block)
    if spot.value is None:
        return f"{kind} needs iops; declare it, such as 3000" if kind in ("io1", "io2") else ""
    limits = {"gp3": (3000, 16000), "io1": (100, 64000), "io2": (100, 256000)}.get(kind)
    if not kind or is_unknown(spot.value):
        return ""
    if limits is None:
        return f"{kind} has no iops; leave it out, or use gp3" if kind != "gp2" else ""
    value = number(spot.value)
    if value is None or limits[0] <= value <= limits[1]:
        return ""
    return f"iops {value} is out of range for {kind}; use {limits[0]} to {limits[1]}"


def _throughput(spot: Spot) -> str:
    kind = _volume_type(spot.block)
    if spot.value is None or kind in ("", "gp3"):
        return ""
    return f"{kind} has no throughput; leave it out, or use gp3"


_SC = "serviceConnectConfiguration"
_SERVICE_CONNECT = "API Reference ecs.ServiceConnectService"
_DEPLOYMENT = "API Reference ecs.DeploymentConfiguration"
_DNS = r"(?!-)[A-Za-z0-9_.-]{1,127}"  # ECS fills in names of namespaces with upper case

ROWS: Constraints = (
    *tag_constraints("tags", service="ecs"),
    *strategy_constraints("capacityProviderStrategy"),
    Constraint(path="serviceName", rule="letters, digits, - and _, at most 255", test=_NAME, source=_CREATE),
    Constraint(path="cluster", rule="the name or ARN of a cluster",
               test=Pattern(allowed=r"(arn:[^:]+:ecs:[^:]*:[^:]*:cluster/)?[A-Za-z0-9_-]{1,255}",
                            text="the name or the ARN of a cluster"), source=_CREATE,
                            answer="Invalid cluster identifier"),
    Constraint(path="taskDefinition", rule="a family, family:revision or ARN",
               test=Pattern(allowed=r"(arn:[^:]+:ecs:[^:]*:[^:]*:task-definition/)?[A-Za-z0-9_-]{1,255}(:\d+)?",
                            text="family, family:revision, or the ARN of a task definition"), source=_CREATE),
    Constraint(path="desiredCount", rule="0 or more", test=Range(least=0, most=2**31 - 1), source=_CREATE,
               answer="Tasks desired count should not be negative"),
    Constraint(path="networkConfiguration", rule="required on Fargate", test=_needs_network, when=on_fargate,
               absent=True,
               source=_CREATE,
               answer="Network Configuration must be provided when networkMode 'awsvpc' is specified"),
    Constraint(path=f"{_NETWORK}.subnets", rule="1 to 16", test=Length(least=1, most=16), source=_CREATE,
               answer="subnets can not be empty"),
    Constraint(path=f"{_NETWORK}.securityGroups", rule="at most 5", test=Length(most=5), source=_CREATE),
    *id_constraints(f"{_NETWORK}.subnets[]", "subnet", "a subnet", source="API Reference ecs.AwsVpcConfiguration",
                    answer="Error retrieving subnet information"),
    *id_constraints(f"{_NETWORK}.securityGroups[]", "sg", "a security group",
                    source="API Reference ecs.AwsVpcConfiguration",
                    answer="Error retrieving security group information"),
    Constraint(path=f"{_NETWORK}.assignPublicIp", rule="on Fargate alone", test=_public_ip, when=on_instances,
               source="developer guide, task networking on EC2",
               answer="Assign public IP is not supported for this launch type"),
    Constraint(path="placementConstraints", rule="not on Fargate", test=_not_on_fargate, when=on_fargate,
               source="developer guide, task placement: not on Fargate"),
    Constraint(path="placementStrategy", rule="not on Fargate", test=_not_on_fargate, when=on_fargate,
               source="developer guide, task placement: not on Fargate",
               answer="Placement strategies are not supported with FARGATE launch type"),
    Constraint(path="placementConstraints", rule="at most 10", test=Length(most=10), source=_CREATE),
    Constraint(path="placementStrategy", rule="at most 5", test=Length(most=5), source=_CREATE),
    Constraint(path="placementStrategy", rule="not with DAEMON", test=_no_strategy_of_daemon, when=is_daemon,
               source="botocore ecs-2014-11-13 CreateService.schedulingStrategy: no placement strategy with DAEMON"),
    Constraint(path="placementConstraints[].expression", rule="with memberOf alone", test=_expression, absent=True,
               source="API Reference ecs.PlacementConstraint"),
    Constraint(path="placementStrategy[].field", rule="a field of the strategy", test=_field, absent=True,
               source="API Reference ecs.PlacementStrategy"),
    Constraint(path="platformVersion", rule="LATEST, or numbers with dots",
               test=Pattern(allowed=r"LATEST|\d+\.\d+\.\d+", text="LATEST, or a version such as 1.4.0"),
               source="developer guide, Fargate platform versions", level="note"),
    Constraint(path="platformVersion", rule="on Fargate alone", test=_no_platform, when=on_instances, source=_CREATE,
               answer="The platform version must be null when specifying an EC2 launch type"),
    Constraint(path="schedulingStrategy", rule="REPLICA on Fargate", test=_no_daemon_on_fargate, when=on_fargate,
               source=_CREATE, answer="The daemon scheduling strategy is not supported for the FARGATE launch type"),
    Constraint(path="schedulingStrategy", rule="REPLICA with CODE_DEPLOY and EXTERNAL", test=_no_daemon_by_others,
               source=_CREATE),
    Constraint(path="healthCheckGracePeriodSeconds", rule="with a load balancer", test=_grace_without_balancer,
               source=_CREATE,
               answer="Health check grace period is only valid for services configured to use load balancers"),
    Constraint(path="healthCheckGracePeriodSeconds", rule="0 or more", test=Range(least=0, most=2**31 - 1),
               source=_CREATE),
    Constraint(path="loadBalancers[]", rule="a target group, or a Classic Load Balancer", test=_one_balancer,
               source="API Reference ecs.LoadBalancer"),
    *arn_constraints("loadBalancers[].targetGroupArn", "elasticloadbalancing", "targetgroup/", "a target group",
                     source="API Reference ecs.LoadBalancer",
                     answer="Unable to assume role and validate the specified targetGroupArn"),
    Constraint(path="loadBalancers[].containerName", rule="required", test=_has("the name of a container", "web"),
               absent=True, source="API Reference ecs.LoadBalancer", when=_with_ecs),
    Constraint(path="loadBalancers[].containerPort", rule="required", test=_has("the port of the container", "80"),
               absent=True, source="API Reference ecs.LoadBalancer", when=_with_ecs),
    Constraint(path="loadBalancers[].containerPort", rule="1 to 65535", test=Range(least=1, most=65535),
               source="API Reference ecs.LoadBalancer"),
    Constraint(path="role", rule="with a load balancer", test=_role_of_balancer, source=_CREATE, level="note"),
    Constraint(path="role", rule="with one load balancer, and not with awsvpc", test=_no_role, source=_CREATE,
               answer="You cannot specify an IAM role for services that require a service linked role"),
    Constraint(path="serviceRegistries", rule="at most one", test=Length(most=1), source=_CREATE),
    Constraint(path="serviceRegistries[]", rule="containerName with containerPort", test=_registry_port,
               source="API Reference ecs.ServiceRegistry", level="note"),
    *arn_constraints("serviceRegistries[].registryArn", "servicediscovery", "service/", "a Cloud Map service",
                     source="API Reference ecs.ServiceRegistry"),
    Constraint(path=f"{_SC}.services[].discoveryName", rule="lower-case letters, digits, _ and -, at most 64",
               test=Pattern(allowed=r"[a-z0-9_][a-z0-9_-]{0,63}",
                            text="lower-case letters, digits, _ and -, at most 64"),
               source=_SERVICE_CONNECT),
    Constraint(path=f"{_SC}.services[].clientAliases[].dnsName",
               rule="letters, digits, _, - and ., at most 127",
               test=Pattern(allowed=_DNS, text="letters, digits, _, - and ., at most 127"),
               source="API Reference ecs.ServiceConnectClientAlias"),
    Constraint(path=f"{_SC}.services[].clientAliases[].port", rule="1 to 65535", test=Range(least=1, most=65535),
               source="API Reference ecs.ServiceConnectClientAlias"),
    Constraint(path=f"{_SC}.services[].ingressPortOverride", rule="1 to 65535", test=Range(least=1, most=65535),
               source=_SERVICE_CONNECT),
    Constraint(path="volumeConfigurations", rule="at most one", test=Length(most=1), source=_CREATE),
    Constraint(path="volumeConfigurations[].managedEBSVolume", rule="sizeInGiB or snapshotId", test=_size,
               source="API Reference ecs.ServiceManagedEBSVolumeConfiguration"),
    Constraint(path="volumeConfigurations[].managedEBSVolume.sizeInGiB", rule="1 to 16384",
               test=Range(least=1, most=16384), source="API Reference ecs.ServiceManagedEBSVolumeConfiguration"),
    Constraint(path="volumeConfigurations[].managedEBSVolume.iops", rule="the range of the volume type", test=_iops,
               absent=True, source="API Reference ecs.ServiceManagedEBSVolumeConfiguration"),
    Constraint(path="volumeConfigurations[].managedEBSVolume.throughput", rule="with gp3 alone", test=_throughput,
               source="API Reference ecs.ServiceManagedEBSVolumeConfiguration"),
    Constraint(path="volumeConfigurations[].managedEBSVolume.throughput", rule="at most 1000",
               test=Range(least=1, most=1000), source="API Reference ecs.ServiceManagedEBSVolumeConfiguration"),
)  # fmt: skip
