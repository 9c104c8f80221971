"""The order of steps: a resource comes after those it refers to, and a cycle is an error with its members."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecsync.core import graph
from ecsync.core.graph import Cycle
from ecsync.core.model import Create, Delete, Desired, Documents, Options, Present
from ecsync.core.outcome import Step, StepId
from ecsync.kinds import BY_NAME
from tests.core.tiny import GADGET, KINDS, WIDGET, at, doc, to


def ordered(*documents: Desired, kinds: object = KINDS) -> list[str]:
    """Return the names of the steps in order."""
    return [str(step) for step in graph.order(graph.edges(Documents(documents), kinds))]  # type: ignore[arg-type]


def behind(step: str, *documents: Desired) -> set[str]:
    """Return what a main step waits for."""
    return {str(one) for one in graph.edges(Documents(documents), KINDS)[StepId(key=at(step))]}


def test_a_reference_is_an_edge() -> None:
    """At every place in the body."""
    assert behind("Gadget/a", doc("Gadget/a", deep=[{"x": to("Widget/w")}]), doc("Widget/w")) == {"Widget/w"}


def test_the_name_of_a_declared_resource_is_a_reference() -> None:
    """A name in place of `${Widget/w}`; also in a list, and only at the places of `Refers`."""
    widget = doc("Widget/w", name="the-widget")
    assert behind("Gadget/a", doc("Gadget/a", widget="the-widget"), widget) == {"Widget/w"}
    assert behind("Gadget/a", doc("Gadget/a", widgets=["x", "the-widget"]), widget) == {"Widget/w"}
    assert behind("Gadget/a", doc("Gadget/a", colour="the-widget"), widget) == set()
    assert behind("Gadget/a", doc("Gadget/a", widget="unknown"), widget) == set()


def test_a_reference_to_another_application_is_no_edge() -> None:
    """Nor is a reference of a resource to itself."""
    assert behind("Gadget/a", doc("Gadget/a", x=to("Widget/w"), y=to("Gadget/a"))) == set()


def test_after_adds_an_edge() -> None:
    """`ecsync/after`."""
    gadget = doc("Gadget/a", Options(after=(at("Widget/w"),)))
    assert behind("Gadget/a", gadget, doc("Widget/w")) == {"Widget/w", "Widget/w (second step)"}


def test_needs_are_edges() -> None:
    """To the main step and the late step of the needed resource."""
    kinds = {**KINDS, "Gadget": replace(GADGET, needs=lambda _, others: [one.key for one in others])}
    assert ordered(doc("Gadget/a"), doc("Widget/w"), kinds=kinds) == ["Widget/w", "Widget/w (second step)", "Gadget/a"]


def test_only_the_late_step_waits_for_the_references_of_late_members() -> None:
    """Two resources that refer to each other there are no cycle."""
    documents = (doc("Widget/a", peers=[to("Widget/b")]), doc("Widget/b", peers=[to("Widget/a")]))
    assert ordered(*documents) == ["Widget/a", "Widget/b", "Widget/a (second step)", "Widget/b (second step)"]


def test_security_groups_may_refer_to_each_other() -> None:
    """Rules between two groups are sent when both exist (docs/rules.md R2)."""

    def group(name: str, other: str) -> Desired:
        pairs = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": to(f"SecurityGroup/{other}")}]}]
        return Desired(key=at(f"SecurityGroup/{name}"), body={"GroupName": name, "IpPermissions": pairs})

    assert ordered(group("a", "b"), group("b", "a"), kinds=BY_NAME)[:2] == ["SecurityGroup/a", "SecurityGroup/b"]


def test_a_cycle_has_its_members() -> None:
    """Each member waits for the next; the last one is the first again."""
    documents = (
        doc("Gadget/a", x=to("Gadget/b")),
        doc("Gadget/b", x=to("Gadget/c")),
        doc("Gadget/c", x=to("Gadget/a")),
        doc("Gadget/d", x=to("Gadget/a")),
    )
    with pytest.raises(Cycle) as caught:
        ordered(*documents)
    names = str(caught.value).split(" → ")
    assert names[0] == names[-1]
    assert set(names) == {"Gadget/a", "Gadget/b", "Gadget/c"}
    follows = {"Gadget/a": "Gadget/b", "Gadget/b": "Gadget/c", "Gadget/c": "Gadget/a"}
    assert [follows[name] for name in names[:-1]] == names[1:]


def test_the_order_is_stable() -> None:
    """By rank if one is given, else by name; the order of the documents has no effect."""
    documents = [doc("Widget/b"), doc("Gadget/a"), doc("Widget/a", recipe=to("Gadget/a"))]
    assert ordered(*documents) == ordered(*reversed(documents))
    waits = graph.edges(Documents(documents), KINDS)
    first = graph.order(waits, [StepId(key=at("Widget/b")), StepId(key=at("Gadget/a"))])
    assert [str(step) for step in first][:2] == ["Widget/b", "Gadget/a"]


def test_a_step_waits_through_steps_that_are_not_in_the_plan() -> None:
    """It waits for the nearest steps that are in the plan."""
    documents = (doc("Gadget/a"), doc("Gadget/b", x=to("Gadget/a")), doc("Gadget/c", x=to("Gadget/b")))
    waits = graph.edges(Documents(documents), KINDS)
    steps = graph.order(waits)
    a, b, c = (StepId(key=at(f"Gadget/{name}")) for name in "abc")
    assert graph.behind(steps, waits, {a, b})[c] == {b}
    assert graph.behind(steps, waits, {a})[c] == {a}
    assert graph.behind(steps, waits, {b, c})[a] == frozenset()


def test_of_two_resources_declared_absent_the_user_is_deleted_first() -> None:
    """The edge to a resource that stays is not reversed."""
    gone = Options(state="absent")
    base, user = doc("Gadget/base", gone), doc("Gadget/user", gone, x=to("Gadget/base"))
    assert ordered(base, user) == ["Gadget/user", "Gadget/base"]
    assert ordered(doc("Gadget/base"), user) == ["Gadget/base", "Gadget/user"]
    circle = (doc("Widget/a", gone, peers=[to("Widget/b")]), doc("Widget/b", gone, peers=[to("Widget/a")]))
    assert set(ordered(*circle)) >= {"Widget/a", "Widget/b"}


def test_late_is_a_row_of_the_table() -> None:
    """It covers its place and below."""
    assert graph.late(WIDGET.rules, ("peers", 0))
    assert not graph.late(WIDGET.rules, ("size",))


def steps_of(*documents: Desired) -> tuple[Step, ...]:
    """Return a step that creates each document, in order, with those that it waits for."""
    waits = graph.edges(Documents(documents), KINDS)
    found = {StepId(key=one.key): Create(desired=one, marks={}) for one in documents}
    behind = graph.behind(graph.order(waits), waits, set(found))
    course = [step for step in graph.order(waits) if step in found]
    return tuple(Step(id=step, change=found[step], calls=(), after=behind[step]) for step in course)


def test_a_few_of_a_kind_come_with_those_that_wait_for_them() -> None:
    """The users of the first ones do not wait until all of the kind are done."""
    many = [doc(f"Gadget/base-{number:02}") for number in range(25)]
    users = [doc(f"Gadget/user-{number:02}", x=to(f"Gadget/base-{number:02}")) for number in range(25)]
    names = [step.id.key.name for step in graph.in_groups(steps_of(*many, *users))]
    assert names[:20] == [f"{of}-{number:02}" for of in ("base", "user") for number in range(10)]
    assert names[20:22] == ["base-10", "base-11"]
    assert sorted(names) == sorted(one.key.name for one in (*many, *users))


def test_in_groups_each_step_comes_after_those_it_waits_for() -> None:
    """Also after those of other groups."""
    bases = [doc(f"Gadget/base-{number:02}") for number in range(25)]
    user = doc("Gadget/a-user", x=to("Gadget/base-00"), y=to("Gadget/base-24"))
    last = doc("Gadget/another", x=to("Gadget/a-user"))
    names = [step.id.key.name for step in graph.in_groups(steps_of(user, last, *bases))]
    assert names[-2:] == ["a-user", "another"]


def test_a_deletion_keeps_its_place() -> None:
    """It does not come earlier than what was before it, even if it waits for none of that."""
    steps = steps_of(*(doc(f"Gadget/base-{number:02}") for number in range(25)))
    gone = Delete(key=at("Gadget/gone"), observed=Present(body={}, outputs={}))
    deletion = Step(id=StepId(key=gone.key, phase="prune"), change=gone, calls=(), after=frozenset({steps[0].id}))
    assert graph.in_groups((*steps, deletion))[-1] is deletion
