"""The mark of a document that cannot be read: it causes no calls, and nothing is removed meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Application, Unreadable
from ecsync.core.outcome import Outcome
from ecsync.core.ports import AwsError
from ecsync.engine.orphans import RELIST
from ecsync.engine.step_state import StepState
from ecsync.testing import MemoryCloud, memory_kind
from tests.engine.passes import APP, Account, SharedAccount, document, shop

LEAF = memory_kind("Leaf", tagged_as="memory:leaf")


class TaggedCloud(MemoryCloud):
    """An account with a tagging API that lists every object with tags by its id."""

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        if operation != "GetResources":
            yield from super().pages(service, operation, result, **params)
            return
        self.before(operation, params)
        for id_, one in self.objects.items():
            tags = [{"Key": key, "Value": value} for key, value in one.get("tags", {}).items()]
            yield {"ResourceARN": id_, "Tags": tags}


@pytest.fixture
def account() -> SharedAccount:
    """An account in which everything is in sync, with one leaf that is not declared any more."""
    account = SharedAccount(cloud=TaggedCloud(), kinds={"App": APP, "Leaf": LEAF})
    account.settle(declared("old"))
    account.clock.advance(RELIST + 1)
    return account


def declared(*more: str, prune: bool = True) -> Application:
    """Return an application of twenty leaves and some more."""
    return shop(*(document(f"Leaf/{name}") for name in (*map(str, range(20)), *more)), prune=prune)


def refuse(account: Account, *names: str) -> Counter[str]:
    """Throttle the reads of some leaves from now on, all of them without names; count the calls."""
    counts: Counter[str] = Counter()

    def hook(operation: str, params: Mapping[str, Any]) -> None:
        counts[operation] += 1
        asked = set(params.get("names", ()))
        if operation == "DescribeLeaf" and (not names or asked & set(names)):
            raise AwsError("throttled", "Throttling", "slow down", "memory.DescribeLeaf")

    account.cloud.before = hook
    return counts


def unread(outcome: Outcome) -> int:
    """Return the number of resources that could not be read."""
    return len(outcome.plan.unreadable)


def test_it_is_not_verified(account: SharedAccount) -> None:
    """The leaves are listed once, for the one that is not declared, and the marks are read once."""
    counts = refuse(account)
    for _ in range(8):
        assert unread(account.run(declared())) == 20
        account.clock.advance(60)
    assert counts["ListLeaf"] == 1
    assert counts["GetResources"] == 1


def test_meanwhile_nothing_is_removed(account: SharedAccount) -> None:
    """Also not an orphan that is known; afterwards it is removed at once."""
    refuse(account)
    outcome = account.run(declared())
    assert "cannot be read" in outcome.plan.incomplete
    assert "old" in account.there()["Leaf"]
    account.cloud.before = lambda *_: None
    account.clock.advance(60)
    account.run(declared())
    assert account.there()["Leaf"] == sorted(map(str, range(20)))


def test_the_reason_names_a_document(account: SharedAccount) -> None:
    """The first of those that cannot be read."""
    refuse(account)
    assert "Leaf/0 cannot be read" in account.run(declared()).plan.incomplete


def test_a_resource_that_was_never_marked_does_not_hold_up_others(account: SharedAccount) -> None:
    """It cannot be read, but AWS has no mark of its document: nothing about it is unknown to the list."""
    refuse(account, "x")
    kinds = {**account.kinds, "Leaf": replace(LEAF, read=_alone)}
    account.kinds, account.inventory = kinds, None
    outcome = account.run(declared("x"))
    assert unread(outcome) == 1
    assert outcome.plan.incomplete == ""
    assert "old" not in account.there()["Leaf"]


def _alone(reader: Any, wanted: Any, world: Any) -> Iterator[Any]:
    """Read each leaf with a call of its own."""
    for want in wanted:
        try:
            yield from LEAF.read(reader, [want], world)
        except AwsError as error:
            yield want.key, Unreadable(str(error))


def test_a_write_of_its_own_is_no_reason_to_list_what_is_ours_again() -> None:
    """What an application has written since is declared. The listing that another one made lately is taken."""
    account = SharedAccount(cloud=TaggedCloud(), kinds={"App": APP, "Leaf": LEAF})
    other = shop(document("Leaf/b", application="other"), name="other")
    catalogue = account.declared(shop(document("Leaf/a", colour="red")), other)
    counts = refuse(account, "none")
    account.reconcile("shop", catalogue)
    account.clock.advance(RELIST - 90)
    before = counts["GetResources"]
    own, account.step_state = account.step_state, StepState()
    account.reconcile("other", catalogue)
    assert counts["GetResources"] == before + 1
    account.body("Leaf/a")["colour"], account.step_state = "blue", own
    account.reconcile("shop", catalogue)
    assert account.body("Leaf/a")["colour"] == "red"
    account.clock.advance(91)
    account.reconcile("shop", catalogue)
    assert account.step_state.orphan_listing is not None
    assert account.step_state.orphan_listing.at == account.clock.monotonic()
    assert counts["GetResources"] == before + 1


def test_with_another_revision_the_list_is_of_after_its_own_last_write() -> None:
    """What it has created may be no longer declared. Without a write since, the listing of another one is taken."""
    account = SharedAccount(cloud=TaggedCloud(), kinds={"App": APP, "Leaf": LEAF})
    counts = refuse(account, "none")
    account.settle(shop(document("Leaf/a"), document("Leaf/b"), prune=True))
    account.clock.advance(60)
    before = counts["GetResources"]
    account.run(shop(document("Leaf/a", colour="red"), document("Leaf/b"), prune=True))
    account.clock.advance(60)
    account.run(shop(document("Leaf/a", colour="red"), prune=True))
    assert counts["GetResources"] == before + 2
    assert account.there() == {"Leaf": ["a"]}
    account.clock.advance(60)
    account.settle(shop(document("Leaf/a", colour="red"), prune=True))
    before = counts["GetResources"]
    account.clock.advance(60)
    account.run(shop(document("Leaf/a", colour="blue"), prune=True))
    assert counts["GetResources"] == before
