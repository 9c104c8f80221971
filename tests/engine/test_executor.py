"""The executor: a failed step stops the steps that depend on it and no others, and is retried later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ecsync.core.outcome import Done, Failed, Outcome, Progressing, Result, Skipped, StepId
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import Destination, PassOptions, reconcile
from ecsync.engine.step_state import StepState
from tests.engine.passes import ALL_THERE, KINDS, TARGET, Account, document, shop, stack


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def refuse(kind: ErrorClass, *operations: str, times: int = 10**6) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a hook that fails these operations this many times."""
    left = times

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal left
        if operation in operations and left:
            left -= 1
            raise AwsError(kind, kind.title(), "the error of the test", f"memory.{operation}")

    return hook


def results(outcome: Outcome) -> dict[str, Result]:
    """Return the result of each step, by its name."""
    return {str(step): result for step, result in outcome.results.items()}


class TestFailures:
    """A call that AWS refuses."""

    def test_a_denied_step_stops_only_its_dependents(self, account: Account) -> None:
        """A dependent step is skipped, with the step that it waits for; the others are applied."""
        account.cloud.before = refuse("denied", "CreateApp")
        found = results(account.run(shop(*stack())))
        assert found["App/app"] == Failed(
            error="memory.CreateApp: Denied: the error of the test", retry="slow", after=900.0
        )
        assert found["Leaf/leaf"] == Skipped(reason="waits for App/app, which was not done")
        assert found["Base/base (second step)"] == Skipped(reason="waits for App/app, which was not done")
        assert (found["Base/base"], found["Leaf/alone"]) == (Done(), Done())
        assert account.there() == {"Base": ["base"], "Leaf": ["alone"]}

    def test_a_failed_step_is_not_forgotten_when_siblings_succeed(self, account: Account) -> None:
        """The application is Degraded."""
        account.cloud.before = refuse("denied", "CreateApp")
        outcome = account.run(shop(*stack()))
        assert outcome.health == "Degraded"
        assert outcome.sync == "OutOfSync"

    def test_a_denied_read_writes_nothing(self, account: Account) -> None:
        """A resource that cannot be read is not written, and neither is one that refers to it, late or not."""
        account.cloud.before = refuse("denied", "DescribeApp")
        outcome = account.run(shop(*stack()))
        assert account.there() == {"Leaf": ["alone"]}
        assert {str(one) for one in outcome.plan.unreadable} == {"App/app", "Leaf/leaf", "Base/base"}

    def test_much_throttling_only_makes_it_slower(self, account: Account) -> None:
        """Two calls of three are throttled: it converges, and nothing is created twice."""
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

    def test_the_first_throttling_ends_the_steps_of_its_kind(self, account: Account) -> None:
        """More calls would cause more throttling. Other kinds have other rates, so their steps are applied."""
        account.cloud.before = refuse("throttled", "CreateLeaf")
        found = results(account.run(shop(*(document(f"Leaf/{name}") for name in "abc"), document("App/app"))))
        error = "memory.CreateLeaf: Throttled: the error of the test"
        assert found["Leaf/a"] == Failed(error=error, retry="soon", after=5.0)
        assert found["Leaf/b"] == found["Leaf/c"] == Skipped(reason=f"stopped after {error}")
        assert found["App/app"] == Done()
        assert account.there() == {"App": ["app"]}

    def test_throttling_again_ends_no_other_step(self, account: Account) -> None:
        """The resource backs off alone: its next errors do not hold up the others of its kind."""

        def throttle_a(operation: str, params: Mapping[str, Any]) -> None:
            if operation == "CreateLeaf" and params["name"] == "a":
                raise AwsError("throttled", "Throttled", "the error of the test", "memory.CreateLeaf")

        account.cloud.before = throttle_a
        application = shop(*(document(f"Leaf/{name}") for name in "abc"))
        account.run(application)
        account.clock.advance(5)
        found = results(account.run(application))
        assert isinstance(found["Leaf/a"], Failed)
        assert found["Leaf/a"].after == 10.0
        assert account.there() == {"Leaf": ["b", "c"]}

    def test_lost_credentials_end_the_pass(self, account: Account) -> None:
        """They expire during the pass: no further step is tried, and no result is Done."""
        account.cloud.before = refuse("credentials", "CreateApp")
        found = results(account.run(shop(*stack())))
        assert isinstance(found["App/app"], Failed)
        assert isinstance(found["Base/base (second step)"], Skipped)
        assert account.there().get("App") is None

    def test_without_credentials_there_is_no_pass(self, account: Account) -> None:
        """Nothing can be read, so nothing is planned."""
        account.cloud.before = refuse("credentials", "DescribeBase")
        with pytest.raises(AwsError, match="Credentials"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []


class TestPatience:
    """Errors that end without a change of ours."""

    def test_settling_is_progress_for_five_minutes_and_then_a_failure(self, account: Account) -> None:
        """A right call, too early: Progressing with growing delays, and Failed after 300 s."""
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

    def test_it_is_created_when_it_has_settled(self, account: Account) -> None:
        """The create fails three times and then succeeds."""
        account.cloud.before = refuse("settling", "CreateLeaf", times=3)
        account.settle(shop(document("Leaf/alone")))
        assert account.there() == {"Leaf": ["alone"]}

    def test_invalid_is_settling_while_what_it_needs_is_new(self, account: Account) -> None:
        """AWS returns generic codes for references to what was just created."""
        account.cloud.before = refuse("invalid", "CreateApp")
        assert isinstance(results(account.run(shop(*stack())))["App/app"], Progressing)
        account.clock.advance(301)
        assert isinstance(results(account.run(shop(*stack())))["App/app"], Failed)

    def test_invalid_is_invalid_where_nothing_is_new(self, account: Account) -> None:
        """It is retried slowly."""
        account.cloud.before = refuse("invalid", "CreateLeaf")
        found = results(account.run(shop(document("Leaf/alone"))))
        error = "memory.CreateLeaf: Invalid: the error of the test"
        assert found["Leaf/alone"] == Failed(error=error, retry="slow", after=900.0)

    def test_a_conflict_is_progress_for_longer(self, account: Account) -> None:
        """In use, draining: up to fifteen minutes."""
        account.settle(shop(document("Leaf/alone", colour="red")))
        account.cloud.before = refuse("conflict", "UpdateLeaf")
        application = shop(document("Leaf/alone", colour="blue"))
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        account.clock.advance(880)
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        account.clock.advance(60)
        assert isinstance(results(account.run(application))["Leaf/alone"], Failed)

    def test_an_existing_resource_is_read_again(self, account: Account) -> None:
        """Another client created it after our read: the next pass observes it, and does not adopt it."""

        def another_client(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "CreateLeaf" and not account.cloud.objects:
                account.cloud.objects["Leaf-0"] = {"name": "alone"}

        account.cloud.before = another_client
        application = shop(document("Leaf/alone"))
        assert isinstance(results(account.run(application))["Leaf/alone"], Progressing)
        assert isinstance(results(account.run(application))["Leaf/alone"], Skipped)
        assert account.cloud.objects == {"Leaf-0": {"name": "alone"}}


class TestStaleReads:
    """A resource that was just created and that reads do not return yet."""

    def hide_new(self, account: Account, *kinds: str) -> None:
        """Hide new objects of these kinds from reads."""

        def hide(operation: str, _: Mapping[str, Any]) -> None:
            if operation in {f"Create{kind}" for kind in kinds}:
                account.cloud.hidden.add(list(account.cloud.objects)[-1])

        account.cloud.after = hide

    def test_it_is_not_created_again_in_the_same_pass(self, account: Account) -> None:
        """A dependent step uses the outputs of the response."""
        self.hide_new(account, "App")
        account.run(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.body("Leaf/leaf")["app"] == next(id_ for id_ in account.cloud.objects if id_.startswith("App"))
        assert len(account.made()) == 4
        assert account.cloud.refused == []

    def test_its_late_part_waits_until_it_is_observed(self, account: Account) -> None:
        """The late part is applied in a later pass."""
        self.hide_new(account, "Base")
        account.run(shop(*stack()))
        assert "peers" not in account.body("Base/base")
        account.cloud.hidden.clear()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.body("Base/base")["peers"]

    def test_later_passes_do_not_create_it_again(self, account: Account) -> None:
        """AWS refuses the second create, and the resource is read again."""
        self.hide_new(account, "App", "Base", "Leaf")
        for _ in range(4):
            account.run(shop(*stack()))
            account.clock.advance(5)
        account.cloud.hidden.clear()
        account.cloud.after = lambda *_: None
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4

    def test_a_step_is_planned_again_before_it_is_applied(self, account: Account) -> None:
        """A person reverted the drift after the plan: no call is made."""
        application = shop(document("Leaf/alone", colour="red"))
        account.settle(application)
        account.cloud.writes.clear()
        account.body("Leaf/alone")["colour"] = "blue"
        planned: list[str] = []

        def revert(plan: Any) -> None:
            planned.extend(str(step.id) for step in plan.steps)
            account.body("Leaf/alone")["colour"] = "red"

        outcome = account.run(application, planned=revert)
        assert planned == ["Leaf/alone"]
        assert results(outcome) == {"Leaf/alone": Done()}
        assert account.cloud.writes == []


def test_each_revision_is_applied_at_once(account: Account) -> None:
    """Ten revisions in five minutes are ten updates."""
    for number in range(10):
        account.run(shop(document("Leaf/alone", colour=str(number))))
        account.clock.advance(30)
    assert account.cloud.writes == ["CreateLeaf alone"] + [
        write for _ in range(9) for write in ("UpdateLeaf alone", "TagLeaf alone")
    ]


class TestStopping:
    """The process is to stop, or the claim is lost."""

    @pytest.mark.parametrize("calls", range(7))
    def test_no_call_is_made_after_the_stop(self, account: Account, calls: int) -> None:
        """`may_go_on` is called before every mutating call, also between two calls of one step."""
        outcome = account.run(shop(*stack()), may_go_on=lambda: len(account.cloud.writes) < calls)
        assert len(account.cloud.writes) == min(calls, 6)
        if calls < 6:
            assert any(
                "the pass was stopped" in one.reason for one in outcome.results.values() if isinstance(one, Skipped)
            )

    def test_the_next_process_completes_a_partial_create(self, account: Account) -> None:
        """The missing part is a difference like any other."""
        account.run(shop(*stack()), may_go_on=lambda: not account.cloud.writes)
        account.restart()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4


def test_calls_are_made_inside_the_domain_of_their_resource(account: Account) -> None:
    """Where AWS takes one mutation at a time, the lock is held during the calls of a step."""
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
    """`announce` receives every step with its result, in order."""
    announced: list[tuple[StepId, type[Result]]] = []
    outcome = account.run(shop(*stack()), announce=lambda step, result: announced.append((step.id, type(result))))
    assert announced == [(step, type(result)) for step, result in outcome.results.items()]
