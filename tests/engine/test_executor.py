"""Carrying out a plan: what goes wrong stops what depends on it and nothing else, and is tried again in its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ecsync.core.model import Done, Failed, Outcome, Progressing, Result, Skipped, StepId
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.engine.reconciler import Catalogue, Destination, PassOptions, reconcile
from ecsync.engine.step_state import StepState
from tests.engine.passes import ALL_THERE, KINDS, TARGET, Account, document, shop, stack


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def refuse(kind: ErrorClass, *operations: str, times: int = 10**6) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a hook that refuses these operations so many times."""
    left = times

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal left
        if operation in operations and left:
            left -= 1
            raise AwsError(kind, kind.title(), "as the test says", f"memory.{operation}")

    return hook


def results(outcome: Outcome) -> dict[str, Result]:
    """Return what became of each step, by the name of the step."""
    return {str(step): result for step, result in outcome.results.items()}


class TestFailures:
    """One call that AWS refuses."""

    def test_a_denied_resource_lets_its_siblings_go_on(self, account: Account) -> None:
        """Only what depends on it is skipped, and says what it waits for."""
        account.cloud.before = refuse("denied", "CreateApp")
        found = results(account.run(shop(*stack())))
        assert found["App/app"] == Failed(error="memory.CreateApp: Denied: as the test says", retry="slow")
        assert found["Leaf/leaf"] == Skipped(reason="waits for App/app, which was not done")
        assert found["Base/base (late)"] == Skipped(reason="waits for App/app, which was not done")
        assert (found["Base/base"], found["Leaf/alone"]) == (Done(), Done())
        assert account.there() == {"Base": ["base"], "Leaf": ["alone"]}

    def test_a_failed_step_is_not_forgotten_when_siblings_succeed(self, account: Account) -> None:
        """The application is Degraded by it."""
        account.cloud.before = refuse("denied", "CreateApp")
        outcome = account.run(shop(*stack()))
        assert outcome.health == "Degraded"
        assert outcome.sync == "OutOfSync"

    def test_a_denied_read_decides_nothing(self, account: Account) -> None:
        """What cannot be read is neither made nor changed, and neither is what refers to it, late or not."""
        account.cloud.before = refuse("denied", "DescribeApp")
        outcome = account.run(shop(*stack()))
        assert account.there() == {"Leaf": ["alone"]}
        assert {str(one) for one in outcome.plan.unreadable} == {"App/app", "Leaf/leaf", "Base/base"}

    def test_a_storm_of_throttling_only_makes_it_slower(self, account: Account) -> None:
        """Two calls of three are throttled: it converges, and nothing is made twice."""
        count = 0

        def storm(operation: str, _: Mapping[str, Any]) -> None:
            nonlocal count
            count += 1
            if count % 3:
                raise AwsError("throttled", "ThrottlingException", "Rate exceeded", f"memory.{operation}")

        for _ in range(60):
            account.cloud.before = storm
            account.run(shop(*stack()))
            account.clock.advance(5)
        account.cloud.before = lambda *_: None
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4

    def test_throttling_ends_the_pass(self, account: Account) -> None:
        """Going on would make the storm worse."""
        account.cloud.before = refuse("throttled", "CreateBase")
        found = results(account.run(shop(*stack())))
        assert account.cloud.writes == [] or account.there() == {"Leaf": ["alone"]}
        assert any(isinstance(one, Skipped) and "stopped after" in one.reason for one in found.values())

    def test_lost_credentials_end_the_pass(self, account: Account) -> None:
        """Expired in the middle of it: nothing more is tried, and no result says that all is well."""
        account.cloud.before = refuse("credentials", "CreateApp")
        found = results(account.run(shop(*stack())))
        assert isinstance(found["App/app"], Failed)
        assert isinstance(found["Base/base (late)"], Skipped)
        assert account.there().get("App") is None

    def test_without_credentials_there_is_no_pass(self, account: Account) -> None:
        """A read that says so says nothing about anything."""
        account.cloud.before = refuse("credentials", "DescribeBase")
        with pytest.raises(AwsError, match="Credentials"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []


class TestPatience:
    """Errors that go away by themselves."""

    def test_settling_is_progress_for_five_minutes_and_then_a_failure(self, account: Account) -> None:
        """Right call, too early: Progressing with growing pauses, Failed when it has not gone after 300 s."""
        account.cloud.before = refuse("settling", "CreateLeaf")
        application = shop(document("Leaf/alone"))
        pauses = []
        started = account.clock.monotonic()
        while isinstance(result := results(account.run(application))["Leaf/alone"], Progressing):
            pauses.append(result.after)
            account.clock.advance(result.after)
        assert pauses[:3] == [5.0, 7.5, 11.25]
        assert max(pauses) == 30.0
        assert isinstance(result, Failed)
        assert 300 < account.clock.monotonic() - started < 340

    def test_it_goes_on_when_it_has_settled(self, account: Account) -> None:
        """Three refusals, and then the create works."""
        account.cloud.before = refuse("settling", "CreateLeaf", times=3)
        account.settle(shop(document("Leaf/alone")))
        assert account.there() == {"Leaf": ["alone"]}

    def test_invalid_is_settling_while_what_it_needs_is_new(self, account: Account) -> None:
        """AWS answers with generic codes about what was made a moment ago."""
        account.cloud.before = refuse("invalid", "CreateApp")
        assert isinstance(results(account.run(shop(*stack())))["App/app"], Progressing)
        account.clock.advance(301)
        assert isinstance(results(account.run(shop(*stack())))["App/app"], Failed)

    def test_invalid_is_invalid_where_nothing_is_new(self, account: Account) -> None:
        """It is tried again slowly."""
        account.cloud.before = refuse("invalid", "CreateLeaf")
        found = results(account.run(shop(document("Leaf/alone"))))
        assert found["Leaf/alone"] == Failed(error="memory.CreateLeaf: Invalid: as the test says", retry="slow")

    def test_a_conflict_is_progress_for_longer(self, account: Account) -> None:
        """In use, draining: fifteen minutes."""
        account.settle(shop(document("Leaf/alone", colour="red")))
        account.cloud.before = refuse("conflict", "UpdateLeaf")
        application = shop(document("Leaf/alone", colour="blue"))
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        account.clock.advance(880)
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        account.clock.advance(60)
        assert isinstance(results(account.run(application))["Leaf/alone"], Failed)

    def test_already_there_is_read_again(self, account: Account) -> None:
        """Somebody made it between our read and our call: the next pass sees it, and does not take it."""

        def somebody(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateLeaf" and not account.cloud.objects:
                account.cloud.objects["Leaf-0"] = {"name": "alone"}

        account.cloud.before = somebody
        application = shop(document("Leaf/alone"))
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        assert isinstance(results(account.run(application))["Leaf/alone"], Skipped)
        assert account.cloud.objects == {"Leaf-0": {"name": "alone"}}


class TestStaleReads:
    """What was made a moment ago and is not shown yet."""

    def hide_new(self, account: Account, *kinds: str) -> None:
        """Have new objects of these kinds not shown by reads."""

        def hide(operation: str, _: Mapping[str, Any]) -> None:
            if operation in {f"Create{kind}" for kind in kinds}:
                account.cloud.hidden.add(list(account.cloud.objects)[-1])

        account.cloud.after = hide

    def test_it_is_not_made_again_in_the_same_pass(self, account: Account) -> None:
        """What depends on it goes on with what the response told."""
        self.hide_new(account, "App")
        account.run(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.body("Leaf/leaf")["app"] == next(id_ for id_ in account.cloud.objects if id_.startswith("App"))
        assert len(account.made()) == 4
        assert account.cloud.refused == []

    def test_its_late_part_waits_until_it_is_seen(self, account: Account) -> None:
        """The late part of what reads do not show is left to the next pass."""
        self.hide_new(account, "Base")
        account.run(shop(*stack()))
        assert "peers" not in account.body("Base/base")
        account.cloud.hidden.clear()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.body("Base/base")["peers"]

    def test_later_passes_make_nothing_twice_either(self, account: Account) -> None:
        """AWS says that it is there, and we look again."""
        self.hide_new(account, "App", "Base", "Leaf")
        for _ in range(4):
            account.run(shop(*stack()))
            account.clock.advance(5)
        account.cloud.hidden.clear()
        account.cloud.after = lambda *_: None
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4

    def test_a_step_is_planned_anew_before_it_is_carried_out(self, account: Account) -> None:
        """Somebody put it right after the plan was made: no call is made."""
        application = shop(document("Leaf/alone", colour="red"))
        account.settle(application)
        account.cloud.writes.clear()
        account.body("Leaf/alone")["colour"] = "blue"
        planned: list[str] = []

        def put_right(plan: Any) -> None:
            planned.extend(str(step.id) for step in plan.steps)
            account.body("Leaf/alone")["colour"] = "red"

        outcome = account.run(application, planned=put_right)
        assert planned == ["Leaf/alone"]
        assert results(outcome) == {"Leaf/alone": Done()}
        assert account.cloud.writes == []


class TestContention:
    """Somebody changes it back each time."""

    def fight(self, account: Account, rounds: int, pause: float) -> Outcome:
        """Change it and make a pass, again and again."""
        application = shop(document("Leaf/alone", colour="red"))
        account.settle(application)
        account.cloud.writes.clear()
        for _ in range(rounds):
            account.body("Leaf/alone")["colour"] = "blue"
            outcome = account.run(application)
            account.clock.advance(pause)
        return outcome

    def test_five_repairs_in_ten_minutes_are_a_fight(self, account: Account) -> None:
        """The sixth is held, and says why."""
        outcome = self.fight(account, 8, pause=60)
        assert account.cloud.writes == ["UpdateLeaf alone"] * 5
        assert "another client reverts it" in outcome.plan.withheld[0].reason

    def test_the_same_over_an_hour_is_none(self, account: Account) -> None:
        """Repairs that are far apart are ordinary."""
        self.fight(account, 8, pause=300)
        assert account.cloud.writes == ["UpdateLeaf alone"] * 8

    def test_a_change_of_the_manifest_is_no_repair(self, account: Account) -> None:
        """Ten new versions in ten minutes are ten updates."""
        for number in range(10):
            account.run(shop(document("Leaf/alone", colour=str(number))))
            account.clock.advance(30)
        assert account.cloud.writes == ["CreateLeaf alone"] + [
            write for _ in range(9) for write in ("UpdateLeaf alone", "TagLeaf alone")
        ]


class TestStopping:
    """The process is told to end, or the claim is lost."""

    @pytest.mark.parametrize("calls", range(7))
    def test_no_call_is_made_after_the_word(self, account: Account, calls: int) -> None:
        """It is asked before every mutating call, also between two calls of one step."""
        outcome = account.run(shop(*stack()), may_go_on=lambda: len(account.cloud.writes) < calls)
        assert len(account.cloud.writes) == min(calls, 6)
        if calls < 6:
            assert any("told to stop" in one.reason for one in outcome.results.values() if isinstance(one, Skipped))

    def test_the_next_process_goes_on_from_there(self, account: Account) -> None:
        """Half a create is an ordinary difference."""
        account.run(shop(*stack()), may_go_on=lambda: not account.cloud.writes)
        account.restart()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4


def test_calls_are_made_inside_the_domain_of_their_resource(account: Account) -> None:
    """One mutation at a time where AWS takes one: the lock is held around the calls of a step."""
    held: list[str] = []

    @contextmanager
    def serial(domain: str) -> Iterator[None]:
        held.append(domain)
        yield
        held.append(f"after {len(account.cloud.writes)}")

    leaf = {**KINDS, "Leaf": _with_domain()}
    destination = Destination(
        cloud=account.cloud, target=TARGET, installation="prod", kinds=leaf, clock=account.clock, serial=serial
    )
    application = shop(document("Leaf/alone"))
    reconcile(
        application, Catalogue(applications={"shop": application}), destination, StepState(), PassOptions(enforce=True)
    )
    assert held == ["of alone", "after 1"]


def _with_domain() -> Any:
    from dataclasses import replace

    return replace(KINDS["Leaf"], serial_domain=lambda body: f"of {body['name']}")


def test_each_step_is_announced_once(account: Account) -> None:
    """Whoever watches hears every step with its result, in order."""
    heard: list[tuple[StepId, type[Result]]] = []
    outcome = account.run(shop(*stack()), announce=lambda step, result: heard.append((step.id, type(result))))
    assert heard == [(step, type(result)) for step, result in outcome.results.items()]
