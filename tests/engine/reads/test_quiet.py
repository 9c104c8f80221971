"""Passes with the answers of the last one: what they leave out, and what they notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, get_args

import pytest

from ecsync.core.inputs import CHECKED_WITHIN
from ecsync.core.kind import Cadence, Collection
from ecsync.core.marks import identity
from ecsync.core.model import Application, Key, PhysicalId, Sync
from ecsync.core.outcome import Outcome, Plan
from ecsync.core.ports import AwsError
from ecsync.core.trees import leaves, thaw
from ecsync.engine.answers import Answer, Batch, Pages
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.inventory import Inventory
from ecsync.engine.orphans import RELIST
from ecsync.engine.packing import NEVER, content_of
from ecsync.engine.reconciler import Destination, PassOptions, reconcile
from ecsync.engine.trace import Asked, Trace
from ecsync.engine.views import ReadAt
from tests.corpus.shortcut import changed as with_leaf
from tests.engine.harness import Harness
from tests.engine.passes import KINDS, TARGET, Account, document, key, ref, shop, stack

SHOP = shop(document("Net/net"), document("App/other", net=ref("Net/net")), *stack())
AT = ReadAt(0.0, 1)
WIDGETS = Collection(
    operation="zoo.DescribeWidgets", ids="names", size=3, items="found", key="name", failures="failures"
)


@dataclass
class Controller(Account):
    """An account with a controller that keeps its inventory and its catalogue."""

    application: Application = SHOP
    read: list[str] = field(default_factory=list)  # the kinds that passes read the world of
    inventory: Inventory | None = None
    catalogue: Catalogue = field(default_factory=lambda: catalogue(SHOP))

    def __post_init__(self) -> None:
        """Note each read of a kind."""
        self.kinds = {name: replace(kind, read=self._noting(kind)) for name, kind in KINDS.items()}
        self.cloud.objects["Net-0"] = {"name": "net"}
        self.inventory = Inventory(self.cloud, self.clock.monotonic, self.kinds)

    def _noting(self, kind: Any) -> Any:
        def read(*arguments: Any) -> Any:
            self.read.append(kind.name)
            return kind.read(*arguments)

        return read

    def destination(self) -> Destination:
        """Return where passes are made."""
        return replace(super().destination(), inventory=self.inventory)

    def round(self, seconds: float = 60.0, **options: Any) -> Outcome:
        """Let time pass and make a pass."""
        self.clock.advance(seconds)
        self.read.clear()
        return reconcile(
            self.application, self.catalogue, self.destination(), self.step_state, PassOptions(enforce=True, **options)
        )

    def quiet(self) -> None:
        """Make passes until one is quiet."""
        for _ in range(12):
            if not self.round().results and not self.read:
                return
        raise AssertionError("no pass is quiet")


def catalogue(application: Application, revision: str = "1") -> Catalogue:
    """Return the documents of one application."""
    return Catalogue(applications={application.name: application}, revision=revision)


@pytest.fixture
def controller() -> Controller:
    """A controller with a last pass that was quiet."""
    made = Controller()
    made.quiet()
    return made


def test_a_quiet_pass_has_the_outcome_of_a_pass_in_full(controller: Controller) -> None:
    """And all its resources count as unchanged."""
    quiet = controller.round()
    assert controller.read == []
    controller.step_state.quiet = None
    full = controller.round()
    assert controller.read
    assert quiet == full
    assert quiet.plan.unchanged == len(quiet.plan.settled) == 5


def test_a_quiet_pass_reads_aws_as_often_as_a_pass_in_full(controller: Controller) -> None:
    """It saves what is made of the answers, and no answer."""
    made: list[str] = []
    controller.cloud.before = lambda operation, _: made.append(operation)
    controller.round()
    quiet, controller.step_state.quiet = sorted(made), None
    made.clear()
    controller.round()
    assert quiet == sorted(made) != []


def test_the_second_pass_of_a_process_is_quiet(controller: Controller) -> None:
    """What the first one noted of resources in sync explains later differences, and decides nothing."""
    controller.restart()
    first = controller.round()
    assert controller.read
    second = controller.round()
    assert controller.read == []
    assert second == replace(first, plan=replace(first.plan, unchanged=5))
    assert controller.step_state.last_synced_marks.keys() | controller.step_state.last_lookup_values.keys()


def changes(controller: Controller) -> Iterator[str]:
    """Make one manual change after the other: each member of each object changed, deleted, or of a look-alike type."""
    for one in controller.cloud.objects.values():
        for member, value in list(one.items()):
            if member == "name":
                continue
            for what, other in (("changed", "another"), ("alike", str(value)), ("deleted", None)):
                if other == value:
                    continue
                one[member] = {**value, "by": "another"} if isinstance(value, dict) and other else other
                if other is None:
                    del one[member]
                yield f"{one['name']} {member} {what}"
                one[member] = value


def test_a_pass_after_a_quiet_one_sees_every_manual_change() -> None:
    """It plans what a controller plans that has seen nothing before."""
    controller, planned = Controller(), []
    controller.quiet()
    watching: dict[str, Any] = {"enforce": False}
    for place in changes(controller):
        controller.clock.advance(60)
        seen = _plan(controller, watching)
        kept, controller.step_state.quiet, controller.step_state.settled = controller.step_state.quiet, None, {}
        assert kept is None or not seen.steps
        assert seen == _plan(controller, watching), place
        planned += [place] if seen.steps or seen.withheld else []
        controller.clock.advance(60)
    assert {"base size changed", "app base changed", "leaf colour changed", "alone tags deleted"} <= {*planned}


def _plan(controller: Controller, options: dict[str, Any]) -> Plan:
    made = reconcile(
        controller.application,
        controller.catalogue,
        controller.destination(),
        controller.step_state,
        PassOptions(**options),
    )
    return made.plan


def test_a_change_ends_the_quiet_passes_until_it_is_reverted(controller: Controller) -> None:
    """The pass that sees it repairs it."""
    controller.body("Leaf/leaf")["colour"] = "blue"
    assert controller.round().results
    assert controller.body("Leaf/leaf")["colour"] == "red"
    controller.quiet()


@pytest.mark.parametrize("what", ["application", "catalogue", "installation", "target", "created", "written", "kinds"])
def test_a_pass_on_other_ground_is_not_quiet(controller: Controller, what: str) -> None:
    """Whatever a decision depends on beside the answers."""
    match what:
        case "application":
            controller.application = shop(*SHOP.resources)
        case "catalogue":
            controller.catalogue = catalogue(SHOP)
        case "installation":
            controller.installation = "test"
        case "created":
            controller.step_state.unconfirmed.add(key("Leaf/leaf"))
        case "written":
            controller.step_state.written += 1
        case "kinds":
            controller.kinds = dict(controller.kinds)
    if what == "target":
        place = replace(controller.destination(), target=replace(TARGET, region="eu-west-2"))
        controller.read.clear()
        controller.clock.advance(60)
        reconcile(SHOP, controller.catalogue, place, controller.step_state, PassOptions())
    else:
        controller.round()
    assert controller.read


def test_a_pass_is_quiet_after_another_reason_why_nothing_may_be_pruned(controller: Controller) -> None:
    """A quiet pass has nothing to prune. The second reading of a source clears the reason of the first one."""
    controller.catalogue = controller.catalogue.held({"": "the source cannot be read"})
    controller.round()
    assert controller.read == []
    controller.catalogue = controller.catalogue.warranted()
    controller.round()
    assert controller.read == []


def test_an_orphan_that_was_held_is_deleted_when_it_may_be_pruned(controller: Controller) -> None:
    """A pass that holds something is not quiet, so the next one sees that the reason is gone."""
    controller.application = replace(shop(*SHOP.resources), sync=Sync(mode="enforce", prune=True))
    controller.catalogue = catalogue(controller.application).held({"": "the source cannot be read"})
    controller.quiet()
    lose(controller)
    outcome = controller.round(RELIST + 1)
    assert [(one.step.id.key.name, one.reason) for one in outcome.plan.withheld] == [
        ("lost", "the source cannot be read")
    ]
    controller.catalogue = controller.catalogue.warranted()
    controller.round()
    assert "Leaf-lost" not in controller.cloud.objects


@pytest.mark.parametrize("options", [{"adopt": frozenset()}, {"only_digest": "e3b0c44298fc"}])
def test_a_pass_with_a_request_of_a_person_is_made_in_full(controller: Controller, options: dict[str, Any]) -> None:
    """It is adopted, or compared with a digest, what this pass reads."""
    controller.clock.advance(60)
    controller.read.clear()
    reconcile(SHOP, controller.catalogue, controller.destination(), controller.step_state, PassOptions(**options))
    assert controller.read


def test_what_is_ours_is_listed_as_often_as_before(controller: Controller) -> None:
    """A pass in which the listing is due is quiet where AWS has the same marks."""
    controller.round(RELIST + 1)
    assert controller.read, "the first list was made while resources were created"
    controller.quiet()
    listed: list[str] = []
    controller.cloud.before = lambda operation, _: listed.append(operation) if operation.startswith("List") else None
    controller.round(RELIST + 1)
    assert listed
    assert not controller.read
    listed.clear()
    controller.round()
    assert not listed, "the list of before stands again"


def lose(controller: Controller) -> None:
    """Have a live resource with our mark that no document declares."""
    owned = controller.body("Leaf/alone")
    found = {**thaw(owned), "name": "lost", "tags": {**owned["tags"], "ecsync:owner": "v1/prod/shop/Leaf/lost"}}
    found["tags"]["ecsync:id"] = identity(
        PhysicalId(account=TARGET.account, region=TARGET.region, kind="Leaf", natural="lost")
    )
    controller.cloud.objects["Leaf-lost"] = found


def test_another_mark_makes_a_pass_in_full(controller: Controller) -> None:
    """A resource with our mark that no document declares is found when the listing is due."""
    controller.round(RELIST + 1)
    controller.quiet()
    lose(controller)
    outcome = controller.round(RELIST + 1)
    assert controller.read
    assert [one.step.id.key.name for one in outcome.plan.withheld] == ["lost"]


def test_a_list_that_was_compared_with_an_older_world_is_made_again(controller: Controller) -> None:
    """Since then a document may mean another resource, and leave the one with its mark."""
    controller.round(RELIST + 1)
    controller.quiet()
    controller.body("Leaf/alone")["colour"] = "manual"
    controller.round()
    controller.quiet()
    controller.round(RELIST + 1)
    assert controller.read
    controller.quiet()
    controller.round(RELIST + 1)
    assert not controller.read


def test_a_listing_that_fails_is_met_by_the_pass(controller: Controller) -> None:
    """The last list does not stand in for it."""
    controller.round(RELIST + 1)
    controller.quiet()

    def fail(operation: str, _: object) -> None:
        if operation.startswith("List"):
            raise AwsError("denied", "No", "it failed", operation)

    controller.cloud.before = fail
    outcome = controller.round(RELIST + 1)
    assert controller.read
    assert "could not be listed" in outcome.plan.incomplete


@pytest.mark.parametrize(("interval", "most"), [(60.0, 71), (10.0, CHECKED_WITHIN), (5.0, CHECKED_WITHIN)])
def test_a_pass_is_made_in_full_now_and_then(controller: Controller, interval: float, most: int) -> None:
    """By the first listing after an hour, and before a resource has not been compared for so many passes."""
    controller.application = replace(SHOP, sync=replace(SHOP.sync, interval=interval))
    controller.catalogue = catalogue(controller.application, "2")
    controller.quiet()
    in_full = []
    for number in range(3 * most):
        controller.round(interval)
        if controller.read:
            in_full.append(number)
    between = [after - before for before, after in pairwise(in_full[1:])]
    assert between
    assert most / 2 < max(between) <= most


def test_an_answer_that_fails_is_met_by_the_pass(controller: Controller) -> None:
    """What it is for is unreadable, and the last outcome does not stand in for it."""

    def fail(operation: str, _: object) -> None:
        if operation == "DescribeLeaf":
            raise AwsError("denied", "No", "it failed", operation)

    controller.cloud.before = fail
    outcome = controller.round()
    assert {one.name for one in outcome.plan.unreadable} == {"leaf", "alone"}
    controller.cloud.before = lambda *_: None
    controller.quiet()


def test_every_resource_is_compared_in_full_within_the_same_number_of_passes() -> None:
    """A pass in full stands for the turns of the quiet passes before it."""
    controller = Controller()
    controller.quiet()
    compared: set[Key] = set()
    for _ in range(CHECKED_WITHIN + 12):
        before = dict(controller.step_state.settled)
        controller.round()
        now = controller.step_state.settled
        compared |= {one for one in now if now[one] is not before.get(one)}
    assert compared == set(controller.step_state.settled)


def test_a_wrong_outcome_is_counted_and_repaired(controller: Controller) -> None:
    """Where a pass in full, with the same answers, decides otherwise: each one is a bug."""
    quiet = controller.step_state.quiet
    assert quiet is not None
    wrong = {one: replace(entry, rest=b"other") for one, entry in quiet.outcome.plan.settled.items()}
    outcome = replace(quiet.outcome, plan=replace(quiet.outcome.plan, settled=wrong))
    controller.step_state.quiet = replace(quiet, outcome=outcome)
    rounds = (controller.round() for _ in range(int(RELIST / 60) + 2))
    found = next(one for one in rounds if one.plan.mismatches)
    assert set(found.plan.mismatches) == set(wrong)
    assert controller.step_state.shortcut_mismatches == len(wrong)


# ---------------------------------------------------------------- contents

TREE: dict[str, Any] = {
    "text": "a",
    "one": 1,
    "true": True,
    "float": 1.5,
    "none": None,
    "list": ["a", "b", {"below": 0}],
    "map": {"x": "1", "y": "2"},
    "empty": [],
}


def others() -> Iterator[Any]:
    """Yield the tree with each leaf changed, to another value and to one that is equal or looks alike; and in order."""
    for path, value in leaves(TREE):
        alike = int(value) if isinstance(value, bool) else value == 1
        changed: tuple[Any, ...] = (f"{value}x", str(value), None, [], {}, alike)
        for other in changed:
            if other == value and type(other) is type(value):
                continue
            yield with_leaf(TREE, path, other)
    yield {**thaw(TREE), "list": list(reversed(TREE["list"]))}
    yield dict(reversed(TREE.items()))
    yield {**TREE, "new": 1}


def test_the_content_of_an_answer_is_the_same_until_a_leaf_differs() -> None:
    """Also in its type."""
    answer = Answer()
    answer.keep(AT, thaw(TREE))
    content = answer.content
    answer.keep(AT, thaw(TREE))
    assert answer.content == content != NEVER
    for other in others():
        changed = Answer()
        changed.keep(AT, thaw(TREE))
        before = changed.content
        changed.keep(AT, other)
        assert changed.content != before, other
        assert changed.value == other


def test_the_content_of_a_listing_is_the_same_until_an_item_differs() -> None:
    """And it is none before every page has been read."""

    def listed(*items: Any) -> bytes:
        pages = Pages(iter(items))
        assert pages.content == NEVER
        list(pages)
        return pages.content

    first = listed(thaw(TREE), {"a": 1})
    assert listed(thaw(TREE), {"a": 1}) == first != NEVER
    assert listed(thaw(TREE)) != first
    assert all(listed(other, {"a": 1}) != first for other in others())


def test_who_asks_while_another_one_completes_the_listing_gets_the_rest_of_it() -> None:
    """It is packed then: each later asker gets every item, in trees of its own."""
    items = [{**thaw(TREE), "number": number} for number in range(120)]
    pages = Pages(iter(thaw(items)))
    first = iter(pages)
    begun = [next(first) for _ in range(7)]
    assert list(pages) == items
    assert [*begun, *first] == items
    one, other = list(pages), list(pages)
    assert one == other == items
    assert one[0]["map"] is not other[0]["map"]


def test_a_listing_of_what_is_not_plain_data_has_no_content() -> None:
    """And its items stay."""
    item = {"at": datetime(2026, 1, 1, tzinfo=UTC)}
    pages = Pages(iter([item]))
    assert list(pages) == [item] == list(pages)
    assert pages.content == NEVER


def test_an_identifier_keeps_its_content_beside_one_that_changes() -> None:
    """A failure never has one."""
    batch = Batch("ecs.DescribeServices")
    batch.ask(["a", "b", "c"], 0.0)
    batch.keep(WIDGETS, ["a", "b", "c"], {"found": [{"name": "a"}, {"name": "b", "x": 1}]}, AT)
    first = [batch.content([one]) for one in "abc"]
    batch.keep(WIDGETS, ["a", "b", "c"], {"found": [{"name": "a"}, {"name": "b", "x": True}]}, AT)
    second = [batch.content([one]) for one in "abc"]
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, False, True]
    batch.keep(WIDGETS, ["c"], {"found": [], "failures": [{"arn": "arn/c", "reason": "MISSING"}]}, AT)
    assert batch.content(["c"]) == batch.content(["a", "c"]) == NEVER != batch.content(["a", "b"])


def test_the_digest_of_a_batch_is_known_while_all_its_items_are_of_that_answer() -> None:
    """Another call for one of them, or in another order, makes it unknown."""
    batch = Batch("ecs.DescribeServices")
    batch.ask(["a", "b"], 0.0)
    batch.keep(WIDGETS, ["a", "b"], {"found": [{"name": "a"}, {"name": "b"}]}, AT, b"digest")
    assert batch.known(["a", "b"]) == b"digest"
    assert batch.known(["b", "a"]) == batch.known(["a"]) == batch.known(["a", "b", "c"]) == b""
    batch.keep(WIDGETS, ["b"], {"found": [{"name": "b"}]}, AT, b"another")
    assert batch.known(["a", "b"]) == b""


def test_the_digest_of_an_answer_is_forgotten_with_the_answer() -> None:
    """Such as where another call had it too: an answer with that digest would be taken for the newer one."""
    answer = Answer()
    answer.keep(AT, {"a": 1}, b"digest")
    assert answer.known == b"digest"
    assert answer.keep(ReadAt(1.0, 2), None) == {"a": 1}
    assert answer.known == b"digest"
    answer.keep(AT, {"a": 2})
    assert answer.known == b""


def test_a_trace_holds_while_each_content_is_the_same() -> None:
    """A trace with a failure never holds."""
    asked = [Asked("zoo", "DescribeWidgets", {"names": [name], "more": True}) for name in "ab"]
    contents = {one.params["names"][0]: content_of(one.params["names"]) for one in asked}
    trace = Trace()
    for one in asked:
        trace.add(one, contents[one.params["names"][0]])
    trace.end()
    again: list[Asked] = []

    def content(one: Asked) -> bytes:
        again.append(one)
        return contents[one.params["names"][0]]

    assert trace.holds(content)
    assert again == asked
    assert not trace.holds(lambda one: content(one)[::-1])
    assert not trace.holds(lambda _: contents["a"])
    assert not trace.holds(lambda _: NEVER)
    trace.fail()
    assert not trace.holds(content)


def test_a_trace_with_what_is_never_the_same_never_holds() -> None:
    """Such as a failure of one identifier."""
    trace = Trace()
    trace.add(Asked("zoo", "DescribeWidgets", {"names": ["a"]}), NEVER)
    trace.end()
    assert not trace.holds(lambda _: NEVER)


@pytest.mark.parametrize("cadence", get_args(Cadence))
def test_an_answer_that_is_read_again_and_is_the_same_leaves_the_pass_quiet(cadence: Cadence) -> None:
    """At every cadence: an answer that is due is not forgotten before it is read again."""
    controller = Controller()
    listed = tuple(f"memory.Describe{name}" for name in KINDS)
    controller.kinds = {
        name: replace(kind, collections=tuple(Collection(operation=one, cadence=cadence) for one in listed))
        for name, kind in controller.kinds.items()
    }
    controller.inventory = Inventory(controller.cloud, controller.clock.monotonic, controller.kinds)
    controller.quiet()
    full = 0
    for _ in range(40):
        controller.round()
        full += bool(controller.read)
    assert full <= 40 * 60 / RELIST


def test_a_lookup_that_changes_is_seen(controller: Controller) -> None:
    """The outputs of what another owner has are answers too."""
    controller.cloud.objects["Net-9"] = controller.cloud.objects.pop("Net-0")
    controller.round()
    assert controller.read


def test_a_source_without_a_change_leaves_the_catalogue() -> None:
    """Else each read of the source would end the quiet passes of every application."""
    harness = Harness()
    harness.declare(SHOP)
    first = harness.daemon.catalogue
    harness.daemon.read_source()
    assert harness.daemon.catalogue is first


def test_a_listing_is_whole_for_one_who_waits_while_another_reads_its_end() -> None:
    """The end is read once: what was read is packed by then."""
    pages = Pages(iter([{"a": 1}, {"a": 2}]))
    lock = pages._lock

    class Held:
        """A lock that is free only after another asker has read the whole listing."""

        def __enter__(self) -> None:
            if not pages.complete:
                pages._lock = lock
                assert list(pages) == [{"a": 1}, {"a": 2}]
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    pages._lock = Held()  # type: ignore[assignment]
    assert list(pages) == [{"a": 1}, {"a": 2}]
