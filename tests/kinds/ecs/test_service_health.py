"""The health of a service: ECS's own reason, and a deadline for what makes no progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecsync.core.outcome import Health, ResourceStatus
from ecsync.core.status import Watches, judged
from ecsync.kinds.ecs.service import KIND
from tests.kinds.ecs.test_service_rollout import BODY, NOW, deployment, live
from tests.kinds.infra import desired, key

OLD = (NOW - timedelta(hours=1)).isoformat()


def after(seconds: float, *passes: Mapping[str, Any]) -> Health:
    """Return the health after passes over these services, so many seconds apart; the first one is at NOW."""
    watches: Watches = {}
    for number, more in enumerate(passes):
        wall = NOW + timedelta(seconds=number * seconds)
        health = KIND.health(desired(KIND, BODY), replace(live(**more), read_at=wall))
        status = ResourceStatus(key=key(KIND), sync="Synced", health=health)
        (status,), watches = judged([status], watches, 1000.0 + number * seconds, wall)
    return status.health


def primary(state: str, **more: Any) -> dict[str, Any]:
    return {"deployments": [{"status": "PRIMARY", "rolloutState": state, **more}]}


def rolling(**more: Any) -> dict[str, Any]:
    """Return a service with a deployment in progress that began an hour ago."""
    return {"runningCount": 0, **primary("IN_PROGRESS", id="d1", desiredCount=2, createdAt=OLD, **more)}


@pytest.mark.parametrize(
    ("more", "status", "part"),
    [
        ({}, "Healthy", ""),
        ({"desiredCount": 0, "runningCount": 0}, "Healthy", "scaled to 0"),
        ({"status": "DRAINING"}, "Progressing", "draining"),
        (primary("IN_PROGRESS", rolloutStateReason="in progress", failedTasks=1), "Progressing", "1 failed"),
        (primary("IN_PROGRESS", rolloutStateReason="circuit breaker: rolling back to 7"), "Degraded", "rolling back"),
        (primary("FAILED", rolloutStateReason="tasks failed to start"), "Degraded", "failed to start"),
        (rolling(failedTasks=3), "Degraded", "3 failed"),
        (rolling(failedTasks=1), "Degraded", "no progress for 60 min: 0 of 2 tasks running, 1 failed"),
        (rolling(runningCount=1, failedTasks=1), "Progressing", "1 failed"),
        ({"runningCount": 1, "events": [{"message": "unable to place a task"}]}, "Degraded", "unable to place"),
        (
            {"runningCount": 1, "events": [{"message": "has started 1 tasks"}, {"message": "is unable to start"}]},
            "Degraded",
            "unable to start",
        ),
        ({"runningCount": 1, "events": [{"message": "m", "createdAt": NOW.isoformat()}]}, "Progressing", "1 of 2"),
        ({"runningCount": 1, "events": [{"message": "m", "createdAt": OLD}]}, "Degraded", "1 of 2 tasks running: m"),
        (
            {"runningCount": 1, "events": [{"message": "has reached a steady state.", "createdAt": OLD}]},
            "Progressing",
            "1 of 2 tasks running",
        ),
        ({"runningCount": 3}, "Progressing", "3 of 2"),
        ({"deployments": [], "taskSets": [{"id": "1"}]}, "Healthy", ""),
    ],
)
def test_health_has_the_reason_of_ecs(more: Mapping[str, Any], status: str, part: str) -> None:
    health = after(0, more)
    assert (health.status, part in health.why) == (status, True)


def test_a_rolled_back_service_is_degraded_even_if_its_tasks_run() -> None:
    observed = live()
    facts = {**observed.facts, "newestDeployment": deployment("ROLLBACK_SUCCESSFUL")}
    health = KIND.health(desired(KIND, BODY), replace(observed, facts=facts))
    assert (health.status, health.why) == ("Degraded", "because")


def test_a_service_that_stays_short_of_tasks_is_degraded() -> None:
    """Also where tasks start and stop all the time, each with an event."""
    crashing = [
        {"runningCount": number % 2, "events": [{"message": "has started", "createdAt": datetime.now(UTC).isoformat()}]}
        for number in range(8)
    ]
    assert after(60, *crashing[:5]).status == "Progressing"
    health = after(60, *crashing)
    assert (health.status, health.why) == ("Degraded", "no progress for 6 min: 1 of 2 tasks running: has started")


def test_a_deployment_without_progress_is_degraded_and_one_with_progress_is_not() -> None:
    """Half an hour without one more task of the new revision, or one less of the old."""
    stuck = rolling(runningCount=1)
    assert after(600, stuck, stuck, stuck).status == "Progressing"
    assert after(600, *[stuck] * 5).status == "Degraded"
    assert after(600, *[rolling(runningCount=number) for number in range(9)]).status == "Progressing"


def test_a_declared_pause_is_no_lack_of_progress() -> None:
    """The bake time comes on top."""
    baking = {**rolling(runningCount=2), "deploymentConfiguration": {"bakeTimeInMinutes": 60}}
    assert after(600, *[baking] * 9).status == "Progressing"
    assert after(600, *[baking] * 11).status == "Degraded"


def test_the_time_begins_again_with_the_next_deployment() -> None:
    """It is another one that is under way."""
    second = primary("IN_PROGRESS", id="d2", desiredCount=2, createdAt=OLD)
    assert after(1000, rolling(), rolling(), {"runningCount": 0, **second}).status == "Progressing"
