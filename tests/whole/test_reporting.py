"""What a daemon reports of an account that another client changes: metrics, API and commands agree."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecsim import Fault
from ecsync.sources.disk import DiskSource
from tests.whole.support import in_process_daemon
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Controller, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until
from tests.whole.test_drift import change_health_check_path, delete_listener_rule
from tests.whole.test_revisions import annotate_task_definition


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a directory once: no other process writes to it."""
    assert DiskSource.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)
    monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "settle", 0.0)


def drifted(daemon: RunningDaemon) -> dict[str, float]:
    """Return the number of drifted resources by kind, from the metric."""
    kinds = ("ListenerRule", "TargetGroup", "Service")
    found = {kind: daemon.metric("ecsync_drifted_resources", app="quickstart", kind=kind) for kind in kinds}
    return {kind: count for kind, count in found.items() if count is not None}


def test_the_drift_metric_counts_missing_and_changed_resources_while_they_drift(
    converged: Controller, ecsync: Command
) -> None:
    """In a read-only daemon, a deleted rule and a changed field count until another controller repairs them."""
    environment = converged.environment
    with in_process_daemon.run(environment, str(environment.manifests), enforce=False) as daemon:
        wait_until(daemon.is_converged)
        assert drifted(daemon) == {}
        delete_listener_rule(environment)
        change_health_check_path(environment)
        wait_until(lambda: drifted(daemon) == {"ListenerRule": 1, "TargetGroup": 1})
        daemon.wait_for_passes()
        assert drifted(daemon) == {"ListenerRule": 1, "TargetGroup": 1}
        assert daemon.metric("ecsync_app_condition", app="quickstart", type="Drifted") == 1
        application = daemon.get("/api/v1/applications/quickstart")[1]
        text = ecsync("status", "--url", daemon.running.url).out
        converged.converge(pause=SETTLE_SECONDS)
        wait_until(lambda: drifted(daemon) == {})
    fields = {one["key"]: one["fields"] for one in application["resources"]}
    (field,) = fields["TargetGroup/quickstart/web"]
    assert field["origin"] == environment.location("HealthCheckPath", "network.yaml")
    assert f'HealthCheckPath: "/wrong" → "/" [drift] {field["origin"]}' in text
    assert "read-only: the operator has not enabled writes to this target" in text


def test_lost_credentials_are_reported(converged: Controller, ecsync: Command) -> None:
    """One event, the status and a condition report them; the rest of the status is of an earlier pass."""
    environment = converged.environment
    with in_process_daemon.run(environment, str(environment.manifests)) as daemon:
        wait_until(daemon.is_converged)
        environment.simulator.fault(Fault("error", code="ExpiredToken", message="expired", status=403, times=None))
        wait_until(lambda: daemon.running.store.events(of_type="pass.failed"))
        wait_until(lambda: daemon.metric("ecsync_app_condition", app="quickstart", type="Ready") == 0)
        status = ecsync("status", "--url", daemon.running.url).out
        environment.simulator.clear_faults()
        wait_until(lambda: daemon.running.store.events(of_type="pass.resumed"))
        wait_until(lambda: daemon.metric("ecsync_app_condition", app="quickstart", type="Ready") == 1)
        (failed,) = daemon.running.store.events(of_type="pass.failed")
    assert (failed.application, failed.severity) == ("quickstart", "error")
    assert "ExpiredToken" in failed.message
    assert "no plan was made" in status
    assert "ExpiredToken" in status


# ---------------------------------------------------------------- leftovers


def deletions(controller: Controller) -> list[tuple[str, str]]:
    """Return the deletion events: type and key."""
    return [(event.type, str(event.key)) for event in controller.events if event.type.endswith(".deleted")]


def statuses_until_converged(controller: Controller, key: str) -> set[str]:
    """Make passes until the application is converged; return every status that a resource had."""
    seen = set()
    for _ in range(40):
        controller.run_pass()
        status = controller.status(key)
        seen.add(f"{status.sync} · {status.health.status}")
        if not controller.outcomes["quickstart"].plan.steps and controller.outcomes["quickstart"].health == "Healthy":
            return seen
        controller.environment.simulator.advance(30)
    raise AssertionError("\n".join(controller.explain()))


def test_deregistering_an_old_revision_is_no_deletion_of_the_task_definition(
    converged: Controller, ecsync: Command
) -> None:
    """The status reports why it stays during a deployment; then it is deregistered. The current one stays Healthy."""
    annotate_task_definition(converged.environment, "{ecsync/keep-revisions: 1}")
    converged.environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    converged.read()
    converged.run_pass()
    converged.run_pass()
    why = "quickstart/web is being deployed, and may go back to an older revision"
    words = f"superseded resources are not deleted yet: {why}"
    assert converged.status("TaskDefinition/web").message == words
    assert words in ecsync("status", converged.where).out
    assert words in ecsync("plan", converged.where).out
    assert words in ecsync("plan", converged.where, "-o", "markdown").out
    (application,) = ecsync("plan", converged.where, "-o", "json").json["applications"]
    assert application["notes"] == [{"key": "TaskDefinition/quickstart/web", "message": words}]
    with converged.environment.writes() as writes:
        assert statuses_until_converged(converged, "TaskDefinition/web") == {"Synced · Healthy"}
    assert operations(writes) == ["ecs.DeregisterTaskDefinition"]
    assert deletions(converged) == [("leftover.deleted", "TaskDefinition/web")]
    assert "task-definition/quickstart-web:1" in converged.events_of_type("leftover.deleted")[0].message
    assert [one for one in converged.events_of_type("health.changed") if str(one.key) == "TaskDefinition/web"] == []


def test_deleting_a_replaced_target_group_is_no_deletion_of_the_new_one(converged: Controller) -> None:
    """The event reports a leftover, not the target group itself."""
    converged.environment.edit("    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip", "network.yaml")
    converged.read()
    converged.run_pass()
    assert statuses_until_converged(converged, "TargetGroup/web") <= {"Synced · Healthy", "Synced · Progressing"}
    assert deletions(converged) == [("leftover.deleted", "TargetGroup/web")]


EXTRA = """
apiVersion: ecsync/v1
resources:
  Cluster/extra: {clusterName: extra}
"""


def test_a_pruned_resource_is_reported_when_it_is_deleted(converged: Controller) -> None:
    """One event reports the deletion; before it, the status has the ARN of the orphan."""
    path = converged.environment.manifests / "extra.yaml"
    path.write_text(EXTRA)
    converged.environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    converged.read()
    converged.converge(pause=SETTLE_SECONDS)
    path.unlink()
    converged.read(pruning="not yet")
    converged.run_pass()
    assert converged.status("Cluster/extra").physical.endswith(":cluster/extra")
    converged.read()
    converged.run_pass()
    assert deletions(converged) == []
    statuses_until_converged(converged, "Service/web")
    assert deletions(converged) == [("resource.deleted", "Cluster/extra")]


def test_the_api_redacts_sensitive_values(converged: Controller) -> None:
    """A changed environment variable is reported without its value."""
    environment = converged.environment
    environment.edit("GREETING: hello", "GREETING: canary-77", "service.yaml")
    with in_process_daemon.run(environment, str(environment.manifests), enforce=False) as daemon:

        def fields() -> Any:
            _, body = daemon.get("/api/v1/applications/quickstart")
            return [field for one in body.get("resources", ()) for field in one["fields"]]

        wait_until(fields)
        text = json.dumps(fields())
    assert "GREETING" in text
    assert "(sensitive)" in text
    assert "canary-77" not in text
