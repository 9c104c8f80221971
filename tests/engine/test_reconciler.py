"""Passes over an application: they converge, a second one writes nothing, and a crash anywhere changes neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan
from ecsync.core.kind import Kind, Owned
from ecsync.core.marks import APPLIED, OWNER
from ecsync.core.model import Done, Options, Outcome, Skipped
from ecsync.core.ports import AwsError, Reader
from ecsync.engine.reconciler import Catalogue, PassOptions, Refused, look
from ecsync.testing import memory_kind
from tests.engine.passes import ALL_THERE, KINDS, Account, document, key, ref, shop, stack


class Crash(BaseException):
    """The process is gone: nothing catches it."""


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def until_crash(account: Account, index: int, *, after: bool) -> bool:
    """Make passes that crash before or after the effect of the mutating call of that index; tell whether one did."""
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
    """From nothing to what is declared."""

    def test_everything_is_made_as_it_is_written(self, account: Account) -> None:
        """The account ends with every resource, references resolved to the ids that AWS gave."""
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

    def test_everything_carries_our_mark(self, account: Account) -> None:
        """The marks are on each resource from its first call on, beside the tags of the manifest."""
        account.settle(shop(*stack()))
        app = account.body("App/app")
        assert app["tags"][OWNER] == "v1/prod/shop/App/app"
        assert app["tags"]["team"] == "a"

    def test_one_pass_is_enough_where_nothing_has_to_wait(self, account: Account) -> None:
        """A reference to what is made in the same pass is resolved in it."""
        account.run(shop(*stack()))
        assert account.there() == ALL_THERE

    def test_ten_more_passes_write_nothing(self, account: Account) -> None:
        """What has converged is left alone."""
        account.settle(shop(*stack()))
        before = list(account.cloud.writes)
        for _ in range(10):
            assert account.run(shop(*stack())).results == {}
            account.clock.advance(60)
        assert account.cloud.writes == before

    def test_a_new_process_writes_nothing_either(self, account: Account) -> None:
        """All that matters is on the resources."""
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
        """One member that somebody changed is one update of that member."""
        account.settle(shop(*stack()))
        account.cloud.writes.clear()
        account.body("Leaf/leaf")["colour"] = "blue"
        outcome = account.run(shop(*stack()))
        assert [(one.path, one.reason) for step in outcome.plan.steps for one in step.fields] == [
            (("colour",), "drift")
        ]
        assert account.cloud.writes == ["UpdateLeaf leaf"]
        assert account.body("Leaf/leaf")["colour"] == "red"

    def test_a_tag_of_somebody_else_stays(self, account: Account) -> None:
        """Tags that we never set are nobody's business of ours."""
        account.settle(shop(*stack()))
        account.body("App/app")["tags"]["cost"] = "7"
        before = list(account.cloud.writes)
        account.run(shop(*stack()))
        assert account.cloud.writes == before


class TestCrash:
    """The process dies around each mutating call of the first convergence, and another begins anew."""

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("index", range(6))
    def test_it_converges_and_nothing_is_made_twice(self, account: Account, index: int, after: bool) -> None:
        """Whatever was reached, the next process ends where an undisturbed one does."""
        assert until_crash(account, index, after=after)
        account.restart()
        outcome = account.settle(shop(*stack()))
        assert (outcome.sync, outcome.health) == ("Synced", "Healthy")
        assert account.there() == ALL_THERE
        assert account.cloud.refused == []
        assert len(account.made()) == len(set(account.made())) == 4

    def test_that_was_every_call(self, account: Account) -> None:
        """There is no seventh call to crash at."""
        assert not until_crash(account, 6, after=False)
        assert len(account.cloud.writes) == 6

    @pytest.mark.parametrize("index", range(6))
    def test_a_response_that_is_lost_changes_nothing(self, account: Account, index: int) -> None:
        """The call had its effect and we were told of a broken connection: the next pass finds what it did."""
        lost = AwsError("transient", "EndpointConnectionError", "connection reset", "memory.Call")
        fail_at(account, index, lost)
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert account.cloud.refused == []
        assert len(account.made()) == 4

    def test_ten_crashes_in_a_row_converge_as_well(self, account: Account) -> None:
        """Each process gets one call further and dies."""
        for _ in range(10):
            until_crash(account, 1, after=False)
            account.restart()
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE
        assert len(account.made()) == 4


def fail_at(account: Account, index: int, error: AwsError) -> None:
    """Have the mutating call of that index raise after its effect, once."""
    reached = 0

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        nonlocal reached
        if not operation.startswith(("Describe", "List")):
            reached += 1
            if reached == index + 1:
                raise error

    account.cloud.after = hook


class TestGuards:
    """What is asked before the first write."""

    def test_an_empty_account_that_nobody_asserted_is_refused(self) -> None:
        """With no state file, the wrong account looks like a plan to create everything."""
        account = Account(asserted=False)
        with pytest.raises(Refused, match="ECSYNC_ACCOUNT"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []

    def test_an_account_with_something_of_ours_needs_no_assertion(self) -> None:
        """One resource that carries our mark says that we were here before."""
        account = Account()
        account.settle(shop(document("Leaf/alone")))
        account.asserted = False
        account.settle(shop(*stack()))
        assert account.there() == ALL_THERE

    def test_without_an_installation_nothing_is_written(self) -> None:
        """A mark without an owner would be nobody's."""
        account = Account(installation="")
        with pytest.raises(Refused, match="ECSYNC_INSTALLATION"):
            account.run(shop(*stack()))
        assert account.cloud.writes == []

    def test_another_plan_than_the_one_agreed_to_is_refused(self, account: Account) -> None:
        """The digest says exactly what was agreed to."""
        application = shop(document("Leaf/alone", colour="red"))
        catalogue = Catalogue(applications={"shop": application})
        agreed = plan.digest(look(application, catalogue, account.destination(), account.step_state).plan)
        changed = shop(document("Leaf/alone", colour="blue"))
        with pytest.raises(Refused, match=agreed):
            account.run(changed, only_digest=agreed)
        assert account.cloud.writes == []
        account.run(application, only_digest=agreed)
        assert account.there() == {"Leaf": ["alone"]}


class TestReasons:
    """Who changed what AWS cannot tag: a mark would tell, and there is none."""

    bare = memory_kind("Bare", tagging=None)

    def account(self) -> Account:
        """Return an account with such a kind."""
        return Account(kinds={"Bare": self.bare})

    def reasons(self, outcome: Outcome) -> set[str]:
        """Return the reasons of all that differs."""
        return {field.reason for status in outcome.statuses for field in status.fields}

    def test_what_was_in_sync_and_is_declared_anew_is_pending(self) -> None:
        """So it is told no drift; what somebody else changes is."""
        account = self.account()
        account.cloud.write("memory", "CreateBare", name="b", size=1)
        account.body("Bare/b")["tags"] = {OWNER: "v1/prod/shop/Bare/b"}
        account.run(shop(document("Bare/b", size=1)))
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"pending"}
        account.run(shop(document("Bare/b", size=2)))
        account.body("Bare/b")["size"] = 7
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"drift"}

    def test_after_a_restart_nobody_knows(self) -> None:
        """Then it may have been anybody."""
        account = self.account()
        account.cloud.write("memory", "CreateBare", name="b", size=1)
        account.body("Bare/b")["tags"] = {OWNER: "v1/prod/shop/Bare/b"}
        account.run(shop(document("Bare/b", size=1)))
        account.restart()
        assert self.reasons(account.run(shop(document("Bare/b", size=2)))) == {"drift"}


class TestOwnership:
    """What is not ours is not touched."""

    def unmarked(self, account: Account, **tags: str) -> None:
        """Make a resource by hand."""
        account.cloud.write("memory", "CreateLeaf", name="alone", colour="blue", tags=tags)
        account.cloud.writes.clear()

    def test_what_nobody_marked_is_adopted_only_on_a_word(self, account: Account) -> None:
        """Enforcing writes nothing on it; `adopt` puts marks on it and nothing else."""
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
        """`ecsync adopt Leaf/alone` adopts that one."""
        account.cloud.write("memory", "CreateLeaf", name="other")
        self.unmarked(account)
        application = shop(document("Leaf/alone"), document("Leaf/other"))
        account.run(application, options=PassOptions(adopt=frozenset({key("Leaf/alone")})))
        assert account.cloud.writes == ["TagLeaf alone"]

    def test_what_lost_its_marks_since_the_plan_is_not_taken_over(self, account: Account) -> None:
        """Enforcing never adopts, whatever happens between the plan and its step."""
        application = shop(document("Leaf/alone", colour="red"))
        account.settle(application)
        account.body("Leaf/alone")["colour"] = "blue"
        account.cloud.writes.clear()
        strip = PassOptions(enforce=True, planned=lambda _: account.body("Leaf/alone")["tags"].clear())
        (result,) = account.run(application, options=strip).results.values()
        assert isinstance(result, Skipped)
        assert account.cloud.writes == []

    def test_what_is_ours_by_the_time_of_its_adoption_is_not_changed(self, account: Account) -> None:
        """`ecsync adopt` puts marks on things and nothing else: what belongs to another one is adopted with that."""
        self.unmarked(account)
        application = shop(document("Leaf/alone", colour="red"))
        tags = {OWNER: "v1/prod/shop/Leaf/alone"}
        mark = PassOptions(adopt=frozenset(), planned=lambda _: account.body("Leaf/alone")["tags"].update(tags))
        (result,) = account.run(application, options=mark).results.values()
        assert result == Done()
        assert account.cloud.writes == []

    def test_an_adopted_resource_keeps_what_nobody_declares(self, account: Account) -> None:
        """Members that the manifest does not speak of stay as they were found."""
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
    def test_what_is_another_s_is_held(self, account: Account, tags: dict[str, str]) -> None:
        """Neither enforcing nor adopting writes on it."""
        self.unmarked(account, **tags)
        application = shop(document("Leaf/alone", colour="red"))
        assert account.run(application).plan.withheld
        account.run(application, options=PassOptions(adopt=frozenset()))
        assert account.cloud.writes == []

    def test_a_renamed_document_takes_its_resource_along(self, account: Account) -> None:
        """The same physical resource under another key: its mark is changed, and nothing else."""
        account.settle(shop(document("Leaf/alone", name="alone")))
        account.cloud.writes.clear()
        account.settle(shop(document("Leaf/renamed", name="alone"), prune=True))
        assert account.cloud.writes == ["TagLeaf alone"]
        assert account.body("Leaf/alone")["tags"][OWNER] == "v1/prod/shop/Leaf/renamed"


class TestPrune:
    """What is declared no more."""

    @pytest.fixture
    def running(self, account: Account) -> Account:
        """An account that has converged."""
        account.settle(shop(*stack()))
        account.cloud.writes.clear()
        return account

    def test_it_stays_while_prune_is_off(self, running: Account) -> None:
        """It is held, with the word that would remove it."""
        outcome = running.run(shop(document("Leaf/alone")))
        assert running.there() == ALL_THERE
        assert all("sync.prune" in one.reason for one in outcome.plan.withheld)
        assert {str(one.step.id.key) for one in outcome.plan.withheld} == {"Base/base", "App/app", "Leaf/leaf"}

    def test_it_goes_with_prune_on(self, running: Account) -> None:
        """Only what is declared is left."""
        running.settle(shop(document("Leaf/alone"), prune=True))
        assert running.there() == {"Leaf": ["alone"]}

    def test_it_stays_while_the_source_is_not_trusted(self, running: Account) -> None:
        """A source that could not be read whole deletes nothing, prune or not."""
        running.run(shop(document("Leaf/alone"), prune=True), pruning="the source cannot be read")
        assert running.there() == ALL_THERE

    def test_it_stays_when_what_we_own_could_not_be_listed(self, running: Account) -> None:
        """A failed listing is not an empty one."""

        def denied(operation: str, _: Mapping[str, Any]) -> None:
            if operation == "ListApp":
                raise AwsError("denied", "AccessDenied", "no", operation)

        running.cloud.before = denied
        outcome = running.run(shop(document("Leaf/alone"), prune=True))
        assert running.there() == ALL_THERE
        assert outcome.plan.incomplete == "what we own of App could not be listed: ListApp: AccessDenied: no"

    def test_what_another_application_declares_stays(self, running: Account) -> None:
        """A resource that moved to another application is not an orphan of the first."""
        moved = shop(*stack()[:3], name="store")
        running.run(shop(document("Leaf/alone"), prune=True), moved)
        assert running.there() == ALL_THERE

    def test_what_is_to_be_retained_only_loses_our_marks(self, account: Account) -> None:
        """The document said so while it was there; the mark remembers."""
        account.settle(shop(document("Leaf/alone", Options(deletion="retain"))))
        account.settle(shop(document("Leaf/other"), prune=True))
        assert account.there() == {"Leaf": ["alone", "other"]}
        tags = account.body("Leaf/alone")["tags"]
        assert OWNER not in tags
        assert APPLIED not in tags

    def test_state_absent_deletes_with_prune_off(self, running: Account) -> None:
        """One document says that one resource is to go."""
        gone = (*stack()[:3], document("Leaf/alone", Options(state="absent")))
        running.run(shop(*gone))
        running.run(shop(*gone))
        assert running.cloud.writes == ["DeleteLeaf alone"]

    def test_a_resource_whose_name_in_aws_changed_leaves_an_orphan(self, account: Account) -> None:
        """The same key and another physical identity (rule 5): the old one is shown, and goes with prune on."""
        account.settle(shop(document("Leaf/alone", name="old")))
        renamed = shop(document("Leaf/alone", name="new"))
        account.settle(renamed)
        assert [str(one.step.id.key) for one in account.run(renamed).plan.withheld] == ["Leaf/alone"]

    def test_one_of_several_that_share_a_natural_name_is_an_orphan_too(self, account: Account) -> None:
        """Rules are named by their listener, and claimed by their priority: the others do not hide the one."""
        account.kinds = {**KINDS, "Leaf": _of_a_branch()}
        leaves = (document("Leaf/a", branch="oak"), document("Leaf/b", branch="oak"))
        account.settle(shop(*leaves))
        account.settle(shop(leaves[0], prune=True))
        assert account.there() == {"Leaf": ["a"]}

    def test_a_copied_mark_deletes_nothing(self, running: Account) -> None:
        """An orphan must carry the id that its place gives."""
        running.cloud.write("memory", "CreateLeaf", name="copy", tags=dict(running.body("Leaf/leaf")["tags"]))
        running.settle(shop(*stack(), prune=True))
        assert running.cloud.named("Leaf", "copy")


def _of_a_branch() -> Kind:
    """Return the kind of leaves whose natural name is their branch's, as a rule's is its listener's."""
    leaf = KINDS["Leaf"]

    def owned(reader: Reader, installation: str) -> Iterator[Owned]:
        for one in leaf.owned(reader, installation) if leaf.owned else ():
            yield replace(one, natural=one.present.body["branch"])

    return replace(
        leaf, natural=lambda body: body["branch"], claim=lambda body: f"{body['branch']}/{body['name']}", owned=owned
    )


class TestAcrossApplications:
    """References to what another application declares."""

    def test_a_value_of_another_application_is_looked_up(self, account: Account) -> None:
        """It is read and never written from here."""
        platform = shop(document("Base/base", application="platform"), name="platform")
        web = shop(document("App/app", base=ref("Base/base", application="platform")))
        assert account.run(web, platform).results  # nothing can be made yet
        assert account.there() == {}
        account.settle(platform, web)
        account.settle(web, platform)
        assert account.there() == {"Base": ["base"], "App": ["app"]}
