"""Services: create, describe, list, update, delete. `scheduler.py` starts and stops their tasks."""

from __future__ import annotations

from ecsim.account.errors import AwsError, invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs import code_deploy, rollouts, scheduler, service_checks, service_defaults
from ecsim.ecs import tags as ecs_tags
from ecsim.ecs.store import Deployment, EcsRegion, Service, running_and_pending

DESCRIBED_AT_ONCE = 10
SHOWN_OF_REVISION = (
    *service_defaults.ON_DEPLOYMENTS,
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
)
NOT_SHOWN = (*service_defaults.ON_DEPLOYMENTS, *service_defaults.ON_REVISIONS)


def create_service(call: Call) -> Body:
    """Create a service. The scheduler starts its tasks a moment later."""
    ecs, params = call.store(EcsRegion), call.params
    cluster = ecs.cluster(params.get("cluster"))
    name, token = params["serviceName"], params.get("clientToken")
    existing = ecs.services.get((cluster["clusterName"], name))
    if existing is not None and existing.status == "ACTIVE":
        if token and token == existing.client_token and params == existing.request:
            return {"service": show(ecs, existing, tags=True)}
        raise invalid_parameter("Creation of service was not idempotent.")
    if existing is not None and existing.status == "DRAINING":
        raise invalid_parameter("Unable to Start a service that is still Draining.")
    ecs_tags.check(params.get("tags"))
    service_checks.check_request(params)
    body = service_defaults.declared(ecs, params, cluster)
    service_checks.check_service(call, body, cluster)
    service_checks.check_service_linked_role(call)
    service_checks.check_role(call)
    service = Service(
        arn=ecs.arn("service", f"{cluster['clusterName']}/{name}"),
        name=name,
        cluster=cluster["clusterName"],
        body=body,
        created_at=call.world.now,
        created_by=f"arn:aws:iam::{ecs.account}:root",
        client_token=token,
        request=params,
        launch_type=body.get("launchType"),
    )
    ecs.services[service.cluster, name] = service
    ecs.tags[service.arn] = tags_to_dict(params.get("tags"))
    if body["deploymentController"]["type"] != "EXTERNAL":
        rollouts.begin(call.world, ecs, service)
        scheduler.wake(call.world, ecs, service)
    return {"service": show(ecs, service, tags=True)}


def describe_services(call: Call) -> Body:
    """Describe up to 10 services of one cluster, in any state."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    references = call.params.get("services", [])
    if not references:
        raise invalid_parameter("Services cannot be empty.")
    if len(references) > DESCRIBED_AT_ONCE:
        raise invalid_parameter(f"Services cannot have more than {DESCRIBED_AT_ONCE} elements.")
    tags = "TAGS" in call.params.get("include", [])
    services, failures = [], []
    for reference in references:
        found = ecs.find_service(cluster, reference)
        if found is not None:
            services.append(show(ecs, found, tags=tags))
            continue
        arn = reference if reference.startswith("arn:") else ecs.arn("service", f"{cluster['clusterName']}/{reference}")
        failures.append({"arn": arn, "reason": "MISSING"})
    return {"services": services, "failures": failures}


def list_services(call: Call) -> Body:
    """List the ARNs of the ACTIVE services of one cluster, 10 on a page."""
    ecs, params = call.store(EcsRegion), call.params
    cluster = ecs.cluster(params.get("cluster"))
    size = params.get("maxResults", 10)
    if not 1 <= size <= 100:
        raise invalid_parameter("maxResults must be between 1 and 100.")
    arns = []
    for service in ecs.services.values():
        if service.cluster != cluster["clusterName"] or service.status != "ACTIVE":
            continue
        if params.get("launchType") not in (None, service.body.get("launchType")):
            continue
        if params.get("schedulingStrategy") not in (None, service.body["schedulingStrategy"]):
            continue
        arns.append(service.arn)
    return by_token("serviceArns", arns, params, 10)


def update_service(call: Call) -> Body:
    """Update a service. A change of a revision member, or `forceNewDeployment`, starts a deployment."""
    ecs, params, world = call.store(EcsRegion), call.params, call.world
    cluster = ecs.cluster(params.get("cluster"))
    service = ecs.service(cluster, params["service"])
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.body["schedulingStrategy"] == "REPLICA":
        service_checks.check_request(params)
    code_deploy.check_update(service.body, params)
    before = service.body
    resets = world.settings.unnamed == "reset"
    body = service_defaults.updated(ecs, before, params, service.launch_type, resets=resets)
    service_checks.check_service(call, body, cluster)
    switched = _runs_on(body) != _runs_on(before)
    if switched and not params.get("forceNewDeployment"):
        raise invalid_parameter(
            "When switching from launch type to capacity provider strategy on an existing service, or making a change"
            " to a capacity provider strategy on a service that is already using one, you must force a new deployment."
        )
    service.body = body
    changed = any(body.get(member) != before.get(member) for member in rollouts.REVISION_MEMBERS)
    if body["deploymentController"]["type"] != "EXTERNAL":
        if changed or params.get("forceNewDeployment"):
            rollouts.begin(world, ecs, service)
        service.primary.desired = service.desired
        scheduler.wake(world, ecs, service)
    return {"service": show(ecs, service, tags=False)}


def _runs_on(body: Body) -> tuple[str | None, str]:
    items = sorted(str(sorted(item.items())) for item in body.get("capacityProviderStrategy", []))
    return body.get("launchType"), ",".join(items)


def delete_service(call: Call) -> Body:
    """Drain a service that is scaled to 0, or any with `force`. After that it is INACTIVE for some time."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    service = ecs.service(cluster, call.params["service"])
    if service.status == "INACTIVE":
        raise AwsError("ServiceNotFoundException", "Service not found.")
    replica = service.body["schedulingStrategy"] == "REPLICA"
    if service.status == "ACTIVE" and service.desired > 0 and replica and not call.params.get("force"):
        raise invalid_parameter("The service cannot be stopped while it is scaled above 0.")
    if service.status == "ACTIVE":
        service.status = "DRAINING"
        service.body = {**service.body, "desiredCount": 0}
        ecs.tags.pop(service.arn, None)
        service.deleted()
        scheduler.wake(call.world, ecs, service)
    return {"service": show(ecs, service, tags=False)}


def show(ecs: EcsRegion, service: Service, *, tags: bool) -> Body:
    """Return a service as DescribeServices returns it."""
    shown = {m: value for m, value in service.body.items() if m not in NOT_SHOWN}
    running, pending = running_and_pending(service.tasks)
    shown.update(
        serviceArn=service.arn,
        serviceName=service.name,
        clusterArn=ecs.arn("cluster", service.cluster),
        status=service.status,
        runningCount=running,
        pendingCount=pending,
        deployments=[_show_deployment(service, deployment) for deployment in service.deployments],
        events=service.events,
        createdAt=service.created_at,
        createdBy=service.created_by,
        currentServiceRevisions=[rollouts.summary(service, d) for d in service.deployments],
        resourceManagementType=service.kept_by,
    )
    ongoing = next((r for r in service.history if r["status"] in rollouts.UNFINISHED), None)
    if ongoing is not None:
        shown["currentServiceDeployment"] = ongoing["serviceDeploymentArn"]
    if code_deploy.is_deployed_by(service.body):
        shown.update(deployments=[], currentServiceRevisions=[], taskSets=code_deploy.task_sets(ecs, service))
        shown.pop("currentServiceDeployment", None)
    if tags:
        shown["tags"] = tags_to_list(ecs.tags.get(service.arn, {}))
    return shown


def _show_deployment(service: Service, deployment: Deployment) -> Body:
    running, pending = running_and_pending(service.tasks_of(deployment))
    return {
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition,
        "desiredCount": deployment.desired,
        "runningCount": running,
        "pendingCount": pending,
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_reason,
        **{member: deployment.revision[member] for member in SHOWN_OF_REVISION if member in deployment.revision},
    }


OPERATIONS: dict[str, Handler] = {
    "CreateService": create_service,
    "DeleteService": delete_service,
    "DescribeServices": describe_services,
    "ListServices": list_services,
    "UpdateService": update_service,
}
