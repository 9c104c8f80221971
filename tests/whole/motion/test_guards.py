"""Budgets of an hour, approvals, the API that sets a guard, and applications that are suspended by an annotation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from ecsim.account.faults import Fault
from ecsync.config import HttpSettings
from tests.whole.support import in_process_daemon
from tests.whole.support.command import Command
from tests.whole.support.environment import REGION, Environment, operations
from tests.whole.support.in_process_daemon import wait_until
from tests.whole.support.stepped_daemon import SteppedDaemon

HOUR = 3600.0
TOKEN = "0123456789abcdef"


def application(name: str, clusters: str, metadata: str = "") -> str:
    """Return an application with clusters of one letter."""
    resources = "".join(f"  Cluster/{one}: {{clusterName: {one}}}\n" for one in clusters)
    return (
        f"apiVersion: ecsync/v1\nkind: Application\nmetadata: {{name: {name}{metadata}}}\n"
        f"spec: {{target: {{region: {REGION}}}, sync: {{mode: enforce, prune: true, interval: 5m}}}}\n---\n"
        f"apiVersion: ecsync/v1\nresources:\n{resources}"
    )


SERVICE = f"""\
apiVersion: ecsync/v1
kind: Application
metadata: {{{{name: shop}}}}
spec: {{{{target: {{{{region: {REGION}}}}}, sync: {{{{mode: enforce, interval: 30s}}}}}}}}
---
apiVersion: ecsync/v1
resources:
  Network/main: {{{{default: true}}}}
  Cluster/main: {{{{clusterName: main}}}}
  TaskDefinition/web:
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions: [{{{{name: web, image: "nginx:1"}}}}]
---
apiVersion: ecsync/v1
kind: Service
metadata: {{{{name: web, annotations: {{{{ecsync/replace: allow}}}}}}}}
spec:
  cluster: ${{{{Cluster/main}}}}
  taskDefinition: ${{{{TaskDefinition/web}}}}
  launchType: {{launch}}
  desiredCount: 2
  networkConfiguration: {{{{awsvpcConfiguration: {{{{subnets: "${{{{Network/main.publicSubnetIds}}}}"}}}}}}}}
"""


class Stage:
    """Applications with clusters, and a daemon that knows no other kind."""

    def __init__(self, account: Environment, folder: Path) -> None:
        self.account = account
        self.folder = folder / "source"
        self.record = folder / "record.json"

    def declare(self, **applications: str) -> None:
        """Write the applications."""
        for name, clusters in applications.items():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name / "app.yaml").write_text(application(name, clusters))

    def daemon(self, **settings: Any) -> SteppedDaemon:
        """Return a new process."""
        own = {"freeze": f"file:{self.record}", **settings}
        return SteppedDaemon(self.account, self.folder, own, kinds=("Cluster",))

    def alive(self) -> str:
        """Return the names of the clusters."""
        arns = self.account.aws("ecs").list_clusters()["clusterArns"]
        return "".join(sorted(arn.rpartition("/")[2] for arn in arns))


@pytest.fixture
def stage(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An empty account."""
    found = Stage(environment, tmp_path)
    monkeypatch.setenv("ECSYNC_FREEZE", f"file:{found.record}")
    return found


class TestBudgetOfAnHour:
    """What waits for it is seen, is no error, and goes on by itself."""

    def test_a_deletion_beyond_it_waits_and_is_seen(self, stage: Stage) -> None:
        """In the status with the time, in the metric, and in no event of a pass."""
        stage.declare(shop="abcdefgh")
        daemon = stage.daemon(removals_per_hour=1)
        daemon.run(60.0)
        stage.declare(shop="cdefgh")
        daemon.run(900.0)
        assert stage.alive() == "bcdefgh"
        assert daemon.held("shop") == {"Cluster/b": "budget"}
        outcome = daemon.state("shop").outcome
        assert outcome is not None
        (waiting,) = [one for one in outcome.statuses if one.key.name == "b"]
        assert "removals_per_hour allows 1" in waiting.message
        assert "goes on at 2026-" in waiting.message
        assert daemon.metric("ecsync_prune_blocked", app="shop", reason="budget") == 1
        assert outcome.health == "Healthy"
        seen = len(daemon.events)
        daemon.run(1800.0)
        assert daemon.events[seen:] == []
        daemon.run(1800.0)
        assert stage.alive() == "cdefgh"
        assert daemon.metric("ecsync_prune_blocked", app="shop", reason="budget") is None

    def test_it_is_shared_by_the_applications_of_an_account_and_region(self, stage: Stage) -> None:
        """Each has its turn."""
        stage.declare(shop="abc", bank="x")
        daemon = stage.daemon(changes_per_hour=2)
        daemon.run(600.0)
        assert sorted(stage.alive()) in (["a", "b"], ["a", "x"])
        assert len(stage.alive()) == 2
        held = {**daemon.held("shop"), **daemon.held("bank")}
        assert set(held.values()) == {"budget"}
        assert len(held) == 2
        daemon.run(HOUR)
        assert stage.alive() == "abcx"

    def test_what_aws_refuses_takes_no_place_of_another(self, stage: Stage) -> None:
        """The first cluster is refused, the second one is created."""
        stage.account.simulator.fault(Fault("deny", service="ecs", operation="CreateCluster"))
        stage.declare(shop="ab")
        daemon = stage.daemon(changes_per_hour=1)
        daemon.run(600.0)
        assert stage.alive() == "b"
        assert daemon.held("shop") == {}, "a waits for its retry, not for the budget"

    def test_a_lost_answer_keeps_its_place(self, stage: Stage) -> None:
        """AWS may have done it, and has."""
        stage.account.simulator.fault(Fault("lost-response", service="ecs", operation="CreateCluster"))
        stage.declare(shop="abc")
        daemon = stage.daemon(changes_per_hour=1)
        daemon.run(600.0)
        assert stage.alive() == "a"

    def test_a_target_has_its_own(self, stage: Stage) -> None:
        """An entry without one has that of all."""
        stage.declare(shop="abc")
        path = stage.folder / "shop" / "app.yaml"
        path.write_text(path.read_text().replace("target: {", "target: {account: prod, "))
        target = {"account": "123456789012", "enforce": True}
        daemon = stage.daemon(changes_per_hour=1, targets={"prod": target})
        daemon.run(300.0)
        assert stage.alive() == "a"
        stage.daemon(changes_per_hour=1, targets={"prod": {**target, "changes_per_hour": 0}}).run(60.0)
        assert stage.alive() == "abc"

    def test_a_plan_states_that_it_takes_hours(
        self, stage: Stage, ecsync: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command does not wait for the budget: a person has decided."""
        stage.declare(shop="abc")
        monkeypatch.setenv("ECSYNC_CHANGES_PER_HOUR", "2")
        assert "changes_per_hour allows 2 resources, and these are 3" in ecsync("plan", stage.folder).out
        assert ecsync("apply", stage.folder).code == 0
        assert stage.alive() == "abc"


class TestApproval:
    """A deletion that needs a person."""

    @pytest.fixture
    def daemon(self, stage: Stage) -> SteppedDaemon:
        """A daemon that wants to delete one cluster of six, and may not."""
        stage.declare(shop="abcdef")
        daemon = stage.daemon(approval=["delete"])
        daemon.run(60.0)
        stage.declare(shop="bcdef")
        daemon.run(600.0)
        assert stage.alive() == "abcdef"
        return daemon

    def digest(self, daemon: SteppedDaemon) -> str:
        """Return what the status and the event ask a person to approve."""
        outcome = daemon.state("shop").outcome
        assert outcome is not None
        return outcome.plan.approval

    def test_it_waits_until_a_person_approves_it(self, stage: Stage, daemon: SteppedDaemon, ecsync: Command) -> None:
        """One event names the command, and the metric counts it."""
        digest = self.digest(daemon)
        (event,) = [one for one in daemon.events if one.type == "approval.needed"]
        assert f"ecsync approve shop --digest {digest}" in event.message
        assert daemon.metric("ecsync_prune_blocked", app="shop", reason="approval") == 1
        assert ecsync("approve", "shop", "--digest", "0" * 12, "--reason", "CHG-1").code == 0
        daemon.run(600.0)
        assert stage.alive() == "abcdef"
        assert ecsync("approve", "shop", "--digest", digest, "--reason", "CHG-1").code == 0
        daemon.run(600.0)
        assert stage.alive() == "bcdef"
        assert daemon.metric("ecsync_prune_blocked", app="shop", reason="approval") is None

    def test_it_outlives_the_process(self, stage: Stage, daemon: SteppedDaemon, ecsync: Command) -> None:
        """The next one finds it in the record."""
        ecsync("approve", "shop", "--digest", self.digest(daemon), "--reason", "CHG-1")
        again = stage.daemon(approval=["delete"])
        again.run(600.0)
        assert stage.alive() == "bcdef"

    def test_it_ends(self, stage: Stage, daemon: SteppedDaemon, ecsync: Command) -> None:
        """After its time it is not valid, also if no process has seen it before."""
        ecsync("approve", "shop", "--digest", self.digest(daemon), "--reason", "CHG-1", "--for", "1h")
        record = json.loads(stage.record.read_text())
        record["approvals"] = {
            name: {**one, "until": "2026-01-01T00:00:00+00:00"} for name, one in record["approvals"].items()
        }
        stage.record.write_text(json.dumps(record))
        daemon.run(600.0)
        assert stage.alive() == "abcdef"

    def test_an_approved_deletion_of_several_goes_on_in_later_passes(self, stage: Stage, ecsync: Command) -> None:
        """One pass deletes one: what is left is still approved."""
        stage.declare(shop="abcdefghij")
        daemon = stage.daemon(approval=["delete"], budget=1)
        daemon.run(60.0)
        stage.declare(shop="defghij")
        daemon.run(600.0)
        ecsync("approve", "shop", "--digest", self.digest(daemon), "--reason", "CHG-1")
        daemon.run(900.0)
        assert stage.alive() == "defghij"

    def test_a_replacement_in_several_calls_needs_one(self, stage: Stage, ecsync: Command) -> None:
        """The service is scaled to 0, deleted and created again, each in a pass of its own."""
        folder = stage.folder / "shop"
        folder.mkdir(parents=True)
        (folder / "app.yaml").write_text(SERVICE.format(launch="FARGATE"))
        daemon = SteppedDaemon(stage.account, stage.folder, {"freeze": f"file:{stage.record}", "approval": "replace"})
        daemon.run(120.0)
        (folder / "app.yaml").write_text(SERVICE.format(launch="EC2"))
        with stage.account.writes() as writes:
            daemon.run(60.0)
        assert operations(writes) == []
        ecsync("approve", "shop", "--digest", self.digest(daemon), "--reason", "CHG-1")
        with stage.account.writes() as writes:
            daemon.run(300.0)
        done = [one for one in operations(writes) if one.startswith("ecs.")]
        assert done == ["ecs.UpdateService", "ecs.DeleteService", "ecs.CreateService"]
        assert [one.type for one in daemon.events].count("approval.needed") == 1

    def test_an_application_that_only_observes_asks_for_none(self, stage: Stage, daemon: SteppedDaemon) -> None:
        """Nothing would be done."""
        asked = len([one for one in daemon.events if one.type == "approval.needed"])
        path = stage.folder / "shop" / "app.yaml"
        path.write_text(application("shop", "cdef").replace("enforce", "observe"))
        daemon.run(600.0)
        assert len([one for one in daemon.events if one.type == "approval.needed"]) == asked

    def test_other_changes_go_on(self, stage: Stage, daemon: SteppedDaemon) -> None:
        """A creation needs none."""
        stage.declare(shop="bcdefz")
        daemon.run(60.0)
        assert stage.alive() == "abcdefz"


class TestApply:
    """A person at the command approves by the digest of the plan, or by a yes."""

    @pytest.fixture
    def folder(self, stage: Stage, ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An application that has applied six clusters, and declares five of them."""
        stage.declare(shop="abcdef")
        assert ecsync("apply", stage.folder).code == 0
        stage.declare(shop="bcdefz")
        monkeypatch.setenv("ECSYNC_APPROVAL", "replace,delete")
        return stage.folder

    def test_without_a_word_nothing_is_applied(self, stage: Stage, folder: Path, ecsync: Command) -> None:
        """4, with the way to approve it; then exactly that plan is applied."""
        refused = ecsync("apply", folder, "--prune", "--yes")
        assert (refused.code, stage.alive()) == (4, "abcdef")
        assert "shop: Cluster/a" in refused.err
        digest = refused.err.split("--digest ")[1].split()[0]
        assert ecsync("apply", folder, "--prune", "--yes", "--digest", "0" * 12).code == 9
        assert stage.alive() == "abcdef"
        assert ecsync("apply", folder, "--prune", "--yes", "--digest", digest).code == 0
        assert stage.alive() == "bcdefz"

    def test_the_plan_shows_the_digest(self, stage: Stage, folder: Path, ecsync: Command) -> None:
        """That of the plan, and that for a daemon."""
        found = ecsync("plan", folder, "-o", "json").json
        assert found["applications"][0]["approval"] in ecsync("plan", folder).out
        assert f"ecsync approve shop --digest {found['applications'][0]['approval']}" in ecsync("status", folder).out
        (held,) = found["applications"][0]["held"]
        assert (held["key"], held["obstacle"]) == ("Cluster/shop/a", "approval")
        assert ecsync("apply", folder, "--prune", "--yes", "--digest", found["digest"]).code == 0
        assert stage.alive() == "bcdefz"

    @pytest.mark.parametrize("answer", [True, False])
    def test_on_a_terminal_a_person_is_asked(
        self, stage: Stage, folder: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch, answer: bool
    ) -> None:
        """Once, with the names."""
        asked: list[str] = []

        def confirm(text: str, **_: Any) -> bool:
            asked.append(text)
            if not answer:
                raise KeyboardInterrupt
            return True

        monkeypatch.setattr("typer.confirm", confirm)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        ended = ecsync("apply", folder, "--prune")
        assert asked == ["Delete or replace 1 resource?"]
        assert (ended.code, stage.alive()) == ((0, "bcdefz") if answer else (130, "abcdef"))

    def test_what_needs_none_is_applied_without_a_word(self, stage: Stage, ecsync: Command, folder: Path) -> None:
        """Without --prune nothing is deleted, so there is nothing to approve."""
        assert ecsync("apply", folder).code == 4  # the orphan is held
        assert stage.alive() == "abcdefz"


class TestSuspendedApplication:
    """`ecsync/suspend` of an Application document."""

    def test_drift_is_reported_and_nothing_is_written(self, stage: Stage) -> None:
        """The status has the reason; without the annotation it goes on."""
        stage.declare(shop="ab")
        daemon = stage.daemon()
        daemon.run(60.0)
        path = stage.folder / "shop" / "app.yaml"
        path.write_text(application("shop", "abc", ', annotations: {ecsync/suspend: "load test until Friday"}'))
        daemon.run(60.0)
        stage.account.aws("ecs").delete_cluster(cluster="a")
        daemon.run(900.0)
        state = daemon.state("shop")
        assert stage.alive() == "b"
        assert state.last_pass is not None
        assert "load test until Friday" in state.last_pass.only_looked
        assert [one.key.name for one in daemon.events if one.type == "drift.detected" and one.key] == ["a"]
        path.write_text(application("shop", "abc", ', annotations: {ecsync/suspend: "false"}'))
        daemon.run(900.0)
        assert stage.alive() == "abc"

    def test_the_command_states_it_too(self, stage: Stage, ecsync: Command) -> None:
        """`apply` exits with 9; `plan` and `status` print the reason."""
        stage.declare(shop="a", bank="x")
        (stage.folder / "shop" / "app.yaml").write_text(
            application("shop", "a", ", annotations: {ecsync/suspend: load test}")
        )
        ended = ecsync("apply", stage.folder)
        assert (ended.code, stage.alive()) == (9, "x")
        assert "load test" in ended.err
        assert "load test" in ecsync("plan", stage.folder).out
        assert "load test" in ecsync("status", stage.folder).out


def test_a_name_that_is_not_declared_is_noted(stage: Stage, ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set nevertheless: it may be declared later, and an emergency does not wait for a source."""
    stage.declare(shop="a")
    monkeypatch.setenv("ECSYNC_HTTP_PORT", "1")  # no daemon
    assert "note" not in ecsync("suspend", "shpo", "--reason", "x").err  # nothing is known
    monkeypatch.setenv("ECSYNC_SOURCE", str(stage.folder))
    noted = ecsync("suspend", "shpo", "--reason", "x")
    assert (noted.code, "shpo" in json.loads(stage.record.read_text())["frozen"]) == (0, True)
    assert "no application 'shpo' is declared; did you mean \"shop\"?" in noted.err
    assert "note" not in ecsync("suspend", "shop", "--reason", "x").err
    monkeypatch.setenv("ECSYNC_SOURCE", str(stage.folder / "none"))
    assert "note" not in ecsync("suspend", "shpo", "--reason", "x").err


def test_a_client_with_the_token_suspends_and_resumes(stage: Stage) -> None:
    """At once, with an event; the record is the one that the command uses. Without the token nothing happens."""
    stage.declare(shop="ab")
    http = HttpSettings(port=0, token=TOKEN)  # type: ignore[arg-type]  # pydantic makes a secret of it
    settings: dict[str, Any] = {"freeze": f"file:{stage.record}", "lease": "none", "http": http}
    with in_process_daemon.run(stage.account, str(stage.folder), **settings) as daemon:
        wait_until(lambda: daemon.is_converged("shop"))

        def ask(verb: str, token: str = TOKEN, **body: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            url = f"{daemon.running.url}/api/v1/guards/{verb}"
            request = Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310  # our own URL
            try:
                with build_opener(ProxyHandler({})).open(request, timeout=5) as response:
                    return int(response.status)
            except HTTPError as error:
                error.close()
                return error.code

        assert ask("suspend", "wrong", application="shop", reason="incident 4711") == 401
        assert ask("suspend", application="shop") == 400
        assert not stage.record.exists()
        assert ask("suspend", application="shop", reason="incident 4711", by="ada") == 200
        assert "ada by the API from 127.0.0.1" in stage.record.read_text()
        wait_until(lambda: daemon.running.store.events(of_type="freeze.began"))
        stage.account.aws("ecs").delete_cluster(cluster="a")
        wait_until(lambda: daemon.running.store.events(of_type="drift.detected"))
        daemon.wait_for_passes(3)
        assert stage.alive() == "b"
        assert ask("resume", application="shop") == 200
        wait_until(lambda: stage.alive() == "ab")
