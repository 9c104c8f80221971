"""Where the lease is checked: right before a write is sent, after the wait for a rate token."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.outcome import Outcome, Progressing, Skipped
from ecsync.core.ports import WritesStopped
from ecsync.lease.keeper import Keeper, State, Timing
from ecsync.lease.records import RecordLease
from ecsync.report.metrics import Metrics
from ecsync.testing import FakeClock
from ecsync.wiring.watched import LeaseRounds
from tests.aws import fake_aws
from tests.engine.harness import Harness
from tests.engine.passes import ALL_THERE, Account, shop, stack
from tests.lease.memory_store import MemoryStore, holder, lease, lost

WHY = "nothing more is written: the lease is held by other"


def stop_after(account: Account, writes: int) -> None:
    """Lose the lease after so many writes."""
    sent = account.cloud.write

    def write(service: str, operation: str, /, **params: Any) -> Any:
        if len(account.cloud.writes) >= writes:
            raise WritesStopped(WHY)
        return sent(service, operation, **params)

    account.cloud.write = write  # type: ignore[method-assign]


def after(writes: int) -> tuple[Account, Outcome]:
    """Return an account and the outcome of a pass that lost the lease after so many writes."""
    account = Account()
    stop_after(account, writes)
    return account, account.run(shop(*stack()))


class TestPass:
    """A pass that loses the lease."""

    @pytest.mark.parametrize("writes", range(6))
    def test_it_makes_no_further_write(self, writes: int) -> None:
        """The step under way waits, and the steps after it are not tried."""
        account, outcome = after(writes)
        assert len(account.cloud.writes) == writes
        results = list(outcome.results.values())
        stopped = next(index for index, one in enumerate(results) if isinstance(one, Progressing) and one.why == WHY)
        assert all(isinstance(one, Skipped) for one in results[stopped + 1 :])

    @pytest.mark.parametrize("writes", range(6))
    def test_a_new_process_continues(self, writes: int) -> None:
        """As after a kill at the same place: what is there is not created again."""
        account, _ = after(writes)
        del account.cloud.write
        account.restart()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4

    def test_a_resource_that_another_process_creates_meanwhile_is_not_ours(self) -> None:
        """The call was not sent: a later difference is not taken for an unfinished create of this process."""
        account, _ = after(0)
        assert account.step_state.unconfirmed == set()


class TestCloud:
    """The one place where writes go out."""

    def test_a_write_without_a_permit_is_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reads are."""
        fake = fake_aws.FakeAws.installed(monkeypatch)
        fake.answer("DescribeServices", {"services": []})

        def refuse() -> None:
            raise WritesStopped(WHY)

        cloud = fake_aws.cloud(permit=refuse)
        with pytest.raises(WritesStopped):
            cloud.write("ecs", "UpdateService", service="web")
        cloud.call("ecs", "DescribeServices", services=["web"])
        assert [one.operation for one in fake.sent] == ["DescribeServices"]


class TestDaemon:
    """A daemon that does not hold the lease."""

    def test_it_observes_and_writes_when_it_holds_it(self) -> None:
        """It reports the drift and who holds the lease; then every application is looked at again at once."""
        harness = Harness()
        harness.unheld = "held by other"
        harness.declare(shop(*stack()))
        harness.work(1)
        found = harness.store.application("shop")
        assert found is not None
        assert found.last_pass is not None
        assert found.last_pass.only_looked == "read-only: the lease is held by other"
        assert found.outcome is not None
        assert found.outcome.sync == "OutOfSync"
        assert harness.account.cloud.writes == []
        harness.unheld = ""
        harness.daemon.look_again()
        harness.work(30)
        assert harness.account.there() == ALL_THERE


class TestKeeper:
    """The state of the lease, and its changes."""

    TIMING = Timing(period=40.0)

    def test_a_write_needs_the_time_that_it_may_take(self) -> None:
        """Twenty seconds before the end, nothing is written any more."""
        clock = FakeClock()
        keeper = Keeper(lease(MemoryStore(), "one", clock), self.TIMING)
        keeper.round()
        clock.advance(3.9)
        keeper.permit()
        clock.advance(0.2)
        with pytest.raises(WritesStopped, match="ends too soon"):
            keeper.permit()

    def test_each_change_is_reported_once(self) -> None:
        """Taken, then lost to a holder that gave a reason, then taken again."""
        clock, store, changes = FakeClock(), MemoryStore(), []
        keeper = Keeper(lease(store, "one", clock), self.TIMING, lambda _, now: changes.append(now))
        taken = []
        keeper._taken = lambda: taken.append(1)
        forced = lease(store, "forced", clock, reason="incident 7")
        keeper.round()
        keeper.round()
        forced.keep(force=True)
        keeper.round()
        keeper.round()
        forced.release()
        keeper.round()
        assert changes == [State(held=True), State(holder=holder("forced", "incident 7")), State(held=True)]
        assert len(taken) == 2

    def test_every_round_is_counted_by_what_it_found(self) -> None:
        """Held, held by another process, or an error; the age is that of the last round that held it."""
        clock, store = FakeClock(), MemoryStore()
        metrics = Metrics(version="1")
        rounds = LeaseRounds(metrics=metrics, clock=clock)
        keeper = Keeper(lease(store, "one", clock), self.TIMING, looked=rounds.looked)
        assert rounds.read(keeper) == (True, False, None)
        keeper.round()
        clock.advance(1)
        keeper.round()
        forced = lease(store, "forced", clock, reason="incident 7")
        forced.keep(force=True)
        clock.advance(3)
        keeper.round()
        forced.release()
        keeper.round()

        def down() -> None:
            raise lost()

        store.on_read = store.before = down
        clock.advance(2)
        keeper.round()
        found = {
            result: metrics.registry.get_sample_value("ecsync_lease_renewals_total", {"result": result})
            for result in ("held", "other", "error")
        }
        assert found == {"held": 3, "other": 1, "error": 1}
        assert rounds.read(keeper) == (True, True, 2), "it is still held, and was not renewed"
        assert rounds.read(None) == (False, False, 2)

    def test_a_store_that_is_down_stops_the_writes_when_the_time_is_over(self) -> None:
        """Until then the lease is held; the reason is the error."""
        clock, store, changes = FakeClock(), MemoryStore(), []
        keeper = Keeper(lease(store, "one", clock), self.TIMING, lambda _, now: changes.append(str(now)))
        keeper.round()

        def down() -> None:
            raise lost()

        store.on_read = down
        keeper.round()
        assert keeper.state().held
        clock.advance(30)
        assert str(keeper.state()) == "not held: it was not renewed in time"
        keeper.round()
        assert changes == ["held by this process", f"not held: {lost()}"]

    def test_a_stopped_keeper_gives_the_lease_back(self) -> None:
        """Another process has it at once."""
        clock, store = FakeClock(), MemoryStore()
        keeper = Keeper(lease(store, "one", clock), self.TIMING)
        keeper.round()
        keeper.start()
        keeper.stop(10)
        assert lease(store, "other", clock).keep() is None


@pytest.mark.parametrize("died", [0.0, 0.02, 0.3, 0.6, 0.98])  # of a round, after the other one had looked
@pytest.mark.parametrize("period", [10.0, 40.0, 600.0])
def test_the_lease_of_a_process_that_died_is_taken_over_within_its_period(died: float, period: float) -> None:
    """Whenever it died: also right after the other one had looked, and each call takes a tenth of a second."""
    timing, clock, store = Timing(period=period), FakeClock(), MemoryStore()
    one, other = (
        RecordLease(store, holder(name), nonce=name, term=timing.term, monotonic=clock.monotonic)
        for name in ("one", "other")
    )
    keeper = Keeper(other, timing)
    one.keep()
    keeper.round()
    clock.advance(died * timing.every)
    one.keep()  # its last renewal, of which the other one knows nothing
    began = clock.monotonic()
    clock.advance((1 - died) * timing.every)

    def slow() -> None:
        clock.advance(0.1)

    store.on_read = store.before = slow
    while not keeper.round().held:
        clock.advance(timing.every)
    assert clock.monotonic() - began <= period
    assert not one.held()
