"""Deployments by CodeDeploy: a second task set behind another target group (`code_deploy.py` has the rest)."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.world import World
from ecsim.ecs import rollouts, scheduler
from ecsim.ecs.store import EcsRegion, Service


def begin(world: World, ecs: EcsRegion, service: Service, definition: str, group: str, wait: float) -> None:
    """Start a deployment of a task definition behind another target group; the old tasks stop `wait` seconds later."""
    before = service.body
    if len(service.deployments) > 1:
        raise AwsError("DeploymentLimitExceededException", "The service has an active deployment.")
    balancers = [{**one, "targetGroupArn": group} for one in before["loadBalancers"]]
    arn = ecs.usable_task_definition(definition)["taskDefinitionArn"]
    service.body = {**before, "taskDefinition": arn, "loadBalancers": balancers}
    deployment = rollouts.begin(world, ecs, service)
    deployment.successor, deployment.wait = service.body, wait
    service.body = before
    scheduler.wake(world, ecs, service)
