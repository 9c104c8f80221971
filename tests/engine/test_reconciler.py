"""Passes over an application: they converge, a further one writes nothing, and a crash anywhere changes neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.marks import OWNER
from ecsync.core.model import Options
from ecsync.core.outcome import Done, Outcome, Skipped
from ecsync.core.ports import AwsError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import PassOptions, Refused, look
from ecsync.testing import memory_kind
from tests.engine.passes import ALL_THERE, Account, document, key, ref, shop, stack


class Crash(BaseException):
    """Ends the process: no code catches it."""


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def until_crash(account: Account, index: int, *, after: bool) -> bool:
    """Make passes that crash before or after the effect of this mutating call. Return whether it was reached."""
    reached = 0

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal reached
        if operation.startswith(("Describe", "List")):
            return
        reached += 1
        if reached == index + 1:
            raise Crash

    setattr(account.cloud, "after" if after else "before", hook)
    try:
        account.settle(shop(*stack()))
    except Crash:
        return True
    finally:
        account.cloud.before = account.cloud.after = lambda *_: None
    return False


class TestConvergence:
    """From an empty account to the declared resources."""

    def test_every_resource_is_created_as_declared(self, account: Account) -> None:
        """The references are resolved to the ids that AWS returned."""
        outcome = account.settle(shop(*stack()))
        assert (outcome.sync, outcome.health) == ("Synced", "Healthy")
        assert account.there() == ALL_THERE
        ids = {one["name"]: id_ for id_, one in account.cloud.objects.items()}
        bodies = {
            name: {member: value for member, value in account.cloud.objects[id_].items() if member != "tags"}
            for name, id_ in ids.items()
        }
        assert bodies == {
            "base": {"name": "base", "size": 3, "peers": [ids["app"]]},
            "app": {"name": "app", "base": ids["base"]},
            "leaf": {"name": "leaf", "app": ids["app"], "colour": "red"},
            "alone": {"name": "alone"},
        }

    def test_every_resource_carries_our_mark(self, account: Account) -> None:
        """The marks are on each resource from its first call on, with the tags of the manifest."""
        account.settle(shop(*stack()))
        app = account.body("App/app")
        assert app["tags"][OWNER] == "v1/prod/shop/App/app"
        assert app["tags"]["team"] == "a"

    def test_one_pass_is_enough_where_nothing_has_to_wait(self, account: Account) -> None:
        """A reference to a resource that is created in the same pass is resolved."""
        account.run(shop(*stack()))
        assert account.there() == ALL_THERE

    def test_ten_more_passes_write_nothing(self, account: Account) -> None:
        """A converged application is not changed."""
        account.settle(shop(*stack()))
        before = list(account.cloud.writes)
        for _ in range(10):
            assert account.run(shop(*stack())).results == {}
            account.clock.advance(60)
        assert account.cloud.writes == before

    def test_a_new_process_writes_nothing_either(self, account: Account) -> None:
        """Everything that decisions need is on the resources."""
        account.settle(shop(*stack()))
        before = list(account.cloud.writes)
        account.restart()
        account.run(shop(*stack()))
        assert account.cloud.writes == before

    def test_observing_writes_nothing(self, account: Account) -> None:
        """Without enforce a pass only reports."""
        outcome = account.run(shop(*stack()), options=PassOptions())
        assert outcome.sync == "OutOfSync"
        assert account.cloud.writes == []

    def test_drift_is_repaired_by_one_call(self, account: Account) -> None:
        """A manual change of one member results in one update of that member."""
        account.settle(shop(*stack()))
        account.cloud.writes.clear()
        account.body("Leaf/leaf")["colour"] = "blue"
        outcome = account.run(shop(*stack()))
        assert [(one.path, one.reason) for step in outcome.plan.steps for one in step.fields] == [
            (("colour",), "drift")
        ]
        assert account.cloud.writes == ["UpdateLeaf leaf"]
        assert account.body("Leaf/leaf")["colour"] == "red"

    def test_a_tag_of_another_client_stays(self, account: Account) -> None:
        """Tags that we never set are not compared."""
        account.settle(shop(*stack()))
        account.body("App/app")["tags"]["cost"] = "7"
        before = list(account.cloud.writes)
        account.run(shop(*stack()))
        assert account.cloud.writes == before


class TestCrash:
    """The process ends at each mutating call of the first convergence, and a new one starts."""

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("index", range(6))
    def test_it_converges_and_nothing_is_created_twice(self, account: Account, index: int, after: bool) -> None:
        """The next process ends in the same state as one that did not crash."""
        assert until_crash(account, index, after=after)
        account.restart()
        outcome = account.settle(shop(*stack()))
        assert (outcome.sync, outcome.health) == ("Synced", "Healthy")
        assert account.there() == ALL_THERE
        assert account.cloud.refused == []
        assert len(account.made()) == len(set(account.made())) == 4

    def test_that_was_every_call(self, account: Account) -> None:
        """The first convergence makes six mutating calls."""
        assert not until_crash(account, 6, after=False)
        assert len(account.cloud.writes) == 6

    @pytest.mark.parametrize("index", range(6))
    def test_a_response_that_is_lost_changes_nothing(self, account: Account, index: int) -> None:
        """The call had its effect and the connection broke: the next pass observes the effect."""
        lost = AwsError("transient", "EndpointConnectionError", "connection reset", "memory.Call")
        fail_at(account, index, lost)
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.cloud.refused == []
        assert len(account.made()) == 4

    def test_ten_crashes_in_a_row_converge_as_well(self, account: Account) -> None:
        """Each process makes one further call and ends."""
        for _ in range(10):
            until_crash(account, 1, after=False)
            account.restart()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4


def fail_at(account: Account, index: int, error: AwsError) -> None:
    """Make the mutating call of that index raise after its effect, once."""
    reached = 0

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal reached
        if not operation.startswith(("Describe", "List")):
            reached += 1
            if reached == index + 1:
                raise error

    account.cloud.after = hook


class TestGuards:
    """What is checked before the first write."""

    def test_an_empty_account_that_is_not_asserted_is_refused(self) -> None:
        """Without a state file, a wrong account results in a plan that creates everything."""
        account = Account(asserted=False)
        with pytest.raises(Refused, match="ECSYNC_ACCOUNT"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []

    def test_an_account_with_something_of_ours_needs_no_assertion(self) -> None:
        """One resource with our mark proves that the account is right."""
        account = Account()
        account.settle(shop(document("Leaf/alone")))
        account.asserted = False
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE

    def test_without_an_installation_nothing_is_written(self) -> None:
        """A mark needs the name of its installation."""
        account = Account(installation="")
        with pytest.raises(Refused, match="ECSYNC_INSTALLATION"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []

    def test_a_plan_with_another_digest_is_refused(self, account: Account) -> None:
        """`apply --digest` applies exactly the plan that was reviewed."""
        application = shop(document("Leaf/alone", colour="red"))
        catalogue = Catalogue(applications={"shop": application})
        reviewed = look(application, catalogue, account.destination(), account.step_state).plan.digest
        changed = shop(document("Leaf/alone", colour="blue"))
        with pytest.raises(Refused, match=reviewed):
            account.run(changed, only_digest=reviewed)
        assert account.cloud.writes == []
        account.run(application, only_digest=reviewed)
        assert account.there() == {"Leaf": ["alone"]}


class TestReasons:
    """The reasons of differences of an untagged kind, which has no mark."""

    bare = memory_kind("Bare", tagging=None)

    def account(self) -> Account:
        """Return an account with such a kind."""
        return Account(kinds={"Bare": self.bare})

    def reasons(self, outcome: Outcome) -> set[str]:
        """Return the reasons of all that differs."""
        return {field.reason for status in outcome.statuses for field in status.fields}

    def test_a_changed_document_is_pending_and_a_manual_change_is_drift(self) -> None:
        """The marks of the last pass in sync are remembered."""
        account = self.account()
        account.cloud.write("memory", "CreateBare", name="b", size=1)
        account.body("Bare/b")["tags"] = {OWNER: "v1/prod/shop/Bare/b"}
        account.run(shop(document("Bare/b", size=1)))
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"pending"}
        account.run(shop(document("Bare/b", size=2)))
        account.body("Bare/b")["size"] = 7
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"drift"}

    def test_after_a_restart_both_are_drift(self) -> None:
        """Nothing is remembered, and the safe reason is drift."""
        account = self.account()
        account.cloud.write("memory", "CreateBare", name="b", size=1)
        account.body("Bare/b")["tags"] = {OWNER: "v1/prod/shop/Bare/b"}
        account.run(shop(document("Bare/b", size=1)))
        account.restart()
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"drift"}


class TestOwnership:
    """A resource that is not ours is not changed."""

    def unmarked(self, account: Account, **tags: str) -> None:
        """Create a resource without our marks."""
        account.cloud.write("memory", "CreateLeaf", name="alone", colour="blue", tags=tags)
        account.cloud.writes.clear()

    def test_an_unmarked_resource_is_adopted_only_by_adopt(self, account: Account) -> None:
        """Enforcing writes nothing to it; `adopt` writes our marks and nothing else."""
        self.unmarked(account)
        application = shop(document("Leaf/alone", colour="blue"))
        for _ in range(3):
            account.run(application)
        assert account.cloud.writes == []
        account.run(application, options=PassOptions(adopt=frozenset()))
        assert account.cloud.writes == ["TagLeaf alone"]
        account.settle(application)
        assert account.cloud.writes == ["TagLeaf alone"]

    def test_adopting_one_leaves_the_others(self, account: Account) -> None:
        """`ecsync adopt Leaf/alone` adopts only that one."""
        account.cloud.write("memory", "CreateLeaf", name="other")
        self.unmarked(account)
        application = shop(document("Leaf/alone"), document("Leaf/other"))
        account.run(application, options=PassOptions(adopt=frozenset({key("Leaf/alone")})))
        assert account.cloud.writes == ["TagLeaf alone"]

    def test_a_resource_that_lost_its_marks_after_the_plan_is_not_adopted(self, account: Account) -> None:
        """Enforcing never adopts."""
        application = shop(document("Leaf/alone", colour="red"))
        account.settle(application)
        account.body("Leaf/alone")["colour"] = "blue"
        account.cloud.writes.clear()
        strip = PassOptions(enforce=True, planned=lambda _: account.body("Leaf/alone")["tags"].clear())
        (result,) = account.run(application, options=strip).results.values()
        assert isinstance(result, Skipped)
        assert account.cloud.writes == []

    def test_a_resource_that_is_marked_before_its_adoption_is_not_changed(self, account: Account) -> None:
        """`ecsync adopt` writes marks only; a child is adopted with its parent."""
        self.unmarked(account)
        application = shop(document("Leaf/alone", colour="red"))
        tags = {OWNER: "v1/prod/shop/Leaf/alone"}
        mark = PassOptions(adopt=frozenset(), planned=lambda _: account.body("Leaf/alone")["tags"].update(tags))
        (result,) = account.run(application, options=mark).results.values()
        assert result == Done()
        assert account.cloud.writes == []

    def test_an_adopted_resource_keeps_its_undeclared_members(self, account: Account) -> None:
        """Members that the manifest does not declare keep the values that they had."""
        self.unmarked(account)
        application = shop(document("Leaf/alone"))
        account.run(application, options=PassOptions(adopt=frozenset()))
        account.settle(application)
        assert account.body("Leaf/alone")["colour"] == "blue"

    @pytest.mark.parametrize(
        "tags",
        [
            {OWNER: "v1/staging/shop/Leaf/alone"},
            {OWNER: "v9/prod/shop/Leaf/alone/x"},
            {"aws:cloudformation:stack-name": "web"},
        ],
        ids=["another installation", "a format of the future", "another tool"],
    )
    def test_a_resource_of_another_owner_is_withheld(self, account: Account, tags: dict[str, str]) -> None:
        """Neither enforcing nor adopting writes to it."""
        self.unmarked(account, **tags)
        application = shop(document("Leaf/alone", colour="red"))
        assert account.run(application).plan.withheld
        account.run(application, options=PassOptions(adopt=frozenset()))
        assert account.cloud.writes == []

    def test_a_renamed_document_keeps_its_resource(self, account: Account) -> None:
        """The same physical resource under another key: only its mark is changed."""
        account.settle(shop(document("Leaf/alone", name="alone")))
        account.cloud.writes.clear()
        account.settle(shop(document("Leaf/renamed", name="alone"), prune=True))
        assert account.cloud.writes == ["TagLeaf alone"]
        assert account.body("Leaf/alone")["tags"][OWNER] == "v1/prod/shop/Leaf/renamed"


def test_state_absent_deletes_with_prune_off(account: Account) -> None:
    """One document states that one resource is to be deleted."""
    account.settle(shop(*stack()))
    account.cloud.writes.clear()
    gone = (*stack()[:3], document("Leaf/alone", Options(state="absent")))
    account.run(shop(*gone))
    account.run(shop(*gone))
    assert account.cloud.writes == ["DeleteLeaf alone"]


class TestAcrossApplications:
    """References to resources of another application."""

    def test_a_value_of_another_application_is_looked_up(self, account: Account) -> None:
        """It is read and never written by this application."""
        platform = shop(document("Base/base", application="platform"), name="platform")
        web = shop(document("App/app", base=ref("Base/base", application="platform")))
        assert account.run(web, platform).results  # nothing can be created yet
        assert account.there() == {}
        account.settle(platform, web)
        account.settle(web, platform)
        assert account.there() == {"Base": ["base"], "App": ["app"]}
