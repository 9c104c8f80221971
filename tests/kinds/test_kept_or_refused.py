"""The simulated AWS returns every member that a manifest may declare, or refuses it: it drops nothing silently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsync.core.kind import Kind
from tests.chaos.members import kept_of
from tests.kinds.conformance import Account, simulated_credentials, writable
from tests.kinds.kept import Bench, Tried, account_in_process, bench, is_alone
from tests.kinds.member_values import NOT_RETURNED, REFUSED
from tests.kinds.members import members
from tests.kinds.shaped import body_shape

# First those that share an account.
KINDS = sorted(writable(), key=is_alone)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A simulated account in this process."""
    with simulated_credentials():
        yield account_in_process()


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: str(kind.name))
def trials(request: pytest.FixtureRequest, account: Account) -> tuple[Bench, dict[str, Tried]]:
    """The members of a kind, each tried alone, for both tests: one after the other, before the next kind."""
    kind: Kind = request.param
    place = bench(account, kind)
    return place, {str(member): place.tried(member) for member in members(body_shape(kind))}


def test_a_member_is_returned_or_refused(trials: tuple[Bench, dict[str, Tried]]) -> None:
    """Each member is tried alone, beside the required ones and what it needs; the exceptions have a reason."""
    place, tried = trials
    kind = place.kind
    dropped = {member: one.why for member, one in tried.items() if one.verdict == "dropped"}
    refused = {member: one.why for member, one in tried.items() if one.verdict == "refused"}
    assert {member: why for member, why in dropped.items() if member not in NOT_RETURNED.get(kind.name, {})} == {}, (
        "the simulated AWS must keep these members and return them, or refuse them with an error; if AWS itself does "
        "not return one, add it to NOT_RETURNED with the source of that fact"
    )
    assert {member: why for member, why in refused.items() if member not in REFUSED.get(kind.name, {})} == {}, (
        "a value that AWS takes must be among those that are tried: add it to VALUES, or what it needs to BESIDE"
    )
    differing = {member: one.made.left for member, one in tried.items() if one.made is not None and one.made.left}
    assert differing == {}, "what was created and read back is in sync"
    assert {*NOT_RETURNED.get(kind.name, {})} <= {*dropped}
    assert {*REFUSED.get(kind.name, {})} <= {*refused}


def test_a_member_is_added_and_removed_by_updates(trials: tuple[Bench, dict[str, Tried]]) -> None:
    """One of eight, and nothing is left to change then. `make chaos CHAOS=--forgetful` has every member."""
    place, tried = trials
    chosen = [one for number, one in enumerate(kept_of(place, tried.items())) if number % 8 == 1]
    assert [problem for one in chosen for problem in one.added_and_removed()] == []
