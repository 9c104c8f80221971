"""The exit codes of every verb, as docs/cli.md lists them, and messages that state what to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ecsim import Fault
from tests.whole.support import command
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations


def replaced(small: Path, old: str, new: str) -> Path:
    """Replace a text in the small application."""
    path = small / "all.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return small


def test_validate(small: Path, ecsync: Command, environment: Environment) -> None:
    """0 if all is valid, 3 with each problem as `file:line:column`; no call to AWS in either case."""
    mark = len(environment.simulator.ledger)
    answer = ecsync("validate", small)
    assert (answer.code, answer.out) == (0, "1 application, 2 resources: valid\n")
    replaced(small, "retentionInDays", "retentionInDay")
    answer = ecsync("validate", small)
    assert (answer.code, answer.out) == (3, "")
    assert "all.yaml:12:" in answer.err
    assert "retentionInDays" in answer.err
    assert answer.err.endswith("1 problem\n")
    assert environment.simulator.ledger.entries(mark) == ()


def test_plan(small: Path, ecsync: Command) -> None:
    """0 with or without changes; with --detailed-exitcode 2 while changes are pending; 3 if a manifest is invalid."""
    assert ecsync("plan", small).code == 0
    assert ecsync("plan", small, "--detailed-exitcode").code == 2
    assert ecsync("apply", small).code == 0
    assert ecsync("plan", small, "--detailed-exitcode").code == 0
    assert ecsync("plan", replaced(small, "clusterName", "clustername")).code == 3


def test_plan_of_an_unreadable_resource(small: Path, ecsync: Command, environment: Environment) -> None:
    """1, and the plan operations the resource: a failed read is not an absence."""
    environment.simulator.fault(Fault("deny", service="ecs", operation="DescribeClusters", times=None))
    answer = ecsync("plan", small, "-o", "json")
    assert answer.code == 1
    (unreadable,) = answer.json["applications"][0]["unreadable"]
    assert unreadable["key"] == "Cluster/small/main"
    assert "AccessDenied" in unreadable["reason"]


def test_apply_converges(converged: Controller, ecsync: Command) -> None:
    """0 when all is in sync and healthy: it waits for the deployment that it started."""
    converged.environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    answer = ecsync("apply", converged.where)
    assert answer.code == 0, answer
    (deployment,) = converged.environment.service()["deployments"]
    assert (deployment["rolloutState"], deployment["taskDefinition"][-2:]) == ("COMPLETED", ":2")
    assert ecsync("plan", converged.where, "--detailed-exitcode").code == 0


def test_apply_without_wait(converged: Controller, ecsync: Command) -> None:
    """0 when no call is left; the deployment still runs."""
    converged.environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    assert ecsync("apply", converged.where, "--no-wait").code == 0
    assert converged.environment.service()["taskDefinition"].endswith(":2")


def test_apply_with_a_held_change(small: Path, ecsync: Command) -> None:
    """4 if a change is held: here a cluster is no longer declared and prune is off."""
    assert ecsync("apply", small).code == 0
    replaced(small, "  Cluster/main: {clusterName: small}\n", "")
    answer = ecsync("apply", small)
    assert answer.code == 4
    assert "sync.prune: true" in answer.err


def test_apply_with_a_timeout(environment: Environment, ecsync: Command) -> None:
    """5 if the timeout ends before all is healthy; applied changes stay."""
    answer = ecsync("apply", environment.manifests, "--timeout", "20")
    assert answer.code == 5
    assert "LoadBalancer/web" in answer.err


def test_apply_with_a_failed_change(small: Path, ecsync: Command, environment: Environment) -> None:
    """6 if AWS refuses a step; the other steps are done."""
    environment.simulator.fault(Fault("deny", service="logs", operation="CreateLogGroup", times=None))
    answer = ecsync("apply", small)
    assert answer.code == 6
    assert "AccessDenied" in answer.err
    clusters = environment.aws("ecs").describe_clusters(clusters=["small"])["clusters"]
    assert [one["status"] for one in clusters] == ["ACTIVE"]


def test_apply_that_ecs_rolls_back(converged: Controller, ecsync: Command) -> None:
    """10 if ECS rolls back to the old revision; the old image runs."""
    converged.environment.edit("nginx:1.27", "nginx:1.28-bad", "application.yaml")
    answer = ecsync("apply", converged.where)
    assert answer.code == 10, answer
    assert "circuit breaker" in answer.err
    assert converged.environment.service()["taskDefinition"].endswith(":1")
    with converged.environment.writes() as writes:
        assert ecsync("apply", converged.where).code == 10
    assert operations(writes) == []


def test_apply_of_another_plan(small: Path, ecsync: Command) -> None:
    """9 if the plan has another digest; 0 if it has the same."""
    digest = ecsync("plan", small, "-o", "json").json["applications"][0]["digest"]
    assert ecsync("apply", small, "--digest", "0123456789ab").code == 9
    assert ecsync("apply", small, "--digest", digest).code == 0


def test_apply_with_prune(small: Path, ecsync: Command, environment: Environment) -> None:
    """--prune deletes a resource that is no longer declared, but only after a confirmation."""
    assert ecsync("apply", small).code == 0
    replaced(small, "  Cluster/main: {clusterName: small}\n", "")
    with environment.writes() as writes:
        asked = ecsync("apply", small, "--prune")
    assert (asked.code, operations(writes)) == (130, [])
    assert "Cluster/main" in asked.err
    assert ecsync("apply", small, "--prune", "--yes").code == 0
    clusters = environment.aws("ecs").describe_clusters(clusters=["small"])["clusters"]
    assert [one["status"] for one in clusters] != ["ACTIVE"]


@pytest.mark.parametrize("verb", ["plan", "apply", "adopt"])
def test_the_wrong_account(small: Path, ecsync: Command, environment: Environment, verb: str) -> None:
    """9 if the credentials belong to another account than the expected one; nothing is written."""
    environment.aws("ecs").create_cluster(clusterName="small")
    with environment.writes() as writes:
        answer = ecsync(verb, small, "--account", "999999999999")
    assert (answer.code, operations(writes)) == (9, []), answer
    assert "999999999999" in answer.err
    assert "123456789012" in answer.err


def test_the_first_apply_in_an_unasserted_account(small: Path, ecsync: Command, environment: Environment) -> None:
    """9 for a plan that only creates until the account is set or --first-time is given."""
    del os.environ["ECSYNC_ACCOUNT"]
    with environment.writes() as writes:
        answer = ecsync("apply", small)
    assert (answer.code, operations(writes)) == (9, [])
    assert "--first-time" in answer.err
    assert ecsync("apply", small, "--first-time").code == 0
    replaced(small, "retentionInDays: 14", "retentionInDays: 30")
    assert ecsync("apply", small).code == 0, "owned resources exist: this is not the first apply"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("plan",),
        ("plan", "manifests", "-o", "xml"),
        ("plan", "manifests", "--colour"),
        ("adopt", "SMALL", "Service/nowhere"),
    ],
    ids=["unknown verb", "no path", "unknown output", "unknown option", "not declared"],
)
def test_usage(arguments: tuple[str, ...], small: Path, ecsync: Command) -> None:
    """64 for a wrong command line, with the reason on stderr."""
    answer = ecsync(*(str(small) if one == "SMALL" else one for one in arguments))
    assert (answer.code, answer.out) == (64, "")
    assert answer.err.startswith("ecsync: ")


def test_no_installation(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 for a write without an installation: its name is in the tags of every resource."""
    monkeypatch.delenv("ECSYNC_INSTALLATION")
    with environment.writes() as writes:
        answer = ecsync("apply", small)
    assert (answer.code, operations(writes)) == (64, [])
    assert "ECSYNC_INSTALLATION" in answer.err


def test_a_misspelt_setting(small: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 for a variable that is no setting, with the nearest one: otherwise it would be ignored."""
    monkeypatch.setenv("ECSYNC_INSTALATION", "prod")
    answer = ecsync("plan", small)
    assert answer.code == 64
    assert "ECSYNC_INSTALLATION" in answer.err


@pytest.mark.parametrize("where", ["missing", "empty", "s3://no-such-bucket/prefix", "ftp://host/path"])
def test_no_source(where: str, ecsync: Command, tmp_path: Path) -> None:
    """8 if the manifests cannot be read completely."""
    (tmp_path / "empty").mkdir()
    for verb in ("validate", "plan", "apply"):
        answer = ecsync(verb, where if "://" in where else tmp_path / where)
        assert (answer.code, answer.out) == (8, ""), (verb, answer)
        assert answer.err.startswith("ecsync: the source cannot be used: ")


def test_a_port_in_use(small: Path) -> None:
    """1, not an internal error, with the setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        answer = command.run("run", small, "--http-port", other.getsockname()[1])
    assert answer.code == 1
    assert "set another http.port" in answer.err
    assert "Traceback" not in answer.err


def test_no_daemon(ecsync: Command) -> None:
    """1 if no daemon answers; the message states how to go on without one."""
    for verb in ("status", "events"):
        answer = ecsync(verb, "--url", "http://127.0.0.1:9")
        assert (answer.code, answer.out) == (1, "")
        assert "ecsync run" in answer.err


def test_status_without_a_daemon(converged: Controller, ecsync: Command) -> None:
    """With a path, `status` reads AWS itself, and writes nothing."""
    with converged.environment.writes() as writes:
        answer = ecsync("status", converged.where, "-o", "json")
    assert (answer.code, operations(writes)) == (0, [])
    (application,) = answer.json["applications"]
    assert (application["sync"], application["health"]) == ("Synced", "Healthy")
    converged.environment.simulator.advance(SETTLE_SECONDS)
    assert "Service/web" in ecsync("status", converged.where).out
