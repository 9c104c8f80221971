"""A second controller of the same installation is noticed by the marks that it writes (docs/rules.md R32)."""

from __future__ import annotations

import pytest

from ecsync.core.outcome import Outcome
from ecsync.engine.convergence import SETTLE
from ecsync.engine.reconciler import PassOptions
from ecsync.engine.step_state import StepState
from tests.engine.passes import Account, document, shop

OURS, THEIRS = (shop(document("Leaf/leaf", colour=colour)) for colour in ("red", "blue"))


@pytest.fixture
def account() -> Account:
    """An account in which this controller has converged."""
    found = Account()
    found.settle(OURS)
    found.clock.advance(SETTLE + 1)
    found.run(OURS)
    return found


def other_controller(account: Account) -> None:
    """Let another process of the installation converge other manifests."""
    own, account.step_state = account.step_state, StepState()
    account.settle(THEIRS)
    account.step_state = own
    account.clock.advance(SETTLE + 1)


def held(outcome: Outcome) -> list[str]:
    """Return the start of the reason of each step that is held."""
    return [one.reason.partition(":")[0] for one in outcome.plan.withheld]


ANOTHER = ["another controller of this installation wrote it"]


def test_a_mark_of_no_revision_that_this_process_knows_holds_its_resource(account: Account) -> None:
    """Nothing is written, in pass after pass: two controllers do not work against each other."""
    other_controller(account)
    account.cloud.writes.clear()
    for _ in range(5):
        assert held(account.run(OURS)) == ANOTHER
        account.clock.advance(60)
    assert account.cloud.writes == []


def test_a_person_lifts_it_and_a_mark_that_flips_is_held_again(account: Account) -> None:
    """After a retry our value is written once; the other controller writes again."""
    other_controller(account)
    assert held(account.run(OURS)) == ANOTHER
    account.step_state.retry()
    account.settle(OURS)
    assert account.body("Leaf/leaf")["colour"] == "red"
    account.clock.advance(SETTLE + 1)
    account.run(OURS)
    other_controller(account)
    assert held(account.run(OURS)) == ANOTHER


def test_the_mark_of_what_is_declared_now_is_that_of_no_other(account: Account) -> None:
    """Another process applied the newer manifests first, and this one reads them now."""
    other_controller(account)
    assert held(account.run(OURS)) == ANOTHER
    assert held(account.run(THEIRS)) == []
    account.clock.advance(60)
    account.settle(shop(document("Leaf/leaf", colour="green")))
    assert account.body("Leaf/leaf")["colour"] == "green"


def test_a_process_that_only_looked_holds_nothing(account: Account) -> None:
    """Another process wrote by right meanwhile, and this one takes over."""
    account.run(OURS, options=PassOptions())
    other_controller(account)
    account.run(OURS, options=PassOptions())
    account.settle(OURS)
    assert account.body("Leaf/leaf")["colour"] == "red"


def test_a_change_of_ours_is_no_other_controller(account: Account) -> None:
    """Our own mark of one revision after another is known, also before AWS shows it."""
    for colour in ("green", "blue", "red"):
        application = shop(document("Leaf/leaf", colour=colour))
        assert held(account.run(application)) == []
        account.clock.advance(5)
        assert held(account.run(application)) == []
        account.clock.advance(SETTLE + 1)
    assert account.body("Leaf/leaf")["colour"] == "red"
