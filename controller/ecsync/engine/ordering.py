"""Which applications come before another one, and which of them wait (docs/rules.md R22)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from ecsync.core.model import Application, Key
from ecsync.core.outcome import Done, Outcome
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.store import Store


class Ordering:
    """The order of the applications of a daemon; safe for any number of threads.

    An application comes after those in its `after`, when they are in sync as they are declared now. It also comes after
    those that its resources refer to, when a pass over them as they are declared now has ended.
    """

    def __init__(self, store: Store, wake: Callable[[str], None]) -> None:
        self._store = store
        self._wake = wake
        self._lock = threading.Lock()
        self._tried: dict[str, Application] = {}  # of the last pass that ended and did not wait
        self._reconciled: dict[str, Application] = {}  # the same, of a pass with an outcome
        self._waiting: dict[str, str] = {}  # an application -> the one that it waits for
        self._refers: dict[str, frozenset[Key]] = {}  # to resources of other applications

    def waits(self, application: Application, catalogue: Catalogue) -> str:
        """Return why an application is not written in the pass that begins; empty if it may be."""
        referred = (ref.key for desired in application.resources for ref in desired.refs)
        with self._lock:
            self._refers[application.name] = frozenset(key for key in referred if key.application != application.name)
            return self._decided(application, catalogue)

    def ended(self, application: Application | None, catalogue: Catalogue, outcome: Outcome | None) -> None:
        """Note that a pass is over, and wake the applications that it concerns. None: it is not declared any more.

        Those are the ones that waited for it and need not wait any more, and those that refer to what it changed. The
        store has the outcome by now; None: there is none.
        """
        if application is None:
            return
        name = application.name
        with self._lock:
            if name not in self._waiting:
                self._tried[name] = application
                if outcome is not None:
                    self._reconciled[name] = application
            changed = {step.key for step, one in outcome.results.items() if isinstance(one, Done)} if outcome else set()
            woken = [other for other, keys in self._refers.items() if not keys.isdisjoint(changed)]
            for waiter in [waiter for waiter, other in self._waiting.items() if other == name]:
                waits = catalogue.applications.get(waiter)
                if waits is not None and not self._decided(waits, catalogue):
                    woken.append(waiter)
        for other in dict.fromkeys(woken):
            self._wake(other)

    def forget(self, name: str) -> None:
        """Forget an application that is not declared any more."""
        with self._lock:
            for memory in (self._tried, self._reconciled, self._waiting, self._refers):
                memory.pop(name, None)

    def _decided(self, application: Application, catalogue: Catalogue) -> str:
        other, why = next(self._reasons(application, catalogue), ("", ""))
        if other:
            self._waiting[application.name] = other
        else:
            self._waiting.pop(application.name, None)
        return why

    def _reasons(self, application: Application, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
        """Yield what an application waits for, and why."""
        for name in application.after:
            state = self._store.application(name)
            if state is None or state.outcome is None or not _is_current(self._reconciled, catalogue, name):
                yield name, f"it comes after {name}, which has not been reconciled yet"
            elif state.outcome.sync != "Synced":
                yield name, f"it comes after {name}, which is {state.outcome.sync}"
        for name in sorted({key.application for key in self._refers.get(application.name, ())}):
            declared = name in catalogue.applications and not catalogue.holds(name)
            if declared and not _is_current(self._tried, catalogue, name) and not self._awaits(name, application.name):
                yield name, f"it refers to {name}, which has not been reconciled since it changed"

    def _awaits(self, name: str, other: str) -> bool:
        """Return whether an application waits for another one, also through others: two may refer to each other."""
        seen = set()
        while name in self._waiting and name not in seen:
            seen.add(name)
            name = self._waiting[name]
            if name == other:
                return True
        return False


def _is_current(passes: dict[str, Application], catalogue: Catalogue, name: str) -> bool:
    """Return whether the last pass was over the application as it is declared now."""
    last, now = passes.get(name), catalogue.applications.get(name)
    return last is now or last == now


def in_order(applications: Mapping[str, Application]) -> tuple[Application, ...]:
    """Return applications, each after those in its `after`, and after those that its resources refer to.

    Two may refer to each other: then `after` alone decides.
    """
    after = {name: set(app.after) & applications.keys() for name, app in applications.items()}
    refers = {
        name: {ref.key.application for one in app.resources for ref in one.refs} & applications.keys() - {name}
        for name, app in applications.items()
    }
    try:
        order = tuple(TopologicalSorter({name: after[name] | refers[name] for name in after}).static_order())
    except CycleError:
        order = tuple(TopologicalSorter(after).static_order())
    return tuple(applications[name] for name in order)
