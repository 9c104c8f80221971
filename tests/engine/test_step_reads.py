"""What the executor reads for its steps: what a step needs, and never the application."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.model import Application
from ecsync.core.outcome import Plan
from ecsync.engine.views import MOMENT
from tests.engine.passes import Account, document, ref, shop


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


def leaves(count: int, **members: Any) -> Application:
    """Return an application of so many leaves on one app."""
    each = (document(f"Leaf/n{number}", app=ref("App/app"), **members) for number in range(count))
    return shop(document("App/app"), *each)


def counted(account: Account) -> Counter[str]:
    """Count the calls by operation from now on."""
    counts: Counter[str] = Counter()
    account.cloud.before = lambda operation, _: counts.update([operation])
    return counts


def test_resources_to_create_are_read_together(account: Account) -> None:
    """Also those that can be identified only when their parent was created in the same pass."""
    counts = counted(account)
    account.run(leaves(40))
    assert counts["CreateLeaf"] == 40
    assert counts["DescribeLeaf"] <= 4


def test_what_was_created_is_read_in_the_next_pass(account: Account) -> None:
    """The pass that creates it knows its outputs from the response."""
    account.run(leaves(10))
    counts = counted(account)
    outcome = account.run(leaves(10))
    assert counts["DescribeLeaf"] >= 1
    assert outcome.plan.empty
    assert outcome.sync == "Synced"


def test_each_update_is_decided_on_a_read_of_its_own(account: Account) -> None:
    """A change by another client after the plan is seen, and what is as declared by then is not written."""
    account.settle(leaves(5, colour="red"))

    def another_client(_: Plan) -> None:
        account.clock.advance(1)
        for number in (1, 3):
            found = account.cloud.named("Leaf", f"n{number}")
            assert found is not None
            found["colour"] = "blue"

    before = len(account.cloud.writes)
    account.run(leaves(5, colour="blue"), planned=another_client)
    updated = sorted(one for one in account.cloud.writes[before:] if one.startswith("Update"))
    assert updated == ["UpdateLeaf n0", "UpdateLeaf n2", "UpdateLeaf n4"]


def test_a_create_is_decided_on_a_read_of_the_last_moments(account: Account) -> None:
    """The steps before it took longer: what another client created in between is not created again."""

    def another_client(operation: str, params: Mapping[str, Any]) -> None:
        if operation == "CreateLeaf" and params["name"] == "a":
            account.clock.advance(MOMENT + 1)
            account.cloud.before = lambda *_: None
            account.cloud.write("memory", "CreateLeaf", name="b")

    account.cloud.before = another_client
    account.run(shop(document("Leaf/a"), document("Leaf/b")))
    assert account.there() == {"Leaf": ["a", "b"]}
    assert account.cloud.refused == []


def test_an_update_reads_no_other_resource_than_its_own(account: Account) -> None:
    """Beside the confirmation of the plan."""
    application = leaves(20, colour="red")
    account.settle(application)
    changed = shop(*(document(one.key.kind + "/" + one.key.name, **_body(one.body)) for one in application.resources))
    counts = counted(account)
    account.run(changed)
    assert counts["UpdateLeaf"] == 1
    assert counts["DescribeLeaf"] <= 4
    assert counts["DescribeApp"] <= 3


def _body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without its name; the leaf n7 is blue."""
    rest = {name: value for name, value in body.items() if name != "name"}
    return {**rest, "colour": "blue"} if body["name"] == "n7" else rest
