"""The daemon: applications do not affect each other, a bad source deletes nothing, and it stops between two calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Options, Origin, Problem
from ecsync.core.outcome import PassResult, ReadOnly, WithheldReason
from ecsync.core.ports import AwsError, Snapshot, SourceError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.daemon_parts import read_only_reason
from ecsync.engine.requeue import AFTER_CHANGE
from ecsync.testing import MemoryCloud
from tests.engine.harness import Harness, SourceState
from tests.engine.passes import ALL_THERE, TARGET, document, shop, stack

PATIENCE = 5.0  # real seconds that a thread may take before a test fails


@pytest.fixture
def harness() -> Harness:
    """A daemon without threads: the test does what its threads would do."""
    return Harness()


def problem(application: str = "") -> Problem:
    """Return a problem of the manifests of an application."""
    return Problem(Origin("shop.yaml", 3), "unknown field", application)


def expired(operation: str, _: Mapping[str, Any]) -> None:
    """Fail a call as expired credentials do."""
    raise AwsError("credentials", "ExpiredToken", "expired", operation)


class TestApplications:
    """Each application has its own passes and its own errors."""

    def test_a_new_one_is_reconciled_at_once_until_it_has_converged(self, harness: Harness) -> None:
        """The first pass does not wait for the interval."""
        harness.declare(shop(*stack()))
        harness.work()
        assert harness.account.there() == ALL_THERE
        state = harness.store.application("shop")
        assert state is not None
        assert state.outcome is not None
        assert (state.outcome.sync, state.outcome.health) == ("Synced", "Healthy")

    def test_without_the_operator_s_consent_it_is_only_observed(self, harness: Harness) -> None:
        """`sync.mode: enforce` in the manifest is not enough."""
        harness.consents = False
        harness.declare(shop(*stack()))
        harness.work()
        assert harness.account.cloud.writes == []
        assert harness.recorded.outcomes[-1].sync == "OutOfSync"
        assert harness.last_pass().only_looked.startswith("read-only: the operator has not enabled writes")
        harness.consents = True
        harness.work(120)
        assert harness.last_pass().only_looked == ""

    def test_a_read_only_pass_has_its_reason(self, harness: Harness) -> None:
        """The mode is observe, or an application that comes first is not in sync."""
        observed = shop(*stack())
        harness.declare(replace(observed, sync=replace(observed.sync, mode="observe")))
        harness.work(1)
        assert harness.last_pass().only_looked == "read-only: sync.mode is observe"
        assert isinstance(harness.last_pass().only_looked, ReadOnly)
        base = shop(document("Leaf/alone", application="base"), name="base")
        harness.declare(replace(base, sync=replace(base.sync, mode="observe")), replace(observed, after=("base",)))
        harness.work(120)
        assert harness.last_pass().only_looked == "read-only: it comes after base, which is OutOfSync"

    def test_it_waits_for_the_first_pass_of_what_it_comes_after(self, harness: Harness) -> None:
        """Nothing is written while the state of the other application is unknown."""
        harness.broken = {"base"}
        harness.declare(shop(name="base"), replace(shop(*stack()), after=("base",)))
        harness.work(1)
        expected = "read-only: it comes after base, which has not been reconciled yet"
        assert harness.last_pass().only_looked == expected
        assert harness.account.cloud.writes == []

    def test_an_invalid_one_affects_only_itself(self, harness: Harness) -> None:
        """Its manifests are not valid: the other applications are reconciled, and have no problem."""
        broken = shop(document("Leaf/leaf", application="broken"), name="broken")
        harness.declare(broken, shop(document("Leaf/alone")), problems=(problem("broken"),))
        harness.work(120)
        assert harness.account.there() == {"Leaf": ["alone"]}
        assert harness.recorded.held == [("broken", ("unknown field",)), ("shop", ())]
        assert set(harness.recorded.passes) >= {("broken", "frozen"), ("shop", "synced")}
        assert harness.last_pass("broken").error == "not reconciled: its manifests are not valid"

    def test_a_problem_of_the_whole_source_holds_every_application(self, harness: Harness) -> None:
        """A problem without an application may concern any of them."""
        harness.declare(shop(*stack()), problems=(problem(),))
        harness.work()
        assert harness.account.cloud.writes == []

    def test_a_corrected_one_is_reconciled_again(self, harness: Harness) -> None:
        """A new revision is applied at once."""
        harness.declare(shop(*stack()), problems=(problem("shop"),), revision="1")
        harness.work()
        harness.declare(shop(*stack()), revision="2")
        harness.work()
        assert harness.account.there() == ALL_THERE

    def test_lost_credentials_are_no_internal_error(self, harness: Harness) -> None:
        """Nothing is written, and the passes succeed when the credentials are valid again."""
        harness.account.cloud.before = expired
        harness.declare(shop(document("Leaf/alone")))
        harness.work()
        assert harness.recorded.internal_errors == []
        assert {result for _, result in harness.recorded.passes} == {"error"}
        assert set(harness.recorded.failures) == {("shop", "DescribeLeaf: ExpiredToken: expired")}
        assert harness.last_pass().reconcile_id
        harness.account.cloud.before = lambda *_: None
        harness.work(300)
        assert harness.account.there() == {"Leaf": ["alone"]}

    def test_a_refused_one_has_the_reason(self, harness: Harness) -> None:
        """A guard stopped it: the state and the event contain its message."""
        harness.account.asserted = False
        harness.declare(shop(document("Leaf/alone")))
        harness.work(1)
        assert harness.last_pass().result == "frozen"
        assert "ECSYNC_ACCOUNT" in harness.last_pass().error
        assert "ECSYNC_ACCOUNT" in harness.recorded.failures[0][1]


class TestRequeue:
    """Every pass is followed by another one, and no timer is needed for it."""

    def test_after_a_pass_the_interval_passes(self, harness: Harness) -> None:
        """In sync: the next pass comes after the interval, again and again."""
        harness.declare(shop(document("Leaf/alone")))
        harness.work(AFTER_CHANGE)
        assert [harness.next_pass() for _ in range(3)] == [60.0] * 3

    def test_a_new_interval_takes_effect_at_once(self, harness: Harness) -> None:
        """The changed manifest queues the application, and its next pass comes after the new interval."""
        slow, fast = shop(document("Leaf/alone")), shop(document("Leaf/alone"))
        harness.declare(replace(slow, sync=replace(slow.sync, interval=600.0)), revision="1")
        harness.work()
        harness.declare(replace(fast, sync=replace(fast.sync, interval=20.0)), revision="2")
        assert [harness.next_pass() for _ in range(3)] == [0.0, 20.0, 20.0]

    def test_an_invalid_one_is_requeued(self, harness: Harness) -> None:
        """Its status is written again after each interval."""
        harness.declare(shop(*stack()), problems=(problem("shop"),))
        assert [harness.next_pass() for _ in range(3)] == [0.0, 60.0, 60.0]

    def test_an_internal_error_stops_no_other_application(self, harness: Harness) -> None:
        """An unexpected exception is recorded, and the pass is retried with a growing delay."""
        harness.broken = {"broken"}
        harness.declare(shop(name="broken"), shop(document("Leaf/alone")))
        harness.work(600)
        assert harness.account.there() == {"Leaf": ["alone"]}
        assert set(harness.recorded.internal_errors) == {("broken", "the exception of the test")}
        # The text of an exception may hold a secret: it is only in the log.
        assert harness.last_pass("broken").error == "an internal error (ZeroDivisionError): see the log"
        assert 4 <= len(harness.recorded.internal_errors) <= 7
        assert harness.recorded.passes.count(("shop", "synced")) >= 9

    def test_after_an_internal_error_the_delay_grows_up_to_five_minutes(self, harness: Harness) -> None:
        """No timer cuts the backoff short."""
        harness.broken = {"shop"}
        harness.declare(shop(document("Leaf/alone")))
        assert [harness.next_pass() for _ in range(8)] == [0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]

    def test_after_an_internal_error_it_recovers(self, harness: Harness) -> None:
        """The application is still queued."""
        harness.broken = {"shop"}
        harness.declare(shop(document("Leaf/alone")))
        harness.work()
        harness.broken = set()
        harness.work(300)
        assert harness.account.there() == {"Leaf": ["alone"]}

    def test_an_exception_that_ends_the_thread_requeues_it(self, harness: Harness) -> None:
        """Even if the recorder raises, the application stays in the queue."""
        harness.declare(shop(document("Leaf/alone")))

        def ends_the_thread() -> None:
            raise SystemExit

        harness.recorded.on_finished = ends_the_thread
        with pytest.raises(SystemExit):
            harness.next_pass()
        harness.recorded.on_finished = lambda: None
        assert harness.next_pass() == 5.0

    def test_a_lost_claim_requeues_it(self, harness: Harness) -> None:
        """The pass stops before its next mutating call, and another pass follows."""
        harness.declare(shop(document("Leaf/alone")))
        claim = harness.queue.take(0)
        assert claim is not None
        claim.done()  # the claim is lost
        harness.daemon.once(claim)
        assert harness.account.cloud.writes == []
        harness.work(120)
        assert harness.account.there() == {"Leaf": ["alone"]}

    def test_one_that_is_not_declared_any_more_is_not_requeued(self, harness: Harness) -> None:
        """Its claim ends without another pass."""
        harness.declare(shop(document("Leaf/alone")), revision="1")
        claim = harness.queue.take(0)
        assert claim is not None
        harness.declare(revision="2")
        harness.daemon.once(claim)
        assert harness.queue.take(10_000) is None

    def test_a_changed_manifest_ends_its_backoff(self, harness: Harness) -> None:
        """A corrected application is reconciled at once."""
        harness.broken = {"shop"}
        harness.declare(shop(document("Leaf/alone")), revision="1")
        harness.work(200)
        assert harness.queue.take(10) is None
        harness.declare(shop(document("Leaf/alone", colour="red")), revision="2")
        assert harness.next_pass() == 0.0

    def test_what_has_not_changed_is_not_queued(self, harness: Harness) -> None:
        """A new revision with the same application leaves it to its interval."""
        harness.declare(shop(*stack()), revision="1")
        harness.work(60)
        harness.declare(shop(*stack()), shop(name="other"), revision="2")
        claim = harness.queue.take(0)
        assert claim is not None
        assert claim.key == "other"
        assert harness.queue.take(0) is None

    def test_a_read_that_fails_half_way_is_done_again(self, harness: Harness) -> None:
        """An exception while a revision is made current queues every application at the next read."""
        harness.broken_targets = True
        harness.declare(shop(document("Leaf/alone")), revision="1")
        assert harness.queue.take(0) is None
        harness.broken_targets = False
        harness.daemon.read_source()
        assert harness.next_pass() == 0.0


def assert_repairs_drift(running: Harness) -> None:
    """Assert that a drift is repaired, and that nothing else is written."""
    running.account.body("Leaf/leaf")["colour"] = "blue"
    running.queue.add("shop")
    running.work(1)
    assert running.account.there() == ALL_THERE
    assert running.account.cloud.writes == ["UpdateLeaf leaf"]


class TestSource:
    """What a read of the source changes, and what it does not."""

    @pytest.fixture
    def running(self, harness: Harness) -> Harness:
        """A daemon that has converged an application that may prune."""
        harness.declare(shop(*stack(), prune=True), revision="1")
        harness.work(60)
        harness.account.cloud.writes.clear()
        return harness

    @pytest.mark.parametrize("reason", ["unreachable", "denied", "partial", "empty", "changing"])
    def test_a_source_that_fails_keeps_the_last_good_snapshot(self, running: Harness, reason: Any) -> None:
        """Passes continue with it and repair drift, and nothing is deleted."""
        last = running.source_state.snapshot
        running.source_state = SourceState(last, SourceError("no response", reason=reason))
        running.daemon.read_source()
        assert_repairs_drift(running)
        pruning = running.daemon.catalogue.pruning
        assert pruning == f"nothing will be deleted: the source cannot be read ({reason})"
        assert isinstance(pruning, WithheldReason)
        assert pruning.obstacle == ("empty" if reason == "empty" else "stale_source")

    def test_a_newer_commit_that_is_not_signed_holds_deletions(self, running: Harness) -> None:
        """The older revision is taken. What it lacks may be declared by the newer one."""
        running.catalogue = Catalogue(applications={"shop": shop(document("Leaf/alone"), prune=True)}, revision="2")
        signed = Snapshot(revision="2", files={}, durable=True)
        running.source_state = SourceState(signed, SourceError("no", reason="unsigned", snapshot=signed))
        running.daemon.read_source()
        running.work(60)
        assert running.daemon.catalogue.revision == "2"
        assert [one for one in running.account.cloud.writes if one.startswith("Delete")] == []
        text = "nothing will be deleted: the source has a newer commit that is not signed"
        assert running.daemon.catalogue.pruning == text

    @pytest.mark.parametrize("broken", ["broken_reader", "broken_loader"])
    def test_an_exception_of_the_reader_or_the_loader_is_a_failed_source(self, running: Harness, broken: str) -> None:
        """The last good manifests stay in force: drift is repaired, and nothing is deleted."""
        running.catalogue = Catalogue(applications={"shop": shop(document("Leaf/alone"), prune=True)}, revision="2")
        running.source_state = SourceState(Snapshot(revision="2", files={}))
        setattr(running, broken, TypeError("can only join an iterable: secret-4711"))
        running.daemon.read_source()
        assert_repairs_drift(running)
        state = running.daemon.source_state
        assert state is not None
        assert str(state.error) == "an internal error (TypeError): see the log"
        assert running.recorded.sources[-1] == "internal"
        assert running.daemon.catalogue.pruning == "nothing will be deleted: the source cannot be read (internal)"

    def test_a_source_recovers_from_an_exception(self, running: Harness) -> None:
        """The next read that succeeds is applied."""
        running.broken_loader = TypeError("on purpose")
        running.declare(shop(document("Leaf/alone"), prune=True), revision="2")
        running.broken_loader = None
        running.daemon.read_source()
        running.work(60)
        assert running.recorded.sources[-2:] == ["internal", ""]
        assert running.account.there() == {"Leaf": ["alone"]}

    def test_nothing_is_pruned_from_a_source_that_was_not_read_whole(self, running: Harness) -> None:
        """Half a release looks like a complete, valid listing."""
        running.catalogue = Catalogue(applications={"shop": shop(document("Leaf/alone"), prune=True)}, revision="2")
        running.source_state = SourceState(Snapshot(revision="2", files={}), complete=False)
        running.daemon.read_source()
        running.work(60)
        assert running.account.there() == ALL_THERE
        running.source_state = SourceState(running.source_state.snapshot)
        running.daemon.read_source()
        running.queue.add("shop")
        running.work(60)
        assert running.account.there() == {"Leaf": ["alone"]}

    def test_nothing_is_pruned_while_any_manifest_is_invalid(self, running: Harness) -> None:
        """What an invalid document declares is not known."""
        running.declare(shop(document("Leaf/alone"), prune=True), revision="2", problems=(problem("other"),))
        running.work(60)
        assert running.account.there() == ALL_THERE
        assert running.daemon.catalogue.pruning == "nothing will be deleted: shop.yaml:3 is not valid"

    def test_reading_is_timed(self, running: Harness) -> None:
        """Each read is timed; parsing only for a new revision."""
        running.recorded.timed.clear()
        running.daemon.read_source()
        assert running.recorded.timed == ["fetch"]
        running.declare(shop(document("Leaf/alone")), revision="2")
        assert running.recorded.timed == ["fetch", "fetch", "parse"]

    def test_without_a_snapshot_nothing_is_queued(self, harness: Harness) -> None:
        """No snapshot is different from an empty one."""
        harness.source_state = SourceState(None, SourceError("no such directory", reason="unreachable"))
        harness.daemon.read_source()
        assert harness.queue.depth() == 0
        assert harness.store.applications() == ()

    def test_an_application_that_left_the_source_is_forgotten_and_its_resources_stay(self, running: Harness) -> None:
        """Nothing in AWS is deleted because an Application document is gone."""
        running.declare(shop(name="other", prune=True), revision="2")
        running.work(300)
        assert running.account.there() == ALL_THERE
        assert running.recorded.forgotten == ["shop"]
        left = running.recorded.left["shop"]
        assert left is not None
        assert left.target == TARGET
        assert sorted(map(str, left.resources)) == ["App/app", "Base/base", "Leaf/alone", "Leaf/leaf"]
        assert [state.name for state in running.store.applications()] == ["other"]
        assert running.recorded.passes.count(("shop", "changed")) == 1


@pytest.mark.parametrize("part", ["account", "region"])
def test_an_application_that_moves_shows_what_it_leaves_until_it_is_back(harness: Harness, part: str) -> None:
    """What is only looked up is not left behind, and nothing that was known of the old place is used."""
    net = document("Net/net")
    harness.account.cloud.objects["Net-0"] = {"name": "net"}
    harness.declare(shop(net, *stack()))
    harness.work()
    there = harness.account.cloud
    harness.account.cloud = MemoryCloud()
    harness.target = replace(TARGET, **{part: "999999999999"})
    harness.work(120)
    names = ["App/app", "Base/base", "Leaf/alone", "Leaf/leaf"]
    assert harness.recorded.moves == [("shop", names, str(harness.target))]
    state = harness.store.application("shop")
    assert state is not None
    (left,) = state.left_behind
    assert (left.target, sorted(map(str, left.resources))) == (TARGET, names)
    assert harness.account.there() == ALL_THERE
    harness.account.cloud, harness.target = there, TARGET
    harness.work(120)
    state = harness.store.application("shop")
    assert state is not None
    assert [one.target for one in state.left_behind] == [replace(TARGET, **{part: "999999999999"})]
    assert len(harness.recorded.moves) == 2


def test_an_application_that_is_back_before_a_pass_elsewhere_made_a_plan_leaves_nothing_behind(
    harness: Harness,
) -> None:
    """Elsewhere its credentials were refused."""
    harness.declare(shop(*stack()))
    harness.work()
    harness.account.cloud.before = expired
    harness.target = replace(TARGET, region="us-east-1")
    harness.work(120)
    state = harness.store.application("shop")
    assert state is not None
    assert [one.target for one in state.left_behind] == [TARGET]
    harness.account.cloud.before = lambda *_: None
    harness.target = TARGET
    harness.work(120)
    state = harness.store.application("shop")
    assert state is not None
    assert state.outcome is not None
    assert (state.left_behind, state.outcome.sync) == ((), "Synced")


@pytest.mark.parametrize(("kind", "result"), [("throttled", "throttled"), ("transient", "error"), ("denied", "error")])
def test_a_pass_without_a_plan_has_the_result_of_its_error(harness: Harness, kind: Any, result: PassResult) -> None:
    """Throttled calls are counted apart from other errors."""

    def fail() -> None:
        raise AwsError(kind, "Code", "no", "sts.GetCallerIdentity")

    harness.before_destination = fail
    harness.declare(shop(document("Leaf/alone")))
    harness.work(1)
    assert harness.recorded.passes == [("shop", result)]
    assert harness.last_pass().error == "sts.GetCallerIdentity: Code: no"


class TestThreads:
    """The daemon on its own threads."""

    @pytest.fixture
    def threaded(self) -> Iterator[Harness]:
        """A daemon with a queue that waits in real time."""
        harness = Harness(wait=threading.Condition.wait)
        yield harness
        harness.daemon.stop(PATIENCE)

    def test_it_stops_between_two_calls(self, threaded: Harness) -> None:
        """A call under way is finished when the daemon stops, and no other call is made."""
        under_way, stopped = threading.Event(), threading.Event()

        def slow(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateBase":
                under_way.set()
                assert stopped.wait(PATIENCE)

        threaded.account.cloud.before = slow
        threaded.declare(shop(*stack()[:3]))
        threaded.daemon.start()
        assert under_way.wait(PATIENCE)
        stopper = threading.Thread(target=threaded.daemon.stop, args=(PATIENCE,))
        threaded.queue.close()
        stopper.start()
        stopped.set()
        stopper.join(PATIENCE)
        assert not stopper.is_alive()
        assert threaded.account.cloud.writes == ["CreateBase base"]

    def test_a_read_that_is_asked_for_waits_for_no_interval(self, threaded: Harness) -> None:
        """Of many that are asked for during a read, one read follows it."""
        begun, go_on, twice = threading.Event(), threading.Event(), threading.Event()
        reads: list[int] = []

        def refresh() -> SourceState:
            reads.append(len(reads))
            begun.set()
            assert go_on.wait(PATIENCE)
            if len(reads) == 2:
                twice.set()
            return threaded.source_state

        threaded.refresh = refresh  # type: ignore[method-assign]
        threaded.daemon.start()  # the interval is 30 s
        assert begun.wait(PATIENCE)
        for _ in range(1000):
            threaded.daemon.read_now()
        go_on.set()
        assert twice.wait(PATIENCE)
        assert threaded.daemon.stop(PATIENCE)
        assert reads == [0, 1]

    def test_stop_returns_false_for_a_worker_that_does_not_end(self, threaded: Harness) -> None:
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

    def test_two_workers_never_have_the_same_application(self, threaded: Harness) -> None:
        """An application that is queued during its pass is taken when the pass is over."""
        lock = threading.Lock()
        inside: list[str] = []
        together: list[int] = []
        enough = threading.Event()

        def enter(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "DescribeLeaf":
                threaded.queue.add("shop")  # during this pass
                with lock:
                    inside.append(threading.current_thread().name)
                    together.append(len(inside))

        def leave() -> None:
            with lock:
                inside.pop()
            if len(together) >= 20:
                enough.set()

        threaded.account.cloud.before, threaded.recorded.on_finished = enter, leave
        threaded.declare(shop(document("Leaf/alone", Options(suspend=True))))
        threaded.daemon.start()
        assert enough.wait(PATIENCE)
        assert set(together) == {1}


def test_a_retry_sends_at_once_what_failed() -> None:
    """Denied calls are otherwise sent again after 15 minutes; a retry of another resource does not send them."""
    harness = Harness()
    harness.declare(shop(document("Leaf/a"), document("Leaf/b")))
    harness.account.cloud.before = denied
    harness.work(10)
    assert harness.account.there() == {}
    harness.account.cloud.before = lambda *_: None
    assert harness.daemon.retry("shop", "Leaf/a") == ""
    harness.work(10)
    assert harness.account.there() == {"Leaf": ["a"]}
    assert harness.daemon.retry("shop") == ""
    harness.work(10)
    assert harness.account.there() == {"Leaf": ["a", "b"]}


def test_a_retry_of_what_is_not_declared_is_refused() -> None:
    """With the name."""
    harness = Harness()
    harness.declare(shop(document("Leaf/a")))
    assert "'blog' is not declared" in harness.daemon.retry("blog")
    assert "'Leaf/x' is not declared in application 'shop'" in harness.daemon.retry("shop", "Leaf/x")


def denied(operation: str, _params: object) -> None:
    """Refuse every creation."""
    if operation.startswith("Create"):
        raise AwsError("denied", "AccessDenied", "no", f"memory.{operation}")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"mode": "observe"}, "observe"),
        ({"consents": False}, "not_enabled"),
        ({"unheld": "held by other"}, "lease"),
        ({"suspend": "load test"}, "suspended"),
        ({"frozen": "frozen by ada"}, "frozen"),
        ({"waits": "it comes after base"}, "after"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_reason_why_nothing_is_written_has_a_code(harness: Harness, change: dict[str, Any], code: str) -> None:
    """One of a closed set, for metrics; the first of several."""
    application = shop()
    application = replace(
        application,
        sync=replace(application.sync, mode=change.get("mode", "enforce")),
        suspend=change.get("suspend", ""),
    )
    harness.consents, harness.unheld = change.get("consents", True), change.get("unheld", "")
    parts = replace(harness.daemon._parts, frozen=lambda _: change.get("frozen", ""))
    found = read_only_reason(parts, application, change.get("waits", ""))
    assert getattr(found, "code", "") == code
    assert found.startswith("read-only: ") == bool(code)
