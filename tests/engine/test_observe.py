"""Observing: a failed read is never an absence, and a child of an absent parent is not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Wanted, World
from ecsync.core.model import Absent, Application, Desired, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError, Reader
from ecsync.engine.observe import observe
from tests.engine.passes import APP, BASE, KINDS, TARGET, Account, document, key, ref, shop, stack

CHILD = replace(
    KINDS["Leaf"],
    name="Child",
    natural=lambda body: f"{body['app']}/{body['name']}" if isinstance(body.get("app"), str) else None,
)


@pytest.fixture
def account() -> Account:
    """An account with the stack in it."""
    account = Account()
    account.settle(shop(*stack()))
    return account


def inputs(application: Application, kinds: Mapping[str, Kind] = KINDS, **more: Any) -> Inputs:
    """Return inputs before anything is read."""
    return Inputs(application=application, kinds=kinds, world={}, target=TARGET, installation="prod", **more)


def see(account: Account, application: Application, kinds: Mapping[str, Kind] = KINDS) -> dict[str, Observed]:
    """Return the world, by `Kind/name`."""
    world = observe(account.cloud, inputs(application, kinds), account.clock.now())
    return {str(at): observed for at, observed in world.items()}


def denied(*operations: str, kind: Any = "denied") -> Any:
    """Return a hook that refuses these reads."""

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        if operation in operations:
            raise AwsError(kind, "Code", "no", f"memory.{operation}")

    return hook


class TestWorld:
    """Present, Absent, Unreadable."""

    def test_a_present_resource_has_the_time_of_its_read(self, account: Account) -> None:
        """Every Present has its time of reading."""
        seen = see(account, shop(document("Leaf/alone")))["Leaf/alone"]
        assert isinstance(seen, Present)
        assert seen.read_at == account.clock.now()

    def test_a_missing_resource_is_absent(self, account: Account) -> None:
        """AWS returned that it does not exist."""
        assert see(account, shop(document("Leaf/missing")))["Leaf/missing"] == Absent()

    def test_a_failed_read_makes_exactly_its_kind_unreadable(self, account: Account) -> None:
        """With the error of AWS; the other kinds are Present."""
        account.cloud.before = denied("DescribeApp")
        seen = see(account, shop(*stack()))
        assert seen["App/app"] == Unreadable("memory.DescribeApp: Code: no")
        assert isinstance(seen["Base/base"], Present)
        assert isinstance(seen["Leaf/alone"], Present)

    def test_lost_credentials_are_raised(self, account: Account) -> None:
        """Then nothing can be read."""
        account.cloud.before = denied("DescribeApp", kind="credentials")
        with pytest.raises(AwsError):
            see(account, shop(*stack()))

    def test_a_resource_that_a_response_leaves_out_is_unreadable(self, account: Account) -> None:
        """A resource that a batch read leaves out is Unreadable, never Absent."""

        def incomplete(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
            yield from list(KINDS["Leaf"].read(reader, wanted, world))[1:]

        kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], read=incomplete)}
        seen = see(account, shop(document("Leaf/alone"), document("Leaf/leaf")), kinds)
        assert seen["Leaf/alone"] == Unreadable("AWS's response does not include it")
        assert isinstance(seen["Leaf/leaf"], Present)

    def test_a_read_that_fails_half_way_keeps_its_first_half(self, account: Account) -> None:
        """The results before the error are kept."""

        def breaks(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
            yield next(iter(KINDS["Leaf"].read(reader, wanted, world)))
            raise AwsError("throttled", "Throttling", "slow down", "memory.DescribeLeaf")

        kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], read=breaks)}
        seen = see(account, shop(document("Leaf/alone"), document("Leaf/leaf")), kinds)
        assert isinstance(seen["Leaf/alone"], Present)
        assert seen["Leaf/leaf"] == Unreadable("memory.DescribeLeaf: Throttling: slow down")

    def test_with_only_the_others_are_kept(self, account: Account) -> None:
        """Before a step, only its own resource is read."""
        application = shop(*stack())
        first = observe(account.cloud, inputs(application), account.clock.now())
        asked: list[str] = []
        account.cloud.before = lambda operation, _: asked.append(operation)
        account.clock.advance(30)
        again = observe(
            account.cloud,
            replace(inputs(application), world=first),
            account.clock.now(),
            only=(key("App/app"),),
        )
        assert asked == ["DescribeApp"]
        assert again == first
        renewed, kept = again[key("App/app")], again[key("Leaf/leaf")]
        assert isinstance(renewed, Present)
        assert isinstance(kept, Present)
        assert (renewed.read_at, kept.read_at) == (account.clock.now(), first[key("Leaf/leaf")].read_at)  # type: ignore[union-attr]


class TestLayers:
    """Resources that are identified through another resource."""

    def child(self) -> Desired:
        """Return a document with the id of another resource in its natural name."""
        body = {"name": "alone", "app": ref("App/app")}
        return Desired(key=Key(application="shop", kind="Child", name="child"), body=body)

    def kinds(self) -> Mapping[str, Kind]:
        """Return kinds in which the child is read after its parent."""
        return {"App": APP, "Base": BASE, "Child": CHILD}

    def test_an_absent_parent_has_no_children(self) -> None:
        """No call is made for them."""
        account = Account()
        asked: list[str] = []
        account.cloud.before = lambda operation, _: asked.append(operation)
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert seen == {"App/app": Absent(), "Child/child": Absent()}
        assert asked == ["DescribeApp"]

    def test_an_unreadable_parent_has_unreadable_children(self, account: Account) -> None:
        """They wait for the parent, which alone has the error."""
        account.cloud.before = denied("DescribeApp")
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert seen["Child/child"] == Unreadable("waits for App/app", behind=key("App/app"))

    def test_a_present_parent_identifies_them(self, account: Account) -> None:
        """The reference is resolved before the child is read."""
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert isinstance(seen["Child/child"], Present)


class TestInquiries:
    """Facts that matter only where a resource differs."""

    def kinds(self, asked: list[str], error: AwsError | None = None) -> Mapping[str, Kind]:
        """Return kinds of which one inquires when it differs."""

        def inquire(_: Reader, desired: Desired, __: Present, fields: Sequence[Any]) -> Mapping[str, Any]:
            asked.append(f"{desired.key.name}: {[one.path for one in fields]}")
            if error:
                raise error
            return {"newest": "deployment"}

        return {**KINDS, "Leaf": replace(KINDS["Leaf"], inquire=inquire)}

    def test_a_resource_in_sync_is_not_inquired(self, account: Account) -> None:
        """A converged account needs no extra call."""
        asked: list[str] = []
        see(account, shop(document("Leaf/alone")), self.kinds(asked))
        assert asked == []

    def test_the_result_is_added_to_the_facts(self, account: Account) -> None:
        """Gates and reasons receive it."""
        asked: list[str] = []
        seen = see(account, shop(document("Leaf/alone", colour="red")), self.kinds(asked))["Leaf/alone"]
        assert asked == ["alone: [('colour',)]"]
        assert isinstance(seen, Present)
        assert seen.facts == {"newest": "deployment"}

    def test_what_depends_on_an_unreadable_resource_is_not_inquired(self, account: Account) -> None:
        """Nothing is decided about it, and a failed read causes no other reads."""
        asked: list[str] = []
        account.cloud.before = denied("DescribeBase")
        leaf = document("Leaf/alone", colour="red", base=ref("Base/base", "id"))
        see(account, shop(document("Base/base"), leaf), self.kinds(asked))
        assert asked == []

    def test_a_failed_inquiry_makes_it_unreadable(self, account: Account) -> None:
        """It differs for an unknown reason: nothing is written."""
        error = AwsError("denied", "AccessDenied", "no", "memory.Ask")
        seen = see(account, shop(document("Leaf/alone", colour="red")), self.kinds([], error))["Leaf/alone"]
        assert seen == Unreadable("memory.Ask: AccessDenied: no")
