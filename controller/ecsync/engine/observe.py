"""Read everything an application is about, in the order in which one read identifies the next (rule 16)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ecsync.core import graph, marks
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Owned, Wanted
from ecsync.core.model import Absent, Desired, Key, Observed, Present, Unreadable, WithheldReason
from ecsync.core.ports import AwsError, Reader
from ecsync.core.resource_diff import fields_of


def observe(reader: Reader, inputs: Inputs, now: datetime, only: Key | None = None) -> dict[Key, Observed]:
    """Return the world of the inputs, read now; with `only`, that resource anew and the rest as the inputs has it.

    A failed read makes exactly what it would have told Unreadable. Raises AwsError only for lost credentials, which
    say nothing about anything.
    """
    world: dict[Key, Observed] = dict(inputs.world)
    resources = [d for d in (*inputs.lookups, *inputs.application.resources) if only is None or d.key == only]
    for name, kind in inputs.kinds.items():
        asked = [desired for desired in resources if desired.key.kind == name]
        seeing = replace(inputs, world=world)
        wanted: list[Wanted] = []
        for desired in asked:
            body = seeing.resolved(desired).body
            if kind.natural(body) is None:
                world[desired.key] = _without_parent(desired, world)
            else:
                owner = marks.owner(inputs.installation, desired.key)
                managed, keep = inputs.writable(desired), desired.options.keep_revisions
                wanted.append(Wanted(key=desired.key, body=body, owner=owner, managed=managed, keep=keep))
        for key, observed in _read(reader, kind, wanted, world):
            world[key] = replace(observed, read_at=now) if isinstance(observed, Present) else observed
    _inquire(reader, replace(inputs, world=world), world, resources)
    return world


def _read(
    reader: Reader, kind: Kind, wanted: Sequence[Wanted], world: Mapping[Key, Observed]
) -> Iterator[tuple[Key, Observed]]:
    """Yield an answer for each that is wanted: what a batch read does not tell is Unreadable, never Absent."""
    missing = {want.key for want in wanted}
    error = "AWS's answer did not speak of it"
    if wanted:
        try:
            for key, observed in kind.read(reader, wanted, world):
                missing.discard(key)
                yield key, observed
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            error = str(failure)
    for key in sorted(missing):
        yield key, Unreadable(error)


def _without_parent(desired: Desired, world: Mapping[Key, Observed]) -> Observed:
    """A resource whose parent is absent is absent without a call; one whose parent is unreadable is unreadable."""
    for _, ref in graph.references(desired.body):
        parent = world.get(ref.key)
        if isinstance(parent, Unreadable):
            return Unreadable(f"{ref} is not known: {parent.error}")
    return Absent()


def _inquire(reader: Reader, inputs: Inputs, world: dict[Key, Observed], resources: Iterable[Desired]) -> None:
    """Ask what only matters where a resource differs: a service's newest deployment, say (rule 15)."""
    for desired in resources:
        kind = inputs.kind(desired.key)
        observed = world.get(desired.key)
        if kind.inquire is None or not isinstance(observed, Present) or not inputs.writable(desired):
            continue
        fields = fields_of(inputs, desired, observed)
        if not fields:
            continue
        try:
            facts = kind.inquire(reader, inputs.resolved(desired), observed, fields)
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            world[desired.key] = Unreadable(str(failure))
        else:
            world[desired.key] = replace(observed, facts={**observed.facts, **facts})


def orphans(
    reader: Reader, inputs: Inputs, declared: frozenset[str], applications: frozenset[str]
) -> tuple[tuple[Owned, ...], str]:
    """Return what carries the mark of one of the applications and is declared nowhere, and why that may be incomplete.

    `declared` are the owner marks of every document of the latest snapshot. A mark whose id does not match the
    resource it is on was copied: it is foreign, whatever it says.
    """
    found: list[Owned] = []
    incomplete = ""
    for kind in inputs.kinds.values():
        if kind.owned is None:
            continue
        try:
            listed = kind.owned(reader, inputs.installation)
            found += [owned for owned in listed if _is_orphan(inputs, kind, owned, declared, applications)]
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            incomplete = WithheldReason("not_listed", f"what we own of {kind.name} could not be listed: {failure}")
    return tuple(found), incomplete


def _is_orphan(
    inputs: Inputs, kind: Kind, owned: Owned, declared: frozenset[str], applications: frozenset[str]
) -> bool:
    parsed = marks.key_of(owned.marks.owner)
    if parsed is None or parsed[0] != inputs.installation or parsed[1].application not in applications:
        return False
    if parsed[1].kind != kind.name or (
        owned.marks.owner in declared and not _left_behind(inputs, kind, parsed[1], owned)
    ):
        return False
    if kind.tagging is None:
        return True  # a child has its parent's mark, which was looked at with the parent
    return owned.marks.id == marks.identity(inputs.physical(kind.name, owned.natural))


def _left_behind(inputs: Inputs, kind: Kind, key: Key, owned: Owned) -> bool:
    """Tell whether the document of that key means another resource by now: a new name, cluster or Region (rule 5)."""
    desired = inputs.desired(key)
    natural = kind.natural(inputs.resolved(desired).body) if desired else None
    return natural is not None and natural != owned.natural
