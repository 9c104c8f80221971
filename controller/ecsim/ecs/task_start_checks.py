"""Checks before the images of a task are pulled: its roles and its log groups."""

from __future__ import annotations

from ecsim.account.world import Body, World
from ecsim.ecs.store import EcsRegion
from ecsim.moto import iam, seams


def refusal(world: World, ecs: EcsRegion, definition: Body) -> str | None:
    """Return why a task cannot start: a role or log group is not usable. Creates log groups as awslogs does."""
    for member in ("executionRoleArn", "taskRoleArn"):
        role = definition.get(member)
        if role and not iam.assumable(world, role, "ecs-tasks.amazonaws.com"):
            return (
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the"
                " role being passed has the proper trust relationship and permissions and that your IAM user has"
                " permissions to pass this role."
            )
    for container in definition["containerDefinitions"]:
        logging = container.get("logConfiguration", {})
        options = logging.get("options", {})
        group = options.get("awslogs-group")
        if logging.get("logDriver") != "awslogs" or group is None:
            continue
        region = options.get("awslogs-region", ecs.region)
        if group in seams.log_groups(ecs.account, region):
            continue
        if options.get("awslogs-create-group") != "true":
            return (
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times:"
                " failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not"
                " exist. : exit status 1"
            )
        seams.create_log_group(ecs.account, region, group)
    return None
