"""The quickstart from nothing: made once, then left alone."""

from __future__ import annotations

from tests.whole.support import command
from tests.whole.support.command import Command
from tests.whole.support.stage import MADE_ONCE, Controller, Stage, made, names


def test_a_new_account_settles_and_nothing_is_made_twice(stage: Stage) -> None:
    """Although a new account refuses right calls at first, all is well in the end, and each thing is there once."""
    stage.empty(settling=True)
    with stage.writes() as writes:
        stage.controller().converge()
    assert made(writes) == MADE_ONCE
    assert [one.error_code for one in writes if not one.ok], "the account was to refuse something while it settled"
    assert {one.operation for one in writes if not one.ok} == {"CreateService"}


def test_a_pass_over_what_has_converged_writes_nothing(kept: Controller) -> None:
    """Ten passes more make no mutating call."""
    with kept.stage.writes() as writes:
        kept.passes(10)
    assert names(writes) == []


def test_the_plan_of_what_has_converged_is_empty(kept: Controller, ecsync: Command) -> None:
    """`plan --detailed-exitcode` exits 0, writes nothing and says that there is nothing to do."""
    with kept.stage.writes() as writes:
        answer = ecsync("plan", kept.where, "--detailed-exitcode")
    assert answer.code == 0, answer
    assert "Synced · Healthy" in answer.out
    assert names(writes) == []


def test_a_process_of_its_own_agrees(kept: Controller) -> None:
    """The installed command, as a process, exits 0 as well."""
    answer = command.run("plan", kept.where, "--detailed-exitcode", "-o", "json")
    assert answer.code == 0, answer
    assert answer.json["applications"][0]["steps"] == []
