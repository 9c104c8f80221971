"""Deletes and replacements: users first, only the next safe step, and no call that AWS would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Call, Delete, Options
from ecsync.core.ports import AwsError, Purpose
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import PassOptions, reconcile
from tests.engine.passes import APP, BASE, KINDS, Account, document, ref, shop


@pytest.fixture
def account() -> Account:
    """An empty account."""
    return Account()


class TestDeletes:
    """A resource is deleted after the resources that use it."""

    def strict(self, account: Account) -> None:
        """Make the account refuse to delete a resource that another one refers to."""

        def in_use(operation: str, params: Mapping[str, Any]) -> None:
            users = [one["name"] for one in account.cloud.objects.values() if params.get("id") in one.values()]
            if operation.startswith("Delete") and users:
                account.cloud.refused.append(f"{operation}: used by {users}")
                raise AwsError("conflict", "ResourceInUse", f"used by {users}", f"memory.{operation}")

        account.cloud.before = in_use

    def chain(self, options: Options | None = None) -> tuple[Any, ...]:
        """Return three documents, each of which refers to the one before."""
        return (
            document("Base/base", options),
            document("App/app", options, base=ref("Base/base")),
            document("Leaf/leaf", options, app=ref("App/app")),
        )

    def test_pruning_a_chain_makes_no_call_that_is_refused(self, account: Account) -> None:
        """A used resource is deleted after its user is gone."""
        account.settle(shop(*self.chain(), document("Leaf/alone")))
        account.cloud.writes.clear()
        self.strict(account)
        account.settle(shop(document("Leaf/alone"), prune=True))
        assert account.cloud.writes == ["DeleteLeaf leaf", "DeleteApp app", "DeleteBase base"]
        assert account.cloud.refused == []

    def test_a_chain_that_is_declared_absent_is_deleted_in_the_same_order(self, account: Account) -> None:
        """Each document has `ecsync/state: absent`."""
        account.settle(shop(*self.chain()))
        account.cloud.writes.clear()
        self.strict(account)
        gone = shop(*self.chain(Options(state="absent")))
        for _ in range(6):
            account.run(gone)
            account.clock.advance(5)
        assert account.there() == {}
        assert account.cloud.refused == []

    def test_an_orphan_that_a_declared_resource_uses_is_deleted_after_the_update(self, account: Account) -> None:
        """The update removes the reference; then the orphan is deleted."""
        account.settle(shop(*self.chain()))
        account.cloud.writes.clear()
        self.strict(account)
        account.settle(shop(document("App/app"), document("Leaf/leaf", app=ref("App/app")), prune=True))
        assert account.cloud.refused == []
        assert [write for write in account.cloud.writes if not write.startswith("Tag")] == [
            "UpdateApp app",
            "DeleteBase base",
        ]

    def test_an_allowed_replacement_deletes_and_creates(self, account: Account) -> None:
        """Resources that refer to it refer to the new one."""
        options = Options(replace="allow")
        account.settle(shop(document("Base/base", options, zone="a"), document("App/app", base=ref("Base/base"))))
        old = account.body("App/app")["base"]
        account.settle(shop(document("Base/base", options, zone="b"), document("App/app", base=ref("Base/base"))))
        assert account.body("Base/base")["zone"] == "b"
        assert account.body("App/app")["base"] != old
        assert account.body("App/app")["base"] in account.cloud.objects

    def test_a_replacement_is_withheld_unless_it_is_allowed(self, account: Account) -> None:
        """It would cause an outage."""
        account.settle(shop(document("Base/base", zone="a")))
        account.cloud.writes.clear()
        outcome = account.run(shop(document("Base/base", zone="b")))
        assert account.cloud.writes == []
        assert "ecsync/replace" in outcome.plan.withheld[0].reason


def test_the_purpose_of_a_write_decides_its_role(account: Account) -> None:
    """All calls of a delete are deletes, also one that an update makes too; a create in a replacement is none."""

    def calls(change: Any) -> tuple[Call, ...]:
        made = APP.calls(change) if APP.calls else ()
        id_ = change.observed.outputs["id"] if isinstance(change, Delete) else ""
        return (Call(service="memory", operation="UpdateApp", params={"id": id_}), *made) if id_ else made

    deletes = frozenset({"memory.UpdateApp", "memory.DeleteApp", "memory.DeleteBase"})
    account.kinds = {**KINDS, "App": replace(APP, calls=calls, deletes=deletes), "Base": replace(BASE, deletes=deletes)}
    purposes: list[tuple[str, str, bool]] = []

    def note(operation: str, _: Mapping[str, Any]) -> None:
        now = Purpose.now()
        if operation.startswith(("Describe", "List")):
            assert now == Purpose()
        else:
            assert now.revision == revision
            purposes.append((now.application, operation, now.deletes))

    account.cloud.before = note
    for application in (
        shop(document("App/app", count=1), document("Base/base", Options(replace="allow"), zone="a")),
        shop(document("App/app", count=2), document("Base/base", Options(replace="allow"), zone="b")),
        shop(document("Base/base", Options(replace="allow"), zone="b"), prune=True),
    ):
        revision = account.declared(application).revision
        account.settle(application)
    assert {f"{'prune' if deletes else 'apply'} {operation}" for _, operation, deletes in purposes} == {
        "apply CreateBase",
        "apply CreateApp",
        "apply UpdateApp",
        "apply TagApp",
        "prune DeleteBase",
        "prune UpdateApp",
        "prune DeleteApp",
    }
    assert {name for name, _, _ in purposes} == {"shop"}


def test_a_pass_removes_no_more_than_the_budget_of_its_target() -> None:
    """The others come in later passes, and nothing else waits for them."""
    account = Account()
    leaves = [document(f"Leaf/old{number}") for number in range(7)]
    account.settle(shop(*leaves, document("Base/base")))
    account.cloud.writes.clear()
    application = shop(document("Base/base", size=4), prune=True)
    application = replace(application, sync=replace(application.sync, prune_limit=7))
    catalogue = Catalogue(applications={"shop": application}, pruning="", revision="2")
    destination = replace(account.destination(), budget=3)
    deleted = []
    for _ in range(3):
        before = len(account.cloud.writes)
        reconcile(application, catalogue, destination, account.step_state, PassOptions(enforce=True))
        deleted.append(sum(one.startswith("Delete") for one in account.cloud.writes[before:]))
        account.clock.advance(5)
    assert deleted == [3, 3, 1]
    assert account.body("Base/base")["size"] == 4
