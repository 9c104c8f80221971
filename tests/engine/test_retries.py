"""The unit of retry is the resource: what fails or waits delays itself alone, and is sent again in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from ecsync.core.model import Application, Desired, Options, Origin
from ecsync.core.outcome import Done, Failed, Outcome, Progressing, ResourceStatus, Result, Skipped
from ecsync.core.ports import AwsError, ErrorClass
from tests.engine.harness import Harness
from tests.engine.passes import Account, document, ref, shop

SLOW = 900.0


@dataclass
class Errors:
    """A hook of the account: the calls for a name fail with a class of errors, and each attempt is counted."""

    account: Account
    kinds: dict[str, ErrorClass] = field(default_factory=dict)
    tries: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, operation: str, params: Mapping[str, Any]) -> None:
        """Fail a mutating call for one of the names."""
        if not operation.startswith(("Create", "Update", "Delete")):
            return
        name = params.get("name") or self.account.cloud.objects[params["id"]]["name"]
        self.tries.setdefault(name, []).append(self.account.clock.monotonic())
        if name in self.kinds:
            kind = self.kinds[name]
            raise AwsError(kind, kind.title(), "the error of the test", f"memory.{operation}")


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


@pytest.fixture
def errors(account: Account) -> Errors:
    """The errors of the account; none at first."""
    account.cloud.before = errors = Errors(account)
    return errors


def result(outcome: Outcome, step: str) -> Result:
    """Return the result of a step."""
    return next(one for id_, one in outcome.results.items() if str(id_) == step)


def status(outcome: Outcome, path: str) -> ResourceStatus:
    """Return the status of `Kind/name`."""
    return next(one for one in outcome.statuses if str(one.key) == path)


def leaves(**colours: str) -> Application:
    """Return an application with one leaf per name."""
    return shop(*(document(f"Leaf/{name}", colour=colour) for name, colour in colours.items()))


class TestTwoHundredPasses:
    """A daemon with one resource denied, one throttled, one that waits, and two others that drift."""

    @pytest.fixture
    def harness(self) -> Harness:
        """A daemon that has converged, before AWS refuses what is declared next."""
        harness = Harness()
        harness.declare(self.documents("red"), revision="1")
        harness.work(120)
        errors = Errors(harness.account, {"denied": "denied", "busy": "throttled", "waiting": "conflict"})
        harness.account.cloud.before = errors
        self.errors = errors
        harness.declare(self.documents("blue"), revision="2")
        return harness

    def documents(self, colour: str, **others: str) -> Application:
        """Return the application; `colour` is what the refused calls would apply."""
        refused = dict.fromkeys(("busy", "denied", "waiting"), colour)
        return leaves(**{**refused, "drifting": "red", "sibling": "red", **others})

    def test_the_drift_of_the_others_is_repaired_within_one_interval(self, harness: Harness) -> None:
        """Every time, whatever fails; and the passes never come later than the interval."""
        for number in range(200):
            for name in ("drifting", "sibling"):  # another drift each time: the same one three times is held (R30)
                harness.account.body(f"Leaf/{name}")["colour"] = f"green-{number}"
            harness.work(60)
            assert harness.account.body("Leaf/drifting")["colour"] == "red"
            assert harness.account.body("Leaf/sibling")["colour"] == "red"

    def test_each_refused_one_is_tried_at_its_own_pace(self, harness: Harness) -> None:
        """Denied: once in 15 minutes. Throttled: 5 to 300 seconds apart. A conflict: slowly after its deadline."""
        passes = len(harness.recorded.passes)
        harness.work(200 * 60)
        assert len(harness.recorded.passes) - passes >= 200
        denied = pauses(self.errors.tries["denied"])
        assert len(denied) == 200 * 60 // 900
        assert min(denied) >= SLOW
        assert pauses(self.errors.tries["busy"])[:8] == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
        waiting = pauses(self.errors.tries["waiting"])
        assert waiting[:4] == [5.0, 7.5, 11.25, 16.875]
        assert {pause for pause in waiting if pause > 30} == {SLOW}
        assert 900 < sum(pause for pause in waiting if pause <= 30) <= 930

    def test_the_refused_ones_stay_degraded_with_the_time_of_the_next_try(self, harness: Harness) -> None:
        """A pass that does not try them does not make them Healthy."""
        harness.work(1000)
        for _ in range(20):
            harness.work(60)
            outcome = harness.recorded.outcomes[-1]
            for name in ("busy", "denied", "waiting"):
                found = status(outcome, f"Leaf/{name}").health
                assert found.status == "Degraded"
                assert found.why.startswith("will be retried in ")
            assert status(outcome, "Leaf/drifting").health.status == "Healthy"

    def test_its_changed_document_is_tried_at_once_and_another_one_changes_nothing(self, harness: Harness) -> None:
        """The content of the document counts, not the revision."""
        harness.work(100)
        assert len(self.errors.tries["denied"]) == 1
        harness.declare(self.documents("blue", drifting="pink"), revision="3")
        harness.work(1)
        assert harness.account.body("Leaf/drifting")["colour"] == "pink"
        assert len(self.errors.tries["denied"]) == 1
        harness.declare(self.documents("blue", drifting="pink", denied="pink"), revision="4")
        harness.work(0)
        assert len(self.errors.tries["denied"]) == 2

    def test_lost_credentials_back_off_the_application_and_end_the_wait_of_the_denied_one(
        self, harness: Harness
    ) -> None:
        """The next credentials may have other permissions."""
        harness.work(100)

        def expired(operation: str, _: Mapping[str, Any]) -> None:
            raise AwsError("credentials", "ExpiredToken", "expired", operation)

        harness.account.cloud.before = expired
        harness.queue.add("shop")
        assert [harness.next_pass() for _ in range(5)] == [0.0, 10.0, 20.0, 40.0, 80.0]
        harness.account.cloud.before = self.errors
        harness.next_pass()
        assert len(self.errors.tries["denied"]) == 2


def pauses(times: list[float]) -> list[float]:
    """Return the seconds between the tries."""
    return [later - earlier for earlier, later in pairwise(times)]


class TestDenied:
    """A call that AWS refuses until something changes."""

    def denied(self, account: Account, errors: Errors, application: Application) -> Outcome:
        """Make the pass in which the call for `a` is denied."""
        errors.kinds = {"a": "denied"}
        outcome = account.run(application)
        account.clock.advance(180)
        return outcome

    def test_the_status_has_the_next_try(self, account: Account, errors: Errors) -> None:
        """In the pass that tried it and in the next ones, with the last error."""
        first = self.denied(account, errors, leaves(a="red"))
        error = "memory.CreateLeaf: Denied: the error of the test"
        assert status(first, "Leaf/a").health.why == f"will be retried in 15 min: {error}"
        second = account.run(leaves(a="red"))
        assert result(second, "Leaf/a") == Failed(error=error, retry="slow", after=720.0, sent=False)
        assert status(second, "Leaf/a").health.why == f"will be retried in 12 min: {error}"
        account.clock.advance(679)
        third = account.run(leaves(a="red"))
        assert status(third, "Leaf/a").health.why == f"will be retried in 41 s: {error}"
        assert len(errors.tries["a"]) == 1

    def test_its_dependents_wait(self, account: Account, errors: Errors) -> None:
        """As after the call itself."""
        application = shop(document("App/a"), document("Leaf/leaf", app=ref("App/a")))
        self.denied(account, errors, application)
        outcome = account.run(application)
        assert result(outcome, "Leaf/leaf") == Skipped(reason="waits for App/a, which was not done")

    def test_another_place_in_the_file_is_no_change(self, account: Account, errors: Errors) -> None:
        """A line above the document was added."""
        self.denied(account, errors, shop(Desired(key=document("Leaf/a").key, body={"name": "a"})))
        moved = Desired(key=document("Leaf/a").key, body={"name": "a"}, origin=Origin("shop.yaml", 7))
        account.run(shop(moved))
        assert len(errors.tries["a"]) == 1

    @pytest.mark.parametrize(
        "changed", [document("Leaf/a", colour="blue"), document("Leaf/a", Options(replace="allow"), colour="red")]
    )
    def test_a_change_of_its_document_is_tried_at_once(
        self, account: Account, errors: Errors, changed: Desired
    ) -> None:
        """A member or an annotation."""
        self.denied(account, errors, leaves(a="red"))
        account.run(shop(changed))
        assert len(errors.tries["a"]) == 2

    def test_a_changed_live_value_is_tried_at_once(self, account: Account, errors: Errors) -> None:
        """The call may be another one now. The pass after the error has the values to compare with."""
        account.settle(leaves(a="red"))
        account.body("Leaf/a")["colour"] = "blue"
        self.denied(account, errors, leaves(a="red"))
        account.run(leaves(a="red"))
        assert len(errors.tries["a"]) == 2
        account.body("Leaf/a")["colour"] = "green"
        account.run(leaves(a="red"))
        assert len(errors.tries["a"]) == 3

    def test_a_success_ends_the_backoff(self, account: Account, errors: Errors) -> None:
        """After 15 minutes the call succeeds, and later drift is repaired at once."""
        self.denied(account, errors, leaves(a="red"))
        errors.kinds = {}
        account.clock.advance(720)
        assert result(account.run(leaves(a="red")), "Leaf/a") == Done()
        assert account.run(leaves(a="red")).plan.empty
        account.body("Leaf/a")["colour"] = "blue"
        account.run(leaves(a="red"))
        assert account.body("Leaf/a")["colour"] == "red"

    def test_a_difference_that_is_gone_ends_the_backoff(self, account: Account, errors: Errors) -> None:
        """A person repaired the drift; the next drift is tried at once."""
        account.settle(leaves(a="red"))
        account.body("Leaf/a")["colour"] = "blue"
        self.denied(account, errors, leaves(a="red"))
        account.body("Leaf/a")["colour"] = "red"
        assert account.run(leaves(a="red")).plan.empty
        account.body("Leaf/a")["colour"] = "blue"
        account.run(leaves(a="red"))
        assert len(errors.tries["a"]) == 3

    def test_an_unreadable_pass_keeps_the_backoff(self, account: Account, errors: Errors) -> None:
        """A failed read proves nothing."""
        self.denied(account, errors, leaves(a="red"))

        def unreadable(operation: str, _: Mapping[str, Any]) -> None:
            raise AwsError("transient", "500", "no response", operation)

        account.cloud.before = unreadable
        account.run(leaves(a="red"))
        account.cloud.before = errors
        account.run(leaves(a="red"))
        assert len(errors.tries["a"]) == 1

    def test_a_blocked_one_stays_failed(self, account: Account, errors: Errors) -> None:
        """Its retry is due, and a throttled resource ends the steps of its kind: it does not become Healthy."""
        account.settle(leaves(a="red", b="red"))
        application = leaves(a="red", b="blue")
        errors.kinds = {"b": "denied"}
        account.run(application)
        errors.kinds = {"a": "throttled"}
        account.clock.advance(SLOW)
        account.body("Leaf/a")["colour"] = "blue"
        outcome = account.run(application)
        assert result(outcome, "Leaf/b") == Failed(
            error="memory.UpdateLeaf: Denied: the error of the test", retry="slow", sent=False
        )
        assert status(outcome, "Leaf/b").health.status == "Degraded"

    def test_a_denied_deletion_does_not_delay_the_resource_of_its_name(self, account: Account, errors: Errors) -> None:
        """The document means another resource now; the old one cannot be deleted."""
        account.settle(shop(document("Leaf/one", name="a")))
        errors.kinds = {"a": "denied"}
        renamed = shop(document("Leaf/one", name="b", colour="red"), prune=True)
        for _ in range(3):
            account.run(renamed)
            account.clock.advance(60)
        assert len(errors.tries["a"]) == 2
        account.body("Leaf/b")["colour"] = "blue"
        account.run(renamed)
        assert account.body("Leaf/b")["colour"] == "red"
        assert len(errors.tries["a"]) == 2


class TestOthers:
    """Invalid, throttled, waiting, and a restart."""

    def test_invalid_is_tried_at_once_after_a_change_of_what_it_needs(self, account: Account, errors: Errors) -> None:
        """The error may have been about that resource."""
        account.settle(shop(document("App/app")))
        account.clock.advance(400)
        errors.kinds = {"a": "invalid"}
        account.run(shop(document("App/app"), document("Leaf/a", app=ref("App/app"))))
        account.clock.advance(60)
        errors.kinds = {}
        account.run(shop(document("App/app", count=2), document("Leaf/a", app=ref("App/app"))))
        assert account.there() == {"App": ["app"], "Leaf": ["a"]}

    def test_a_waiting_one_is_not_sent_before_its_time(self, account: Account, errors: Errors) -> None:
        """A pass for another reason does not shorten its pause."""
        errors.kinds = {"a": "settling"}
        account.run(leaves(a="red", b="red"))
        account.clock.advance(1)
        outcome = account.run(leaves(a="red", b="red"))
        error = "memory.CreateLeaf: Settling: the error of the test"
        assert result(outcome, "Leaf/a") == Progressing(why=error, after=4.0)
        assert len(errors.tries["a"]) == 1

    def test_the_dependents_of_a_waiting_one_wait(self, account: Account, errors: Errors) -> None:
        """Also in a pass that does not send it."""
        errors.kinds = {"a": "settling"}
        application = shop(document("App/a"), document("Leaf/leaf", app=ref("App/a")))
        for _ in range(2):
            outcome = account.run(application)
            assert result(outcome, "Leaf/leaf") == Skipped(reason="waits for App/a, which is not ready")

    def test_after_the_deadline_it_is_degraded_and_slow(self, account: Account, errors: Errors) -> None:
        """The reason has the time that it waited."""
        errors.kinds = {"a": "settling"}
        account.run(leaves(a="red"))
        account.clock.advance(310)
        health = status(account.run(leaves(a="red")), "Leaf/a").health
        error = "memory.CreateLeaf: Settling: the error of the test (for 310 s)"
        assert (health.status, health.why) == ("Degraded", f"will be retried in 15 min: {error}")

    def test_the_deadline_survives_a_changed_live_value(self, account: Account, errors: Errors) -> None:
        """Only a changed document begins a new time of waiting."""
        account.settle(leaves(a="red"))
        errors.kinds = {"a": "conflict"}
        for number in range(20):
            account.body("Leaf/a")["colour"] = str(number)
            outcome = account.run(leaves(a="red"))
            account.clock.advance(60)
        assert isinstance(result(outcome, "Leaf/a"), Failed)
        assert isinstance(result(account.run(leaves(a="pink")), "Leaf/a"), Progressing)

    @pytest.mark.parametrize(("kind", "first"), [("denied", SLOW), ("throttled", 5.0), ("transient", 5.0)])
    def test_a_restart_begins_with_the_first_step_of_each_backoff(
        self, account: Account, errors: Errors, kind: ErrorClass, first: float
    ) -> None:
        """Nothing of it survives, and nothing needs to."""
        errors.kinds = {"a": kind}
        for _ in range(4):
            account.run(leaves(a="red"))
            account.clock.advance(SLOW)
        account.restart()
        outcome = account.run(leaves(a="red"))
        assert len(errors.tries["a"]) == 5
        assert getattr(result(outcome, "Leaf/a"), "after", None) == first

    def test_without_credentials_nothing_is_held_against_the_resource(self, account: Account, errors: Errors) -> None:
        """They expired during the pass; the next one sends the step."""
        errors.kinds = {"a": "credentials"}
        account.run(leaves(a="red"))
        errors.kinds = {}
        account.run(leaves(a="red"))
        assert account.there() == {"Leaf": ["a"]}
