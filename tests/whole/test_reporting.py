"""What a daemon tells of an account that somebody changes beside it: metrics, API and verbs say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecsim import Fault
from ecsync.sources.disk import DiskSource
from tests.whole.support import live
from tests.whole.support.command import Command
from tests.whole.support.live import Live, until
from tests.whole.support.stage import LONG, Controller, names
from tests.whole.test_drift import change_the_path, delete_the_rule
from tests.whole.test_revisions import keep


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes to the directory: it need not be read twice with a pause."""
    assert DiskSource.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)


def drifted(daemon: Live) -> dict[str, float]:
    """How many resources of each kind have drifted, by the metric."""
    kinds = ("ListenerRule", "TargetGroup", "Service")
    found = {kind: daemon.metric("ecsync_drifted_resources", app="quickstart", kind=kind) for kind in kinds}
    return {kind: count for kind, count in found.items() if count is not None}


def test_drift_is_counted_while_it_lasts_missing_or_changed(kept: Controller, ecsync: Command) -> None:
    """Only looked at: a rule that is gone and a field that differs are two, until they are as declared again."""
    stage = kept.stage
    with live.run(stage, str(stage.manifests), enforce=False) as daemon:
        until(daemon.well)
        assert drifted(daemon) == {}
        delete_the_rule(stage)
        change_the_path(stage)
        until(lambda: drifted(daemon) == {"ListenerRule": 1, "TargetGroup": 1})
        daemon.goes_on()
        assert drifted(daemon) == {"ListenerRule": 1, "TargetGroup": 1}
        assert daemon.metric("ecsync_app_condition", app="quickstart", type="Drifted") == 1
        application = daemon.get("/api/v1/applications/quickstart")[1]
        text = ecsync("status", "--url", daemon.running.url).out
        kept.converge(pause=LONG)
        until(lambda: drifted(daemon) == {})
    fields = {one["key"]: one["fields"] for one in application["resources"]}
    (field,) = fields["TargetGroup/quickstart/web"]
    assert field["origin"] == stage.line("HealthCheckPath", "network.yaml")
    assert f'HealthCheckPath: "/wrong" → "/" [drift] {field["origin"]}' in text
    assert "read-only: the operator does not let its target be written" in text


def test_a_daemon_that_loses_its_credentials_says_so(kept: Controller, ecsync: Command) -> None:
    """In an event, once; in the status, whose rest is then of an earlier pass; and in the condition."""
    stage = kept.stage
    with live.run(stage, str(stage.manifests)) as daemon:
        until(daemon.well)
        stage.simulator.fault(Fault("error", code="ExpiredToken", message="expired", status=403, times=None))
        until(lambda: daemon.running.store.events(of_type="pass.failed"))
        until(lambda: daemon.metric("ecsync_app_condition", app="quickstart", type="Ready") == 0)
        status = ecsync("status", "--url", daemon.running.url).out
        stage.simulator.clear_faults()
        until(lambda: daemon.running.store.events(of_type="pass.resumed"))
        until(lambda: daemon.metric("ecsync_app_condition", app="quickstart", type="Ready") == 1)
        (failed,) = daemon.running.store.events(of_type="pass.failed")
    assert (failed.application, failed.severity) == ("quickstart", "error")
    assert "ExpiredToken" in failed.message
    assert "no plan was made" in status
    assert "ExpiredToken" in status


# ---------------------------------------------------------------- what is left over


def told(controller: Controller) -> list[tuple[str, str]]:
    """The removals that were told, and of whom."""
    return [(event.type, str(event.key)) for event in controller.events if event.type.endswith(".deleted")]


def states(controller: Controller, key: str) -> set[str]:
    """Make passes until all is well; what a resource was meanwhile."""
    seen = set()
    for _ in range(40):
        controller.once()
        status = controller.status(key)
        seen.add(f"{status.sync} · {status.health.status}")
        if not controller.outcomes["quickstart"].plan.steps and controller.outcomes["quickstart"].health == "Healthy":
            return seen
        controller.stage.simulator.advance(30)
    raise AssertionError("\n".join(controller.explained()))


def test_an_old_revision_that_goes_does_not_make_the_task_definition_go(kept: Controller, ecsync: Command) -> None:
    """Why it stays while the service is deployed is said; then it goes, and the living one is well all the time."""
    keep(kept.stage, "{ecsync/keep-revisions: 1}")
    kept.stage.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    kept.read()
    kept.once()
    kept.once()
    why = "quickstart/web is being deployed, and may go back to an older revision"
    words = f"superseded resources are not deleted yet: {why}"
    assert kept.status("TaskDefinition/web").message == words
    assert words in ecsync("status", kept.where).out
    assert words in ecsync("plan", kept.where).out
    assert words in ecsync("plan", kept.where, "-o", "markdown").out
    (application,) = ecsync("plan", kept.where, "-o", "json").json["applications"]
    assert application["notes"] == [{"key": "TaskDefinition/quickstart/web", "message": words}]
    with kept.stage.writes() as writes:
        assert states(kept, "TaskDefinition/web") == {"Synced · Healthy"}
    assert names(writes) == ["ecs.DeregisterTaskDefinition"]
    assert told(kept) == [("leftover.deleted", "TaskDefinition/web")]
    assert "task-definition/quickstart-web:1" in kept.told("leftover.deleted")[0].message
    assert [one for one in kept.told("health.changed") if str(one.key) == "TaskDefinition/web"] == []


def test_an_old_target_group_that_goes_does_not_make_the_new_one_go(kept: Controller) -> None:
    """It is told as what the target group left over, and never as the target group."""
    kept.stage.edit("    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip", "network.yaml")
    kept.read()
    kept.once()
    assert states(kept, "TargetGroup/web") <= {"Synced · Healthy", "Synced · Progressing"}
    assert told(kept) == [("leftover.deleted", "TargetGroup/web")]


EXTRA = """
apiVersion: ecsync/v1
resources:
  Cluster/extra: {clusterName: extra}
"""


def test_what_is_pruned_is_told_when_it_is_gone(kept: Controller) -> None:
    """An orphan goes with an event of its own, and a plan says which it is in AWS."""
    path = kept.stage.manifests / "extra.yaml"
    path.write_text(EXTRA)
    kept.stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    kept.read()
    kept.converge(pause=LONG)
    path.unlink()
    kept.read(pruning="not yet")
    kept.once()
    assert kept.status("Cluster/extra").physical.endswith(":cluster/extra")
    kept.read()
    kept.once()
    assert told(kept) == []
    states(kept, "Service/web")
    assert told(kept) == [("resource.deleted", "Cluster/extra")]


def test_the_api_has_no_secret_and_is_json_all_through(kept: Controller) -> None:
    """A drifted environment is told as changed, and nothing of its value."""
    stage = kept.stage
    stage.edit("GREETING: hello", "GREETING: canary-77", "service.yaml")
    with live.run(stage, str(stage.manifests), enforce=False) as daemon:

        def fields() -> Any:
            _, body = daemon.get("/api/v1/applications/quickstart")
            return [field for one in body.get("resources", ()) for field in one["fields"]]

        until(fields)
        text = json.dumps(fields())
    assert "GREETING" in text
    assert "(sensitive)" in text
    assert "canary-77" not in text
