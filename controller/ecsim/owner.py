"""What the owner of a simulated account does to it beside AWS's API: stop tasks, set load, measure outages."""

from __future__ import annotations

from typing import Any

from ecsim.account.account import Account
from ecsim.application_autoscaling import target_tracking
from ecsim.ecs import image_outcomes, task_lifecycle, task_set_deployments
from ecsim.ecs.capacity.provider_changes import ProviderFailures
from ecsim.ecs.store import EcsRegion
from ecsim.elbv2 import traffic


def set_image_outcome(account: Account, match: str, outcome: str) -> dict[str, str]:
    """Set the outcome of tasks with an image that contains `match`. Returns all outcomes by match."""
    if outcome not in image_outcomes.OUTCOMES:
        raise ValueError(f"unknown outcome {outcome!r}: one of {', '.join(image_outcomes.OUTCOMES)}")
    with account.lock:
        outcomes = account.world.state(image_outcomes.ImageOutcomes)
        outcomes.by_match[match] = outcome
        return outcomes.by_match


def fail_provider(account: Account, name: str, reason: str | None) -> dict[str, str]:
    """Make ECS give up the changes of a capacity provider, with a reason; None: it makes them again.

    Returns all reasons by name.
    """
    with account.lock:
        reasons = account.world.state(ProviderFailures).reasons
        if reason is None:
            reasons.pop(name, None)
        else:
            reasons[name] = reason
        return reasons


def make_express(account: Account, cluster: str, service: str, region: str | None = None) -> None:
    """Make a service one of Express Mode, as AWS returns it. Raises KeyError if there is no such service."""
    with account.lock:
        ecs = account.world.store(EcsRegion, region or account.settings.region)
        ecs.services[cluster, service].kept_by = "ECS"


def code_deploy(
    account: Account,
    cluster: str,
    service: str,
    task_definition: str,
    group: str,
    wait: float = 0.0,
    region: str | None = None,
) -> None:
    """Let CodeDeploy deploy a task definition behind another target group (its ARN).

    The traffic moves when the new tasks are healthy; the old ones stop `wait` seconds later.
    """
    with account.lock:
        account.world.run()
        ecs = account.world.store(EcsRegion, region or account.settings.region)
        found = ecs.service(ecs.cluster(cluster), service)
        task_set_deployments.begin(account.world, ecs, found, task_definition, group, wait)


def stop_task(
    account: Account, cluster: str, service: str, count: int = 1, region: str | None = None
) -> tuple[str, ...]:
    """Stop running tasks of a service as if their hosts had failed. Returns their ARNs."""
    with account.lock:
        account.world.run()
        ecs = account.world.store(EcsRegion, region or account.settings.region)
        found = ecs.service(ecs.cluster(cluster), service)
        running = [task for task in found.tasks if task.last_status == "RUNNING"][:count]
        for task in running:
            task_lifecycle.die(account.world, ecs, task)
        return tuple(task.arn for task in running)


def set_load(
    account: Account,
    cluster: str,
    service: str,
    cpu: float | None = None,
    memory: float | None = None,
    region: str | None = None,
) -> None:
    """Set the average utilisation of a service's tasks in percent. Scaling policies react to it.

    The total work is constant: with twice as many tasks the average is half.
    """
    percents = {name: float(value) for name, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    with account.lock:
        account.world.run()
        target_tracking.set_load(account.world, region or account.settings.region, cluster, service, percents)


def outages(account: Account, region: str | None = None) -> list[dict[str, Any]]:
    """Return, for each rule (a listener's default rule too), the seconds without a healthy target behind its weight.

    `unserved`: no target group with weight had one. `partly`: at least one target group with weight had none. `empty`:
    the target groups with weight that have none now. A deleted rule keeps its seconds.
    """
    with account.lock:
        account.world.run()
        return traffic.outages(account.world, region or account.settings.region)
