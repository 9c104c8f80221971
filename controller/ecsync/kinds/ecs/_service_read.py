"""Reads of services: ten in a call, with their scalable targets fifty in a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

from ecsync.core.kind import Collection, Owned, Wanted, World
from ecsync.core.model import Absent, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import batches, belongs, missing, pick, read_tags, without_nones
from ecsync.kinds.ecs._shared import arn_by_name, namespaces, short_name

Attached: TypeAlias = Callable[[str], bool]  # whether the target group of an ARN has a load balancer

# A newer member of CreateService that is not in this list is read if it is declared.
_MEMBERS = (
    "serviceName",
    "loadBalancers",
    "serviceRegistries",
    "desiredCount",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "taskDefinition",
    "deploymentConfiguration",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "deploymentController",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
_ON_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
_ON_REVISION = ("monitoring", "gatewayConnectors")  # DescribeServiceRevisions alone returns them
_RENAMED = ("cluster", "role", "tags")
_DEPLOYMENT = (
    "id",
    "status",
    "rolloutState",
    "rolloutStateReason",
    "taskDefinition",
    "capacityProviderStrategy",
    "desiredCount",
    "runningCount",
    "pendingCount",
    "failedTasks",
    "createdAt",
    "updatedAt",
)
EXPRESS_MODE = "ECS Express Mode"  # it keeps a service by UpdateExpressGatewayService
_EVENTS = 5
_DIMENSION = "ecs:service:DesiredCount"

SERVICES = Collection(
    operation="ecs.DescribeServices",
    ids="services",
    size=10,
    items="services",
    key="serviceName",
    failures="failures",
)


def cluster_of(body: Body) -> Json:
    """Return the name of the cluster of a body; `default` if it declares none."""
    return short_name(body.get("cluster") or "default")


# Many services ---------------------------------------------------------------------------------------------------


def read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    """Yield each wanted service, cluster by cluster."""
    named = namespaces(reader, (_namespace(want.body) for want in wanted))
    for cluster, group in groupby(sorted(wanted, key=_cluster), key=_cluster):
        for batch in batches(group, 50):
            yield from _batch(reader, cluster, batch, named)


def _cluster(want: Wanted) -> str:
    return str(cluster_of(want.body))


def _namespace(body: Body) -> Json:
    return (body.get("serviceConnectConfiguration") or {}).get("namespace")


def _batch(
    reader: Reader, cluster: str, batch: Sequence[Wanted], named: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Key, Observed]]:
    live, failed = _described(reader, cluster, (want.body["serviceName"] for want in batch))
    targets = _scalable_targets(reader, [service for service in live.values() if service["status"] != "INACTIVE"])
    for want in batch:
        name = want.body["serviceName"]
        service = live.get(name)
        if service is None and name in failed:
            reason = failed[name]
            yield want.key, Absent() if reason == "MISSING" else Unreadable(f"ecs.DescribeServices: {reason}")
        elif service is not None and service["status"] == "INACTIVE":
            yield want.key, Absent()
        elif service is not None:
            revision = _revision(reader, service, want.body)
            target, pause = targets.get(scalable_id(service)), _pause(reader, service)
            yield want.key, present_of(service, want.body, revision=revision, target=target, named=named, pause=pause)


def _described(reader: Reader, cluster: str, names: Iterable[str]) -> tuple[dict[str, Body], dict[str, str]]:
    """Return (described services, failure reasons), both by name. Without its cluster a service is MISSING."""
    live: dict[str, Body] = {}
    failed: dict[str, str] = {}
    for batch in batches(dict.fromkeys(names), 10):
        try:
            response = reader.call("ecs", "DescribeServices", cluster=cluster, services=batch, include=["TAGS"])
        except AwsError as error:
            if not missing(error):
                raise
            failed |= dict.fromkeys(batch, "MISSING")
            continue
        live |= {service["serviceName"]: service for service in response.get("services", ())}
        failed |= {str(short_name(one.get("arn"))): one.get("reason", "") for one in response.get("failures", ())}
    return live, failed


def scalable_id(service: Body) -> str:
    """Return the resource id of a service in Application Auto Scaling: `service/cluster/name`."""
    return f"service/{short_name(service.get('clusterArn'))}/{service['serviceName']}"


def _scalable_targets(reader: Reader, services: Iterable[Body]) -> dict[str, Body]:
    ids = sorted(scalable_id(one) for one in services if one.get("schedulingStrategy") != "DAEMON")
    if not ids:
        return {}
    targets = reader.pages(
        "application-autoscaling",
        "DescribeScalableTargets",
        "ScalableTargets",
        ServiceNamespace="ecs",
        ResourceIds=ids,
    )
    bounds = ("MinCapacity", "MaxCapacity", "SuspendedState")
    return {one["ResourceId"]: pick(one, *bounds) for one in targets if one["ScalableDimension"] == _DIMENSION}


def _revision(reader: Reader, service: Body, declared: Body) -> Body | None:
    """Return the service's newest revision if the document declares a member that nothing else returns; else None."""
    current = service.get("currentServiceRevisions") or ()
    if not current or not any(member in declared for member in _ON_REVISION):
        return None
    response = reader.call("ecs", "DescribeServiceRevisions", serviceRevisionArns=[current[-1]["arn"]])
    return next(iter(response.get("serviceRevisions", ())), None)


def _pause(reader: Reader, service: Body) -> Body | None:
    """Return the PAUSE hook at which the deployment in progress waits; None if it waits at none.

    Only then is it asked for: while a deployment of a service with such a hook is in progress.
    """
    hooks = (service.get("deploymentConfiguration") or {}).get("lifecycleHooks") or ()
    arn = service.get("currentServiceDeployment")
    if not arn or settled(service) or all(one.get("targetType") != "PAUSE" for one in hooks):
        return None
    try:
        response = reader.call("ecs", "DescribeServiceDeployments", serviceDeploymentArns=[arn])
    except AwsError as error:
        if error.kind != "denied":
            raise
        return None  # not known
    record: Body = next(iter(response.get("serviceDeployments", ())), {})
    for hook in record.get("lifecycleHookDetails") or ():
        if (hook.get("targetType"), hook.get("status")) == ("PAUSE", "AWAITING_ACTION"):
            found = pick(hook, "hookId", "expiresAt", "timeoutAction")
            return {**found, "stage": record.get("lifecycleStage"), "deployment": arn}
    return None


def owned(reader: Reader, scope: str) -> Iterator[Owned]:
    """Yield every service with a mark of the scope, in every cluster."""
    attached: Attached | None = None  # listed once for all services, where one has a target group
    for service in every_service(reader):
        present = present_of(service, {})
        if present.marks and belongs(present, scope):
            natural = f"{short_name(service['clusterArn'])}/{service['serviceName']}"
            groups = {one["targetGroupArn"] for one in service.get("loadBalancers") or () if one.get("targetGroupArn")}
            if groups and attached is None:
                attached = _attached(reader)
            facts = {**present.facts, "detached": attached is not None and not all(map(attached, groups))}
            yield Owned(marks=present.marks, natural=natural, present=replace(present, facts=facts))


def _attached(reader: Reader) -> Attached:
    """Return whether a target group has a load balancer, by ARN: ECS refuses to update a service with another one."""
    try:
        groups = list(reader.pages("elbv2", "DescribeTargetGroups", "TargetGroups"))
    except AwsError as error:
        if error.kind != "denied":
            raise
        return lambda _: True  # not known
    return {one["TargetGroupArn"] for one in groups if one.get("LoadBalancerArns")}.__contains__


def every_service(reader: Reader) -> Iterator[Body]:
    """Yield every service of the account as DescribeServices returns it. ECS does not list a draining service.

    Raises AwsError also if DescribeServices leaves a listed service out: that is no proof that it does not exist.
    """
    for batch in batches(reader.pages("ecs", "ListClusters", "clusterArns"), 100):
        for cluster in reader.call("ecs", "DescribeClusters", clusters=batch).get("clusters", ()):
            if cluster.get("status") == "ACTIVE":
                yield from _services_in(reader, cluster["clusterArn"])


def _services_in(reader: Reader, cluster: str) -> Iterator[Body]:
    names = [str(short_name(arn)) for arn in reader.pages("ecs", "ListServices", "serviceArns", cluster=cluster)]
    live, failed = _described(reader, str(short_name(cluster)), names)
    for name in names:
        reason = failed.get(name, "no answer")
        if name not in live and reason != "MISSING":
            raise AwsError(
                "transient",
                reason,
                f"DescribeServices did not return {short_name(cluster)}/{name}",
                "ecs.DescribeServices",
            )
    for service in live.values():
        # A simulator may also list the services of a cluster with a name that ends like this one.
        if service["clusterArn"] == cluster and service["status"] != "INACTIVE":
            yield service


# One service -----------------------------------------------------------------------------------------------------


def present_of(
    service: Body,
    declared: Body,
    *,
    revision: Body | None = None,
    target: Body | None = None,
    named: Mapping[str, Sequence[str]] | None = None,
    pause: Body | None = None,
) -> Present:
    """Return a service from DescribeServices in the shape of CreateService."""
    primary = _primary(service)
    tags, our_marks, foreign = read_tags(service.get("tags"))
    if _is_express(service):
        our_marks, foreign = None, EXPRESS_MODE  # it is never ours: a mark on it was copied
    newer = [member for member in declared if member not in (*_MEMBERS, *_RENAMED)]
    body = without_nones(
        {
            **pick(service, *_MEMBERS, *newer),
            **pick(primary, *_ON_DEPLOYMENT),
            **pick(revision or {}, *_ON_REVISION),
            "cluster": service.get("clusterArn"),
            "role": service.get("roleArn"),
            "tags": tags,
        }
    )
    returned = (*_ON_DEPLOYMENT, *(_ON_REVISION if revision is not None else ()))
    facts = {
        **_facts(service),
        **({"pause": pause} if pause else {}),
        "scalableTarget": target,
        "hasCapacityProviderStrategy": bool(service.get("capacityProviderStrategy")),
        "namespaceArnByName": arn_by_name(named or {}, _namespace(body)),
        # A declared member that no call returns is not compared: it would be sent in every pass.
        "notReturned": [member for member in newer if member not in returned and member not in body],
    }
    outputs = {"name": str(service.get("serviceName", "")), "arn": str(service.get("serviceArn", ""))}
    return Present(body=body, outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def printed(service: Body, declared: Body) -> Present:
    """Return a document as DescribeServices returns it, or as CreateService takes it, as a resource."""
    as_described = {"clusterArn": service.get("cluster"), "roleArn": service.get("role")}
    found = present_of({**as_described, **service}, declared, revision=service)
    return replace(found, body={**pick(service, *_ON_DEPLOYMENT), **found.body})


def _is_express(service: Body) -> bool:
    return service.get("resourceManagementType") == "ECS"


def _primary(service: Body) -> Body:
    return next((one for one in service.get("deployments") or () if one.get("status") == "PRIMARY"), {})


def settled(service: Body) -> bool:
    """Return whether no deployment of the service is in flight, so that ECS has nothing to roll back."""
    deployments = service.get("deployments") or ()
    return len(deployments) <= 1 and all(one.get("rolloutState", "COMPLETED") == "COMPLETED" for one in deployments)


def _facts(service: Body) -> dict[str, Json]:
    deployments = [pick(one, *_DEPLOYMENT) for one in service.get("deployments") or ()]
    counts = pick(service, "runningCount", "pendingCount", "desiredCount")
    sets = [one for task_set in service.get("taskSets") or () for one in task_set.get("loadBalancers") or ()]
    in_sets = sorted({one["targetGroupArn"] for one in sets if one.get("targetGroupArn")})
    return {
        **({"taskSetGroups": in_sets} if in_sets else {}),
        **({"express": True} if _is_express(service) else {}),
        "status": service.get("status", "ACTIVE"),
        "deployments": deployments,
        **counts,
        "steady": settled(service) and counts.get("runningCount") == counts.get("desiredCount"),
        "events": [pick(one, "createdAt", "message") for one in (service.get("events") or ())[:_EVENTS]],
    }
