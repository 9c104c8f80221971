"""An application that means another account or Region now: what stays in the old one is shown and never deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.whole.support.command import Command
from tests.whole.support.daemon_process import Process, daemon
from tests.whole.support.environment import ACCOUNT, REGION, Environment, operations
from tests.whole.support.in_process_daemon import advancing_time, get, metric, wait_until

OTHER = "us-west-2"


def application(process: Process) -> dict[str, Any]:
    """Return the quickstart as the daemon reports it."""
    found: dict[str, Any] = json.loads(get(f"{process.url}/api/v1/applications/quickstart")[1])
    return found


def is_converged(process: Process, region: str) -> bool:
    """Return whether the quickstart is Synced and Healthy, with its resources in a Region."""
    found = application(process)
    resources = found.get("resources", ())
    arns = [one["physical"] for one in resources if one["kind"] in ("Service", "LoadBalancer")]
    good = (found.get("sync"), found.get("health")) == ("Synced", "Healthy")
    return good and len(arns) == 2 and all(f":{region}:" in arn for arn in arns)


def events(process: Process, of_type: str) -> list[dict[str, Any]]:
    """Return the events of a type, oldest first."""
    items: list[dict[str, Any]] = json.loads(get(f"{process.url}/api/v1/events?type={of_type}&limit=100")[1])["items"]
    return items[::-1]


def left(process: Process) -> float | None:
    """Return the number of resources left behind, as the metric has it."""
    return metric(process.url, "ecsync_left_behind_resources", app="quickstart")


def test_what_an_application_leaves_in_another_region_is_shown_and_stays(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event names it, status and metric keep it, no drift is reported, and going back ends it."""
    environment.edit("interval: 30s", "interval: 5s", "application.yaml")
    with advancing_time(environment), daemon(str(environment.manifests)) as process:
        wait_until(lambda: is_converged(process, REGION), timeout=60)
        assert left(process) is None
        environment.edit(f"region: {REGION}", f"region: {OTHER}", "application.yaml")
        wait_until(lambda: is_converged(process, OTHER), timeout=60)
        assert [one["type"] for one in events(process, "drift.*")] == []
        (moved,) = events(process, "app.moved")
        assert "Service/web" in moved["message"] or "more" in moved["message"]
        (behind,) = application(process)["leftBehind"]
        assert behind["target"]["region"] == REGION
        physical = {one["key"]: one["physical"] for one in behind["resources"]}
        assert moved["detail"]["resources"] == physical
        assert f":{REGION}:" in physical["Service/quickstart/web"]
        assert not any("Network" in key for key in physical), "it is only looked up"
        assert left(process) == len(physical)
        lines = Command(environment, monkeypatch)("status", "--url", process.url).out
        assert f"resources were left behind in {ACCOUNT}/{REGION}" in lines
        assert environment.aws("ecs").describe_services(cluster="quickstart", services=["web"])["services"]
        environment.edit(f"region: {OTHER}", f"region: {REGION}", "application.yaml")
        wait_until(lambda: is_converged(process, REGION), timeout=60)
        (behind,) = application(process)["leftBehind"]
        assert behind["target"]["region"] == OTHER
        assert not [one for one in operations(environment.simulator.ledger.mutations()) if "Delete" in one]
