"""The quickstart in an empty account: everything is created once, then nothing is written."""

from __future__ import annotations

from tests.whole.support import command
from tests.whole.support.command import Command
from tests.whole.support.environment import QUICKSTART_CREATES, Controller, Environment, count_creates, operations


def test_a_new_account_converges_and_nothing_is_created_twice(environment: Environment) -> None:
    """A new account refuses valid calls at first; each resource is still created once."""
    environment.reset(settling=True)
    with environment.writes() as writes:
        environment.controller().converge()
    assert count_creates(writes) == QUICKSTART_CREATES
    assert [one.error_code for one in writes if not one.ok], "the account must refuse a call while it settles"
    assert {one.operation for one in writes if not one.ok} == {"CreateService"}


def test_passes_after_convergence_write_nothing(converged: Controller) -> None:
    """Ten more passes make no mutating call."""
    with converged.environment.writes() as writes:
        converged.run_passes(10)
    assert operations(writes) == []


def test_the_plan_after_convergence_is_empty(converged: Controller, ecsync: Command) -> None:
    """`plan --detailed-exitcode` exits 0, writes nothing, and reports Synced and Healthy."""
    with converged.environment.writes() as writes:
        answer = ecsync("plan", converged.where, "--detailed-exitcode")
    assert answer.code == 0, answer
    assert "Synced · Healthy" in answer.out
    assert operations(writes) == []


def test_the_installed_command_returns_the_same_plan(converged: Controller) -> None:
    """It exits 0 with an empty plan."""
    answer = command.run("plan", converged.where, "--detailed-exitcode", "-o", "json")
    assert answer.code == 0, answer
    assert answer.json["applications"][0]["steps"] == []
