"""Read every resource of an application, in the order in which one read identifies the next (docs/rules.md R16)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ecsync.core import marks
from ecsync.core.inputs import Inputs, basis, blocked, known_revision, unmoved, waits_for
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import Absent, Call, Create, Desired, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError, Reader
from ecsync.core.resource_diff import fields_of, with_ignored
from ecsync.core.trees import Json, Pool, at
from ecsync.engine.inventory import Inventory
from ecsync.engine.views import confirmed


def observe(reader: Reader, inputs: Inputs, now: datetime, only: Collection[Key] | None = None) -> dict[Key, Observed]:
    """Return the world of the inputs. With `only`, those resources are read and the rest is kept.

    A failed read makes exactly the resources that it was for Unreadable. Raises AwsError only for lost credentials,
    because then nothing can be read.
    """
    world: dict[Key, Observed] = dict(inputs.world)
    every = (*inputs.lookups, *inputs.application.resources)
    resources = every if only is None else [desired for key in only if (desired := inputs.desired(key))]
    by_kind: dict[str, list[Desired]] = {}
    for desired in resources:
        by_kind.setdefault(desired.key.kind, []).append(desired)
    for name, kind in inputs.kinds.items():
        of_kind = by_kind.get(name, [])
        here, pool = replace(inputs, world=world), Pool()
        wanted = _wanted(here, kind, of_kind)
        identified = {want.key for want in wanted}
        for desired in of_kind:
            if desired.key not in identified:
                world[desired.key] = _without_parent(replace(inputs, world=world), desired)
        if wanted and only is not None and kind.asked_together:
            wanted = _wanted(here, kind, (desired for desired in every if desired.key.kind == name))
        asked = inputs.asked_of(kind)
        for key, observed in _read(reader, kind, wanted, world):
            if key in identified:
                whole = _answered(reader, kind, observed, asked[key]) if key in asked else observed
                world[key] = _pooled(whole, pool, now) if isinstance(whole, Present) else whole
    seen = replace(inputs, world=world, settled=inputs.settled if only is None else {})
    _inquire(reader, seen, world, resources)
    return world


def observe_again(
    inventory: Inventory,
    inputs: Inputs,
    now: datetime,
    keys: Collection[Key],
    *,
    added: Collection[Key],
    written: int,
) -> dict[Key, Observed]:
    """Return the world with these resources as they are now, after the place `written`: they are to change.

    What is not there is read twice, as a resource and as a revision (`added`): an answer may leave out what exists, and
    AWS need not refuse to create it.
    """
    after = inventory.mark() if added else written
    world = observe(inventory.reader(confirmed(after)), inputs, now, keys)
    vanished = _absent(world, keys) - _absent(inputs.world, keys)
    if not vanished:
        return world
    return observe(inventory.reader(confirmed(inventory.mark())), replace(inputs, world=world), now, vanished)


def _absent(world: Mapping[Key, Observed], keys: Collection[Key]) -> set[Key]:
    return {key for key in keys if isinstance(world.get(key), Absent)}


def _pooled(observed: Present, pool: Pool, now: datetime) -> Present:
    """Return a live resource as of now. Equal parts of a kind are one object: a pass keeps them until it ends."""
    body, facts, outputs = pool.tree(observed.body), pool.tree(observed.facts), pool.tree(observed.outputs)
    return replace(observed, body=body, facts=facts, outputs=outputs, read_at=now)


def neighbours(inputs: Inputs, keys: Collection[Key]) -> tuple[Key, ...]:
    """Return what these resources refer to, and what refers to them: what a decision about them depends on."""
    found: dict[Key, None] = {}
    for desired in inputs.application.resources:
        kind = inputs.kind(desired.key)
        refers = {ref.key for ref in desired.refs}
        if desired.key in keys:
            needs = kind.needs(desired, inputs.application.documents) if kind.needs else ()
            found |= dict.fromkeys((*sorted(refers), *needs))
        elif not refers.isdisjoint(keys):
            found[desired.key] = None
    return tuple(key for key in found if key not in keys)


def _wanted(inputs: Inputs, kind: Kind, resources: Iterable[Desired]) -> list[Wanted]:
    """Return what to read of a kind: the resources that are identified by what has been read so far."""
    wanted = []
    for desired in resources:
        body = inputs.resolved(desired).body
        if kind.natural(body) is not None:
            wanted.append(
                Wanted(
                    key=desired.key,
                    body=body,
                    owner=marks.owner(inputs.installation, desired.key),
                    managed=inputs.writable(desired),
                    replaceable=desired.options.replace == "allow",
                    keep=desired.options.keep_revisions,
                    ignore=desired.options.ignore,
                    revision=known_revision(inputs, desired),
                )
            )
    return wanted


def _read(
    reader: Reader, kind: Kind, wanted: Sequence[Wanted], world: Mapping[Key, Observed]
) -> Iterator[tuple[Key, Observed]]:
    """Yield one result for each wanted resource. One that a batch read leaves out is Unreadable, never Absent."""
    missing = {want.key for want in wanted}
    error = "AWS's response does not include it"
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


def _answered(reader: Reader, kind: Kind, observed: Observed, asked: Iterable[str]) -> Observed:
    """Return a resource with the outputs that take calls of their own."""
    if not isinstance(observed, Present):
        return observed
    try:
        found = {output: kind.asked[output].read(reader, observed) for output in sorted(asked)}
    except AwsError as failure:
        if failure.kind == "credentials":
            raise
        return Unreadable(str(failure))
    more = {output: value for output, value in found.items() if value is not None}
    return replace(observed, outputs={**observed.outputs, **more})


def _without_parent(inputs: Inputs, desired: Desired) -> Observed:
    """Return Absent, without a call, for a child of an absent parent; Unreadable if it waits for another resource."""
    cause = blocked(inputs, desired, {})
    return Absent() if cause is None else Unreadable(waits_for(inputs, cause), behind=cause)


def _inquire(reader: Reader, inputs: Inputs, world: dict[Key, Observed], resources: Iterable[Desired]) -> None:
    """Read the facts that matter only where a resource differs, such as a service's deployments (docs/rules.md R15)."""
    for desired in resources:
        kind = inputs.kind(desired.key)
        observed = world.get(desired.key)
        if kind.inquire is None or not isinstance(observed, Present) or not inputs.writable(desired):
            continue
        if unmoved(inputs, desired, basis(inputs, desired, observed)) or blocked(inputs, desired, {}):
            continue  # nothing is decided about it: it has not moved, or it depends on what cannot be read
        fields = fields_of(inputs, desired, observed)
        if not fields:
            continue
        try:
            asked = with_ignored(kind, inputs.resolved(desired), observed)
            facts = kind.inquire(reader, asked, observed, fields)
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            world[desired.key] = Unreadable(str(failure))
        else:
            world[desired.key] = replace(observed, facts={**observed.facts, **facts})


def captures(call: Call, response: Json) -> dict[str, str]:
    """Return the outputs that a response has."""
    found = {output: at(response, path) for output, path in call.captures.items()}
    return {output: str(value) for output, value in found.items() if value is not None}


def as_created(kind: Kind, change: Create, captured: Mapping[str, str]) -> Present:
    """Return a resource as its create call left it: the response has the outputs that other steps need."""
    body = change.desired.body
    return Present(body=body, outputs={**kind.known(body), **captured}, marks=marks.read(change.marks))
