"""Services that CodeDeploy deploys: their task sets, and a blue/green deployment that moves the traffic.

A deployment starts a second task set, which registers with another target group. When its tasks are healthy, CodeDeploy
puts that group in the place of the other one in every rule, and the new task set becomes PRIMARY. The old one stops
after the time that the deployment waits.
"""

from __future__ import annotations

from ecsim.account.errors import invalid_parameter
from ecsim.account.world import Body, World
from ecsim.ecs.store import Deployment, EcsRegion, Service, running_and_pending
from ecsim.elbv2.store import ElbRegion

CONTROLLER = "CODE_DEPLOY"
# The members that UpdateService changes for such a service (ecs.UpdateService).
CHANGEABLE = (
    "cluster", "service", "desiredCount", "deploymentConfiguration", "healthCheckGracePeriodSeconds",
    "placementConstraints", "placementStrategy", "enableECSManagedTags", "propagateTags",
)  # fmt: skip


def is_deployed_by(body: Body) -> bool:
    """Return whether CodeDeploy deploys a service."""
    return bool(body["deploymentController"]["type"] == CONTROLLER)


def check_update(body: Body, params: Body) -> None:
    """Refuse a change that a deployment of CodeDeploy makes."""
    refused = sorted(params.keys() - {*CHANGEABLE}) if is_deployed_by(body) else []
    if refused:
        raise invalid_parameter(
            f"Unable to update {', '.join(refused)} on services with a CODE_DEPLOY deployment controller. Use AWS"
            " CodeDeploy to trigger a new deployment."
        )


def shift(world: World, ecs: EcsRegion, service: Service, after: Body) -> None:
    """Put the group of the new task set in the place of the old one, and make the new task set PRIMARY."""
    elb = world.store(ElbRegion, ecs.region)
    moved = {
        old["targetGroupArn"]: new["targetGroupArn"]
        for old, new in zip(service.body["loadBalancers"], after["loadBalancers"], strict=True)
    }
    for rule in elb.rules.values():
        for action in rule["Actions"]:
            _replace_groups(action, moved)
    members = ("taskDefinition", "loadBalancers")
    service.body = {**service.body, **{member: after[member] for member in members}}


def _replace_groups(action: Body, moved: dict[str, str]) -> None:
    for group in action.get("ForwardConfig", {}).get("TargetGroups", []):
        group["TargetGroupArn"] = moved.get(group["TargetGroupArn"], group["TargetGroupArn"])
    if "TargetGroupArn" in action:
        action["TargetGroupArn"] = moved.get(action["TargetGroupArn"], action["TargetGroupArn"])


def task_sets(ecs: EcsRegion, service: Service) -> list[Body]:
    """Return the task sets as DescribeServices returns them: the one with the traffic is PRIMARY."""
    moving = len(service.deployments) > 1 and service.primary.shifted_at is None
    with_traffic = service.deployments[1 if moving else 0 :][:1]
    return [_task_set(ecs, service, one, primary=one in with_traffic) for one in service.deployments]


def _task_set(ecs: EcsRegion, service: Service, deployment: Deployment, *, primary: bool) -> Body:
    running, pending = running_and_pending(service.tasks_of(deployment))
    shown = ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration", "loadBalancers")
    return {
        "id": deployment.id,
        "taskSetArn": ecs.arn("task-set", f"{service.cluster}/{service.name}/{deployment.id}"),
        "serviceArn": service.arn,
        "clusterArn": ecs.arn("cluster", service.cluster),
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.task_definition,
        "computedDesiredCount": deployment.desired,
        "runningCount": running,
        "pendingCount": pending,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "scale": {"value": 100.0, "unit": "PERCENT"},
        "stabilityStatus": "STEADY_STATE" if deployment.rollout_state == "COMPLETED" else "STABILIZING",
        **{member: deployment.revision[member] for member in shown if member in deployment.revision},
    }
