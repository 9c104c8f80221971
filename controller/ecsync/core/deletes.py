"""Deletions of orphans. Their order comes from live bodies, because their documents are gone (docs/rules.md R4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ecsync.core import graph, marks
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import Delete, Forget, Key, Present
from ecsync.core.outcome import Phase, Step, StepId
from ecsync.core.rules import Refers
from ecsync.core.trees import locate


def deletion(inputs: Inputs, key: Key, observed: Present, *, waiting: str = "", phase: Phase = "main") -> Step:
    """Return the step that deletes a live resource, or that removes our marks from one that must stay.

    A late deletion deletes what a replacement superseded; that never stays.
    """
    kind = inputs.kind(key)
    step = StepId(key=key, phase=phase)
    if phase != "late" and _retained(inputs, key, observed):
        forget = Forget(key=key, observed=observed)
        return Step(id=step, change=forget, calls=marks.tag_calls(kind.tagging, forget) if kind.tagging else ())
    change = Delete(key=key, observed=observed)
    waiting = waiting or _not_now(kind, observed)
    calls = kind.calls(change) if kind.calls and not waiting else ()
    return Step(id=step, change=change, calls=calls, waiting=waiting or ("" if calls else _BY_ITSELF))


_BY_ITSELF = "AWS deletes it by itself"


def _not_now(kind: Kind, observed: Present) -> str:
    """Return why no call of a delete can be made now: AWS is at work on the resource, or it still holds something."""
    condition = kind.condition(observed)
    if condition is not None and condition.state == "in progress":
        return condition.why
    return kind.delete_waits(observed) if kind.delete_waits else ""


def _retained(inputs: Inputs, key: Key, observed: Present) -> bool:
    desired = inputs.desired(key)
    if desired:
        return desired.options.deletion == "retain"
    applied = observed.marks.applied if observed.marks else None
    return applied.retain if applied else inputs.kind(key).retain_default


def of_orphans(inputs: Inputs, planned: Sequence[Step]) -> Iterator[Step]:
    """Yield the deletion of each orphan: users first, and after the planned steps that end the use of it."""
    orphans = _owned_orphans(inputs)
    if not orphans:
        return
    users: dict[Name, set[Key]] = {}  # by each name that a live resource refers to
    for key, one in inputs.world.items():
        for name in links(inputs, key, one) if isinstance(one, Present) else ():
            users.setdefault(name, set()).add(key)
    steps: dict[Key, list[StepId]] = {}
    for other in planned:
        steps.setdefault(other.id.key, []).append(other.id)
    waits = _without_circles(_behind_services(inputs, orphans, _users(inputs, orphans)))
    for step in graph.order(waits, waits):
        for present in orphans[step]:
            using = {key for name in _names(step.key, present) for key in users.get(name, ())}
            after = waits[step] | {other for key in using for other in steps.get(key, ())}
            why = _traffic(inputs, step.key, present, steps)
            yield replace(deletion(inputs, step.key, present, waiting=why, phase="prune"), after=after)


def _traffic(inputs: Inputs, key: Key, present: Present, planned: Collection[Key]) -> str:
    """Return what sends traffic to an orphan and is to change: then it has not moved its traffic yet; empty if none."""
    routers = inputs.kind(key).serves(present, inputs.world)
    return next((f"{router} still sends traffic to it" for router in routers if router in planned), "")


def _owned_orphans(inputs: Inputs) -> dict[StepId, list[Present]]:
    """Return the orphans of kinds that this version has, by their step. Two resources may carry the same mark."""
    found: dict[StepId, list[Present]] = {}
    for orphan in inputs.orphans:
        owner = marks.key_of(orphan.marks.owner)
        if owner is not None and owner[1].kind in inputs.kinds:
            found.setdefault(StepId(key=owner[1], phase="prune"), []).append(orphan.present)
    return found


def _users(inputs: Inputs, orphans: Mapping[StepId, Sequence[Present]]) -> dict[StepId, frozenset[StepId]]:
    """Return, for each orphan, the other orphans that refer to it: they are deleted before it."""
    users: dict[Name, set[StepId]] = {}
    for step in orphans:
        for name in {one for live in orphans[step] for one in links(inputs, step.key, live)}:
            users.setdefault(name, set()).add(step)
    names = {step: {one for live in orphans[step] for one in _names(step.key, live)} for step in orphans}
    return {
        step: frozenset(user for name in names[step] for user in users.get(name, ()) if user != step)
        for step in orphans
    }


def _behind_services(
    inputs: Inputs, orphans: Mapping[StepId, Sequence[Present]], waits: Mapping[StepId, frozenset[StepId]]
) -> Mapping[StepId, frozenset[StepId]]:
    """Return the edges, and those from what sends traffic to an orphan to it: ECS refuses to scale it down without."""
    found, doomed = dict(waits), {step.key: one for step, presents in orphans.items() for one in presents[:1]}
    for step, presents in orphans.items():
        for router in (router for one in presents for router in inputs.kind(step.key).serves(one, doomed)):
            routing = StepId(key=router, phase="prune")
            found[routing] = found[routing] | {step}
    return found


def _without_circles(waits: Mapping[StepId, frozenset[StepId]]) -> graph.Edges:
    """Return the edges without one edge per circle: its first member as listed waits for no other; AWS decides."""
    rank = {step: index for index, step in enumerate(waits)}
    found = dict(waits)
    while True:
        try:
            graph.order(found)
        except graph.Cycle as cycle:
            first, next_one = min(pairwise(cycle.members), key=lambda pair: rank[pair[0]])
            found[first] -= {next_one}
        else:
            return found


Name = tuple[str, str]  # the kind (empty: any kind), and an output such as the ARN or the name


def _names(key: Key, present: Present) -> set[Name]:
    """Return the names that may refer to a resource. Resources of two kinds often have the same name."""
    values = {value for value in present.outputs.values() if isinstance(value, str)}
    return {(key.kind, value) for value in values} | {("", value) for value in values}


def links(inputs: Inputs, key: Key, present: Present) -> set[Name]:
    """Return the names in a live body that its table declares as references (`Refers`)."""
    return {
        (rule.kind, value)
        for rule in inputs.kind(key).rules
        if isinstance(rule, Refers)
        for value in _strings(present, rule.segments)
    }


def _strings(present: Present, segments: tuple[str, ...]) -> Iterable[str]:
    for container, key, _ in locate(present.body, segments):
        value = container.get(key) if isinstance(container, Mapping) else container[key]
        if isinstance(value, str):
            yield value
