"""Stacks with one member each: each member of each kind that a manifest may declare, as the simulated AWS keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ecsync.core import plan
from ecsync.core.kind import Kind
from ecsync.core.model import Key, Present
from ecsync.core.trees import Json, Path, leaves
from ecsync.engine.reconciler import Catalogue, ObservedPlan
from tests.kinds.conformance import Account
from tests.kinds.kept import Made, bench
from tests.kinds.members import members
from tests.kinds.shaped import body_shape
from tests.whole.support.forgetful import Changes, Stack


def stacks(account: Account, kind: Kind) -> Iterator[tuple[str, Stack, list[Changes]]]:
    """Yield each member of a kind that AWS keeps, a stack with it, and what AWS may make of it."""
    place = bench(account, kind)
    plain = _values(place.plain)
    yield from _stack(kind.name, place.plain, {})
    for member in members(body_shape(kind)):
        made = place.tried(member).made
        if made is not None:
            yield from _stack(f"{kind.name} {member}", made, plain)


def _stack(name: str, made: Made, before: dict[Path, Json]) -> Iterator[tuple[str, Stack, list[Changes]]]:
    planned = plan.build(made.inputs)
    application = replace(made.inputs.application, sync=replace(made.inputs.application.sync, mode="enforce"))
    inputs = replace(made.inputs, application=application)
    catalogue = Catalogue(applications={application.name: application}, revision=name)
    stack = Stack(catalogue, ObservedPlan(inputs=inputs, plan=planned))

    def added(key: Key, path: Path) -> bool:
        return key == made.key and _values(made).get(path) != before.get(path)

    yield name, stack, list(stack.waves(added))


def _values(made: Made) -> dict[Path, Json]:
    found = made.inputs.world[made.key]
    assert isinstance(found, Present)
    return dict(leaves(found.body))
