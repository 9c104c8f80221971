"""Orphans: which live resources with our marks no document declares, and when they are removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Owned
from ecsync.core.marks import APPLIED, OWNER
from ecsync.core.model import Application, Desired, Options
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body
from ecsync.engine import orphans
from ecsync.engine.inventory import Inventory
from ecsync.engine.orphans import RELIST, RETRY, Listing
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from ecsync.engine.views import at_cadence
from ecsync.testing import MemoryCloud, memory_kind
from tests.engine.passes import ALL_THERE, KINDS, TARGET, Account, document, ref, shop, stack


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


@pytest.fixture
def running(account: Account) -> Account:
    """An account with the stack in it."""
    account.settle(shop(*stack()))
    account.cloud.writes.clear()
    return account


def inputs(application: Application, *declared: str, kinds: Mapping[str, Kind] = KINDS, **more: Any) -> Inputs:
    """Return inputs in which these `Kind/name` are declared by a document of the application `shop`."""
    owners = frozenset(f"v1/prod/shop/{path}" for path in declared)
    return Inputs(
        application=application, kinds=kinds, world={}, target=TARGET, installation="prod", others=owners, **more
    )


def in_store() -> tuple[Desired, ...]:
    """Return three documents of the stack in the application `store`."""

    def here(path: str, **members: Any) -> Desired:
        return document(path, application="store", **members)

    return (
        here("Base/base", size=3, peers=[ref("App/app", application="store")]),
        here("App/app", base=ref("Base/base", application="store"), tags={"team": "a"}),
        here("Leaf/leaf", app=ref("App/app", application="store"), colour="red"),
    )


def denied(*operations: str, kind: Any = "denied") -> Any:
    """Return a hook that refuses these reads."""

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        if operation in operations:
            raise AwsError(kind, "Code", "no", f"memory.{operation}")

    return hook


def listed(cloud: MemoryCloud, of: Inputs, last: Listing | None, now: float) -> Listing:
    """Return the list of a process that has read nothing yet."""
    return orphans.listing(Inventory(cloud, lambda: now, of.kinds), at_cadence(30.0), of, last, now)


class TestListing:
    """Which resources are listed."""

    def listed(self, account: Account, *declared: str, application: Application | None = None) -> list[str]:
        """Return the names of the orphans."""
        found = listed(account.cloud, inputs(application or shop(), *declared), None, 0.0)
        assert found.incomplete == ""
        return [owned.natural for owned in found.orphans]

    def test_a_declared_resource_is_none(self, running: Account) -> None:
        """A document of any application declares it."""
        assert self.listed(running, "Base/base", "App/app", "Leaf/leaf") == ["alone"]

    def test_a_resource_of_another_application_is_none(self, running: Account) -> None:
        """Each application prunes its own resources."""
        assert self.listed(running, application=shop(name="store")) == []

    def test_a_resource_of_the_application_s_former_name_is_one(self, running: Account) -> None:
        """A renamed application prunes what it has left."""
        renamed = shop(name="store", formerly=("shop",))
        assert "alone" in self.listed(running, application=renamed)

    def test_a_resource_of_another_installation_is_none(self, running: Account) -> None:
        """Two controllers may share an account."""
        running.body("Leaf/alone")["tags"][OWNER] = "v1/staging/shop/Leaf/alone"
        assert "alone" not in self.listed(running)

    def test_a_copied_mark_is_foreign(self, running: Account) -> None:
        """The id in the mark is of another resource."""
        running.body("Leaf/alone")["tags"]["ecsync:id"] = "000000000000"
        assert "alone" not in self.listed(running)

    def test_a_mark_of_another_kind_is_foreign(self, running: Account) -> None:
        """A person tagged a Leaf with the mark of an App."""
        running.body("Leaf/alone")["tags"]["ecsync:owner"] = "v1/prod/shop/App/alone"
        assert "alone" not in self.listed(running)

    def test_a_failed_list_makes_the_listing_incomplete(self, running: Account) -> None:
        """The other kinds are listed, and nothing may be pruned."""
        running.cloud.before = denied("ListApp")
        found = listed(running.cloud, inputs(shop()), None, 0.0)
        assert found.incomplete == "App resources with our marks could not be listed: memory.ListApp: Code: no"
        assert {owned.natural for owned in found.orphans} == {"base", "leaf", "alone"}

    def test_lost_credentials_are_raised(self, running: Account) -> None:
        """Then nothing can be read."""
        running.cloud.before = denied("ListApp", kind="credentials")
        with pytest.raises(AwsError):
            listed(running.cloud, inputs(shop()), None, 0.0)

    @pytest.mark.parametrize(
        ("last", "reads"),
        [
            (Listing(revision="1", at=0.0, made=0.0), False),
            (Listing(revision="0", at=0.0, made=0.0), True),
            (Listing(revision="1", at=-RELIST - 1, made=0.0), True),
            (Listing(revision="1", at=-RETRY, made=0.0, incomplete="denied"), False),
            (Listing(revision="1", at=-RETRY - 1, made=0.0, incomplete="denied"), True),
        ],
        ids=["usable", "another revision", "too old", "incomplete", "incomplete for a minute"],
    )
    def test_the_last_list_is_used_again(self, running: Account, last: Listing, reads: bool) -> None:
        """A pass without a new revision makes no list calls for ten minutes."""
        found = listed(running.cloud, inputs(shop(), revision="1"), last, 0.0)
        assert (found is not last) is reads


class TestRemovable:
    """Which of the listed orphans are planned for removal."""

    BARE = memory_kind("Bare", tagging=None)

    def natural(self, application: Application, *others: Application) -> list[str]:
        """Return the names of the removable ones of two untagged resources, `old` and `new`."""
        account = Account()
        account.cloud.write("memory", "CreateBare", name="old", tags={OWNER: "v1/prod/shop/Bare/old"})
        account.cloud.write("memory", "CreateBare", name="new", tags={OWNER: "v1/prod/shop/Bare/x"})
        found = inputs(application, kinds={**KINDS, "Bare": self.BARE})
        listing = listed(account.cloud, found, None, 0.0)
        return [owned.natural for owned in orphans.removable(found, listing, (application, *others), {})]

    def test_a_claimed_name_is_kept_whatever_its_mark(self) -> None:
        """A renamed document claims the same resource under another key."""
        assert self.natural(shop(document("Bare/renamed", name="new"))) == ["old"]

    def test_an_untagged_one_is_kept_while_a_name_is_unresolved(self) -> None:
        """The unresolved document could be any of them."""
        unresolved = document("Bare/y", name=ref("App/app", "name"))
        assert self.natural(shop(unresolved)) == []

    def test_an_untagged_one_is_kept_while_another_application_declares_the_kind(self) -> None:
        """The names of the other application's documents are not resolved here."""
        assert self.natural(shop(), shop(document("Bare/y", application="store"), name="store")) == []


class TestPrune:
    """Passes over an application that declares less than before."""

    def test_orphans_stay_while_prune_is_off(self, running: Account) -> None:
        """Their removal is withheld, with the setting that would enable it."""
        outcome = running.run(shop(document("Leaf/alone")))
        assert running.there() == ALL_THERE
        assert all("sync.prune" in one.reason for one in outcome.plan.withheld)
        assert {str(one.step.id.key) for one in outcome.plan.withheld} == {"Base/base", "App/app", "Leaf/leaf"}

    def test_orphans_are_deleted_with_prune_on(self, running: Account) -> None:
        """Only what is declared remains."""
        running.settle(shop(document("Leaf/alone"), prune=True))
        assert running.there() == {"Leaf": ["alone"]}

    def test_orphans_stay_while_the_source_is_unreadable(self, running: Account) -> None:
        """A source that was not read whole deletes nothing, whatever `prune` is."""
        running.run(shop(document("Leaf/alone"), prune=True), pruning="the source cannot be read")
        assert running.there() == ALL_THERE

    def test_orphans_stay_while_the_listing_is_incomplete(self, running: Account) -> None:
        """A failed list is different from an empty one."""
        running.cloud.before = denied("ListApp")
        outcome = running.run(shop(document("Leaf/alone"), prune=True))
        assert running.there() == ALL_THERE
        expected = "App resources with our marks could not be listed: memory.ListApp: Code: no"
        assert outcome.plan.incomplete == expected

    @pytest.mark.parametrize("first", ["shop", "store"])
    def test_a_resource_that_moved_to_another_application_stays(self, running: Account, first: str) -> None:
        """Whichever application has the first pass. Its marks are those of the other application then."""
        old, new = shop(document("Leaf/alone"), prune=True), shop(*in_store(), name="store")
        old_passes, new_passes = running, replace(running, step_state=StepState())
        catalogue = running.declared(old, new)
        for _ in range(4):
            for name in (first, "store" if first == "shop" else "shop"):
                passes = old_passes if name == "shop" else new_passes
                passes.reconcile(name, catalogue)
                running.clock.advance(120)
        assert running.there() == ALL_THERE
        assert running.body("Leaf/leaf")["tags"][OWNER] == "v1/prod/store/Leaf/leaf"

    def test_what_another_application_may_mean_is_deleted_after_its_pass(self, account: Account) -> None:
        """A name that only its pass can resolve is in doubt until then. The other one is another branch."""
        account.kinds = {**KINDS, "Leaf": _of_a_branch()}
        account.settle(shop(document("Leaf/a", branch="oak"), document("Leaf/b", branch="oak")))
        branch = document("Leaf/b", application="store", branch=ref("Base/base", application="store"))
        store = shop(document("Base/base", application="store"), branch, name="store")
        catalogue = account.declared(shop(document("Leaf/a", branch="oak"), prune=True), store)
        outcome = account.reconcile("shop", catalogue)
        (held,) = outcome.plan.withheld
        assert held.reason.startswith("not deleted yet: Leaf/b of store may mean it")
        replace(account, step_state=StepState()).reconcile("store", catalogue)
        account.reconcile("shop", catalogue)
        assert [one["branch"] for one in account.cloud.objects.values() if one["name"] == "b"] != ["oak"]

    def test_a_name_in_another_region_is_no_doubt(self, account: Account) -> None:
        """Applications of two Regions often declare the same names."""
        account.settle(shop(document("Leaf/a"), document("Leaf/b"), region="eu-west-1"))
        there = replace(shop(document("Leaf/b", application="store"), name="store"), region="us-east-1")
        account.run(shop(document("Leaf/a"), prune=True, region="eu-west-1"), there)
        assert account.there() == {"Leaf": ["a"]}

    def test_a_name_of_the_account_may_be_meant_in_another_region(self, account: Account) -> None:
        """A role has one name for all Regions: it is not removed while an application of another Region declares it."""
        account.kinds = {**KINDS, "Leaf": memory_kind("Leaf", regional=False)}
        account.settle(shop(document("Leaf/a"), document("Leaf/b"), region="eu-west-1"))
        own = shop(document("Leaf/a"), prune=True, region="eu-west-1")
        there = replace(shop(document("Leaf/b", application="store"), name="store"), region="us-east-1")
        outcome = account.run(own, there)
        (held,) = outcome.plan.withheld
        assert held.reason.startswith("not deleted yet: Leaf/b of store may mean it")
        assert account.there() == {"Leaf": ["a", "b"]}

    @pytest.mark.parametrize("order", [("shop", "store"), ("store", "shop")], ids=["old first", "new first"])
    def test_a_name_of_the_account_moves_to_an_application_of_another_region(
        self, account: Account, order: tuple[str, str]
    ) -> None:
        """Both may prune, and either has its pass first: the mark changes, and nothing is deleted."""
        account.kinds = {**KINDS, "Leaf": memory_kind("Leaf", regional=False)}
        account.settle(shop(document("Leaf/a"), document("Leaf/b"), region="eu-west-1", prune=True))
        account.cloud.writes.clear()
        there = shop(document("Leaf/b", application="store"), name="store", region="us-east-1", prune=True)
        catalogue = account.declared(shop(document("Leaf/a"), region="eu-west-1", prune=True), there)
        states = {"shop": StepState(), "store": StepState()}
        for name in order * 4:
            application = catalogue.applications[name]
            where = replace(account.destination(), target=replace(TARGET, region=application.region))
            reconcile(application, catalogue, where, states[name], PassOptions(enforce=True))
            account.clock.advance(120)
        assert account.cloud.writes == ["TagLeaf b"]
        assert account.body("Leaf/b")["tags"][OWNER] == "v1/prod/store/Leaf/b"

    def test_a_resource_to_retain_only_loses_our_marks(self, account: Account) -> None:
        """The mark holds the option of the document that is gone."""
        account.settle(shop(document("Leaf/alone", Options(deletion="retain"))))
        account.settle(shop(document("Leaf/other"), prune=True))
        assert account.there() == {"Leaf": ["alone", "other"]}
        tags = account.body("Leaf/alone")["tags"]
        assert OWNER not in tags
        assert APPLIED not in tags

    def test_a_changed_natural_name_leaves_an_orphan(self, account: Account) -> None:
        """The key is another resource now (docs/rules.md R5): the old one is reported, and pruned with prune on."""
        account.settle(shop(document("Leaf/alone", name="old")))
        renamed = shop(document("Leaf/alone", name="new"))
        account.settle(renamed)
        assert [str(one.step.id.key) for one in account.run(renamed).plan.withheld] == ["Leaf/alone"]

    def test_one_of_several_with_the_same_natural_name_is_an_orphan(self, account: Account) -> None:
        """Rules have the name of their listener and are claimed by priority: the declared ones do not hide it."""
        account.kinds = {**KINDS, "Leaf": _of_a_branch()}
        leaves = (document("Leaf/a", branch="oak"), document("Leaf/b", branch="oak"))
        account.settle(shop(*leaves))
        account.settle(shop(leaves[0], prune=True))
        assert account.there() == {"Leaf": ["a"]}

    def test_a_copied_mark_deletes_nothing(self, running: Account) -> None:
        """A manually created resource with the tags of one of ours stays."""
        running.cloud.write("memory", "CreateLeaf", name="copy", tags=dict(running.body("Leaf/leaf")["tags"]))
        running.settle(shop(*stack(), prune=True))
        assert running.cloud.named("Leaf", "copy")

    def test_an_orphan_is_listed_again_before_it_is_deleted(self, running: Account) -> None:
        """One that lost its marks after the plan is not deleted."""
        without = shop(*stack()[:2], document("Leaf/alone"), prune=True)
        running.run(without, planned=lambda _: running.body("Leaf/leaf")["tags"].clear())
        assert running.there() == ALL_THERE
        assert running.cloud.writes == []


def _of_a_branch() -> Kind:
    """Return a kind with the name of its branch as natural name, as a rule has that of its listener."""
    leaf = KINDS["Leaf"]

    def owned(reader: Reader, installation: str) -> Iterator[Owned]:
        for one in leaf.owned(reader, installation) if leaf.owned else ():
            yield replace(one, natural=one.present.body["branch"])

    def natural(body: Body) -> str | None:
        return body["branch"] if isinstance(body["branch"], str) else None

    def claim(body: Body) -> str | None:
        return f"{body['branch']}/{body['name']}" if natural(body) else None

    return replace(leaf, natural=natural, claim=claim, owned=owned)
