"""What the last pass settled is settled again while nothing moved, and compared in full as soon as anything does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core import plan, policy
from ecsync.core.inputs import CHECKED_WITHIN, Inputs, basis, digest, due
from ecsync.core.kind import Proceed
from ecsync.core.marks import owner
from ecsync.core.model import (
    Absent,
    Application,
    Applied,
    Desired,
    Key,
    Marks,
    Options,
    Present,
    Ref,
    Target,
    Unreadable,
)
from ecsync.core.outcome import Plan, Settled
from tests.core.tiny import KINDS, at, bare, doc, inputs, live, to

WIDGET = at("Widget/w")
DOCUMENT = doc("Widget/w", recipe=to("Recipe/r", "name"), net=to("Lookup/l"), size=3, tags={"team": "a"})
RECIPE = doc("Recipe/r")
LOOKUP = doc("Lookup/l")


def converged(document: Desired = DOCUMENT, **more: Any) -> Inputs:
    """Return a widget that is in sync, what it refers to, and what an earlier pass settled of them."""
    observed = live(document, recipe="r", net="lookup-l", address="10.0.0.1")
    world = {"Widget/w": observed, "Recipe/r": live(RECIPE), "Lookup/l": bare(LOOKUP)}
    return warmed(inputs(document, RECIPE, LOOKUP, world=world, **more))


def warmed(cold: Inputs) -> Inputs:
    """Return the inputs with what a pass settles of them; no resource is due for a check."""
    turn = next(turn for turn in range(CHECKED_WITHIN) if all(turn != hash(key) % CHECKED_WITHIN for key in cold.world))
    return replace(cold, settled=plan.build(cold).settled, turn=turn)


def moved(warm: Inputs, **members: Any) -> Inputs:
    """Return the inputs with other members of the live widget."""
    return replace(warm, world={**warm.world, WIDGET: replace(warm.world[WIDGET], **members)})


def declared(warm: Inputs, *documents: Desired) -> Inputs:
    """Return the inputs with these documents in place of those with their keys, or besides them."""
    others = {one.key: one for one in (*warm.application.resources, *documents)}
    return replace(warm, application=replace(warm.application, resources=tuple(others.values())))


def body(warm: Inputs) -> Mapping[str, Any]:
    """Return the body of the live widget."""
    observed = warm.world[WIDGET]
    assert isinstance(observed, Present)
    return observed.body


def marked(warm: Inputs, **members: Any) -> Inputs:
    """Return the inputs with other marks on the live widget."""
    observed = warm.world[WIDGET]
    assert isinstance(observed, Present)
    assert observed.marks is not None
    return moved(warm, marks=replace(observed.marks, **members))


def shortcut(found: Plan, warm: Inputs, key: Key = WIDGET) -> bool:
    """Return whether the plan settled a resource without a comparison: it hands on what it was given."""
    return found.settled.get(key) is warm.settled[key]


def without(warm: Inputs) -> Plan:
    """Return the plan of a first pass over the same inputs."""
    return plan.build(replace(warm, settled={}))


CHANGES: dict[str, Callable[[Inputs], Inputs]] = {
    "a declared value": lambda warm: declared(warm, replace(DOCUMENT, body={**DOCUMENT.body, "size": 4})),
    "the type of a declared value": lambda warm: declared(warm, replace(DOCUMENT, body={**DOCUMENT.body, "size": 3.0})),
    "a declared member more": lambda warm: declared(warm, replace(DOCUMENT, body={**DOCUMENT.body, "zone": "a"})),
    "a declared tag": lambda warm: declared(warm, replace(DOCUMENT, body={**DOCUMENT.body, "tags": {"team": "b"}})),
    "another reference": lambda warm: declared(warm, replace(DOCUMENT, body={**DOCUMENT.body, "net": to("Recipe/r")})),
    "a path that is ignored": lambda warm: declared(warm, replace(DOCUMENT, options=Options(ignore=(("size",),)))),
    "undeclared members": lambda warm: declared(warm, replace(DOCUMENT, options=Options(undeclared="ignore"))),
    "retained on deletion": lambda warm: declared(warm, replace(DOCUMENT, options=Options(deletion="retain"))),
    "declared absent": lambda warm: declared(warm, replace(DOCUMENT, options=Options(state="absent"))),
    "no longer managed": lambda warm: declared(warm, replace(DOCUMENT, options=Options(manage=False))),
    "a live value": lambda warm: moved(warm, body={**body(warm), "size": 4}),
    "the type of a live value": lambda warm: moved(warm, body={**body(warm), "size": True}),
    "a live member more": lambda warm: moved(warm, body={**body(warm), "colour": "red"}),
    "a live member less": lambda warm: moved(warm, body={k: v for k, v in body(warm).items() if k != "net"}),
    "a value that AWS decides": lambda warm: moved(warm, body={**body(warm), "address": "10.0.0.2"}),
    "a live tag": lambda warm: moved(warm, body={**body(warm), "tags": {"team": "b"}}),
    "an output": lambda warm: moved(warm, outputs={"id": "widget-2", "name": "w"}),
    "a fact": lambda warm: moved(warm, facts={"busy": True}),
    "another tool": lambda warm: moved(warm, foreign="Terraform"),
    "no marks": lambda warm: moved(warm, marks=None),
    "the owner in the mark": lambda warm: marked(warm, owner=owner("prod", at("Widget/other"))),
    "the id in the mark": lambda warm: marked(warm, id="000000000000"),
    "what the mark records": lambda warm: marked(warm, applied=Applied(members={})),
    "no record in the mark": lambda warm: marked(warm, applied=None),
    "absent": lambda warm: replace(warm, world={**warm.world, WIDGET: Absent()}),
    "unreadable": lambda warm: replace(warm, world={**warm.world, WIDGET: Unreadable("throttled")}),
    "the value of a reference": lambda warm: replace(
        warm, world={**warm.world, at("Lookup/l"): replace(bare(LOOKUP), outputs={"id": "lookup-2"})}
    ),
    "a reference that is unreadable": lambda warm: replace(
        warm, world={**warm.world, at("Recipe/r"): Unreadable("throttled")}
    ),
    "a referenced resource that is absent": lambda warm: replace(warm, world={**warm.world, at("Recipe/r"): Absent()}),
    "a referenced resource that changes": lambda warm: declared(warm, doc("Recipe/r", size=2)),
    "a reference that becomes a lookup": lambda warm: declared(warm, doc("Recipe/r", Options(manage=False))),
    "the installation": lambda warm: replace(warm, installation="test"),
    "the account": lambda warm: replace(warm, target=replace(warm.target, account="222222222222")),
    "the Region": lambda warm: replace(warm, target=Target(account=warm.target.account, region="eu-west-2")),
    "newly created": lambda warm: replace(warm, newly_created=frozenset({WIDGET})),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_moves_is_compared_in_full(change: Callable[[Inputs], Inputs]) -> None:
    """The plan is that of a first pass."""
    warm = converged()
    assert shortcut(plan.build(warm), warm)
    now = change(warm)
    found = plan.build(now)
    assert not shortcut(found, warm)
    assert found == without(now)


EXPLAINS: dict[str, Callable[[Inputs], Inputs]] = {
    "what was last applied": lambda warm: replace(warm, last_applied={WIDGET: Applied(members={})}),
    "the last lookups": lambda warm: replace(warm, last_lookups={WIDGET: {Ref(at("Lookup/l"), "id"): "lookup-2"}}),
}


@pytest.mark.parametrize("change", EXPLAINS.values(), ids=EXPLAINS)
def test_what_only_explains_a_difference_moves_nothing(change: Callable[[Inputs], Inputs]) -> None:
    """A resource in sync has none: a first pass over the same world decides the same."""
    warm = converged()
    now = change(warm)
    found = plan.build(now)
    assert shortcut(found, warm)
    assert found == replace(without(now), unchanged=found.unchanged)


def test_a_document_that_takes_the_name_in_the_mark_holds_the_resource() -> None:
    """Another document of the installation decides whether a mark of another name is a rename."""
    elsewhere = owner("prod", at("Bare/former"))
    document = doc("Bare/b")
    observed = replace(live(document), marks=Marks(owner=elsewhere, id="", applied=None))
    warm = warmed(inputs(document, world={"Bare/b": observed}))
    assert shortcut(plan.build(warm), warm, document.key)
    found = plan.build(replace(warm, others=frozenset({elsewhere})))
    assert [one.step.id.key for one in found.withheld] == [document.key]


OTHERS: dict[str, Callable[[Inputs], Inputs]] = {
    "another document": lambda warm: declared(warm, doc("Gadget/g")),
    "an edge between others": lambda warm: declared(warm, doc("Gadget/g", parent=to("Recipe/r"))),
    "pruning forbidden": lambda warm: replace(warm, policies=policy.standard(prune="the source cannot be read")),
    "a resource that does not converge": lambda warm: replace(
        warm, policies=policy.standard(not_converging=lambda *_: "in vain")
    ),
    "an application that manages nothing of it": lambda warm: replace(
        warm,
        application=Application(name="shop", manage=("Gadget",), resources=warm.application.resources),
        policies=policy.standard(),
    ),
    "the same documents, read again": lambda warm: declared(
        warm, replace(DOCUMENT, body={**DOCUMENT.body, "tags": {"team": "a"}})
    ),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_has_no_part_in_a_settled_decision_does_not_change_the_plan(change: Callable[[Inputs], Inputs]) -> None:
    """A policy is asked about a step, and a settled resource has none."""
    warm = converged(policies=policy.standard())
    now = change(warm)
    assert plan.build(now) == without(now)


def test_documents_that_are_read_again_are_settled_without_a_comparison() -> None:
    """The entry holds neither document: only the digest of both."""
    warm = converged()
    again = replace(DOCUMENT, body=dict(DOCUMENT.body))
    found = plan.build(declared(warm, again)).settled[WIDGET]
    assert found is warm.settled[WIDGET]
    assert found.content == again.content


def test_what_is_not_enforced_is_reported_in_each_pass() -> None:
    """Also where it is not looked for again."""
    warm = converged()
    found = plan.build(warm)
    assert [one.path for one in found.unmanaged if one.key == WIDGET] == [("address",)]
    assert found == without(warm)


@pytest.mark.parametrize(
    "change",
    [
        lambda warm: moved(warm, body={**body(warm), "size": 4}),
        lambda warm: moved(warm, marks=None),
        lambda warm: replace(warm, policies=(lambda *_: "no",), world={**warm.world, WIDGET: Absent()}),
        lambda warm: declared(warm, replace(DOCUMENT, options=Options(state="absent"))),
    ],
    ids=["differs", "unclaimed", "held", "to delete"],
)
def test_a_resource_with_a_step_is_not_settled(change: Callable[[Inputs], Inputs]) -> None:
    assert WIDGET not in plan.build(change(converged())).settled


def test_a_difference_that_a_gate_takes_away_is_looked_at_in_each_pass() -> None:
    """The gate decides by other live resources."""
    document, other = doc("Widget/w", size=3), doc("Gadget/g")

    def gate(desired: Desired, live: Present, _: Any, world: Mapping[Key, Any]) -> Proceed:
        return Proceed(body=live.body if isinstance(world[other.key], Present) else desired.body)

    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], gate=gate)}
    world = {"Widget/w": live(document, size=4), "Gadget/g": live(other)}
    cold = replace(inputs(document, other, world=world), kinds=kinds)
    warm = replace(cold, settled=plan.build(cold).settled)
    assert plan.build(warm).steps == ()
    gone = plan.build(replace(warm, world={**warm.world, other.key: Absent()}))
    assert (document.key, "main") in {(step.id.key, step.id.phase) for step in gone.steps}


def test_a_superseded_resource_is_looked_for_in_each_pass() -> None:
    """Whether it is still used is decided by other live resources."""
    document = doc("Widget/w")
    used = {"by": "a service"}

    def superseded(_: Present, __: Any) -> Iterator[tuple[Present, str]]:
        if not used:
            yield replace(live(document), outputs={"id": "old"}), ""

    kinds = {**KINDS, "Widget": replace(KINDS["Widget"], superseded=superseded)}
    warm = warmed(replace(inputs(document, world={"Widget/w": live(document)}), kinds=kinds))
    assert plan.build(warm).steps == ()
    used.clear()
    assert [step.id.phase for step in plan.build(warm).steps] == ["late"]


def test_a_value_that_is_not_plain_data_is_compared_in_full_each_time() -> None:
    """Its digest would not be that of its content."""
    document = doc("Widget/w")
    world = {"Widget/w": replace(live(document), facts={"odd": object()})}
    assert plan.build(inputs(document, world=world)).settled == {}


# ---------------------------------------------------------------- the check on the shortcut


def mistaken() -> Inputs:
    """Return a widget that differs, with an entry of a settled one: a bug would make such an entry."""
    document = doc("Widget/w", size=3)
    cold = inputs(document, world={"Widget/w": live(document, size=4)})
    observed = cold.world[document.key]
    assert isinstance(observed, Present)
    made_from = basis(cold, document, observed)
    assert made_from is not None
    entry = Settled(content=document.content, values=made_from[0], rest=made_from[1])
    return replace(cold, settled={document.key: entry}, turn=hash(document.key) + 1)


def test_a_settled_resource_is_not_looked_at_between_two_checks() -> None:
    """Only the check can find that an entry is wrong."""
    assert plan.build(mistaken()).steps == ()


def test_a_check_finds_a_wrong_entry_and_the_full_comparison_holds() -> None:
    """The entry is gone afterwards."""
    found = plan.build(replace(mistaken(), turn=hash(WIDGET)))
    assert [step.id.key for step in found.steps] == [WIDGET]
    assert found.mismatches == (WIDGET,)
    assert found.settled == {}


def test_a_check_compares_what_is_not_enforced_too() -> None:
    warm = converged()
    wrong = replace(warm.settled[WIDGET], unmanaged=())
    found = plan.build(replace(warm, settled={**warm.settled, WIDGET: wrong}, turn=hash(WIDGET)))
    assert found.mismatches == (WIDGET,)
    assert found == replace(without(warm), mismatches=(WIDGET,))


def test_each_resource_is_checked_once_within_so_many_passes() -> None:
    warm = converged()
    keys = [at(f"Widget/{number}") for number in range(300)]
    checked = [key for turn in range(7, 7 + CHECKED_WITHIN) for key in keys if due(replace(warm, turn=turn), key)]
    assert sorted(checked) == sorted(keys)


# ---------------------------------------------------------------- the digest


@pytest.mark.parametrize("one", [{"a": 1}, {"a": [1, "b", None]}, {"a": {"b": ("c", 1.5)}}, "text", {}])
def test_equal_data_has_one_digest(one: Any) -> None:
    """However it was built, and whether or not objects are shared in it."""
    word = "".join(["sha", "red"])
    assert digest(one, word, word) == digest(eval(repr(one)), "shared", "".join(["sh", "ared"]))  # noqa: S307


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0, False), ("1", 1), (None, ""), ([], {}), ([1], (1,)), ({"a": 1}, {"a": "1"}), ("", b"")],
)
def test_data_of_different_types_has_different_digests(one: Any, other: Any) -> None:
    """Equal values of two types can mean different things to AWS."""
    assert digest(one) != digest(other)
