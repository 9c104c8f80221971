"""The operations that ecsim implements; all others go to moto."""

from __future__ import annotations

from ecsim.account.world import Handler
from ecsim.application_autoscaling import scalable_targets, scaling_policies, scheduled_actions
from ecsim.autoscaling import groups, instances, lifecycle_hooks, metrics, processes, traffic_sources
from ecsim.autoscaling import tags as asg_tags
from ecsim.cloudwatch import alarms
from ecsim.ec2 import launch_templates
from ecsim.ecs import clusters, quotas, service_deployments, services, task_definitions, tasks
from ecsim.ecs import tags as ecs_tags
from ecsim.ecs.capacity import container_instances, providers
from ecsim.elbv2 import attributes, limits, listeners, load_balancers, rules, target_groups, targets
from ecsim.elbv2 import tags as elb_tags
from ecsim.moto import ecr, logs, simulation, sts

OPERATIONS: dict[str, dict[str, Handler]] = {
    "application-autoscaling": {
        **scaling_policies.OPERATIONS,
        **scheduled_actions.OPERATIONS,
        **scalable_targets.OPERATIONS,
    },
    "autoscaling": {
        **groups.OPERATIONS,
        **instances.OPERATIONS,
        **lifecycle_hooks.OPERATIONS,
        **metrics.OPERATIONS,
        **processes.OPERATIONS,
        **traffic_sources.OPERATIONS,
        **asg_tags.OPERATIONS,
    },
    "cloudwatch": alarms.OPERATIONS,
    "ec2": launch_templates.OPERATIONS,
    "ecr": ecr.OPERATIONS,
    "ecs": {
        **clusters.OPERATIONS,
        **service_deployments.OPERATIONS,
        **container_instances.OPERATIONS,
        **providers.OPERATIONS,
        **tasks.OPERATIONS,
        **services.OPERATIONS,
        **ecs_tags.OPERATIONS,
        **task_definitions.OPERATIONS,
    },
    "elbv2": {
        **attributes.OPERATIONS,
        **limits.OPERATIONS,
        **listeners.OPERATIONS,
        **load_balancers.OPERATIONS,
        **rules.OPERATIONS,
        **elb_tags.OPERATIONS,
        **target_groups.OPERATIONS,
        **targets.OPERATIONS,
    },
    "iam": simulation.OPERATIONS,
    "logs": logs.OPERATIONS,
    "service-quotas": quotas.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def find(service: str, operation: str) -> Handler | None:
    """Return the handler of an operation; None if moto answers it."""
    return OPERATIONS.get(service, {}).get(operation)
