"""The exit codes of every verb, as `cli.md` lists them, and words that say what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecsim import Fault
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations


def replaced(small: Path, old: str, new: str) -> Path:
    """Change one place of the small application."""
    path = small / "all.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return small


def test_validate(small: Path, ecsync: Command, environment: Environment) -> None:
    """0 when everything is right, 3 with each problem as `file:line:column`, and no call to AWS either way."""
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
    """0 with or without changes; with --detailed-exitcode 2 while they are pending; 3 when manifests are wrong."""
    assert ecsync("plan", small).code == 0
    assert ecsync("plan", small, "--detailed-exitcode").code == 2
    assert ecsync("apply", small).code == 0
    assert ecsync("plan", small, "--detailed-exitcode").code == 0
    assert ecsync("plan", replaced(small, "clusterName", "clustername")).code == 3


def test_plan_of_what_cannot_be_read(small: Path, ecsync: Command, environment: Environment) -> None:
    """1, and it says what could not be read: a failed read is not an absence."""
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
    """0 as soon as nothing is left to be called; the deployment is still under way."""
    converged.environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    assert ecsync("apply", converged.where, "--no-wait").code == 0
    assert converged.environment.service()["taskDefinition"].endswith(":2")


def test_apply_of_what_is_held(small: Path, ecsync: Command) -> None:
    """4 when something may not be done: here, a cluster is declared no more and prune is off."""
    assert ecsync("apply", small).code == 0
    replaced(small, "  Cluster/main: {clusterName: small}\n", "")
    answer = ecsync("apply", small)
    assert answer.code == 4
    assert "sync.prune: true" in answer.err


def test_apply_that_takes_too_long(environment: Environment, ecsync: Command) -> None:
    """5 when the time is over before everything is healthy; what was applied stays."""
    answer = ecsync("apply", environment.manifests, "--timeout", "20")
    assert answer.code == 5
    assert "LoadBalancer/web" in answer.err


def test_apply_of_which_some_failed(small: Path, ecsync: Command, environment: Environment) -> None:
    """6 when AWS refuses a step; the others are done."""
    environment.simulator.fault(Fault("deny", service="logs", operation="CreateLogGroup", times=None))
    answer = ecsync("apply", small)
    assert answer.code == 6
    assert "AccessDenied" in answer.err
    clusters = environment.aws("ecs").describe_clusters(clusters=["small"])["clusters"]
    assert [one["status"] for one in clusters] == ["ACTIVE"]


def test_apply_that_ecs_rolls_back(converged: Controller, ecsync: Command) -> None:
    """10 when ECS brings the old revision back; the old image serves."""
    converged.environment.edit("nginx:1.27", "nginx:1.28-bad", "application.yaml")
    answer = ecsync("apply", converged.where)
    assert answer.code == 10, answer
    assert "circuit breaker" in answer.err
    assert converged.environment.service()["taskDefinition"].endswith(":1")
    with converged.environment.writes() as writes:
        assert ecsync("apply", converged.where).code == 10
    assert operations(writes) == []


def test_apply_of_another_plan(small: Path, ecsync: Command) -> None:
    """9 when the plan is not the one that was looked at; 0 when it is."""
    digest = ecsync("plan", small, "-o", "json").json["applications"][0]["digest"]
    assert ecsync("apply", small, "--digest", "0123456789ab").code == 9
    assert ecsync("apply", small, "--digest", digest).code == 0


def test_apply_with_prune(small: Path, ecsync: Command, environment: Environment) -> None:
    """What is declared no more goes on --prune, but not before somebody said yes."""
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
    """9 when the credentials belong to another account than the one that is meant; nothing is written."""
    environment.aws("ecs").create_cluster(clusterName="small")
    with environment.writes() as writes:
        answer = ecsync(verb, small, "--account", "999999999999")
    assert (answer.code, operations(writes)) == (9, []), answer
    assert "999999999999" in answer.err
    assert "123456789012" in answer.err


def test_the_first_time_in_an_account_that_nobody_named(small: Path, ecsync: Command, environment: Environment) -> None:
    """9 for a plan of nothing but creates, wait_until the account is named or --first-time is given."""
    del os.environ["ECSYNC_ACCOUNT"]
    with environment.writes() as writes:
        answer = ecsync("apply", small)
    assert (answer.code, operations(writes)) == (9, [])
    assert "--first-time" in answer.err
    assert ecsync("apply", small, "--first-time").code == 0
    replaced(small, "retentionInDays: 14", "retentionInDays: 30")
    assert ecsync("apply", small).code == 0, "what is ours is there: this is not the first time"


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
    """64 for what was typed wrong, with what is wrong about it on stderr."""
    answer = ecsync(*(str(small) if one == "SMALL" else one for one in arguments))
    assert (answer.code, answer.out) == (64, "")
    assert answer.err.startswith("ecsync: ")


def test_no_installation(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 for writing without an installation, whose name is in every mark."""
    monkeypatch.delenv("ECSYNC_INSTALLATION")
    with environment.writes() as writes:
        answer = ecsync("apply", small)
    assert (answer.code, operations(writes)) == (64, [])
    assert "ECSYNC_INSTALLATION" in answer.err


def test_a_misspelt_setting(small: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 for a variable that is no setting, with the nearest one: it would do nothing, silently."""
    monkeypatch.setenv("ECSYNC_INSTALATION", "prod")
    answer = ecsync("plan", small)
    assert answer.code == 64
    assert "ECSYNC_INSTALLATION" in answer.err


@pytest.mark.parametrize("where", ["missing", "empty", "s3://no-such-bucket/prefix", "ftp://host/path"])
def test_no_source(where: str, ecsync: Command, tmp_path: Path) -> None:
    """8 when the manifests cannot be read whole: nothing is concluded from that."""
    (tmp_path / "empty").mkdir()
    for verb in ("validate", "plan", "apply"):
        answer = ecsync(verb, where if "://" in where else tmp_path / where)
        assert (answer.code, answer.out) == (8, ""), (verb, answer)
        assert answer.err.startswith("ecsync: the source cannot be used: ")


def test_no_daemon(ecsync: Command) -> None:
    """1 when no daemon answers, with how to look without one."""
    for verb in ("status", "events"):
        answer = ecsync(verb, "--url", "http://127.0.0.1:9")
        assert (answer.code, answer.out) == (1, "")
        assert "ecsync run" in answer.err


def test_status_without_a_daemon(converged: Controller, ecsync: Command) -> None:
    """Given the manifests, `status` looks for itself, and writes nothing."""
    with converged.environment.writes() as writes:
        answer = ecsync("status", converged.where, "-o", "json")
    assert (answer.code, operations(writes)) == (0, [])
    (application,) = answer.json["applications"]
    assert (application["sync"], application["health"]) == ("Synced", "Healthy")
    converged.environment.simulator.advance(SETTLE_SECONDS)
    assert "Service/web" in ecsync("status", converged.where).out
