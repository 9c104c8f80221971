"""Deletes and replacements: users first, the next safe step only, and nothing that AWS would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.model import Options
from ecsync.core.ports import AwsError
from tests.engine.passes import Account, document, ref, shop


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


class TestDeletes:
    """Deletes go from the users to the used."""

    def strict(self, account: Account) -> None:
        """Have the account refuse to delete what something else names."""

        def in_use(operation: str, params: Mapping[str, Any]) -> None:
            users = [one["name"] for one in account.cloud.objects.values() if params.get("id") in one.values()]
            if operation.startswith("Delete") and users:
                account.cloud.refused.append(f"{operation}: used by {users}")
                raise AwsError("conflict", "ResourceInUse", f"used by {users}", f"memory.{operation}")

        account.cloud.before = in_use

    def chain(self, options: Options | None = None) -> tuple[Any, ...]:
        """Return three documents, each of which names the one before."""
        return (
            document("Base/base", options),
            document("App/app", options, base=ref("Base/base")),
            document("Leaf/leaf", options, app=ref("App/app")),
        )

    def test_pruning_a_chain_asks_for_nothing_that_is_refused(self, account: Account) -> None:
        """What is used goes after what uses it, and when that is really gone."""
        account.settle(shop(*self.chain(), document("Leaf/alone")))
        account.cloud.writes.clear()
        self.strict(account)
        account.settle(shop(document("Leaf/alone"), prune=True))
        assert account.cloud.writes == ["DeleteLeaf leaf", "DeleteApp app", "DeleteBase base"]
        assert account.cloud.refused == []

    def test_a_chain_that_is_declared_absent_goes_as_well(self, account: Account) -> None:
        """`ecsync/state: absent` on each: the same order."""
        account.settle(shop(*self.chain()))
        account.cloud.writes.clear()
        self.strict(account)
        gone = shop(*self.chain(Options(state="absent")))
        for _ in range(6):
            account.run(gone)
            account.clock.advance(5)
        assert account.there() == {}
        assert account.cloud.refused == []

    def test_what_is_still_used_by_a_declared_resource_goes_after_its_change(self, account: Account) -> None:
        """The resource lets go first, in an update; then the orphan is deleted."""
        account.settle(shop(*self.chain()))
        account.cloud.writes.clear()
        self.strict(account)
        account.settle(shop(document("App/app"), document("Leaf/leaf", app=ref("App/app")), prune=True))
        assert account.cloud.refused == []
        assert [write for write in account.cloud.writes if not write.startswith("Tag")] == [
            "UpdateApp app",
            "DeleteBase base",
        ]

    def test_a_replacement_that_is_allowed_deletes_and_makes_again(self, account: Account) -> None:
        """What refers to it follows to the new one."""
        options = Options(replace="allow")
        account.settle(shop(document("Base/base", options, zone="a"), document("App/app", base=ref("Base/base"))))
        old = account.body("App/app")["base"]
        account.settle(shop(document("Base/base", options, zone="b"), document("App/app", base=ref("Base/base"))))
        assert account.body("Base/base")["zone"] == "b"
        assert account.body("App/app")["base"] != old
        assert account.body("App/app")["base"] in account.cloud.objects

    def test_a_replacement_is_held_unless_it_is_allowed(self, account: Account) -> None:
        """It would be an outage."""
        account.settle(shop(document("Base/base", zone="a")))
        account.cloud.writes.clear()
        outcome = account.run(shop(document("Base/base", zone="b")))
        assert account.cloud.writes == []
        assert "ecsync/replace" in outcome.plan.withheld[0].reason
