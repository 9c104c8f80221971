"""Reading the world: a failed read is not an absence, and what a parent tells is not asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Wanted, World
from ecsync.core.model import Absent, Application, Desired, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError, Reader
from ecsync.engine.observe import observe, orphans
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
    """Return the inputs before anything was read."""
    return Inputs(application=application, kinds=kinds, world={}, target=TARGET, installation="prod", **more)


def see(account: Account, application: Application, kinds: Mapping[str, Kind] = KINDS) -> dict[str, Observed]:
    """Read the world, by `Kind/name`."""
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

    def test_what_is_there_has_the_time_of_its_reading(self, account: Account) -> None:
        """Freshness is known of every Present."""
        seen = see(account, shop(document("Leaf/alone")))["Leaf/alone"]
        assert isinstance(seen, Present)
        assert seen.read_at == account.clock.now()

    def test_what_is_not_there_is_absent(self, account: Account) -> None:
        """AWS was asked and said so."""
        assert see(account, shop(document("Leaf/nobody")))["Leaf/nobody"] == Absent()

    def test_a_failed_read_makes_exactly_its_kind_unreadable(self, account: Account) -> None:
        """With AWS's own words; what was read is as it is."""
        account.cloud.before = denied("DescribeApp")
        seen = see(account, shop(*stack()))
        assert seen["App/app"] == Unreadable("memory.DescribeApp: Code: no")
        assert isinstance(seen["Base/base"], Present)
        assert isinstance(seen["Leaf/alone"], Present)

    def test_lost_credentials_are_raised(self, account: Account) -> None:
        """They say nothing about anything."""
        account.cloud.before = denied("DescribeApp", kind="credentials")
        with pytest.raises(AwsError):
            see(account, shop(*stack()))

    def test_what_an_answer_leaves_out_is_unreadable(self, account: Account) -> None:
        """A batch read that is silent about one never means that it is gone."""

        def forgetful(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
            yield from list(KINDS["Leaf"].read(reader, wanted, world))[1:]

        kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], read=forgetful)}
        seen = see(account, shop(document("Leaf/alone"), document("Leaf/leaf")), kinds)
        assert seen["Leaf/alone"] == Unreadable("AWS's answer did not speak of it")
        assert isinstance(seen["Leaf/leaf"], Present)

    def test_a_read_that_fails_half_way_keeps_its_first_half(self, account: Account) -> None:
        """What was told before the error was told."""

        def breaks(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
            yield next(iter(KINDS["Leaf"].read(reader, wanted, world)))
            raise AwsError("throttled", "Throttling", "slow down", "memory.DescribeLeaf")

        kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], read=breaks)}
        seen = see(account, shop(document("Leaf/alone"), document("Leaf/leaf")), kinds)
        assert isinstance(seen["Leaf/alone"], Present)
        assert seen["Leaf/leaf"] == Unreadable("memory.DescribeLeaf: Throttling: slow down")

    def test_only_one_is_read_anew_and_the_others_are_kept(self, account: Account) -> None:
        """Before a step, its own resource is read and nothing else."""
        application = shop(*stack())
        first = observe(account.cloud, inputs(application), account.clock.now())
        asked: list[str] = []
        account.cloud.before = lambda operation, _: asked.append(operation)
        account.clock.advance(30)
        again = observe(
            account.cloud, replace(inputs(application), world=first), account.clock.now(), only=key("App/app")
        )
        assert asked == ["DescribeApp"]
        assert again == first
        renewed, kept = again[key("App/app")], again[key("Leaf/leaf")]
        assert isinstance(renewed, Present)
        assert isinstance(kept, Present)
        assert (renewed.read_at, kept.read_at) == (account.clock.now(), first[key("Leaf/leaf")].read_at)  # type: ignore[union-attr]


class TestLayers:
    """What is identified through another resource."""

    def child(self) -> Desired:
        """Return a document whose identity needs the id of another."""
        body = {"name": "alone", "app": ref("App/app")}
        return Desired(key=Key(application="shop", kind="Child", name="child"), body=body)

    def kinds(self) -> Mapping[str, Kind]:
        """Return kinds in which the child comes after its parent."""
        return {"App": APP, "Base": BASE, "Child": CHILD}

    def test_an_absent_parent_has_no_children(self) -> None:
        """Nobody is asked."""
        account = Account()
        asked: list[str] = []
        account.cloud.before = lambda operation, _: asked.append(operation)
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert seen == {"App/app": Absent(), "Child/child": Absent()}
        assert asked == ["DescribeApp"]

    def test_an_unreadable_parent_has_unreadable_children(self, account: Account) -> None:
        """The reason goes with it."""
        account.cloud.before = denied("DescribeApp")
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert seen["Child/child"] == Unreadable("${App/app.id} is not known: memory.DescribeApp: Code: no")

    def test_a_present_parent_identifies_them(self, account: Account) -> None:
        """The reference is resolved before the child is asked for."""
        seen = see(account, shop(document("App/app"), self.child()), self.kinds())
        assert isinstance(seen["Child/child"], Present)


class TestInquiries:
    """What only matters where a resource differs."""

    def kinds(self, asked: list[str], error: AwsError | None = None) -> Mapping[str, Kind]:
        """Return kinds of which one asks more when it differs."""

        def inquire(_: Reader, desired: Desired, __: Present, fields: Sequence[Any]) -> Mapping[str, Any]:
            asked.append(f"{desired.key.name}: {[one.path for one in fields]}")
            if error:
                raise error
            return {"newest": "deployment"}

        return {**KINDS, "Leaf": replace(KINDS["Leaf"], inquire=inquire)}

    def test_nothing_more_is_asked_of_what_is_in_sync(self, account: Account) -> None:
        """A converged account costs no extra call."""
        asked: list[str] = []
        see(account, shop(document("Leaf/alone")), self.kinds(asked))
        assert asked == []

    def test_the_answer_joins_the_facts(self, account: Account) -> None:
        """Gates and reasons see it."""
        asked: list[str] = []
        seen = see(account, shop(document("Leaf/alone", colour="red")), self.kinds(asked))["Leaf/alone"]
        assert asked == ["alone: [('colour',)]"]
        assert isinstance(seen, Present)
        assert seen.facts == {"newest": "deployment"}

    def test_without_the_answer_nothing_is_decided(self, account: Account) -> None:
        """It differs and we do not know why: hands off."""
        error = AwsError("denied", "AccessDenied", "no", "memory.Ask")
        seen = see(account, shop(document("Leaf/alone", colour="red")), self.kinds([], error))["Leaf/alone"]
        assert seen == Unreadable("memory.Ask: AccessDenied: no")


class TestOrphans:
    """What carries our mark and is declared nowhere."""

    def orphaned(
        self, account: Account, *declared: str, applications: frozenset[str] = frozenset({"shop"})
    ) -> list[str]:
        """Return what is found, by name."""
        owners = frozenset(f"v1/prod/shop/{path}" for path in declared)
        found, incomplete = orphans(account.cloud, inputs(shop()), owners, applications)
        assert incomplete == ""
        return [owned.natural for owned in found]

    def test_what_is_declared_is_none(self, account: Account) -> None:
        """By any document of the snapshot."""
        assert self.orphaned(account, "Base/base", "App/app", "Leaf/leaf") == ["alone"]

    def test_what_belongs_to_another_application_is_not_ours_to_judge(self, account: Account) -> None:
        """Each application prunes its own."""
        assert self.orphaned(account, applications=frozenset({"store"})) == []

    def test_a_copied_mark_is_foreign(self, account: Account) -> None:
        """The id in it does not fit the place that it is in."""
        account.body("Leaf/alone")["tags"]["ecsync:id"] = "000000000000"
        assert "alone" not in self.orphaned(account)

    def test_a_mark_on_another_kind_is_foreign(self, account: Account) -> None:
        """A leaf that says it is an App was tagged by hand."""
        account.body("Leaf/alone")["tags"]["ecsync:owner"] = "v1/prod/shop/App/alone"
        assert "alone" not in self.orphaned(account)

    def test_a_failed_listing_is_said_and_the_others_are_listed(self, account: Account) -> None:
        """Incomplete: nothing may be pruned on it."""
        account.cloud.before = denied("ListApp")
        found, incomplete = orphans(account.cloud, inputs(shop()), frozenset(), frozenset({"shop"}))
        assert incomplete == "what we own of App could not be listed: memory.ListApp: Code: no"
        assert {owned.natural for owned in found} == {"base", "leaf", "alone"}
