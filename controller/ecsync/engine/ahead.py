"""Read ahead: ask AWS on several threads for what a pass will read, so that it finds the answers in the inventory.

Nothing here is part of a result. The pass observes as always, one kind after another, and reads what is missing. A
wrong guess costs a call. So the answers of one rate limit are waited for while those of the others arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import Desired, Key, Observed
from ecsync.core.ports import Allowance, AwsError
from ecsync.engine.inventory import Inventory
from ecsync.engine.observe import observe
from ecsync.engine.trace import Asked, Trace
from ecsync.engine.views import View

PARTS = 10  # threads that read one kind, where its resources need a call each

Read = Future[dict[Key, Observed]]
T = TypeVar("T")


class Threads(Protocol):
    """Runs work on other threads: an `Executor`, or one that counts waits."""

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin the work."""


class CountingThreads:
    """Threads that wait for rate limits as long as they must. `waited`: the longest wait of one of them, in seconds."""

    def __init__(self, executor: Executor, unlimited: Callable[[], AbstractContextManager[Allowance]]) -> None:
        self.waited = 0.0
        self._executor = executor
        self._unlimited = unlimited

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin the work."""
        return self._executor.submit(self._counted, partial(work, *arguments))

    def _counted(self, work: Callable[[], T]) -> T:
        with self._unlimited() as allowance:
            try:
                return work()
            finally:
                self.waited = max(self.waited, allowance.waited)


@contextmanager
def counting(
    readers: Callable[[], Executor] | None, unlimited: Callable[[], AbstractContextManager[Allowance]]
) -> Iterator[CountingThreads | None]:
    """Yield threads of their own for a pass that may wait: it waits for all rate limits at the same time."""
    if readers is None:
        yield None
        return
    with readers() as executor:
        yield CountingThreads(executor, unlimited)


def read_ahead(
    inventory: Inventory, view: View, inputs: Inputs, now: datetime, threads: Threads, *, listing: bool = True
) -> None:
    """Read the resources of the application, each kind when it is ready, and with `listing` what is ours."""
    kinds = {name: replace(kind, inquire=None) for name, kind in inputs.kinds.items()}  # it needs the whole world
    resources = _by_kind(inputs)
    needs = _needs(inputs, resources)
    waiting = dict(resources)
    seen = replace(inputs, kinds=kinds, world={})
    running: dict[Read, str] = {}
    listings: list[Future[None]] = []
    under_way: frozenset[str] = frozenset()
    while waiting or running:
        before, under_way = under_way, frozenset((*waiting, *running.values()))
        if under_way != before:  # at the start, and when a kind has been read
            late = {name: needs[name] & under_way for name in waiting}
            for name in [name for name in waiting if _ready(seen, kinds[name], waiting[name], late[name])]:
                for part in _parts(waiting.pop(name), PARTS if kinds[name].apart else 1):
                    running[threads.submit(_observed, inventory, view, seen, now, part)] = name
        if listing and not listings:
            listings = [threads.submit(_tried, read) for read in _listings(inventory, view, inputs)]
        world = dict(seen.world)
        for read in wait(running, return_when=FIRST_COMPLETED).done:
            del running[read]
            world |= read.result()
        seen = replace(seen, world=world)
    wait(listings)


def ask_ahead(trace: Trace, content: Callable[[Asked], bytes], threads: Threads) -> None:
    """Ask for what a trace asked, each operation on a thread, up to the first answer of it that differs.

    The operations of one service wait for each other otherwise: tags come from the tagging API, at another rate.
    """

    def ask(every: Sequence[tuple[Asked, bytes]]) -> None:
        _tried(lambda: all(content(asked) == before for asked, before in every))

    wait([threads.submit(ask, every) for every in trace.by_operation().values()])


def _ready(seen: Inputs, kind: Kind, resources: Sequence[Desired], late: Collection[str]) -> bool:
    """Return whether a kind can be read: nothing that it needs is late, or nothing late identifies its resources."""
    if late and kind.reads_after:
        return False
    return not late or not any(seen.is_without_parent(desired.key) for desired in resources)


def _by_kind(inputs: Inputs) -> dict[str, list[Desired]]:
    found: dict[str, list[Desired]] = {}
    for desired in (*inputs.lookups, *inputs.application.resources):
        found.setdefault(desired.key.kind, []).append(desired)
    return {name: found[name] for name in inputs.kinds if name in found}


def _needs(inputs: Inputs, resources: Mapping[str, Sequence[Desired]]) -> dict[str, set[str]]:
    """Return the kinds that each kind refers to or is read after: those of them that a pass observes before it."""
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
            yield partial(inventory.marked, view, kind)
        elif kind.owned is not None:
            yield partial(inventory.owned, view, kind, inputs.installation)


def _tried(read: Callable[[], object]) -> None:
    try:
        read()
    except AwsError:  # the inventory keeps it as the answer
        return
