"""Two controllers that take turns: each call to the lease's store and to AWS is a place to switch.

A controller has two threads, as the daemon has. One keeps the lease. One makes passes: those of the engine, or simple
ones, which are a hundred times as fast, and are a generator in place of a thread. The schedule decides who goes on, how
much time goes by, which answers are lost, which writes arrive late, and who is paused, killed or stopped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, TypeAlias, TypeVar

from ecsync.core.model import Application
from ecsync.core.ports import AwsError, WritesStopped
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import PassOptions, reconcile
from ecsync.engine.step_state import StepState
from ecsync.lease.keeper import Keeper, Timing
from ecsync.lease.records import Record, RecordLease
from tests.engine.passes import Account
from tests.lease.memory_store import MemoryStore, holder, lost

TIMING = Timing(period=40.0)
CALLS = 5  # that take no time, in the calm end
QUIET = 24  # rounds of so many calls, 4 s apart: several lease periods and passes
PATIENCE = 10.0  # real seconds that a turn may take


Written = TypeVar("Written")
Idle: TypeAlias = Callable[[], bool]  # whether a turn would change nothing
Passes: TypeAlias = "Callable[[Controller], Turns | Steps]"  # what a process does until it is stopped


class Ended(BaseException):
    """Ends a thread, as a kill ends a process."""


def _never() -> bool:
    return False


class Turns:
    """A thread that runs only when it is given the turn."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._go = threading.Lock()  # both are taken, except while the turn changes; a Semaphore costs twice as much
        self._back = threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._idle: Idle = _never
        self._killed = False
        self.over = False
        self.raised: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def give(self) -> None:
        """Let the thread run until it gives the turn back. While it is idle, that is at once."""
        if not self.over and (self._killed or not self._idle()):
            self._go.release()
            assert self._back.acquire(timeout=PATIENCE)
            if self.raised is not None:
                raise self.raised

    def kill(self) -> None:
        """End the thread where it waits."""
        self._killed = True
        self.give()

    def back(self, idle: Idle = _never) -> None:
        """Give the turn back, and wait for the next one in which it is not idle. Called by the thread.

        `idle` is asked on the thread that gives the turn: a switch between threads costs more than all else here.
        """
        self._idle = idle
        self._back.release()
        self._go.acquire()
        if self._killed:
            raise Ended

    def _run(self, work: Callable[[], None]) -> None:
        self._go.acquire()
        try:
            if not self._killed:
                work()
        except Ended:
            pass
        except BaseException as error:  # noqa: BLE001  # raised on the thread of the test, by `give`
            self.raised = error
        finally:
            self.over = True
            self._back.release()


class Steps:
    """A generator that runs only when it is given the turn, as the thread of `Turns`: a turn ends where it yields."""

    def __init__(self, work: Generator[Idle, None, None]) -> None:
        self._work = work
        self._idle: Idle = _never
        self.over = False

    def give(self) -> None:
        """Let it run until it yields. While it is idle, that is at once."""
        if not self.over and not self._idle():
            idle = next(self._work, None)
            self.over, self._idle = idle is None, idle or _never

    def kill(self) -> None:
        """End it where it waits."""
        self._work.close()
        self.over = True


@dataclass
class Flight:
    """A write to AWS under way: it takes effect before `until`, or not at all."""

    name: str
    until: float


@dataclass
class World:
    """What both controllers share: AWS, the store of the lease, time and chance."""

    random: Random
    account: Account = field(default_factory=Account)
    store: MemoryStore = field(default_factory=MemoryStore)
    flights: list[Flight] = field(default_factory=list)
    late: list[tuple[Record, str | None]] = field(default_factory=list)  # writes of the lease that have not arrived
    violations: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)  # by simple passes
    faults: bool = True

    def chance(self) -> float:
        """Return a number from 0 to 1; without faults always one half."""
        return self.random.random() if self.faults else 0.5

    @property
    def now(self) -> float:
        """Return the time."""
        return self.account.clock.monotonic()

    @contextmanager
    def flight(self, name: str) -> Iterator[Flight]:
        """Note a write under way, and whether another controller has one at the same time."""
        self.flights = [one for one in self.flights if one.until > self.now]
        others = {one.name for one in self.flights} - {name}
        if others:
            self.violations.append(f"{name} writes during a write of {others}")
        flight = Flight(name, self.now + TIMING.needed)
        self.flights.append(flight)
        yield flight
        if flight in self.flights:
            self.flights.remove(flight)

    def arrive(self) -> None:
        """Let a late write of the lease arrive."""
        if self.late:
            self.store.swap(*self.late.pop(self.random.randrange(len(self.late))))


class SharedStore:
    """The store of the lease as one process reaches it: with a switch before and after the effect of each call."""

    where = "shared"

    def __init__(self, world: World, controller: Controller) -> None:
        self._world = world
        self._controller = controller

    def read(self) -> tuple[Record, str] | None:
        """Read the record."""
        self._controller.keeping.back()
        found = self._world.store.content
        self._controller.keeping.back()
        if self._world.chance() < 0.03:
            raise lost()
        return found

    def write(self, record: Record, over: str | None) -> bool:
        """Write the record: at once, late, or without an answer."""
        self._controller.keeping.back()
        chance = self._world.chance()
        if chance < 0.05:
            self._world.late.append((record, over))
            raise lost()
        done = self._world.store.swap(record, over)
        self._controller.keeping.back()
        if chance > 0.92:
            raise lost()
        return done


class SwitchingCloud:
    """AWS as one process reaches it: the permit is asked right before a write, which then is under way."""

    def __init__(self, world: World, controller: Controller) -> None:
        self._world = world
        self._controller = controller

    @property
    def thread(self) -> Turns:
        assert isinstance(self._controller.passing, Turns)
        return self._controller.passing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.account.cloud, name)

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Read."""
        self.thread.back()
        return self._world.account.cloud.call(service, operation, **params)

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Write, if it is permitted and does not take too long."""
        writing = self._controller.writing(lambda: self._world.account.cloud.write(service, operation, **params))
        while True:
            try:
                next(writing)
            except StopIteration as done:
                response: Mapping[str, Any] = done.value
                return response
            self.thread.back()


class Controller:
    """One process: its lease and its passes over an application, until it is killed or stopped."""

    def __init__(self, world: World, name: str, passes: Passes) -> None:
        self.name = name
        self.world = world
        self.stopping = False
        self.paused = 0  # turns of the schedule for which it does not run
        clock = world.account.clock
        store = SharedStore(world, self)
        lease = RecordLease(store, holder(name), nonce=name, term=TIMING.term, monotonic=clock.monotonic)
        self.lease = lease
        self.keeper = Keeper(lease, TIMING)
        self.keeping = Turns(self._keep)
        self.passing = passes(self)

    @property
    def over(self) -> bool:
        """Return whether the process has ended."""
        return self.keeping.over and self.passing.over

    def stop(self) -> None:
        """Send SIGTERM: the pass ends before its next write, then the lease is given back."""
        self.stopping = True

    def writing(self, call: Callable[[], Written]) -> Generator[Idle, None, Written]:
        """Make a write to AWS, if it is permitted and does not take too long. Raises AwsError or WritesStopped."""
        yield _never
        self.keeper.permit()
        with self.world.flight(self.name) as flight:
            yield _never
            if self.world.now >= flight.until:
                raise AwsError("transient", "ReadTimeoutError", "timed out", "memory.Write")
            response = call()
        yield _never
        return response

    def kill(self) -> None:
        """Send SIGKILL."""
        self.keeping.kill()
        self.passing.kill()

    def _keep(self) -> None:
        while not self.passing.over:
            self.keeper.round()
            if not self.passing.over:
                self.keeping.back(partial(self._waits, self.world.now + TIMING.every))
        self.keeper.release()

    def _waits(self, until: float) -> bool:
        return self.world.now < until and not self.passing.over


def simple(*names: str) -> Passes:
    """Return passes that create what is missing, one call for each: what is created twice is there twice."""

    def passes(controller: Controller) -> Generator[Idle, None, None]:
        made = controller.world.made
        while not controller.stopping:
            with suppress(AwsError, WritesStopped):
                for name in names if controller.keeper.state().held else ():
                    yield _never
                    if name not in made:
                        yield from controller.writing(partial(made.append, name))
            # The next pass would ask for the lease and do nothing.
            yield lambda: not controller.stopping and not controller.keeper.state().held

    return lambda controller: Steps(passes(controller))


def of_the_engine(application: Application) -> Passes:
    """Return passes over an application, as the daemon makes them."""

    def passes(controller: Controller) -> None:
        step_state = StepState()
        catalogue = Catalogue(applications={application.name: application}, revision=controller.name)
        cloud = SwitchingCloud(controller.world, controller)
        destination = replace(controller.world.account.destination(), cloud=cloud)

        while not controller.stopping:
            enforce = controller.keeper.state().held
            options = PassOptions(enforce=enforce, may_go_on=lambda: not controller.stopping)
            with suppress(AwsError, WritesStopped):
                reconcile(application, catalogue, destination, step_state, options)
            cloud.thread.back()

    return lambda controller: Turns(partial(passes, controller))


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one core: a turn goes to another thread in half the time."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@one_core()
def play(seed: int, first: Passes, second: Passes, steps: int = 160) -> World:
    """Play one schedule: faults for so many steps, then a calm end in which the last controllers converge."""
    random = Random(seed)  # noqa: S311  # a seed makes a schedule that can be repeated
    world = World(random)
    passes = {"one": first, "two": second}
    running = {name: Controller(world, f"{name}-0", passes[name]) for name in passes}
    started = 0
    for _ in range(steps):
        side = random.choice(["one", "two"])
        controller = running[side]
        world.account.clock.advance(random.choice([0.0, 0.0, 0.1, 0.5, 1.0, 3.0]))
        chance = world.chance()
        if controller.paused:
            controller.paused -= 1
            continue
        if chance < 0.01:
            controller.kill()
        elif chance < 0.02:
            controller.stop()
        elif chance < 0.03:
            controller.paused = random.randrange(1, 30)
        elif chance < 0.04:
            world.account.clock.advance(random.uniform(0, 2 * TIMING.period))
        elif chance < 0.07:
            world.arrive()
        random.choice([controller.keeping, controller.passing]).give()
        if controller.over:
            started += 1
            running[side] = Controller(world, f"{side}-{started}", passes[side])
        _count_holders(world, running)
    last = {
        f"{side}-last": Controller(world, f"{side}-last", passes[side]) for side, one in running.items() if one.stopping
    }
    _end(world, {**running, **last})
    return world


def _count_holders(world: World, running: Mapping[str, Controller]) -> None:
    holders = [one.name for one in running.values() if one.lease.held()]
    if len(holders) > 1:
        world.violations.append(f"{holders} hold the lease")


def _end(world: World, running: Mapping[str, Controller]) -> None:
    """Let both run without faults until what is written does not change for several lease periods, then end them."""
    world.faults = False

    def written() -> int:
        return len(world.account.cloud.writes) + len(world.made)

    quiet, before = 0, written()
    while quiet < QUIET:
        for controller in running.values():
            for _ in range(CALLS):
                controller.keeping.give()
                controller.passing.give()
        world.account.clock.advance(4.0)
        _count_holders(world, running)
        quiet = quiet + 1 if written() == before else 0
        before = written()
    for controller in running.values():
        controller.kill()
