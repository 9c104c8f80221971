"""Ctrl-C: the exit code, the line about what is left, and the state of the account."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ecsync.cli._interrupts import Stop, leaving
from tests.whole.support.command import Command
from tests.whole.support.environment import Environment, operations


@pytest.fixture(autouse=True)
def terminal() -> Iterator[None]:
    """SIGINT does what it does in a shell: it is ignored where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupts(monkeypatch: pytest.MonkeyPatch, where: str, *, after: bool, times: int = 1) -> None:
    """Have a function interrupted by SIGINT when it is called, before or after it does its work."""
    module, _, name = where.rpartition(".")
    parent = import_module(module)
    work: Callable[..., Any] = getattr(parent, name)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        result = work(*arguments, **named) if after else None
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        return result if after else work(*arguments, **named)

    monkeypatch.setattr(parent, name, interrupted)


def clusters(environment: Environment) -> list[str]:
    """Return the clusters that exist."""
    return [one["clusterName"] for one in environment.aws("ecs").describe_clusters(clusters=["small"])["clusters"]]


def groups(environment: Environment) -> list[str]:
    """Return the log groups that exist."""
    return [one["logGroupName"] for one in environment.aws("logs").describe_log_groups()["logGroups"]]


def test_apply_ends_after_the_call_under_way(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """130; the first resource exists, the second does not, and the line names both. The next apply does the rest."""
    with monkeypatch.context() as patch:
        interrupts(patch, "ecsync.cli.apply._announce", after=True)
        answer = ecsync("apply", small)
    assert answer.code == 130
    assert (clusters(environment), groups(environment)) == ([], ["/small"])
    assert answer.err.endswith(
        "ecsync: interrupted: written: LogGroup/main; not written: Cluster/main; no call is half made, and AWS goes on "
        "with those that it has. The same command does the rest.\n"
    )
    assert ecsync("apply", small).code == 0
    assert (clusters(environment), groups(environment)) == (["small"], ["/small"])


def test_apply_while_it_reads_has_written_nothing(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at once, and names what was not reached."""
    interrupts(monkeypatch, "ecsync.engine.reconciler.look", after=False)
    with environment.writes() as writes:
        answer = ecsync("apply", small)
    assert (answer.code, operations(writes)) == (130, [])
    assert answer.err == (
        "ecsync: interrupted: nothing was written; not reached: small. The same command does the rest.\n"
    )


def test_apply_that_waits_for_health_has_written_everything(
    environment: Environment, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line has no list of what is left."""

    def pressed(_seconds: float) -> None:
        raise KeyboardInterrupt

    environment.controller().converge(pause=60.0)
    environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    monkeypatch.setattr("ecsync.cli.apply.time.sleep", pressed)
    answer = ecsync("apply", environment.manifests)
    assert answer.code == 130
    line = answer.err.splitlines()[-1]
    assert "written: " in line
    assert "TaskDefinition/web" in line


def test_a_second_ctrl_c_ends_at_once(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line states that the call under way may have been made."""
    interrupts(monkeypatch, "ecsync.cli.apply._announce", after=True, times=2)
    answer = ecsync("apply", small)
    assert answer.code == 130
    assert "the call under way may have been made" in answer.err
    assert clusters(environment) == []


def test_adopt_and_eject_have_a_line(
    small: Path, ecsync: Command, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what has our tags, and what still has them."""
    environment.aws("ecs").create_cluster(clusterName="small")
    environment.aws("logs").create_log_group(logGroupName="/small")
    with monkeypatch.context() as patch:
        interrupts(patch, "ecsync.engine.executor.purpose", after=False)
        answer = ecsync("adopt", small)
    assert answer.code == 130
    assert "interrupted: written: Cluster/main; " in answer.err
    assert ecsync("apply", small).code == 0
    with monkeypatch.context() as patch:
        interrupts(patch, "ecsync.wiring.ejecting.take_off", after=True)
        answer = ecsync("eject", small, "--yes")
    assert answer.code == 130
    assert "interrupted: written: Cluster/main" in answer.err
    assert "; not written: LogGroup/main" in answer.err
    assert answer.out.count("released") == 1


@pytest.mark.parametrize(
    ("verb", "where"),
    [
        ("validate", "ecsync.wiring.workspace"),
        ("plan", "ecsync.engine.reconciler.look"),
        ("status", "ecsync.engine.reconciler.look"),
    ],
)
def test_a_verb_that_only_reads_states_that_nothing_was_written(
    verb: str, where: str, small: Path, ecsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """130, and one line."""
    interrupts(monkeypatch, where, after=False)
    answer = ecsync(verb, small)
    assert (answer.code, answer.out, answer.err) == (130, "", "ecsync: interrupted: nothing was written\n")


def test_a_question_without_a_yes_has_a_line(small: Path, ecsync: Command, environment: Environment) -> None:
    """130: nothing is deleted."""
    assert ecsync("apply", small).code == 0
    text = (small / "all.yaml").read_text()
    (small / "all.yaml").write_text(text.replace("  Cluster/main: {clusterName: small}\n", ""))
    answer = ecsync("apply", small, "--prune")
    assert (answer.code, clusters(environment)) == (130, ["small"])
    assert answer.err.endswith("ecsync: not confirmed: nothing was written\n")


def test_the_handler_is_given_back() -> None:
    """Also after an interrupt; the innermost line wins."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"^inner$"), leaving(lambda: "outer"), Stop(), leaving(lambda: "inner"):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
