"""A freeze stops every write, a window too, and both are seen by who looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecsync.guards import guard
from tests.whole.support import in_process_daemon
from tests.whole.support.command import Command
from tests.whole.support.environment import REGION, Controller, Environment, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until

NEVER = {"allow": "0 0 1 1 *", "duration": 60, "reason": "only in the first minute of a year"}


@pytest.fixture(autouse=True)
def noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the record each time."""
    monkeypatch.setattr(guard, "AGE", 0.0)


def scale(environment: Environment, count: int) -> None:
    """Change the service outside ecsync."""
    environment.aws("ecs").update_service(cluster="quickstart", service="web", desiredCount=count)


def only_looked(daemon: RunningDaemon) -> str:
    """Return why the last pass only looked; empty before the first one."""
    last: Any = daemon.get("/api/v1/applications/quickstart")[1].get("lastPass")
    return str(last["onlyLooked"]) if last else ""


@pytest.mark.parametrize("place", ["file:{}/freeze.json", "ssm:/ecsync/freeze"])
def test_a_freeze_stops_the_repair_until_it_ends(
    place: str, converged: Controller, tmp_path: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drift is still reported. The status and an event name the person and the reason."""
    environment, record = converged.environment, place.format(tmp_path)
    monkeypatch.setenv("ECSYNC_REGION", REGION)
    monkeypatch.setenv("ECSYNC_FREEZE", record)
    with in_process_daemon.run(environment, str(environment.manifests), freeze=record, lease="none") as daemon:
        wait_until(daemon.is_converged)
        assert ecsync("freeze", "--reason", "incident 4711", "--for", "2h").code == 0
        wait_until(lambda: "incident 4711" in only_looked(daemon))
        before = len(environment.simulator.ledger)
        scale(environment, 1)
        wait_until(lambda: daemon.running.store.events(of_type="drift.detected"))
        daemon.wait_for_passes(5)
        calls = operations(environment.simulator.ledger.mutations(before))
        assert [one for one in calls if not one.startswith("ssm.")] == ["ecs.UpdateService"]  # that of the person
        (began,) = daemon.running.store.events(of_type="freeze.began")
        assert began.detail["why"] == "incident 4711"
        assert "@" in str(began.detail["who"])
        assert ecsync("unfreeze").code == 0
        wait_until(lambda: environment.service()["desiredCount"] == 2 and daemon.is_converged())
        assert daemon.running.store.events(of_type="freeze.ended")


def test_an_application_that_is_suspended_waits_and_apply_refuses(
    converged: Controller, tmp_path: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is resumed."""
    environment = converged.environment
    monkeypatch.setenv("ECSYNC_FREEZE", f"file:{tmp_path / 'freeze.json'}")
    scale(environment, 1)
    assert ecsync("suspend", "quickstart", "--reason", "load test").code == 0
    refused = ecsync("apply", str(environment.manifests))
    assert refused.code == 9
    assert "load test" in refused.err
    assert environment.service()["desiredCount"] == 1
    assert ecsync("resume", "quickstart").code == 0
    assert ecsync("apply", str(environment.manifests), "--no-wait").code == 0
    assert environment.service()["desiredCount"] == 2


def test_outside_a_window_nothing_is_written_unless_it_is_overridden(
    converged: Controller, tmp_path: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The override is an event, and ends by itself."""
    environment, record = converged.environment, f"file:{tmp_path / 'freeze.json'}"
    monkeypatch.setenv("ECSYNC_FREEZE", record)
    settings: dict[str, Any] = {"freeze": record, "lease": "none", "windows": [NEVER]}
    with in_process_daemon.run(environment, str(environment.manifests), **settings) as daemon:
        scale(environment, 1)
        wait_until(lambda: "no window allows it now" in only_looked(daemon))
        daemon.wait_for_passes(5)
        assert environment.service()["desiredCount"] == 1
        assert ecsync("override", "quickstart", "--reason", "fix of incident 4711").code == 64
        assert ecsync("override", "quickstart", "--reason", "fix of incident 4711", "--for", "1h").code == 0
        wait_until(lambda: environment.service()["desiredCount"] == 2)
        assert daemon.running.store.events(of_type="override.began")[0].application == "quickstart"
