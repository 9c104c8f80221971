"""Service: tasks of one task definition, kept running in a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Gate, Kind, ShapeOf, World
from ecsync.core.model import Call, Create, Delete, Desired, FieldChange, Key, Present, Replace, Text, Update
from ecsync.core.rules import Resets
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import arn_tagging, operations, without
from ecsync.kinds.ecs._service_read import cluster_of, owned, printed, read
from ecsync.kinds.ecs._service_rollout import gate, health, inquire, reason
from ecsync.kinds.ecs._service_rules import RULES, controller_of, is_daemon
from ecsync.kinds.ecs._shared import short, value_to_send, with_namespace_arn
from ecsync.kinds.ecs.task_definition import family_of

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = arn_tagging("ecs", "key/value")


def _natural(body: Body) -> str | None:
    cluster, name = cluster_of(body), body.get("serviceName")
    return f"{cluster}/{name}" if isinstance(cluster, str) and isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    name = body.get("serviceName")
    return {"name": name} if isinstance(name, str) else {}


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterable[tuple[Path, str]]:
    if body.get("launchType") and body.get("capacityProviderStrategy"):
        yield ("launchType",), "launchType and capacityProviderStrategy exclude each other"
    if not body.get("taskDefinition") and controller_of(body) != "EXTERNAL":
        yield (), "Service needs taskDefinition"
    if is_daemon(body) and body.get("desiredCount") is not None:
        yield ("desiredCount",), "a DAEMON service has one task per instance; leave desiredCount out"


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            return (_create(desired.body, ours),)
        case Update():
            return (_update(change),) if change.fields else ()
        case Replace(observed=observed) | Delete(observed=observed):
            return _delete(observed)


def _create(body: Body, ours: Mapping[str, str]) -> Call:
    """A service's name is its token: a second CreateService of it is refused, so no clientToken is needed."""
    params = with_marks(TAGGING, without(body), ours)
    if not is_daemon(body):
        params.setdefault("desiredCount", 1)  # required by ECS; CloudFormation's default
    captures = {"name": ("service", "serviceName"), "arn": ("service", "serviceArn")}
    return Call(service="ecs", operation="CreateService", params=params, captures=captures)


def _update(change: Update) -> Call:
    body = adjust(change.desired.body, change.observed)
    members = dict.fromkeys(str(one.path[0]) for one in change.fields)
    sent = {
        member: value
        for member in members
        if (value := value_to_send(member, body, change.observed, change.fields, RULES)) is not None
    }
    params = {**_address(change.observed, change.desired.body), **_said_again(body, change.observed, sent), **sent}
    if any(one.effect == "needs-force" for one in change.fields):
        params["forceNewDeployment"] = True
    return Call(service="ecs", operation="UpdateService", params=params)


def _address(observed: Present, body: Body) -> dict[str, Json]:
    return {"cluster": body.get("cluster") or cluster_of(observed.body), "service": observed.outputs["name"]}


_RESET_TO = {"platformVersion": "LATEST", "healthCheckGracePeriodSeconds": 0}


def _said_again(body: Body, observed: Present, sent: Body) -> dict[str, Json]:
    """Return what an update resets when it leaves it out, unless it is what it would be reset to.

    A platform version that was only read does not go along to other capacity.
    """
    again = {}
    for row in RULES:
        if isinstance(row, Resets):
            moves = row.path == "platformVersion" and "capacityProviderStrategy" in sent
            value = body.get(row.path, None if moves else observed.body.get(row.path))
            if value is not None and value != _RESET_TO[row.path]:
                again[row.path] = value
    return again


def _delete(observed: Present) -> tuple[Call, ...]:
    """The next safe call: no tasks wanted, then the service; while it drains there is nothing to do."""
    if observed.facts.get("status") == "DRAINING":
        return ()
    params = {"cluster": cluster_of(observed.body), "service": observed.outputs["name"]}
    if observed.body.get("desiredCount") and not is_daemon(observed.body):
        return (Call(service="ecs", operation="UpdateService", params={**params, "desiredCount": 0}),)
    return (Call(service="ecs", operation="DeleteService", params=params),)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def adjust(body: Body, present: Present) -> Body:
    """Return the desired body, given what the autoscaler, Cloud Map and task definition families decided."""
    adjusted = without(body, *present.facts.get("unseen", ()))
    count = _count(present)
    if count is not None:
        adjusted["desiredCount"] = count
    if isinstance(body.get("serviceConnectConfiguration"), Mapping):
        adjusted["serviceConnectConfiguration"] = _connected(body["serviceConnectConfiguration"], present)
    if controller_of(present.body) in ("CODE_DEPLOY", "EXTERNAL") and body.get("loadBalancers"):
        # Whose target groups CodeDeploy swaps: what is live says nothing of them, also where the manifest has left it.
        adjusted["loadBalancers"] = [without(one, "targetGroupArn") for one in body["loadBalancers"]]
    wanted, live = body.get("taskDefinition"), present.body.get("taskDefinition")
    if isinstance(wanted, str) and ":" not in wanted and isinstance(live, str) and family_of(live) == wanted:
        adjusted["taskDefinition"] = live  # a bare family is any revision of it
    return adjusted


def band(desired: Desired, others: Sequence[Desired]) -> tuple[int, int] | None:
    """Return the bounds that a ScalableTarget document of the application sets for the service; None without one."""
    for other in others:
        service = other.body.get("Service") if other.key.kind == "ScalableTarget" else None
        sole = service.sole if isinstance(service, Text) else None
        if sole is None or sole.key != desired.key:
            continue
        low, high = other.body.get("MinCapacity"), other.body.get("MaxCapacity")
        if isinstance(low, int) and isinstance(high, int):
            return low, high
    return None


def _together(desired: Desired, others: Sequence[Desired]) -> Iterator[tuple[Path, str]]:
    count, bounds = desired.body.get("desiredCount"), band(desired, others)
    if isinstance(count, int) and bounds and not bounds[0] <= count <= bounds[1]:
        allowed = f"{bounds[0]} to {bounds[1]}; leave it out, or write a number between them"
        yield ("desiredCount",), f"desiredCount {count} is outside what its ScalableTarget allows, {allowed}"


def _completed(desired: Desired, others: Sequence[Desired]) -> Body:
    """Rule 13 at create: what is declared, else the least that the autoscaler will allow."""
    bounds = band(desired, others)
    if bounds is None or is_daemon(desired.body) or desired.body.get("desiredCount") is not None:
        return desired.body
    return {**desired.body, "desiredCount": bounds[0]}


def _count(present: Present) -> Json:
    """Rule 13: inside the autoscaler's band its own, outside the nearest bound, fully suspended the manifest's."""
    target, live = present.facts.get("scalableTarget"), present.body.get("desiredCount")
    if not target or live is None or is_daemon(present.body):
        return None
    suspended = target.get("SuspendedState") or {}
    if all(suspended.get(f"{what}Suspended") for what in ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")):
        return None
    return min(max(live, target.get("MinCapacity", live)), target.get("MaxCapacity", live))


def _connected(block: Body, present: Present) -> Body:
    """Put in the namespace's ARN and the DNS names that ECS makes of its name."""
    done: dict[str, Json] = dict(with_namespace_arn(block, present.facts))
    name = block.get("namespace")
    if not isinstance(name, str) or name.startswith("arn:") or not isinstance(block.get("services"), list):
        return done
    done["services"] = [
        {**one, "clientAliases": [_alias(alias, one, name) for alias in one["clientAliases"]]}
        if one.get("clientAliases")
        else one
        for one in block["services"]
    ]
    return done


def _alias(alias: Body, service: Body, namespace: str) -> Body:
    return {"dnsName": f"{service.get('discoveryName') or service.get('portName')}.{namespace}", **alias}


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    return gate(desired, adjust(desired.body, present), present, fields, world)


def _needs(desired: Desired, resources: Sequence[Desired]) -> Iterator[Key]:
    """What references do not say: the listeners that forward to its target groups, its cluster's providers."""
    groups = [
        group
        for balancer in desired.body.get("loadBalancers") or ()
        for group in (
            balancer.get("targetGroupArn"),
            (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn"),
        )
        if group
    ]
    for other in resources:
        forwards = other.key.kind in ("Listener", "ListenerRule") and any(
            one in groups for one in _forwards(other.body)
        )
        if forwards or (other.key.kind == "Cluster" and _names(desired.body.get("cluster"), other)):
            yield other.key


def _names(cluster: Json, other: Desired) -> bool:
    if isinstance(cluster, Text):
        return any(ref.key == other.key for ref in cluster.refs)
    return bool(short(cluster) == other.body.get("clusterName"))


def _forwards(body: Body) -> Iterator[str | Text]:
    for action in body.get("DefaultActions") or body.get("Actions") or ():
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
        yield from (one["TargetGroupArn"] for one in (action, *groups) if one.get("TargetGroupArn"))


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "AdvancedConfiguration": "alternateTargetGroupArn productionListenerRule roleArn testListenerRule",
    "AwsVpcConfiguration": "assignPublicIp securityGroups subnets",
    "CanaryConfiguration": "canaryBakeTimeInMinutes canaryPercent",
    "CapacityProviderStrategyItem": "base capacityProvider weight",
    "CreateServiceRequest": (
        "availabilityZoneRebalancing capacityProviderStrategy cluster deploymentConfiguration deploymentController "
        "desiredCount enableECSManagedTags enableExecuteCommand gatewayConnectors healthCheckGracePeriodSeconds "
        "launchType loadBalancers monitoring networkConfiguration placementConstraints placementStrategy "
        "platformVersion propagateTags role schedulingStrategy serviceConnectConfiguration serviceName "
        "serviceRegistries tags taskDefinition volumeConfigurations vpcLatticeConfigurations"
    ),
    "DeploymentAlarms": "alarmNames enable rollback",
    "DeploymentCircuitBreaker": "enable resetOnHealthyTask rollback thresholdConfiguration",
    "DeploymentConfiguration": (
        "alarms bakeTimeInMinutes canaryConfiguration deploymentCircuitBreaker earlySuccessCriteria lifecycleHooks "
        "linearConfiguration maximumPercent minimumHealthyPercent strategy"
    ),
    "DeploymentController": "type",
    "DeploymentEarlySuccessCriteria": "enable healthyPercent sourceServiceRevisionCleanup",
    "DeploymentLifecycleHook": "hookDetails hookTargetArn lifecycleStages roleArn targetType timeoutConfiguration",
    "DeploymentLifecycleHookTimeoutConfiguration": "action timeoutInMinutes",
    "EBSTagSpecification": "propagateTags resourceType tags",
    "GatewayConnector": "deregistrationDelay filters healthCheck portName",
    "GatewayConnectorDeregistrationDelay": "timeoutSeconds",
    "GatewayConnectorFilters": "accessTypes",
    "GatewayConnectorHealthCheck": (
        "healthCheckIntervalSeconds healthCheckPath healthCheckPort healthCheckProtocol healthCheckTimeoutSeconds "
        "healthyThresholdCount matcher unhealthyThresholdCount"
    ),
    "GatewayConnectorHealthCheckMatcher": "grpcCode httpCode",
    "LinearConfiguration": "stepBakeTimeInMinutes stepPercent",
    "LoadBalancer": "advancedConfiguration containerName containerPort loadBalancerName targetGroupArn",
    "LogConfiguration": "logDriver options secretOptions",
    "MetricConfiguration": "metricNames resolutionSeconds",
    "MonitoringConfiguration": "metricConfigurations",
    "NetworkConfiguration": "awsvpcConfiguration",
    "PlacementConstraint": "expression type",
    "PlacementStrategy": "field type",
    "Secret": "name valueFrom",
    "ServiceConnectAccessLogConfiguration": "format includeQueryParameters",
    "ServiceConnectClientAlias": "dnsName port testTrafficRules",
    "ServiceConnectConfiguration": (
        "accessLogConfiguration containerConfigurations enabled logConfiguration namespace services"
    ),
    "ServiceConnectContainerConfiguration": "logLevel",
    "ServiceConnectService": "clientAliases discoveryName ingressPortOverride portName timeout tls",
    "ServiceConnectTestTrafficHeaderMatchRules": "exact",
    "ServiceConnectTestTrafficHeaderRules": "name value",
    "ServiceConnectTestTrafficRules": "header",
    "ServiceConnectTlsCertificateAuthority": "awsPcaAuthorityArn",
    "ServiceConnectTlsConfiguration": "issuerCertificateAuthority kmsKey roleArn",
    "ServiceManagedEBSVolumeConfiguration": (
        "encrypted filesystemType iops kmsKeyId roleArn sizeInGiB snapshotId tagSpecifications throughput "
        "volumeInitializationRate volumeType"
    ),
    "ServiceRegistry": "containerName containerPort port registryArn",
    "ServiceVolumeConfiguration": "managedEBSVolume name",
    "Tag": "key value",
    "ThresholdConfiguration": "type value",
    "TimeoutConfiguration": "idleTimeoutSeconds perRequestTimeoutSeconds",
    "VpcLatticeAdvancedConfiguration": "alternateTargetGroupArn productionListenerRule testListenerRule",
    "VpcLatticeConfiguration": "advancedConfiguration portName roleArn targetGroupArn",
}

KIND = Kind(
    name="Service",
    example="""
Service/web:
  serviceName: web
  cluster: ${Cluster/main}
  taskDefinition: ${TaskDefinition/web}
  launchType: FARGATE
  desiredCount: 2
  networkConfiguration:
    awsvpcConfiguration:
      subnets: ${Network/main.publicSubnetIds}
      securityGroups: ["${SecurityGroup/web}"]
  loadBalancers:
    - {targetGroupArn: "${TargetGroup/web}", containerName: web, containerPort: 80}
""",
    natural=_natural,
    name_member="serviceName",
    primary="name",
    outputs=("name", "arn"),
    known=_known,
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ecs.CreateService",
        omit=("clientToken",),
        describe="ecs.DescribeServices:services[]",
        optional=("serviceName",),
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=read,
    owned=owned,
    from_describe=printed,
    reads=operations(
        "ecs",
        "DescribeServices",
        "DescribeServiceRevisions",
        "ListServiceDeployments",
        "DescribeTaskDefinition",
        "ListClusters",
        "DescribeClusters",
        "ListServices",
    )
    | operations("application-autoscaling", "DescribeScalableTargets")
    | operations("servicediscovery", "ListNamespaces"),
    calls=_calls,
    needs=_needs,
    inquire=inquire,
    reason=reason,
    cross_check=_together,
    complete_create=_completed,
    adjust=adjust,
    gate=_gate,
    health=health,
    serial_domain=lambda body: str(_natural(body)),
    writes=operations("ecs", "CreateService", "UpdateService"),
    deletes=operations("ecs", "UpdateService", "DeleteService"),
    rights=(
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
)
