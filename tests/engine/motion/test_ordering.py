"""`after` and references order the revisions of applications, and wake the one that waits (docs/rules.md R22)."""

from __future__ import annotations

import pytest

from ecsync.core.model import Application
from ecsync.engine.ordering import in_order
from ecsync.engine.requeue import AFTER_CHANGE
from tests.engine.harness import Harness
from tests.engine.passes import document, ref, shop


@pytest.fixture
def harness() -> Harness:
    """A daemon without threads."""
    return Harness()


def base(colour: str) -> Application:
    """Return the application that comes first."""
    return shop(document("Base/base", application="base", colour=colour), name="base")


def after(colour: str) -> Application:
    """Return an application that comes after it."""
    return shop(document("Leaf/leaf", colour=colour), after=("base",))


def referring(colour: str) -> Application:
    """Return an application with a resource that refers to it."""
    return shop(document("App/app", base=ref("Base/base", application="base"), colour=colour))


def updates(harness: Harness) -> list[str]:
    """Return the kinds of the resources that were updated, in order."""
    return [one for write in harness.account.cloud.writes for one in ("Base", "App") if f"Update{one}" in write]


def test_one_edit_in_both_is_written_in_order(harness: Harness) -> None:
    """The first one is slow, and was in sync before: the second one waits for its new revision, and no longer."""
    harness.declare(base("red"), after("red"))
    harness.work(120)
    harness.broken = {"base"}
    harness.account.cloud.writes.clear()
    harness.declare(after("blue"), base("blue"))
    harness.work(30)
    assert harness.account.cloud.writes == []
    assert harness.last_pass().only_looked == "read-only: it comes after base, which has not been reconciled yet"
    harness.broken = set()
    while harness.account.body("Base/base")["colour"] == "red":
        harness.next_pass()
    assert harness.account.body("Leaf/leaf")["colour"] == "red"
    harness.work(AFTER_CHANGE)
    assert harness.account.body("Leaf/leaf")["colour"] == "blue"


def test_an_edit_is_written_after_that_of_the_application_that_it_refers_to(harness: Harness) -> None:
    """The one that refers has its turn first, and looks only; it is written at once afterwards."""
    harness.declare(base("red"), referring("red"))
    harness.work(120)
    harness.account.cloud.writes.clear()
    harness.declare(referring("blue"), base("blue"))
    harness.work(1)
    assert updates(harness) == ["Base", "App"]
    assert harness.account.body("App/app")["colour"] == "blue"


def test_a_reference_to_one_that_cannot_be_reconciled_holds_nothing(harness: Harness) -> None:
    """A pass over it was tried: one bad application never blocks another."""
    harness.declare(base("red"), referring("red"))
    harness.work(120)
    harness.broken = {"base"}
    harness.declare(base("blue"), referring("blue"))
    harness.work(60)
    assert harness.account.body("App/app")["colour"] == "blue"


def test_two_that_refer_to_each_other_are_both_written(harness: Harness) -> None:
    """Neither waits for ever."""
    one = shop(
        document("Leaf/a", application="base"), document("Leaf/b", app=ref("App/app"), application="base"), name="base"
    )
    other = shop(document("App/app", base=ref("Leaf/a", application="base")))
    harness.declare(one, other)
    harness.work(200)
    assert harness.account.there() == {"App": ["app"], "Leaf": ["a", "b"]}


def test_what_an_application_refers_to_wakes_it(harness: Harness) -> None:
    """It waits for a resource of another application, and is looked at in the second in which that one is created."""
    harness.consents = False
    harness.declare(base("red"), referring("red"))
    harness.work(10)
    harness.consents = True
    harness.queue.add("base", priority="change")
    harness.work(3)
    assert harness.account.there() == {"App": ["app"], "Base": ["base"]}


def test_applications_are_applied_after_those_that_they_refer_to() -> None:
    """The order of one command; a cycle of references leaves the order to `after`."""
    assert [one.name for one in in_order({"shop": referring("red"), "base": base("red")})] == ["base", "shop"]
