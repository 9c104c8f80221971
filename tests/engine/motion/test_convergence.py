"""No write is repeated for ever, and a read that is older than our write is not believed (docs/rules.md R30)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Application, Options
from ecsync.core.outcome import Outcome, Progressing
from ecsync.engine.convergence import MOST_IN_A_ROW, SETTLE
from ecsync.report.drift import follow
from ecsync.testing import MemoryCloud
from tests.engine.passes import Account, document, key, shop, stack

INTERVALS = (10.0, 60.0, 300.0)
RED = shop(document("Leaf/alone", colour="red"), document("Leaf/other", colour="green"))


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def forgets(account: Account, name: str, member: str) -> None:
    """Make AWS answer without an error and drop one member of a resource after each write."""

    def forget(_operation: str, _params: Any) -> None:
        for one in account.cloud.objects.values():
            if one["name"] == name:
                one.pop(member, None)

    account.cloud.after = forget


def rewrites(account: Account, name: str, member: str, values: Callable[[int], Any]) -> None:
    """Make AWS set another value after each write; `values` returns it by the number of writes."""

    def rewrite(operation: str, _params: Any) -> None:
        found = account.cloud.named("Leaf", name)
        if found is not None and not operation.startswith(("Describe", "List")):
            found[member] = values(len(account.cloud.writes))

    account.cloud.after = rewrite


def passes(account: Account, application: Application, count: int, interval: float) -> Outcome:
    """Make so many passes, an interval apart."""
    application = replace(application, sync=replace(application.sync, interval=interval))
    for _ in range(count):
        outcome = account.run(application)
        account.clock.advance(interval)
    return outcome


def to(account: Account, name: str) -> list[str]:
    """Return the writes to one resource."""
    return [one for one in account.cloud.writes if one.endswith(f" {name}")]


class TestNeverShown:
    """AWS answers without an error, and does not keep what it was sent."""

    @pytest.mark.parametrize("interval", INTERVALS)
    @pytest.mark.parametrize("member", ["colour", "size", "app"])
    def test_a_forgotten_value_is_written_three_times(self, account: Account, interval: float, member: str) -> None:
        """The create is the first of them. Everything else converges."""
        base = document("Base/base", size=3)
        leaf = document("Leaf/leaf", app="a", colour="red", size=1)
        forgets(account, "leaf", member)
        outcome = passes(account, shop(leaf, base), 50, interval)
        assert to(account, "leaf") == ["CreateLeaf leaf", "UpdateLeaf leaf", "UpdateLeaf leaf"]
        assert account.body("Base/base")["size"] == 3
        (held,) = outcome.plan.withheld
        assert held.obstacle == "not_converging"
        assert f"{member} does not converge: AWS answered without an error 3 times" in held.reason

    @pytest.mark.parametrize("interval", INTERVALS)
    @pytest.mark.parametrize("values", [lambda _: "blue", lambda count: f"blue-{count}"])
    def test_a_rewritten_value_is_written_three_times(
        self, account: Account, interval: float, values: Callable[[int], str]
    ) -> None:
        """Also where AWS makes another value of it each time."""
        rewrites(account, "alone", "colour", values)
        outcome = passes(account, RED, 50, interval)
        assert len(to(account, "alone")) == 3
        assert "AWS answered without an error 3 times" in outcome.plan.withheld[0].reason

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_a_mark_that_stays_the_old_one_is_written_three_times(self, account: Account, interval: float) -> None:
        """Tags are writes too."""
        account.settle(RED)
        account.cloud.writes.clear()
        mark = account.body("Leaf/alone")["tags"]["ecsync:applied"]

        def keep(_operation: str, _params: Any) -> None:
            account.body("Leaf/alone")["tags"]["ecsync:applied"] = mark

        account.cloud.after = keep
        passes(account, shop(document("Leaf/alone", colour="blue")), 50, interval)
        assert account.cloud.writes == ["UpdateLeaf alone", *["TagLeaf alone"] * 3]

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_a_resource_that_never_appears_is_created_three_times(self, account: Account, interval: float) -> None:
        """AWS accepts each creation."""

        def forget(_operation: str, _params: Any) -> None:
            account.cloud.objects = {id_: one for id_, one in account.cloud.objects.items() if one["name"] != "alone"}

        account.cloud.after = forget
        outcome = passes(account, RED, 50, interval)
        assert to(account, "alone") == ["CreateLeaf alone"] * 3
        assert "the create does not converge" in outcome.plan.withheld[0].reason
        assert account.body("Leaf/other")["colour"] == "green"

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_a_resource_that_stays_is_deleted_three_times(self, account: Account, interval: float) -> None:
        """AWS accepts each deletion."""
        account.settle(RED)
        account.cloud.writes.clear()
        gone = shop(document("Leaf/other", colour="green"), prune=True)
        kept = copy.deepcopy(account.cloud.objects)

        def keep(operation: str, _params: Any) -> None:
            if operation.startswith("Delete"):
                account.cloud.objects = copy.deepcopy(kept)

        account.cloud.after = keep
        passes(account, gone, 50, interval)
        assert account.cloud.writes == ["DeleteLeaf alone"] * 3

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_another_difference_after_each_write_ends_too(self, account: Account, interval: float) -> None:
        """AWS answers each write with another undeclared member. The other resources converge."""

        def add(operation: str, _params: Any) -> None:
            found = account.cloud.named("Leaf", "alone")
            if found is not None and not operation.startswith(("Describe", "List")):
                for name in [name for name in found if name.startswith("extra")]:
                    del found[name]
                found[f"extra-{len(account.cloud.writes)}"] = 1

        account.cloud.after = add
        outcome = passes(account, RED, 50, interval)
        assert len(to(account, "alone")) == MOST_IN_A_ROW
        (held,) = outcome.plan.withheld
        assert held.obstacle == "not_converging"
        assert "it was written 9 times in a row, and AWS never showed it in sync in between" in held.reason
        assert account.body("Leaf/other")["colour"] == "green"

    def test_two_restarts_allow_three_more_each(self, account: Account) -> None:
        """Nothing is kept on disk."""
        rewrites(account, "alone", "colour", lambda _: "blue")
        for _ in range(3):
            passes(account, RED, 50, 60.0)
            account.restart()
        assert len(to(account, "alone")) <= 9


class TestChangedBack:
    """AWS shows what was written, and another client changes it back."""

    def fight(self, account: Account, values: Iterable[str], pause: float = 58.0) -> Outcome:
        """Set a value, make the pass that repairs it and the one that sees the repair, and wait; for each value."""
        account.settle(RED)
        account.cloud.writes.clear()
        for value in values:
            account.body("Leaf/alone")["colour"] = value
            outcome = account.run(RED)
            account.clock.advance(2)
            account.run(RED)
            account.clock.advance(pause)
        return outcome

    def test_the_same_drift_is_repaired_three_times(self, account: Account) -> None:
        """Then it is held: another client wants another value."""
        outcome = self.fight(account, ["blue"] * 20)
        assert to(account, "alone") == ["UpdateLeaf alone"] * 3
        assert "AWS showed it, and another client changed it back" in outcome.plan.withheld[0].reason

    def test_another_drift_each_time_is_repaired_each_time(self, account: Account) -> None:
        """That is not the same difference."""
        self.fight(account, [f"blue-{number}" for number in range(20)])
        assert to(account, "alone") == ["UpdateLeaf alone"] * 20

    def test_two_values_in_turn_are_two_differences(self, account: Account) -> None:
        """Each is repaired three times."""
        self.fight(account, ["pink", "blue"] * 20)
        assert to(account, "alone") == ["UpdateLeaf alone"] * 6

    def test_a_repair_that_stays_for_long_ends_the_count(self, account: Account) -> None:
        """Three changes made by a person in three days are three repairs, and so is the fourth."""
        account.settle(RED)
        account.cloud.writes.clear()
        for _ in range(5):
            account.body("Leaf/alone")["colour"] = "blue"
            passes(account, RED, 120, 60.0)
        assert to(account, "alone") == ["UpdateLeaf alone"] * 5

    def test_a_repair_that_stayed_while_nothing_was_compared_ends_the_count(self, account: Account) -> None:
        """The pass that sees the drift may be the first one after an hour that compares the resource."""
        self.fight(account, ["blue"] * 5, pause=7200.0)
        assert to(account, "alone") == ["UpdateLeaf alone"] * 5


class TestSeveralValues:
    """One value of a resource does not converge, and another one of it changes."""

    def sent(self, account: Account, operation: str, member: str) -> list[Any]:
        """Return a list that gets the member of each later call that has it."""
        found: list[Any] = []

        def note(called: str, params: Any) -> None:
            if called == operation and member in params:
                found.append(params[member])

        account.cloud.before = note
        return found

    @pytest.mark.parametrize("interval", INTERVALS)
    def test_the_other_value_is_written_without_it(self, account: Account, interval: float) -> None:
        """A person sets another size each time: each one is repaired, and the colour is not sent with it."""
        small = shop(document("Leaf/alone", colour="red", size=1))
        forgets(account, "alone", "colour")
        colours = self.sent(account, "UpdateLeaf", "colour")
        for size in range(2, 52):
            outcome = passes(account, small, 2, interval)
            account.body("Leaf/alone")["size"] = size
        passes(account, small, 2, max(interval, SETTLE))
        assert colours == ["red", "red"]
        assert account.body("Leaf/alone")["size"] == 1
        (held,) = outcome.plan.withheld
        assert held.obstacle == "not_converging"
        assert [one.path for one in held.step.fields] == [("colour",)]

    def test_a_replacement_in_vain_is_not_repeated_for_another_value(self, account: Account) -> None:
        """The size alone can change in place."""
        options = Options(replace="allow")
        forgets(account, "base", "zone")
        base = shop(document("Base/base", options, zone="a", size=1))
        passes(account, base, 10, 60.0)
        account.cloud.writes.clear()
        for size in range(2, 12):
            account.body("Base/base")["size"] = size
            passes(account, base, 2, 60.0)
        assert set(account.cloud.writes) == {"UpdateBase base"}
        assert account.body("Base/base")["size"] == 1

    def test_a_mark_in_vain_is_not_written_with_another_value(self, account: Account) -> None:
        """AWS keeps no mark of what is applied; each new size is written, and the mark three times."""
        account.settle(RED)
        mark = account.body("Leaf/alone")["tags"]["ecsync:applied"]

        def keep(_operation: str, _params: Any) -> None:
            account.body("Leaf/alone")["tags"]["ecsync:applied"] = mark

        account.cloud.after = keep
        tags = self.sent(account, "TagLeaf", "tags")
        blue = shop(document("Leaf/alone", colour="blue"))
        for number in range(20):
            passes(account, blue, 2, 60.0)
            account.body("Leaf/alone")["colour"] = f"pink-{number}"
        passes(account, blue, 2, 60.0)
        assert account.body("Leaf/alone")["colour"] == "blue"
        assert len(tags) == 3


class TestLifted:
    """What ends a hold."""

    @pytest.fixture
    def held(self, account: Account) -> Account:
        """An account in which a value does not converge."""
        rewrites(account, "alone", "colour", lambda _: "blue")
        passes(account, RED, 10, 60.0)
        account.cloud.writes.clear()
        account.cloud.after = MemoryCloud().after
        assert passes(account, RED, 10, 60.0).plan.withheld
        assert account.cloud.writes == []
        return account

    def test_a_changed_document(self, held: Account) -> None:
        """Another value is declared."""
        passes(held, shop(document("Leaf/alone", colour="pink"), document("Leaf/other", colour="green")), 3, 60.0)
        assert held.body("Leaf/alone")["colour"] == "pink"

    def test_another_live_value(self, held: Account) -> None:
        """A person changed it."""
        held.body("Leaf/alone")["colour"] = "white"
        passes(held, RED, 3, 60.0)
        assert held.body("Leaf/alone")["colour"] == "red"

    @pytest.mark.parametrize("which", [None, key("Leaf/alone")])
    def test_a_retry(self, held: Account, which: Any) -> None:
        """`ecsync retry`, for one resource or for all."""
        held.step_state.retry(which)
        passes(held, RED, 3, 60.0)
        assert held.body("Leaf/alone")["colour"] == "red"

    def test_a_retry_of_another_resource_lifts_nothing(self, held: Account) -> None:
        """Only what is named is tried."""
        held.step_state.retry(key("Leaf/other"))
        passes(held, RED, 3, 60.0)
        assert held.cloud.writes == []

    def test_not_the_time(self, held: Account) -> None:
        """A day later it is still held."""
        passes(held, RED, 300, 300.0)
        assert held.cloud.writes == []

    def test_a_live_value_that_changes_with_each_read_lifts_three_times(self, account: Account) -> None:
        """It is no sign that a write will have an effect."""
        reads = iter(range(10_000))

        def change(operation: str, _params: Any) -> None:
            found = account.cloud.named("Leaf", "alone")
            if found is not None and operation.startswith("Describe"):
                found["colour"] = f"blue-{next(reads)}"

        account.cloud.before = change
        passes(account, RED, 50, 60.0)
        assert len(to(account, "alone")) <= 6


class TestStaleReads:
    """Reads return what was there some seconds ago, after each write."""

    def late(self, account: Account, seconds: float) -> None:
        """Make reads return the account as it was before the writes of the last seconds."""
        history: list[tuple[float, dict[str, Any]]] = []
        current: dict[str, Any] = {}

        def before(operation: str, _params: Any) -> None:
            now = account.clock.monotonic()
            if operation.startswith(("Describe", "List")):
                current.clear()
                current.update(account.cloud.objects)
                old = [objects for at, objects in history if now - at < seconds]
                account.cloud.objects = copy.deepcopy(old[0]) if old else account.cloud.objects
            else:
                history.append((now, copy.deepcopy(account.cloud.objects)))

        def after(operation: str, _params: Any) -> None:
            if operation.startswith(("Describe", "List")):
                account.cloud.objects = dict(current)

        account.cloud.before, account.cloud.after = before, after

    @pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
    def test_a_first_converge_makes_the_writes_of_a_clean_run(self, account: Account, seconds: float) -> None:
        """Each resource is created once, and none is reported as drift."""
        clean = Account()
        passes(clean, shop(*stack()), 40, 5.0)
        self.late(account, seconds)
        passes(account, shop(*stack()), 40, 5.0)
        assert sorted(account.cloud.writes) == sorted(clean.cloud.writes)

    @pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
    def test_a_change_is_written_once_and_is_no_drift(self, account: Account, seconds: float) -> None:
        """A read that shows the value of before is not believed for a minute."""
        account.settle(RED)
        account.cloud.writes.clear()
        self.late(account, seconds)
        blue = shop(document("Leaf/alone", colour="blue"), document("Leaf/other", colour="green"))
        for _ in range(20):
            outcome = account.run(blue)
            account.clock.advance(5)
            assert follow({}, {}, outcome)[1] == ()
        assert account.cloud.writes == ["UpdateLeaf alone", "TagLeaf alone"]

    @pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
    def test_a_repair_is_written_once(self, account: Account, seconds: float) -> None:
        """The drift is reported once too."""
        account.settle(RED)
        account.cloud.writes.clear()
        account.body("Leaf/alone")["colour"] = "blue"
        self.late(account, seconds)
        passes(account, RED, 20, 5.0)
        assert account.cloud.writes == ["UpdateLeaf alone"]

    @pytest.mark.parametrize("seconds", [1.0, 5.0, 40.0])
    def test_a_deletion_and_a_replacement_are_sent_once(self, account: Account, seconds: float) -> None:
        """What was deleted and is still shown is not deleted again."""
        options = Options(replace="allow")
        account.settle(shop(document("Base/base", options, zone="a"), document("Leaf/gone")))
        account.cloud.writes.clear()
        self.late(account, seconds)
        passes(account, shop(document("Base/base", options, zone="b"), prune=True), 40, 5.0)
        assert sorted(account.cloud.writes) == ["CreateBase base", "DeleteBase base", "DeleteLeaf gone"]

    def test_a_status_shows_what_it_waits_for(self, account: Account) -> None:
        """It is in progress, and not missing."""
        self.late(account, 40.0)
        account.run(RED)
        account.clock.advance(5)
        outcome = account.run(RED)
        why = "written 5 s ago, and AWS does not show it yet"
        assert set(outcome.results.values()) == {Progressing(why=why)}
        assert {(one.health.status, one.health.why) for one in outcome.statuses} == {("Progressing", why)}

    def test_after_the_time_of_settling_it_is_written_again(self, account: Account) -> None:
        """A person who changed it back within the minute is not overlooked."""
        account.settle(RED)
        account.body("Leaf/alone")["colour"] = "blue"
        account.run(RED)
        account.body("Leaf/alone")["colour"] = "blue"
        account.cloud.writes.clear()
        account.clock.advance(SETTLE - 1)
        account.run(RED)
        assert account.cloud.writes == []
        account.clock.advance(1)
        account.run(RED)
        assert account.cloud.writes == ["UpdateLeaf alone"]
