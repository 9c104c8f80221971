"""Several sources in one controller: one that is down holds only its own applications, and deletes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecsync.sources import last_good
from ecsync.sources.disk import DiskSource
from tests.whole.support import in_process_daemon
from tests.whole.support.environment import Environment, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until

APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  sync: {{mode: enforce, prune: true, pruneLimit: 5}}
---
apiVersion: ecsync/v1
resources:
  LogGroup/web: {{logGroupName: /{name}/web, retentionInDays: {days}}}
"""
MORE = "  Cluster/more: {clusterName: more}\n"


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a directory once: no other process writes to it. Two reads are complete at once."""
    assert DiskSource.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "settle", 0.0)
    monkeypatch.setattr(last_good, "APART", 0.3)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """The directories of two sources, each with an application of the same name."""
    found = {name: tmp_path / f"the-{name}" for name in ("blue", "red")}
    for name, path in found.items():
        path.mkdir()
        write(path, name)
    return found


@pytest.fixture
def more(environment: Environment, places: dict[str, Path]) -> None:
    """A cluster that the source `red` has declared for long."""
    write(places["red"], "red", more=MORE)
    environment.controller(places["red"]).converge()


@pytest.fixture
def daemon(environment: Environment, places: dict[str, Path]) -> Iterator[RunningDaemon]:
    """A daemon with the two sources, converged."""
    sources = {name: {"source": str(path)} for name, path in places.items()}
    with in_process_daemon.run(environment, "", sources=sources, lease="none") as running:
        wait_until(lambda: running.is_converged("blue") and running.is_converged("red"))
        yield running


def write(path: Path, name: str, days: int = 7, more: str = "") -> None:
    """Write the manifests of a source."""
    (path / "app.yaml").write_text(APPLICATION.format(name=name, days=days) + more)


def log_groups(environment: Environment) -> dict[str, int | None]:
    """Return the retention of each log group in AWS."""
    found = environment.aws("logs").describe_log_groups()["logGroups"]
    return {one["logGroupName"]: one.get("retentionInDays") for one in found}


def clusters(environment: Environment) -> set[str]:
    """Return the names of the clusters in AWS."""
    return {arn.rpartition("/")[2] for arn in environment.aws("ecs").list_clusters()["clusterArns"]}


def held(daemon: RunningDaemon, name: str) -> str:
    """Return why a deletion of an application is held; empty if none is."""
    state = daemon.running.store.application(name)
    withheld = state.outcome.plan.withheld if state is not None and state.outcome is not None else ()
    return " ".join(str(one.reason) for one in withheld)


def test_one_that_is_down_holds_only_its_own(
    environment: Environment, daemon: RunningDaemon, places: dict[str, Path]
) -> None:
    """The other is deployed, its own applications are still reconciled, and the reason names it."""
    places["blue"].rename(places["blue"].with_name("away"))
    wait_until(lambda: daemon.metric("ecsync_app_condition", app="blue", type="SourceReady") == 0.0)
    write(places["red"], "red", days=30)
    wait_until(lambda: log_groups(environment) == {"/blue/web": 7, "/red/web": 30})
    before = daemon.get("/api/v1/applications/blue")[1]["lastPass"]
    wait_until(lambda: daemon.get("/api/v1/applications/blue")[1]["lastPass"] != before)
    assert daemon.is_converged("blue")
    assert daemon.metric("ecsync_app_condition", app="red", type="SourceReady") == 1.0
    assert daemon.not_ready_because()["source"].startswith("blue: nothing will be deleted")
    status = daemon.get("/api/v1/applications")[1]["sources"]
    assert [(one["name"], one["ready"]) for one in status] == [("blue", False), ("red", True)]
    failed = daemon.running.store.events(of_type="source.failed")
    assert [event.detail for event in failed] == [{"reason": "unreachable", "source": "blue"}]


def test_one_that_was_never_read_keeps_no_other_from_starting(
    environment: Environment, places: dict[str, Path]
) -> None:
    """Its address is wrong; the other converges, and the revision of each is its own."""
    sources = {"blue": {"source": "ftp://nowhere"}, "red": {"source": str(places["red"])}}
    with in_process_daemon.run(environment, "", sources=sources, lease="none") as running:
        wait_until(lambda: running.is_converged("red"))
        blue, red = running.get("/api/v1/applications")[1]["sources"]
        assert (blue["revision"], blue["ready"], red["ready"]) == ("", False, True)
        assert running.get("/api/v1/applications/red")[1]["revision"] == red["revision"]
        assert running.metric("ecsync_source_info", source="disk", name="red", revision=red["revision"]) == 1.0
    assert log_groups(environment) == {"/red/web": 7}


@pytest.mark.usefixtures("more")
def test_what_moves_to_a_source_that_is_down_is_not_deleted(
    environment: Environment, daemon: RunningDaemon, places: dict[str, Path]
) -> None:
    """It is deleted by neither: the source to which it moved takes it over when it can be read again."""
    mark = len(environment.simulator.ledger)
    places["blue"].rename(places["blue"].with_name("away"))
    wait_until(lambda: daemon.metric("ecsync_app_condition", app="blue", type="SourceReady") == 0.0)
    write(places["red"], "red")
    wait_until(lambda: "may have moved to the source blue" in held(daemon, "red"))
    daemon.wait_for_passes(4)
    write(places["blue"].with_name("away"), "blue", more=MORE)
    places["blue"].with_name("away").rename(places["blue"])
    wait_until(lambda: daemon.is_converged("blue") and not held(daemon, "red"))
    daemon.wait_for_passes(4)
    assert clusters(environment) == {"more"}
    assert "ecs.DeleteCluster" not in operations(environment.simulator.ledger.mutations(mark))


@pytest.mark.usefixtures("more", "daemon")
def test_what_no_source_declares_any_more_is_deleted(environment: Environment, places: dict[str, Path]) -> None:
    """Both sources can be read, and have been read since."""
    write(places["red"], "red")
    wait_until(lambda: not clusters(environment))
    assert set(log_groups(environment)) == {"/blue/web", "/red/web"}
