"""Which operations the simulator answers itself; all others go to moto."""

from __future__ import annotations

from controller.simulator import (
    aas_policies,
    aas_schedules,
    aas_targets,
    asg_groups,
    asg_sources,
    asg_tags,
    ec2_templates,
    ecs_clusters,
    ecs_deployments,
    ecs_instances,
    ecs_providers,
    ecs_run,
    ecs_services,
    ecs_tags,
    ecs_taskdefs,
    elb_attributes,
    elb_listeners,
    elb_load_balancers,
    elb_rules,
    elb_tags,
    elb_target_groups,
    elb_targets,
    logs,
)
from controller.simulator.world import Handler

OPERATIONS: dict[str, dict[str, Handler]] = {
    "application-autoscaling": {
        **aas_policies.OPERATIONS,
        **aas_schedules.OPERATIONS,
        **aas_targets.OPERATIONS,
    },
    "autoscaling": {**asg_groups.OPERATIONS, **asg_sources.OPERATIONS, **asg_tags.OPERATIONS},
    "ec2": ec2_templates.OPERATIONS,
    "ecs": {
        **ecs_clusters.OPERATIONS,
        **ecs_deployments.OPERATIONS,
        **ecs_instances.OPERATIONS,
        **ecs_providers.OPERATIONS,
        **ecs_run.OPERATIONS,
        **ecs_services.OPERATIONS,
        **ecs_tags.OPERATIONS,
        **ecs_taskdefs.OPERATIONS,
    },
    "elbv2": {
        **elb_attributes.OPERATIONS,
        **elb_listeners.OPERATIONS,
        **elb_load_balancers.OPERATIONS,
        **elb_rules.OPERATIONS,
        **elb_tags.OPERATIONS,
        **elb_target_groups.OPERATIONS,
        **elb_targets.OPERATIONS,
    },
    "logs": logs.OPERATIONS,
}


def find(service: str, operation: str) -> Handler | None:
    """The simulator's own answer to an operation, if it has one."""
    return OPERATIONS.get(service, {}).get(operation)
