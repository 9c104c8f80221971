"""Passes over an account that does not move, and what they notice when something does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.inputs import CHECKED_WITHIN, basis
from ecsync.core.model import Application, Desired, Present
from ecsync.core.outcome import Settled
from ecsync.core.ports import Reader
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import ObservedPlan, look
from tests.engine.passes import KINDS, Account, document, key, ref, shop, stack

SHOP = shop(document("Net/net"), document("App/other", net=ref("Net/net")), *stack())


@pytest.fixture
def account() -> Account:
    """An account with a looked-up network, in which the application is converged."""
    account = Account()
    account.cloud.objects["Net-0"] = {"name": "net"}
    account.settle(SHOP)
    for _ in range(2):  # in the first pass after the last write, resources are new; the second records the lookups
        account.run(SHOP)
    return account


def seen(account: Account, application: Application = SHOP) -> ObservedPlan:
    """Return what a pass plans, with what it was made from. No resource is due for a check in it."""
    busy = {hash(one.key) % CHECKED_WITHIN for one in application.resources}
    while account.step_state.turn % CHECKED_WITHIN in busy:
        account.step_state.turn += 1
    catalogue = Catalogue(applications={application.name: application}, revision=repr(application))
    return look(application, catalogue, account.destination(), account.step_state)


def settled(account: Account) -> Mapping[str, Settled]:
    """Return what the last pass settled, by `Kind/name`."""
    return {str(one): entry for one, entry in account.step_state.settled.items()}


def test_a_pass_hands_on_what_the_last_one_settled(account: Account) -> None:
    """All but the lookup, which is never written."""
    before = settled(account)
    seen(account)
    assert sorted(before) == ["App/app", "App/other", "Base/base", "Leaf/alone", "Leaf/leaf"]
    assert all(entry is before[one] for one, entry in settled(account).items())


def manual_changes(account: Account) -> Iterator[str]:
    """Make one manual change after the other; yield its place, then revert it."""
    for one in account.cloud.objects.values():
        for member, value in list(one.items()):
            if member == "name":
                continue
            one[member] = {**value, "by": "another"} if isinstance(value, dict) else "another"
            yield f"{one['name']} {member}"
            del one[member]
            yield f"{one['name']} {member} deleted"
            one[member] = value


def test_every_manual_change_is_planned_as_by_a_first_pass(account: Account) -> None:
    """Of each member of each live resource, deleted or with another value."""
    found = []
    for place in manual_changes(account):
        warm = seen(account).plan
        account.step_state.settled = {}
        assert warm == seen(account).plan, place
        seen(account)
        found += [place] if warm.steps or warm.withheld else []
    assert {"base size", "app base", "other net", "leaf colour", "leaf app deleted", "alone tags deleted"} <= {*found}


def test_a_new_revision_is_planned_in_its_own_order(account: Account) -> None:
    """The order of the documents is computed again for other documents."""
    first = document("App/first")
    other = shop(*SHOP.resources, first, document("Base/second", peers=[ref("App/first")]))
    assert seen(account, other).plan.steps
    account.settle(other)
    assert account.body("App/first")
    back = seen(account)
    assert [str(one.key) for one in back.inputs.order] == [str(one.key) for one in seen(account).inputs.order]
    assert first.key not in {one.key for one in back.inputs.order}


def test_a_wrong_entry_is_counted_and_repaired(account: Account) -> None:
    """The count is of all passes of the application: each one is a bug."""
    account.body("Leaf/leaf")["colour"] = "blue"
    settled_wrongly(account)
    account.step_state.checked_within = 1
    account.run(SHOP)
    assert account.step_state.shortcut_mismatches == 1
    assert account.body("Leaf/leaf")["colour"] == "red"
    account.run(SHOP)
    assert account.step_state.shortcut_mismatches == 1


def settled_wrongly(account: Account) -> None:
    """Settle a live resource as it is, although it differs: what a bug would do."""
    at, inputs = key("Leaf/leaf"), seen(account).inputs
    document, live = inputs.desired(at), inputs.world[at]
    assert document is not None
    assert isinstance(live, Present)
    values, rest = basis(inputs, document, live) or (b"", b"")
    account.step_state.settled = {at: Settled(content=document.content, values=values, rest=rest)}


def test_a_settled_resource_is_not_inquired_until_it_differs(account: Account) -> None:
    """The comparison before an inquiry is left out with the others."""
    asked: list[str] = []

    def inquire(_: Reader, desired: Desired, __: Present, ___: Sequence[Any]) -> Mapping[str, Any]:
        asked.append(desired.key.name)
        return {}

    account.kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], inquire=inquire)}
    seen(account)
    assert asked == []
    account.body("Leaf/leaf")["colour"] = "blue"
    seen(account)
    assert set(asked) == {"leaf"}
