"""Deletes take their order from live bodies, because the manifest is gone (rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from controller.core import marks, tagging
from controller.core.json import locate
from controller.core.model import Delete, Forget, Key, Phase, Present, Step, StepId
from controller.core.rules import Refers
from controller.core.scene import Scene


def deletion(scene: Scene, key: Key, observed: Present, *, waiting: str = "", phase: Phase = "main") -> Step:
    """Return the step that removes a live resource, or takes our marks off one that is to stay.

    A late deletion removes what a replacement left behind; that is never kept.
    """
    kind = scene.kind(key)
    step = StepId(key=key, phase=phase)
    if phase == "main" and _retained(scene, key, observed):
        forget = Forget(key=key, observed=observed)
        return Step(id=step, change=forget, calls=tagging.calls_for(kind.tagging, forget) if kind.tagging else ())
    change = Delete(key=key, observed=observed)
    return Step(id=step, change=change, calls=kind.calls(change) if kind.calls and not waiting else (), waiting=waiting)


def _retained(scene: Scene, key: Key, observed: Present) -> bool:
    desired = scene.desired(key)
    if desired:
        return desired.options.deletion == "retain"
    applied = observed.marks.applied if observed.marks else None
    return applied.retain if applied else scene.kind(key).retains


def of_orphans(scene: Scene, planned: Sequence[Step]) -> Iterator[Step]:
    """Yield the deletion of each orphan; one that others still use comes after the steps that end the use."""
    doomed = []
    for orphan in scene.orphans:
        parsed = marks.key_of(orphan.marks.owner)
        if parsed and parsed[1].kind in scene.kinds:
            doomed.append((deletion(scene, parsed[1], orphan.present), orphan.present))
    for step, present in doomed:
        ids = {value for value in present.outputs.values() if isinstance(value, str)}
        users = {other.id for other, user in doomed if other is not step and ids & links(scene, other.id.key, user)}
        for key, observed in scene.world.items():
            if isinstance(observed, Present) and ids & links(scene, key, observed):
                users |= {one.id for one in planned if one.id.key == key}
        yield replace(step, after=frozenset(users))


def links(scene: Scene, key: Key, present: Present) -> set[str]:
    """Return the ids in a live body that must outlive it: what its table says it refers to, and the kind's own."""
    kind = scene.kind(key)
    found = set(kind.links(present)) if kind.links else set()
    for rule in kind.rules:
        if isinstance(rule, Refers):
            found |= set(_strings(present, rule.segments))
    return found


def _strings(present: Present, segments: tuple[str, ...]) -> Iterable[str]:
    for container, key, _ in locate(present.body, segments):
        value = container.get(key) if isinstance(container, Mapping) else container[key]
        if isinstance(value, str):
            yield value
