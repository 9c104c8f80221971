"""Changes that AWS works on after it has answered the call: in progress is waited for, failed is a failed step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.kind import Unsettled
from ecsync.core.model import Options, Present
from ecsync.core.outcome import Failed, Outcome, Progressing, Result, Skipped
from ecsync.core.rules import Computed, Refers
from ecsync.report.events import Context, Reported, pass_ended
from ecsync.testing import FakeClock, memory_kind
from tests.engine.passes import Account, document, ref, shop

SLOW = 900.0


def unsettled(present: Present) -> Unsettled | None:
    """Read the state that the account prints in the object."""
    state = present.body.get("state", "")
    if state == "failed":
        return Unsettled(state="failed", why="internal error. Try again.")
    return Unsettled(state="in progress", why="AWS is at work", usable=False) if state else None


POOL = memory_kind("Pool", rules=(Computed(path="state"),), unsettled=unsettled)
USER = memory_kind("User", rules=(Refers(path="pool", kind="Pool"),))


class Slow:
    """A hook of the account: it takes back an update of the pool, and prints a state instead."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.state = "failed"
        self.updates: list[float] = []

    def __call__(self, operation: str, params: Mapping[str, Any]) -> None:
        """Undo an update, if a state is set."""
        if operation == "UpdatePool":
            self.updates.append(self.account.clock.monotonic())
            if self.state:
                self.account.cloud.objects[params["id"]] |= {"size": 50, "state": self.state}


@pytest.fixture
def account() -> Account:
    """An account with a pool and its user, in sync."""
    found = Account(kinds={"Pool": POOL, "User": USER}, clock=FakeClock())
    found.settle(application(50))
    return found


@pytest.fixture
def slow(account: Account) -> Slow:
    """The hook of the account."""
    account.cloud.after = hook = Slow(account)
    return hook


def application(size: int) -> Any:
    """Return the pool with a size, and its user."""
    return shop(document("Pool/pool", size=size), document("User/user", pool=ref("Pool/pool")))


def pool(outcome: Outcome) -> Result:
    """Return the result of the pool's step."""
    return next(result for step, result in outcome.results.items() if step.key.kind == "Pool")


def events(account: Account, outcomes: list[Outcome]) -> list[str]:
    """Return the types of the events of the outcomes, in order."""
    reported, types = Reported(), []
    for outcome in outcomes:
        context = Context(time=account.clock.now(), application="shop")
        reported, found = pass_ended(reported, outcome, context)
        types += [event.type for event in found]
    return types


def passes(account: Account, size: int, count: int, pause: float = 5.0) -> list[Outcome]:
    """Make passes with a pause after each."""
    outcomes = []
    for _ in range(count):
        outcomes.append(account.run(application(size)))
        account.clock.advance(pause)
    return outcomes


@pytest.mark.usefixtures("slow")
def test_a_change_that_aws_gives_up_is_a_failed_step_with_its_reason(account: Account) -> None:
    """It is not done, though AWS answered the call."""
    result = pool(account.run(application(80)))
    assert isinstance(result, Failed)
    assert (result.error, result.retry) == ("internal error. Try again.", "slow")


def test_it_is_tried_again_slowly(account: Account, slow: Slow) -> None:
    """One call in fifteen minutes, however often a pass comes."""
    passes(account, 80, 2 * int(SLOW / 5))
    assert [later - slow.updates[0] for later in slow.updates] == [0.0, SLOW]


@pytest.mark.usefixtures("slow")
def test_it_is_no_drift_no_update_and_no_success(account: Account) -> None:
    """The events report a failure, and the difference is pending."""
    types = events(account, passes(account, 80, 20))
    assert not {"drift.detected", "resource.updated", "sync.succeeded"} & set(types)
    assert {one.reason for one in account.run(application(80)).plan.steps[0].fields} == {"pending"}


def test_a_corrected_document_is_sent_at_once(account: Account, slow: Slow) -> None:
    """The document is another one, so AWS is asked again."""
    passes(account, 80, 3)
    slow.state = ""
    account.cloud.named("Pool", "pool").pop("state")  # type: ignore[union-attr]
    passes(account, 60, 2)
    assert account.body("Pool/pool")["size"] == 60


def test_a_change_that_aws_works_on_is_waited_for_without_a_call(account: Account, slow: Slow) -> None:
    """The step is progressing, with AWS's words, and no event calls it updated."""
    slow.state = "busy"
    outcomes = passes(account, 80, 10)
    results = [pool(outcome) for outcome in outcomes]
    assert all(isinstance(one, Progressing) and one.why == "AWS is at work" for one in results)
    assert len(slow.updates) == 1
    assert not {"drift.detected", "resource.updated", "sync.succeeded"} & set(events(account, outcomes))


def test_a_change_that_aws_completes_later_is_reported_then(account: Account, slow: Slow) -> None:
    """One event for the change, when AWS has made it."""
    slow.state = "busy"
    outcomes = passes(account, 80, 3)
    account.body("Pool/pool").update(size=80)
    account.body("Pool/pool").pop("state")
    outcomes += passes(account, 80, 3)
    types = [one for one in events(account, outcomes) if one != "health.changed"]
    assert types == ["sync.started", "resource.updated", "sync.succeeded"]


def test_a_change_that_aws_gives_up_later_is_not_sent_again_at_once(account: Account, slow: Slow) -> None:
    """First in progress, then failed: still one call in fifteen minutes."""
    slow.state = "busy"
    passes(account, 80, 2)
    account.body("Pool/pool")["state"] = "failed"
    results = [pool(outcome) for outcome in passes(account, 80, 5)]
    assert all(isinstance(one, Failed) and one.retry == "slow" for one in results)
    assert len(slow.updates) == 1


def test_a_new_process_tries_once_and_then_slowly(account: Account, slow: Slow) -> None:
    """A restart is no reason for more than one call."""
    passes(account, 80, 3)
    account.restart()
    passes(account, 80, 10)
    assert len(slow.updates) == 2


def test_what_needs_a_resource_under_way_waits_without_a_call(account: Account) -> None:
    """The reason names the resource, and no call is sent that AWS would refuse."""
    account.body("Pool/pool")["state"] = "busy"
    before = list(account.cloud.writes)
    other = document("User/other", pool=ref("Pool/pool"))
    outcome = account.run(shop(document("Pool/pool", size=50), document("User/user", pool=ref("Pool/pool")), other))
    (result,) = outcome.results.values()
    assert result == Progressing(why="waits for Pool/pool: AWS is at work", after=5.0)
    assert account.cloud.writes == before


def test_what_needs_a_resource_that_is_not_there_is_not_sent(account: Account) -> None:
    """A kind that the application may not write is not created, so its user waits for it."""
    gone = document("Pool/gone")
    named = document("User/other", pool="gone")
    only_users = shop(gone, named, manage=("User",))
    outcome = account.run(only_users)
    results = {str(step): result for step, result in outcome.results.items()}
    assert results["User/other"] == Skipped(reason="waits for Pool/gone, which is not there")


def test_a_delete_waits_while_aws_is_at_work(account: Account) -> None:
    """The reason is AWS's, and no call is made."""
    account.body("Pool/pool")["state"] = "busy"
    before = list(account.cloud.writes)
    outcome = account.run(shop(document("Pool/pool", Options(state="absent"), size=50)))
    results = {str(step): result for step, result in outcome.results.items()}
    assert results["Pool/pool"] == Progressing(why="AWS is at work")
    assert not any("Pool" in write for write in account.cloud.writes[len(before) :])
