"""A plan of many steps takes long: each step is decided on what AWS has then, and not all is read before the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.kind import Gate, Proceed, Wait, World
from ecsync.core.model import Application, Desired, FieldChange, Present
from ecsync.core.outcome import Progressing
from ecsync.core.ports import Deferred
from ecsync.engine.reconciler import PassOptions
from ecsync.engine.views import MOMENT
from tests.engine.passes import KINDS, LEAF, Account, document, key, ref, shop


def while_the_app_is_open(desired: Desired, _: Present, __: Sequence[FieldChange], world: World) -> Gate:
    """Let a leaf change while its app, as it is live, has the count 1."""
    app = world[key("App/app")]
    assert isinstance(app, Present)
    return Proceed(body=desired.body) if app.body.get("count", 1) == 1 else Wait(why="the app is not open")


@pytest.fixture
def account() -> Account:
    """An empty account, with a gate before each change of a leaf. Leaves are asked for alone, as kinds of many are."""
    return Account(kinds={**KINDS, "Leaf": replace(LEAF, gate=while_the_app_is_open, apart=True)})


def leaves(colour: str, count: int = 120) -> Application:
    """Return an application of so many leaves on one app."""
    each = (document(f"Leaf/n{number}", app=ref("App/app"), colour=colour) for number in range(count))
    return shop(document("App/app"), *each)


def test_a_step_long_after_the_plan_sees_what_its_decision_depends_on(account: Account) -> None:
    """The app is closed while the first leaves change: the gate of the later ones sees it."""
    account.settle(leaves("red"))
    account.clock.advance(60)

    def slowly(operation: str, _: Mapping[str, Any]) -> None:
        if operation == "UpdateLeaf":
            account.clock.advance(MOMENT / 4)
            account.body("App/app")["count"] = 2

    account.cloud.before = slowly
    outcome = account.run(leaves("blue"))
    changed = [one for one in outcome.results if account.body(f"Leaf/{one.key.name}")["colour"] == "blue"]
    waiting = [one for one in outcome.results.values() if isinstance(one, Progressing)]
    assert 0 < len(changed) <= 5
    assert len(waiting) == 120 - len(changed)


def test_not_all_is_read_again_before_the_first_change(account: Account) -> None:
    """A difference that is not among the first ones is read again for its step."""
    account.settle(leaves("red"))
    read: list[int] = []

    def slowly(operation: str, params: Mapping[str, Any]) -> None:
        if operation == "UpdateLeaf":
            raise StopIteration
        if operation == "DescribeLeaf":
            read.append(len(params["names"]))
            account.clock.advance(MOMENT + 1)

    account.cloud.before = slowly
    with pytest.raises(StopIteration):
        account.run(leaves("blue"))
    assert read == [120, 20, 1]


def test_a_difference_is_confirmed_once(account: Account) -> None:
    """While the changes wait for a rate limit, the later passes read for the first step alone."""
    account.settle(leaves("red"))
    read: list[int] = []

    def short(operation: str, params: Mapping[str, Any]) -> None:
        if operation == "UpdateLeaf":
            raise Deferred("bucket", 10.0, "memory.UpdateLeaf")
        if operation == "DescribeLeaf":
            read.append(len(params["names"]))

    account.cloud.before = short
    for confirmed in ([20], [], []):
        account.clock.advance(MOMENT + 1)
        account.run(leaves("blue"))
        assert read == [120, *confirmed, 1]
        read.clear()


def test_a_difference_that_is_another_one_is_confirmed(account: Account) -> None:
    """Of the document or of the live resource."""
    account.settle(leaves("red", 3))
    account.restart()  # into a process that only looks
    read: list[list[str]] = []

    def note(operation: str, params: Mapping[str, Any]) -> None:
        if operation == "DescribeLeaf":
            read.append(sorted(params["names"]))
            account.clock.advance(MOMENT + 1)

    account.cloud.before = note
    for colour, live in (("blue", "red"), ("green", "red"), ("green", "black"), ("green", "black")):
        account.body("Leaf/n1")["colour"] = live
        account.run(leaves(colour, 3), options=PassOptions())
    names = ["n0", "n1", "n2"]
    assert read == [names, names, names, names, names, ["n1"], names]


def test_every_difference_is_settled_in_one_pass(account: Account) -> None:
    """Where nothing prevents it."""
    account.settle(leaves("red"))
    account.run(leaves("blue"))
    assert {account.body(f"Leaf/n{number}")["colour"] for number in range(120)} == {"blue"}
    assert account.run(leaves("blue")).sync == "Synced"
