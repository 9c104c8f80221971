"""The events of a service, with the texts of ECS: the last 100, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from ecsim.account.world import World
from ecsim.ecs.store import Deployment, Service, Task

KEPT = 100


def record(world: World, service: Service, text: str) -> None:
    """Add one event; its message is `text` after `(service name) `."""
    message = f"(service {service.name}) {text}"
    service.events.insert(0, {"id": world.uuid(), "createdAt": world.now, "message": message})
    del service.events[KEPT:]


def _list(tasks: Sequence[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)


def started(world: World, service: Service, tasks: Sequence[Task]) -> None:
    """Record that the scheduler started tasks."""
    record(world, service, f"has started {len(tasks)} tasks: {_list(tasks)}.")


def stopped(world: World, service: Service, tasks: Sequence[Task]) -> None:
    """Record that running tasks were stopped."""
    record(world, service, f"has stopped {len(tasks)} running tasks: {_list(tasks)}.")


def stopped_pending(world: World, service: Service, count: int) -> None:
    """Record that tasks were stopped before they ran."""
    record(world, service, f"stopped {count} pending tasks.")


def draining(world: World, service: Service, count: int) -> None:
    """Record that the load balancer drains tasks."""
    record(world, service, f"has begun draining connections on {count} tasks.")


def registered(world: World, service: Service, group: str, count: int) -> None:
    """Record that targets were added to a target group."""
    record(world, service, f"registered {count} targets in (target-group {group})")


def deregistered(world: World, service: Service, group: str, count: int) -> None:
    """Record that targets were removed from a target group."""
    record(world, service, f"deregistered {count} targets in (target-group {group})")


def unhealthy(world: World, service: Service, task: Task, group: str, port: int) -> None:
    """Record that a task fails the health checks of its target group."""
    record(
        world,
        service,
        f"(task {task.id}) (port {port}) is unhealthy in (target-group {group}) due to"
        " (reason Health checks failed with these codes: [503]).",
    )


def completed(world: World, service: Service, deployment: Deployment) -> None:
    """Record that a deployment is complete."""
    record(world, service, f"(deployment {deployment.id}) deployment completed.")


def failed(world: World, service: Service, deployment: Deployment) -> None:
    """Record that the circuit breaker failed a deployment."""
    record(world, service, f"(deployment {deployment.id}) deployment failed: tasks failed to start.")


def rolling_back(world: World, service: Service, deployment: Deployment) -> None:
    """Record a rollback to an earlier deployment."""
    record(world, service, f"rolling back to deployment {deployment.id}.")


def steady(world: World, service: Service) -> None:
    """Record a steady state."""
    record(world, service, "has reached a steady state.")


def inconsistent(world: World, service: Service) -> None:
    """Record that tasks fail repeatedly; from here on starts are throttled."""
    record(
        world,
        service,
        "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section"
        " of the Amazon ECS Developer Guide.",
    )


def launch_failed(world: World, service: Service, reason: str) -> None:
    """Record that a task could not be launched."""
    record(world, service, f"failed to launch a task with (error {reason}).")


def unplaced(world: World, service: Service, reason: str) -> None:
    """Record that no instance fits a task, unless it is already the newest event."""
    text = (
        f"was unable to place a task because {reason} For more information, see the Troubleshooting section of the"
        " Amazon ECS Developer Guide."
    )
    if not service.events or not service.events[0]["message"].endswith(text):
        record(world, service, text)
