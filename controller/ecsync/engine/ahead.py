"""Read ahead: ask AWS on several threads for what a pass will read, so that it finds the answers in the inventory.

Nothing here is part of a result. The pass observes as always, one kind after another, and reads what is missing. A
wrong guess costs a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from datetime import datetime

from ecsync.core.inputs import Inputs
from ecsync.core.model import Desired, Key, Observed
from ecsync.core.ports import AwsError
from ecsync.engine.inventory import Inventory
from ecsync.engine.observe import observe
from ecsync.engine.views import View

PARTS = 8  # threads that read one kind, where its resources need a call each

Read = Future[dict[Key, Observed]]


def read_ahead(inventory: Inventory, view: View, inputs: Inputs, now: datetime, threads: Executor) -> None:
    """Read the resources of the application, each kind after those that it needs, and the listings of what is ours."""
    listings = [threads.submit(_tried, listing) for listing in _listings(inventory, view, inputs)]
    kinds = {name: replace(kind, inquire=None) for name, kind in inputs.kinds.items()}  # it needs the whole world
    resources = _by_kind(inputs)
    waiting = _needs(inputs, resources)
    world: dict[Key, Observed] = {}
    running: dict[Read, str] = {}
    while waiting or running:
        under_way = {*waiting, *running.values()}
        for name in [name for name, needs in waiting.items() if needs.isdisjoint(under_way)]:
            del waiting[name]
            seen = replace(inputs, kinds=kinds, world=dict(world))
            for part in _parts(resources[name], PARTS if kinds[name].apart else 1):
                running[threads.submit(_observed, inventory, view, seen, now, part)] = name
        for read in wait(running, return_when=FIRST_COMPLETED).done:
            del running[read]
            world |= read.result()
    wait(listings)


def _by_kind(inputs: Inputs) -> dict[str, list[Desired]]:
    found: dict[str, list[Desired]] = {}
    for desired in (*inputs.lookups, *inputs.application.resources):
        found.setdefault(desired.key.kind, []).append(desired)
    return {name: found[name] for name in inputs.kinds if name in found}


def _needs(inputs: Inputs, resources: Mapping[str, Sequence[Desired]]) -> dict[str, set[str]]:
    """Return the kinds that are read before each kind: of those that a pass observes before it."""
    needs: dict[str, set[str]] = {}
    for name, of_kind in resources.items():
        refers = {ref.key.kind for desired in of_kind for ref in desired.refs}
        needs[name] = {*refers, *inputs.kinds[name].reads_after} & needs.keys()
    return needs


def _parts(resources: Sequence[Desired], count: int) -> Iterator[Sequence[Key]]:
    size = -(-len(resources) // count)
    for start in range(0, len(resources), size):
        yield [desired.key for desired in resources[start : start + size]]


def _observed(
    inventory: Inventory, view: View, inputs: Inputs, now: datetime, keys: Sequence[Key]
) -> dict[Key, Observed]:
    try:
        world = observe(inventory.reader(view), inputs, now, keys)
    except AwsError:  # credentials: the pass gets the same error
        return {}
    return {key: world[key] for key in keys if key in world}


def _listings(inventory: Inventory, view: View, inputs: Inputs) -> Iterator[Callable[[], object]]:
    """Yield what `orphans.listing` begins with, for each kind."""
    for kind in inputs.kinds.values():
        if kind.tagged_as:
            yield lambda kind=kind: inventory.marked(view, kind)
        elif kind.owned is not None:
            yield lambda kind=kind: inventory.owned(view, kind, inputs.installation)


def _tried(read: Callable[[], object]) -> None:
    try:
        read()
    except AwsError:  # the inventory keeps it as the answer
        return
