"""An AWS that forgets or rewrites one value of a resource after each write, and passes over it (docs/rules.md R30)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

from ecsync.cli.apply import ended
from ecsync.core.kind import Wanted, World
from ecsync.core.model import Application, Key, Observed, Present, Update
from ecsync.core.outcome import Outcome, Progressing, Result, Step
from ecsync.core.plan import build
from ecsync.core.ports import Reader
from ecsync.core.trees import Path, canonical, dotted, leaves
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.inventory import Inventory
from ecsync.engine.reconciler import Destination, ObservedPlan, PassOptions, look, reconcile
from ecsync.engine.requeue import delay
from ecsync.engine.step_state import StepState
from ecsync.testing import FakeClock, MemoryCloud
from tests.corpus.shortcut import changed, others
from tests.whole.support.environment import Controller

TRIES = 3  # writes of one value by one process
PASSES = 50
QUIET = 6  # passes in a row without a write
Pace: TypeAlias = float | Literal["apply"]  # the interval of the daemon in seconds, or the verb
PACES: tuple[Pace, ...] = (10.0, 60.0, 300.0, "apply")
POLL = 5.0  # seconds between two passes of `apply`

Value = Callable[[int], Any]  # what AWS makes of a leaf, by the number of writes to its resource
Changes = Mapping[Key, tuple[Path, Value]]


@dataclass
class Accepting(MemoryCloud):
    """An AWS that accepts every write, and keeps none."""

    count: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Count the write."""
        del service, operation, params
        self.count += 1
        return {}


@dataclass
class Stack:
    """An application in sync, and what was read of it."""

    catalogue: Catalogue
    observed: ObservedPlan

    @classmethod
    def of(cls, controller: Controller) -> Stack:
        """Return the only application of a controller that has converged."""
        (application,) = controller.catalogue.applications.values()
        destination = controller.workspace.destination_for(application)
        observed = look(application, controller.catalogue, destination, StepState())
        assert observed.plan.empty, observed.plan
        return cls(controller.catalogue, observed)

    @property
    def application(self) -> Application:
        """Return the application."""
        return self.observed.inputs.application

    def waves(self, chosen: Callable[[Key, Path], bool] = lambda *_: True) -> Iterator[Changes]:
        """Yield the changes: in each wave, one leaf of every resource is lost, or becomes another value."""
        by_key = {
            key: [
                (path, made)
                for path, value in leaves(found.body)
                if chosen(key, path)
                for made in _values(path, value)
                if _differs(self.observed, key, replace(found, body=changed(found.body, path, made(0))))
            ]
            for key, found in self.observed.inputs.world.items()
            if isinstance(found, Present)
        }
        for row in zip_longest(*by_key.values()):
            yield {key: one for key, one in zip(by_key, row, strict=True) if one is not None}


def _values(path: Path, value: Any) -> tuple[Value, ...]:
    """Return what AWS may make of a value: another one, another one after each write, and none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return (lambda _: None,)
    other = others(value)[0]
    if any(isinstance(part, int) for part in path):  # with another value, an element of a list is another element
        return (lambda _: other, lambda _: None)
    return (lambda _: other, lambda writes: other + (f"{writes}" if isinstance(other, str) else writes), lambda _: None)


def _differs(observed: ObservedPlan, key: Key, found: Present) -> bool:
    """Return whether the plan with this resource has a write. A body that AWS would never return has none."""
    inputs = observed.inputs
    try:
        planned = build(replace(inputs, world={**inputs.world, key: found}, settled=observed.plan.settled))
    except (TypeError, ValueError, AttributeError, KeyError):
        return False
    return any(step.calls for step in planned.steps)


@dataclass
class Forgetful:
    """An account with a stack in which AWS keeps one value of some resources as another, and people changed others.

    `drifted` are values of other resources: each is repaired by its next write.
    """

    stack: Stack
    forgotten: Changes
    drifted: Changes = field(default_factory=dict)
    cloud: Accepting = field(default_factory=Accepting)
    clock: FakeClock = field(default_factory=FakeClock)
    to: Counter[Key] = field(default_factory=Counter)  # writes, by resource
    written: Counter[str] = field(default_factory=Counter)  # writes since the start of the process, by what was written
    problems: list[str] = field(default_factory=list)
    state: StepState = field(default_factory=StepState)
    _counted: int = 0

    def __post_init__(self) -> None:
        own = self.stack.observed.inputs.kinds.values()
        kinds = {kind.name: replace(kind, read=self._read, owned=None, tagged_as="", inquire=None) for kind in own}
        self.destination = Destination(
            cloud=self.cloud,
            target=self.stack.observed.inputs.target,
            installation=self.stack.observed.inputs.installation,
            kinds=kinds,
            clock=self.clock,
            inventory=Inventory(self.cloud, self.clock.monotonic, kinds),
        )

    def _read(self, _: Reader, wanted: Sequence[Wanted], __: World) -> Iterator[tuple[Key, Observed]]:
        for want in wanted:
            yield want.key, self._live(want.key)

    def _live(self, key: Key) -> Observed:
        found = self.stack.observed.inputs.world[key]
        change = self.forgotten.get(key) or (None if self.to[key] else self.drifted.get(key))
        if change is None or not isinstance(found, Present):
            return found
        path, value = change
        return replace(found, body=changed(found.body, path, value(self.to[key])))

    def _announce(self, step: Step, _: Result) -> None:
        """Count what was written, after the calls of a step."""
        if self.cloud.count == self._counted:
            return
        self._counted = self.cloud.count
        self.to[step.id.key] += 1
        what = [f"{dotted(one.path)} = {canonical(one.after)}" for one in step.fields] or [type(step.change).__name__]
        if isinstance(step.change, Update) and step.change.marks:
            what.append("the mark")
        self.written.update(f"{step.id.key} {one}" for one in what)

    def live(self, pace: Pace, processes: int) -> None:
        """Let so many processes work, one after another, and judge what they wrote."""
        for _ in range(processes):
            self.state = StepState()
            if pace == "apply":
                self.apply()
            else:
                self.run(pace)
            self._judge_writes()

    def run(self, interval: float) -> None:
        """Make passes at the daemon's pace until some write nothing, and some more at the end of the time of 50."""
        began, quiet = self.clock.monotonic(), 0
        while quiet < QUIET and self.clock.monotonic() < began + PASSES * interval:
            quiet = quiet + 1 if self._is_quiet(interval) else 0
        self.clock.advance(max(0.0, began + PASSES * interval - self.clock.monotonic()))
        if not self._is_quiet(interval) or not self._is_quiet(interval):
            self.problems.append(f"still written: {', '.join(self.written)}")
        self._judge(self._reconcile(interval))

    def _is_quiet(self, interval: float) -> bool:
        """Make a pass, and wait for the next one; return whether it wrote nothing and nothing waits."""
        before = self.cloud.count
        outcome = self._reconcile(interval)
        self.clock.advance(delay(outcome, interval=interval, jitter=lambda seconds: seconds))
        waits = any(isinstance(one, Progressing) for one in outcome.results.values())
        return self.cloud.count == before and not waits

    def apply(self, timeout: float = 900.0) -> None:
        """Make the passes of `ecsync apply`: it ends before its timeout."""
        deadline = self.clock.monotonic() + timeout
        while self.clock.monotonic() < deadline:
            outcome = self._reconcile(POLL)
            if ended(outcome, wait=True) is not None:
                break
            self.clock.advance(delay(outcome, interval=POLL, jitter=lambda seconds: seconds))
        else:
            self.problems.append("apply does not end")
        self._judge(outcome)

    def _reconcile(self, interval: float) -> Outcome:
        application = self.stack.application
        application = replace(application, sync=replace(application.sync, interval=interval))
        catalogue = replace(self.stack.catalogue, applications={application.name: application})
        assert self.destination.inventory is not None
        self.destination.inventory.expire()
        options = PassOptions(enforce=True, announce=self._announce)
        return reconcile(application, catalogue, self.destination, self.state, options)

    def _judge_writes(self) -> None:
        """Note each value that the process wrote too often."""
        self.problems += [f"written {times} times: {what}" for what, times in self.written.items() if times > TRIES]
        self.written.clear()

    def _judge(self, outcome: Outcome) -> None:
        """Note what is out of sync, apart from what AWS forgets and what a person must allow."""
        held = {one.step.id.key for one in outcome.plan.withheld if one.obstacle in ("replacement", "lookup", "unsafe")}
        for status in outcome.statuses:
            if status.sync != "Synced" and status.key not in held | self.forgotten.keys():
                self.problems.append(f"{status.key} is {status.sync}: {status.message}")


def halves(wave: Changes) -> tuple[tuple[Changes, Changes], ...]:
    """Return the changes of a wave as (what AWS forgets, what a person changed), and the other way round."""
    one, other = (dict(list(wave.items())[start::2]) for start in (0, 1))
    return (one, other), (other, one)
