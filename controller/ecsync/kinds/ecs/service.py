"""Service: a number of tasks of one task definition that ECS keeps running in a cluster."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ecsync.core.kind import Gate, Kind, Proceed, ShapeOf, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Call, Create, Delete, Desired, Documents, FieldChange, Key, Present, Replace, Text, Update
from ecsync.core.rules import Resets
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import arn_tagging, operations, without
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.ecs._revisions import family_of
from ecsync.kinds.ecs._service_count import complete_create, cross_check, decided, decided_count
from ecsync.kinds.ecs._service_deployment_rules import is_daemon
from ecsync.kinds.ecs._service_health import draining, health
from ecsync.kinds.ecs._service_read import SERVICES, cluster_of, owned, printed, read
from ecsync.kinds.ecs._service_rollout import gate, inquire, reason
from ecsync.kinds.ecs._service_rules import RULES, controller_of
from ecsync.kinds.ecs._service_traffic import moves_targets, serves, staged
from ecsync.kinds.ecs._shared import short_name, value_to_send, with_namespace_arn
from ecsync.kinds.ecs.constraints import deployments, service_documents
from ecsync.kinds.ecs.constraints import service as constraints

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
        yield ("launchType",), "launchType and capacityProviderStrategy exclude each other: declare one of them"
    if not body.get("taskDefinition") and controller_of(body) != "EXTERNAL":
        yield (), "Service requires taskDefinition"
    if is_daemon(body) and body.get("desiredCount") is not None:
        yield (
            ("desiredCount",),
            "desiredCount does not apply to a DAEMON service (one task per instance): leave desiredCount out",
        )


# 3 RULES ---------------------------------------------------------------------------------------------------------

# The table is in `_service_rules.py`.

# 4 READ ----------------------------------------------------------------------------------------------------------

# The reads are in `_service_read.py`.

# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=our_marks):
            return (_create(desired.body, our_marks),)
        case Update():
            return (_update(change),) if change.fields else ()
        case Replace(observed=observed) | Delete(observed=observed):
            return _delete(observed)


def _create(body: Body, our_marks: Mapping[str, str]) -> Call:
    """Return the create call. It needs no clientToken: ECS rejects a second CreateService with the same name."""
    params = with_marks(TAGGING, without(body), our_marks)
    if not is_daemon(body):
        params.setdefault("desiredCount", 1)  # ECS requires a count; 1 is CloudFormation's default
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
    params = {**_address(change.observed, change.desired.body), **_resent(body, change.observed, sent), **sent}
    if any(one.effect == "needs-force" for one in change.fields):
        params["forceNewDeployment"] = True
    return Call(service="ecs", operation="UpdateService", params=params)


def _address(observed: Present, body: Body) -> dict[str, Json]:
    return {"cluster": body.get("cluster") or cluster_of(observed.body), "service": observed.outputs["name"]}


_RESET_TO = {"platformVersion": "LATEST", "healthCheckGracePeriodSeconds": 0}


def _resent(body: Body, observed: Present, sent: Body) -> dict[str, Json]:
    """Return the live values that ECS resets if an update leaves them out, unless they have the value of a reset.

    What differs is sent anyway, or must not be sent now. With another capacity provider strategy a platform version is
    sent only if it is declared: the live one may not exist there.
    """
    resent = {}
    for row in RULES:
        if isinstance(row, Resets):
            new_capacity = row.path == "platformVersion" and "capacityProviderStrategy" in sent
            value = body.get(row.path) if new_capacity else observed.body.get(row.path)
            if value is not None and value != _RESET_TO[row.path]:
                resent[row.path] = value
    return resent


def _delete(observed: Present) -> tuple[Call, ...]:
    """Return the next safe call: scale to 0, then delete. No call while the service drains.

    A service that ECS refuses to update is deleted at once: no load balancer sends requests to it.
    """
    if observed.facts.get("status") == "DRAINING":
        return ()
    params = {"cluster": cluster_of(observed.body), "service": observed.outputs["name"]}
    if observed.body.get("desiredCount") and not is_daemon(observed.body):
        if observed.facts.get("detached"):
            return (Call(service="ecs", operation="DeleteService", params={**params, "force": True}),)
        return (Call(service="ecs", operation="UpdateService", params={**params, "desiredCount": 0}),)
    return (Call(service="ecs", operation="DeleteService", params=params),)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def adjust(body: Body, present: Present) -> Body:
    """Return the desired body with the values that the autoscaler, Cloud Map and the task definition family decide."""
    adjusted = without(body, *present.facts.get("notReturned", ()))
    count = decided_count(present)
    if count is not None:
        adjusted["desiredCount"] = count
    if isinstance(body.get("serviceConnectConfiguration"), Mapping):
        adjusted["serviceConnectConfiguration"] = _connected(body["serviceConnectConfiguration"], present)
    if controller_of(present.body) in ("CODE_DEPLOY", "EXTERNAL") and body.get("loadBalancers"):
        # CodeDeploy and task sets swap the target groups, so the live ones are not compared with the declared ones.
        adjusted["loadBalancers"] = [without(one, "targetGroupArn") for one in body["loadBalancers"]]
    wanted, live = body.get("taskDefinition"), present.body.get("taskDefinition")
    if isinstance(wanted, str) and ":" not in wanted and isinstance(live, str) and family_of(live) == wanted:
        adjusted["taskDefinition"] = live  # a family alone matches each of its revisions
    return adjusted


def _connected(block: Body, present: Present) -> Body:
    """Return a Service Connect block with the namespace's ARN and the DNS names that ECS derives from its name."""
    connected: dict[str, Json] = dict(with_namespace_arn(block, present.facts))
    namespace = block.get("namespace")
    if isinstance(namespace, str) and not namespace.startswith("arn:") and isinstance(block.get("services"), list):
        connected["services"] = [_with_dns_names(one, namespace) for one in block["services"]]
    return connected


def _with_dns_names(service: Body, namespace: str) -> Body:
    if not service.get("clientAliases"):
        return service
    dns_name = f"{service.get('discoveryName') or service.get('portName')}.{namespace}"
    return {**service, "clientAliases": [{"dnsName": dns_name, **alias} for alias in service["clientAliases"]]}


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    stage = staged(desired, present, world) if moves_targets(fields) else Proceed(body=desired.body)
    if not isinstance(stage, Proceed):
        return stage
    found = gate(replace(desired, body=stage.body), adjust(stage.body, present), present, fields)
    return replace(stage, body=found.body) if isinstance(found, Proceed) else found


def _needs(desired: Desired, documents: Documents) -> Iterator[Key]:
    """Yield the listeners and rules that forward to the service's target groups, and its cluster.

    ECS rejects a service with a target group that no listener forwards to, or with a capacity provider that is not
    associated with its cluster.
    """
    for group in dict.fromkeys(_target_groups(desired.body)):
        for kind in ("Listener", "ListenerRule"):
            yield from (other.key for other in documents.find(kind, _forward_targets, group))
    cluster = desired.body.get("cluster")
    if isinstance(cluster, Text):
        yield from (ref.key for ref in cluster.refs if ref.key.kind == "Cluster" and documents.get(ref.key))
    else:
        yield from (other.key for other in documents.find("Cluster", _cluster_name, short_name(cluster)))


def _target_groups(body: Body) -> Iterator[str | Text]:
    """Yield the target groups of a service."""
    for balancer in body.get("loadBalancers") or ():
        alternate = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
        yield from (group for group in (balancer.get("targetGroupArn"), alternate) if group)


def _cluster_name(cluster: Desired, _: Documents) -> Iterator[Hashable]:
    yield cluster.body.get("clusterName")


def _forward_targets(router: Desired, _: Documents) -> Iterator[str | Text]:
    """Yield the target groups that the actions of a listener or rule forward to."""
    body = router.body
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
    outputs=OUTPUTS["Service"],
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
    constraints=(*constraints.ROWS, *deployments.ROWS, *service_documents.ROWS),
    rules=RULES,
    read=read,
    owned=owned,
    collections=(SERVICES,),
    from_describe=printed,
    reads=operations(
        "ecs",
        "DescribeServices",
        "DescribeServiceRevisions",
        "DescribeServiceDeployments",
        "ListServiceDeployments",
        "DescribeTaskDefinition",
        "ListClusters",
        "DescribeClusters",
        "ListServices",
    )
    | operations("application-autoscaling", "DescribeScalableTargets")
    | operations("elbv2", "DescribeTargetGroups")
    | operations("servicediscovery", "ListNamespaces"),
    calls=_calls,
    needs=_needs,
    inquire=lambda reader, desired, present, fields: inquire(reader, adjust(desired.body, present), present, fields),
    reason=reason,
    cross_check=cross_check,
    complete_create=complete_create,
    adjust=adjust,
    decided=decided,
    gate=_gate,
    serves=serves,
    health=health,
    delete_waits=draining,
    serial_domain=lambda body: str(_natural(body)),
    writes=operations("ecs", "CreateService", "UpdateService"),
    deletes=operations("ecs", "UpdateService", "DeleteService"),
    rights=(
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
)
