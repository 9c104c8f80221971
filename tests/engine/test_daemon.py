"""The loop: one application's trouble is its own, a bad source deletes nothing, and the end comes between two calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Options, Origin, Pass, Problem, Snapshot, WithheldReason
from ecsync.core.ports import AwsError, SourceError
from ecsync.engine.reconciler import Catalogue
from tests.engine.house import House, SourceState
from tests.engine.passes import ALL_THERE, document, shop, stack

PATIENCE = 5.0  # seconds of ours that a thread may take before a test fails


@pytest.fixture
def house() -> House:
    """A daemon that nobody has started: the test does what its threads would do."""
    return House()


def problem(application: str = "") -> Problem:
    """Return something wrong with the manifests of an application."""
    return Problem(Origin("shop.yaml", 3), "unknown field", application)


def last_pass(house: House, name: str = "shop") -> Pass:
    """Return what people are told of an application's last pass."""
    state = house.store.application(name)
    assert state is not None
    assert state.last_pass is not None
    return state.last_pass


class TestApplications:
    """Each is on its own."""

    def test_a_new_one_is_looked_at_at_once_and_then_until_it_has_converged(self, house: House) -> None:
        """Nobody has to wait for the first tick."""
        house.declare(shop(*stack()))
        house.work()
        assert house.account.there() == ALL_THERE
        state = house.store.application("shop")
        assert state is not None
        assert state.outcome is not None
        assert (state.outcome.sync, state.outcome.health) == ("Synced", "Healthy")

    def test_without_the_operator_s_consent_it_is_only_observed(self, house: House) -> None:
        """Enforce in the manifest is not enough."""
        house.consents = False
        house.declare(shop(*stack()))
        house.work()
        assert house.account.cloud.writes == []
        assert house.heard.outcomes[-1].sync == "OutOfSync"
        assert last_pass(house).only_looked.startswith("the operator does not let its target be written")
        house.consents = True
        house.work(120)
        assert last_pass(house).only_looked == ""

    def test_why_nothing_is_written_is_said(self, house: House) -> None:
        """It observes, or comes after another that is not in sync."""
        observed = shop(*stack())
        house.declare(replace(observed, sync=replace(observed.sync, mode="observe")))
        house.work(1)
        assert last_pass(house).only_looked == "its mode is observe"
        base = shop(document("Leaf/alone", application="base"), name="base")
        house.declare(replace(base, sync=replace(base.sync, mode="observe")), replace(observed, after=("base",)))
        house.work(120)
        assert last_pass(house).only_looked == "it comes after base, which is OutOfSync"

    def test_a_broken_one_holds_only_itself(self, house: House) -> None:
        """Its manifests are wrong: the others go on, and say nothing of it."""
        broken = shop(document("Leaf/leaf", application="broken"), name="broken")
        house.declare(broken, shop(document("Leaf/alone")), problems=(problem("broken"),))
        house.work(120)
        assert house.account.there() == {"Leaf": ["alone"]}
        assert house.heard.held == [("broken", ("unknown field",)), ("shop", ())]
        assert set(house.heard.passes) >= {("broken", "frozen"), ("shop", "synced")}

    def test_a_problem_of_the_whole_source_holds_everyone(self, house: House) -> None:
        """What cannot be attributed could be about anything."""
        house.declare(shop(*stack()), problems=(problem(),))
        house.work()
        assert house.account.cloud.writes == []

    def test_a_broken_one_goes_on_when_it_is_mended(self, house: House) -> None:
        """A new revision is read at once."""
        house.declare(shop(*stack()), problems=(problem("shop"),), revision="1")
        house.work()
        house.declare(shop(*stack()), revision="2")
        house.work()
        assert house.account.there() == ALL_THERE

    def test_a_poisoned_one_stops_no_other(self, house: House) -> None:
        """An exception that nobody expected is told, and tried again more and more slowly."""
        house.poisoned = {"poison"}
        house.declare(shop(name="poison"), shop(document("Leaf/alone")))
        house.work(600)
        assert house.account.there() == {"Leaf": ["alone"]}
        assert set(house.heard.broken) == {("poison", "a bug")}
        # What an exception says may be anything, a secret too; it goes to the log alone.
        assert last_pass(house, "poison").error == "a bug of ours (ZeroDivisionError); the log has it"
        assert 4 <= len(house.heard.broken) <= 7
        assert house.heard.passes.count(("shop", "synced")) >= 9

    def test_a_poisoned_one_heals(self, house: House) -> None:
        """The queue still has it."""
        house.poisoned = {"shop"}
        house.declare(shop(document("Leaf/alone")))
        house.work()
        house.poisoned = set()
        house.work(300)
        assert house.account.there() == {"Leaf": ["alone"]}

    def test_lost_credentials_are_an_error_and_not_a_bug(self, house: House) -> None:
        """Nothing is written, and it goes on when there are new ones."""

        def expired(operation: str, _: Mapping[str, Any]) -> None:
            raise AwsError("credentials", "ExpiredToken", "expired", operation)

        house.account.cloud.before = expired
        house.declare(shop(document("Leaf/alone")))
        house.work()
        assert house.heard.broken == []
        assert {result for _, result in house.heard.passes} == {"error"}
        assert set(house.heard.failures) == {("shop", "DescribeLeaf: ExpiredToken: expired")}
        assert last_pass(house).reconcile_id
        house.account.cloud.before = lambda *_: None
        house.work(300)
        assert house.account.there() == {"Leaf": ["alone"]}

    def test_a_refused_one_says_why(self, house: House) -> None:
        """A guard stopped it: that is its state."""
        house.account.asserted = False
        house.declare(shop(document("Leaf/alone")))
        house.work(1)
        assert last_pass(house).result == "frozen"
        assert "ECSYNC_ACCOUNT" in last_pass(house).error
        assert "ECSYNC_ACCOUNT" in house.heard.failures[0][1]


class TestSource:
    """What is read, and what is not."""

    @pytest.fixture
    def running(self, house: House) -> House:
        """A daemon that has converged an application that may prune."""
        house.declare(shop(*stack(), prune=True), revision="1")
        house.work(60)
        house.account.cloud.writes.clear()
        return house

    @pytest.mark.parametrize("reason", ["unreachable", "denied", "partial", "empty", "changing"])
    def test_a_source_that_fails_keeps_the_last_good_snapshot(self, running: House, reason: Any) -> None:
        """Passes go on from it, repairs too, and nothing is deleted."""
        last = running.kept.snapshot
        running.kept = SourceState(last, SourceError("it does not answer", reason=reason))
        running.daemon.read_source()
        running.account.body("Leaf/leaf")["colour"] = "blue"
        running.queue.add("shop")
        running.work(1)
        assert running.account.there() == ALL_THERE
        assert running.account.cloud.writes == ["UpdateLeaf leaf"]
        pruning = running.daemon.catalogue.pruning
        assert pruning == f"the source cannot be read ({reason}); nothing is taken as gone"
        assert isinstance(pruning, WithheldReason)
        assert pruning.obstacle == ("empty" if reason == "empty" else "stale_source")

    def test_nothing_is_pruned_from_a_source_that_was_not_read_whole(self, running: House) -> None:
        """Half a release looks like a complete, valid listing."""
        running.catalogue = Catalogue(applications={"shop": shop(document("Leaf/alone"), prune=True)}, revision="2")
        running.kept = SourceState(Snapshot(revision="2", files={}), complete=False)
        running.daemon.read_source()
        running.work(60)
        assert running.account.there() == ALL_THERE
        running.kept = SourceState(running.kept.snapshot)
        running.daemon.read_source()
        running.queue.add("shop")
        running.work(60)
        assert running.account.there() == {"Leaf": ["alone"]}

    def test_nothing_is_pruned_while_any_manifest_is_broken(self, running: House) -> None:
        """What a broken document declares is not known."""
        running.declare(shop(document("Leaf/alone"), prune=True), revision="2", problems=(problem("other"),))
        running.work(60)
        assert running.account.there() == ALL_THERE

    def test_reading_is_timed(self, running: House) -> None:
        """Each reading, and the parsing of what was not known yet."""
        running.heard.timed.clear()
        running.daemon.read_source()
        assert running.heard.timed == ["fetch"]
        running.declare(shop(document("Leaf/alone")), revision="2")
        assert running.heard.timed == ["fetch", "fetch", "parse"]

    def test_before_the_source_was_read_there_is_nothing_to_do(self, house: House) -> None:
        """No snapshot is not an empty one."""
        house.kept = SourceState(None, SourceError("no such directory", reason="unreachable"))
        house.daemon.read_source()
        assert house.queue.depth() == 0
        assert house.store.applications() == ()

    def test_an_application_that_vanished_is_forgotten_and_its_resources_stay(self, running: House) -> None:
        """Only an explicit word removes what is in AWS."""
        running.declare(shop(name="other", prune=True), revision="2")
        running.work(300)
        assert running.account.there() == ALL_THERE
        assert running.heard.forgotten == ["shop"]
        assert [state.name for state in running.store.applications()] == ["other"]
        assert running.heard.passes.count(("shop", "changed")) == 1

    def test_what_has_not_changed_is_not_queued(self, running: House) -> None:
        """A new revision that says the same of an application leaves it to its tick."""
        depth = running.queue.due_in("shop")
        running.declare(shop(*stack(), prune=True), shop(name="other"), revision="2")
        assert running.queue.due_in("shop") == depth
        assert running.queue.due_in("other") == 0.0

    def test_what_changed_overtakes_its_backoff(self, house: House) -> None:
        """A person who mends it does not wait."""
        house.poisoned = {"shop"}
        house.declare(shop(document("Leaf/alone")), revision="1")
        house.work(200)
        assert (house.queue.due_in("shop") or 0) > 10
        house.declare(shop(document("Leaf/alone", colour="red")), revision="2")
        assert house.queue.due_in("shop") == 0.0


class TestThreads:
    """The workers themselves."""

    @pytest.fixture
    def threaded(self) -> Iterator[House]:
        """A daemon whose queue is waited on for real."""
        house = House(wait=threading.Condition.wait)
        yield house
        house.daemon.stop(PATIENCE)

    def test_the_end_comes_between_two_calls(self, threaded: House) -> None:
        """Told to stop while a call is under way: that call is finished, and no other is made."""
        under_way, told = threading.Event(), threading.Event()

        def slow(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateBase":
                under_way.set()
                assert told.wait(PATIENCE)

        threaded.account.cloud.before = slow
        threaded.declare(shop(*stack()[:3]))
        threaded.daemon.start()
        assert under_way.wait(PATIENCE)
        stopper = threading.Thread(target=threaded.daemon.stop, args=(PATIENCE,))
        threaded.queue.close()
        stopper.start()
        told.set()
        stopper.join(PATIENCE)
        assert not stopper.is_alive()
        assert threaded.account.cloud.writes == ["CreateBase base"]

    def test_a_worker_that_does_not_end_is_said(self, threaded: House) -> None:
        """`stop` waits no longer than it may."""
        under_way, release = threading.Event(), threading.Event()

        def stuck(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateLeaf":
                under_way.set()
                assert release.wait(PATIENCE)

        threaded.account.cloud.before = stuck
        threaded.declare(shop(document("Leaf/alone")))
        threaded.daemon.start()
        assert under_way.wait(PATIENCE)
        assert threaded.daemon.stop(0.0) is False
        release.set()
        assert threaded.daemon.stop(PATIENCE) is True

    def test_two_workers_never_have_the_same_application(self, threaded: House) -> None:
        """Asked for again while a pass is under way, it is taken when that one is over."""
        lock = threading.Lock()
        inside: list[str] = []
        together: list[int] = []
        enough = threading.Event()

        def enter(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "DescribeLeaf":
                threaded.queue.add("shop")  # while this pass is under way
                with lock:
                    inside.append(threading.current_thread().name)
                    together.append(len(inside))

        def leave() -> None:
            with lock:
                inside.pop()
            if len(together) >= 20:
                enough.set()

        threaded.account.cloud.before, threaded.heard.leave = enter, leave
        threaded.declare(shop(document("Leaf/alone", Options(suspend=True))))
        threaded.daemon.start()
        assert enough.wait(PATIENCE)
        assert set(together) == {1}
