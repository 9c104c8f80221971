"""Deletes take their order from live bodies, because the manifest is gone (rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ecsync.core import marks, tagging
from ecsync.core.inputs import Inputs
from ecsync.core.model import Delete, Forget, Key, Phase, Present, Step, StepId
from ecsync.core.rules import Refers
from ecsync.core.trees import locate


def deletion(inputs: Inputs, key: Key, observed: Present, *, waiting: str = "", phase: Phase = "main") -> Step:
    """Return the step that removes a live resource, or takes our marks off one that is to stay.

    A late deletion removes what a replacement left behind; that is never kept.
    """
    kind = inputs.kind(key)
    step = StepId(key=key, phase=phase)
    if phase != "late" and _retained(inputs, key, observed):
        forget = Forget(key=key, observed=observed)
        return Step(id=step, change=forget, calls=tagging.calls_for(kind.tagging, forget) if kind.tagging else ())
    change = Delete(key=key, observed=observed)
    return Step(id=step, change=change, calls=kind.calls(change) if kind.calls and not waiting else (), waiting=waiting)


def _retained(inputs: Inputs, key: Key, observed: Present) -> bool:
    desired = inputs.desired(key)
    if desired:
        return desired.options.deletion == "retain"
    applied = observed.marks.applied if observed.marks else None
    return applied.retain if applied else inputs.kind(key).retain_default


def of_orphans(inputs: Inputs, planned: Sequence[Step]) -> Iterator[Step]:
    """Yield the deletion of each orphan, behind the steps that end the use of it: users first."""
    owners = [(marks.key_of(orphan.marks.owner), orphan.present) for orphan in inputs.orphans]
    doomed = [(owner[1], present) for owner, present in owners if owner and owner[1].kind in inputs.kinds]
    if not doomed:
        return
    ids = [_names(key, present) for key, present in doomed]
    named = [links(inputs, key, present) for key, present in doomed]
    users = [{j for j, names in enumerate(named) if j != i and own & names} for i, own in enumerate(ids)]
    world = [(key, links(inputs, key, one)) for key, one in inputs.world.items() if isinstance(one, Present)]
    gone: list[int] = []
    for index in _users_first(users):
        key, present = doomed[index]
        letting_go = {other for other, names in world if ids[index] & names}
        after = {step.id for step in planned if step.id.key in letting_go}
        after |= {StepId(key=doomed[user][0], phase="prune") for user in users[index] if user in gone}
        gone.append(index)
        yield replace(deletion(inputs, key, present, phase="prune"), after=frozenset(after))


def _users_first(users: Sequence[set[int]]) -> Iterator[int]:
    """Yield each behind its users; of those that use each other in a circle the first, and AWS says which may go."""
    left = dict(enumerate(users))
    while left:
        index = next((one for one, waits in left.items() if not waits & left.keys()), next(iter(left)))
        del left[index]
        yield index


Name = tuple[str, str]  # the kind, empty where any is meant, and what AWS calls it


def _names(key: Key, present: Present) -> set[Name]:
    """Return what a resource may be meant by: resources of two kinds are often called the same."""
    values = {value for value in present.outputs.values() if isinstance(value, str)}
    return {(key.kind, value) for value in values} | {("", value) for value in values}


def links(inputs: Inputs, key: Key, present: Present) -> set[Name]:
    """Return what a live body needs to outlive it: what its table says it refers to, and the kind's own."""
    kind = inputs.kind(key)
    found = {("", value) for value in kind.links(present)} if kind.links else set()
    for rule in kind.rules:
        if isinstance(rule, Refers):
            found |= {(rule.kind, value) for value in _strings(present, rule.segments)}
    return found


def _strings(present: Present, segments: tuple[str, ...]) -> Iterable[str]:
    for container, key, _ in locate(present.body, segments):
        value = container.get(key) if isinstance(container, Mapping) else container[key]
        if isinstance(value, str):
            yield value
