"""A call that would wait too long for our rate limit: the pass or the step comes later, and nothing has failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.outcome import Done, Failed, Health, Outcome, Plan, Progressing, Result, Skipped
from ecsync.core.ports import AwsError, Deferred
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.requeue import AFTER_CHANGE
from tests.engine.harness import Harness
from tests.engine.passes import ALL_THERE, KINDS, Account, SharedAccount, document, shop, stack

PATIENCE = 5.0  # real seconds that a thread may take before a test fails
Hook = Callable[[str, Mapping[str, Any]], None]


def short(operation: str, *, after_calls: int = 0, times: int = 1, seconds: float = 4.0) -> Hook:
    """Return a hook that puts off so many calls of an operation, after the first ones."""
    calls = 0

    def hook(called: str, _: Mapping[str, Any]) -> None:
        nonlocal calls
        calls += called == operation
        if called == operation and after_calls < calls <= after_calls + times:
            raise Deferred("a-bucket", seconds, f"memory.{operation}")

    return hook


def converged(put_off: int) -> tuple[Account, int]:
    """Return an account after passes until nothing is left to do, and the number of calls; one of them is put off."""
    account, calls = Account(), 0

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal calls
        calls += 1
        if calls == put_off + 1:
            raise Deferred("a-bucket", 4.0, f"memory.{operation}")

    account.cloud.before = hook
    for _ in range(12):
        before = len(account.cloud.writes)
        try:
            outcome = account.run(shop(*stack()))
        except Deferred:
            continue  # the daemon makes the pass again
        if outcome.plan.empty and len(account.cloud.writes) == before:
            return account, calls
        account.clock.advance(15)
    raise AssertionError(f"does not settle: {account.cloud.writes}")


def results(outcome: Outcome) -> dict[str, Result]:
    """Return the result of each step, by its name."""
    return {str(step): result for step, result in outcome.results.items()}


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


@pytest.fixture
def harness() -> Harness:
    """A daemon without threads."""
    return Harness()


class TestStep:
    """A step of a plan that is put off."""

    WAITS = Progressing(why="waits 4.0 s for the rate limit a-bucket (memory.CreateLeaf)", after=4.0, deferred=True)

    def test_a_change_that_waits_ends_the_steps_of_its_kind_and_no_others(self, account: Account) -> None:
        """Other kinds have other rates: what is registered already is rolled out meanwhile."""
        account.cloud.before = short("CreateLeaf")
        found = results(account.run(shop(document("Leaf/a"), document("Leaf/b"), document("Base/base"))))
        assert found == {
            "Leaf/a": self.WAITS,
            "Leaf/b": Skipped(reason=self.WAITS.why),
            "Base/base": Done(),
        }
        assert account.there() == {"Base": ["base"]}

    def test_the_pass_comes_when_there_are_enough_tokens_for_what_is_left(self, account: Account) -> None:
        """The last three changes of a roll-out do not wait for half a burst."""

        def hook(called: str, params: Mapping[str, Any]) -> None:
            if called == "CreateLeaf" and params["name"] != "n0":
                raise Deferred("a-bucket", 10.0, "memory.CreateLeaf", first=2.0, each=2.0)

        account.cloud.before = hook
        found = results(account.run(shop(*(document(f"Leaf/n{number}") for number in range(4)))))
        assert found["Leaf/n1"] == replace(self.WAITS, why=found["Leaf/n1"].why, after=6.0)  # type: ignore[union-attr]

    def test_a_change_that_must_wait_reads_nothing_first(self, account: Account) -> None:
        """What is read before a change is for nothing if the change is not made."""
        account.settle(shop(document("Base/base"), document("Leaf/a")))
        account.clock.advance(60)
        changed = account.declared(shop(document("Base/base", size=5), document("Leaf/a", colour="red")))
        asked: list[str] = []

        def planned(_: Plan) -> None:
            account.cloud.before = lambda called, _params: asked.append(called)

        def ready(service: str, operation: str) -> None:
            if operation == "UpdateLeaf":
                raise Deferred("a-bucket", 4.0, f"{service}.{operation}")

        destination = replace(account.destination(), ready=ready)
        options = PassOptions(enforce=True, planned=planned)
        application = changed.applications["shop"]
        found = results(reconcile(application, changed, destination, account.step_state, options))
        why = self.WAITS.why.replace("CreateLeaf", "UpdateLeaf")
        assert found == {"Base/base": Done(), "Leaf/a": replace(self.WAITS, why=why)}
        assert "UpdateBase" in asked
        assert not [name for name in asked if "Leaf" in name]

    def test_what_depends_on_it_waits(self, account: Account) -> None:
        """As for any step that is not complete."""
        account.cloud.before = short("CreateApp")
        found = results(account.run(shop(*stack())))
        assert found["Leaf/leaf"] == Skipped(reason="waits for App/app, which is not ready")
        assert (found["Base/base"], found["Leaf/alone"]) == (Done(), Done())

    def test_a_read_that_waits_ends_the_pass(self, account: Account) -> None:
        """Every step reads first."""
        account.settle(shop(document("Base/base"), document("Leaf/a")))
        account.clock.advance(60)
        account.cloud.writes.clear()
        changed = shop(document("Base/base", size=5), document("Leaf/a", colour="red"))

        def planned(_: Plan) -> None:
            account.cloud.before = short("DescribeBase")

        found = results(account.run(changed, planned=planned))
        why = "waits 4.0 s for the rate limit a-bucket (memory.DescribeBase)"
        assert found["Base/base"] == Progressing(why=why, after=4.0, deferred=True)
        assert found["Leaf/a"] == Skipped(reason=why)
        assert account.cloud.writes == []
        account.settle(changed)
        assert account.cloud.writes == ["UpdateBase base", "TagBase base", "UpdateLeaf a", "TagLeaf a"]

    def test_a_change_that_was_not_sent_is_no_reason_to_read_everything_again(self, account: Account) -> None:
        """The next pass takes what this one has read."""
        account.settle(shop(document("Base/base"), document("Leaf/a")))
        written = account.step_state.written
        account.cloud.before = short("UpdateLeaf")
        account.run(shop(document("Base/base"), document("Leaf/a", colour="red")))
        assert account.step_state.written == written
        assert account.step_state.unread == set()

    def test_wherever_it_waits_nothing_is_lost_and_nothing_is_done_twice(self) -> None:
        """Each call of the whole work, read or write, is put off once: the same changes are made in the end."""
        undisturbed, calls = converged(put_off=-1)
        for number in range(calls):
            account, _ = converged(put_off=number)
            assert account.there() == ALL_THERE
            assert sorted(account.cloud.writes) == sorted(undisturbed.cloud.writes), f"call {number} was put off"

    def test_a_resource_that_failed_before_stays_degraded(self, account: Account) -> None:
        """Its retry waits for the rate limit: the error is still the last result of a call."""

        def fail(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateLeaf":
                raise AwsError("transient", "ServerException", "no", "memory.CreateLeaf")

        account.cloud.before = fail
        account.run(shop(document("Leaf/a")))
        account.clock.advance(60)
        account.cloud.before = short("CreateLeaf")
        outcome = account.run(shop(document("Leaf/a")))
        expected = Failed(error="memory.CreateLeaf: ServerException: no", retry="soon", after=4.0, sent=False)
        assert results(outcome) == {"Leaf/a": expected}
        assert outcome.health == "Degraded"

    @pytest.mark.parametrize(("put_off", "looked"), [(True, 0), (False, 1)])
    def test_what_is_not_healthy_yet_is_not_read_again_while_a_change_waits(self, put_off: bool, looked: int) -> None:
        """The passes of a roll-out come with the tokens: their reads would use up the rates of the whole site."""
        kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], health=lambda *_: Health(status="Progressing", why="starts"))}
        account = SharedAccount(kinds=kinds)
        declared = [shop(document("Leaf/a"), document("Base/base", size=size)) for size in (1, 2)]
        for seconds in (0.0, 15.0, 15.0):
            account.run(declared[0])
            account.clock.advance(seconds)
        account.cloud.before = short("UpdateBase", times=2) if put_off else lambda *_: None
        account.run(declared[1])
        account.clock.advance(11)
        assert account.inventory is not None
        before = account.inventory.reads.copy()
        outcome = account.run(declared[1])
        assert outcome.health == "Progressing"
        read = account.inventory.reads - before
        assert sum(count for (name, _), count in read.items() if name == "memory.DescribeLeaf") == looked


def test_a_pass_that_may_wait_has_a_thread_of_its_own_and_the_stop_waits_for_it() -> None:
    """It keeps no worker from other sites."""
    harness = Harness(wait=threading.Condition.wait)
    under_way, release = threading.Event(), threading.Event()
    put_off = short("DescribeLeaf", seconds=0.0)
    names: list[str] = []

    def hook(operation: str, params: Mapping[str, Any]) -> None:
        put_off(operation, params)
        if operation == "DescribeLeaf":
            names.append(threading.current_thread().name)
            under_way.set()
            assert release.wait(PATIENCE)

    harness.account.cloud.before = hook
    harness.declare(shop(document("Leaf/alone")))
    harness.daemon.start()
    assert under_way.wait(PATIENCE)
    assert names == ["pass-shop"]
    assert harness.daemon.stop(0.0) is False
    release.set()
    assert harness.daemon.stop(PATIENCE) is True


class TestPass:
    """A pass of the daemon that is put off."""

    def test_it_is_no_failure_and_the_last_result_stays(self, harness: Harness) -> None:
        """No event, no backoff, no status: it is counted, and comes again when the tokens are there."""
        harness.declare(shop(document("Leaf/alone")))
        harness.work(AFTER_CHANGE)
        before, passes = harness.store.application("shop"), list(harness.recorded.passes)
        harness.account.cloud.before = short("DescribeLeaf", times=2)
        assert [harness.next_pass() for _ in range(3)] == [60.0, 4.0, 4.0]
        assert harness.recorded.deferrals == [("shop", "a-bucket")] * 2
        assert harness.recorded.passes == [*passes, ("shop", "synced")]
        assert (harness.recorded.failures, harness.recorded.internal_errors) == ([], [])
        assert before is not None
        assert before.outcome is not None
        assert before.outcome.sync == "Synced"

    def test_the_state_that_the_api_shows_is_that_of_the_last_result(self, harness: Harness) -> None:
        """Also while it is put off again and again."""
        harness.declare(shop(document("Leaf/alone")))
        harness.work(AFTER_CHANGE)
        before = harness.store.application("shop")
        harness.account.cloud.before = short("DescribeLeaf", times=1000)
        harness.work(300)
        assert harness.store.application("shop") == before

    def test_an_identity_that_waits_puts_the_pass_off(self, harness: Harness) -> None:
        """The account is read with a call too."""
        harness.before_destination = lambda: short("GetCallerIdentity")("GetCallerIdentity", {})
        harness.declare(shop(document("Leaf/alone")))
        assert [harness.next_pass() for _ in range(2)] == [0.0, 4.0]
        assert harness.recorded.failures == []

    def test_a_listing_that_waits_puts_the_pass_off(self, harness: Harness) -> None:
        """It does not count as incomplete: nothing is held for it."""
        harness.account.cloud.before = short("ListLeaf")
        harness.declare(shop(document("Leaf/alone"), prune=True))
        harness.work(10)
        assert [outcome.plan.incomplete for outcome in harness.recorded.outcomes] == ["", ""]

    def test_a_step_that_waits_sets_the_time_of_the_next_pass(self, harness: Harness) -> None:
        """After other changes too: a pass for each token would read everything each time."""
        harness.account.cloud.before = short("CreateLeaf")
        harness.declare(shop(document("Leaf/alone"), document("Base/base")))
        assert [harness.next_pass() for _ in range(3)] == [0.0, 4.0, AFTER_CHANGE]
        assert harness.account.there() == {"Base": ["base"], "Leaf": ["alone"]}

    def test_a_new_revision_of_an_application_that_was_put_off_is_reconciled(self, harness: Harness) -> None:
        """When the tokens are there."""
        harness.account.cloud.before = short("DescribeLeaf")
        app = shop(document("Leaf/alone"))
        harness.declare(app, revision="1")
        harness.next_pass()
        harness.declare(replace(app, resources=(document("Leaf/other"),)), revision="2")
        assert harness.next_pass() == 4.0
        assert harness.account.there() == {"Leaf": ["other"]}
