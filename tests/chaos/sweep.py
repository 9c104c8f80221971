"""The sweep of one scenario: a copy of the process for each fault, made at the call where the fault happens."""

from __future__ import annotations

import gc
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from ecsync.engine.reconciler import PassOptions
from tests.chaos.account import add_look_alikes, add_network, contents
from tests.chaos.faults import FAULTS, READS_ONLY, Call, Fault
from tests.chaos.forks import PROCESSES, Broken, Copy, handing_over, in_copies
from tests.chaos.run import Run, daemon_pace, judge, judge_stale, run, same_work, with_contents
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import REGIONS, Stage, World, copy_of
from tests.whole.support.environment import SETTLE_SECONDS, Controller

SAMPLED = 10  # of the cases that wrote what the clean run wrote, one in so many compares the account all the same
THOROUGH = 20  # one case in so many takes no short way


@dataclass(frozen=True)
class Case:
    """One fault at one call of a scenario."""

    scenario: str
    fault: Fault
    index: int
    call: Call

    @property
    def is_thorough(self) -> bool:
        """Whether every call goes over the wire, and every resource is compared in full in each pass."""
        return crc32(str(self).encode()) % THOROUGH == 0

    def __str__(self) -> str:
        return f'--scenario "{self.scenario}" --fault {self.fault} --index {self.index}  # {self.call}'


@dataclass(frozen=True)
class StaleCase:
    """A scenario with reads that are stale for so many seconds."""

    scenario: str
    seconds: float

    def __str__(self) -> str:
        return f'--scenario "{self.scenario}" --stale {self.seconds:g}'


@dataclass(frozen=True)
class Failure:
    """A case that did not keep its promise."""

    case: Case | StaleCase
    problem: str
    explained: tuple[str, ...] = ()


@dataclass
class Result:
    """The cases of one scenario, and their failures."""

    scenario: str
    calls: int = 0
    cases: int = 0
    most_extra: int = 0  # passes beyond those of the clean run
    failures: list[Failure] = field(default_factory=list)


Choose = Callable[[int, Call], Sequence[Fault]]


def every(faults: Sequence[Fault]) -> Choose:
    """Choose all of these faults at each call."""
    return lambda _, call: [fault for fault in faults if not (call.writes and fault in READS_ONLY)]


def one_each(seed: int) -> Choose:
    """Choose one fault for each call: another seed chooses others."""

    def choose(index: int, call: Call) -> Sequence[Fault]:
        faults = every(FAULTS)(index, call)
        return [faults[random.Random(f"{seed} {index} {call}").randrange(len(faults))]]  # noqa: S311  # no secret

    return choose


def sweep(world: World, scenario: Scenario, choose: Choose, until: Callable[[], bool]) -> Result:
    """Run every chosen case of a scenario, until the time is over."""
    with tempfile.TemporaryDirectory() as folder:
        stage, controller = begin(world, scenario, Path(folder))
        clean = _reference(stage, controller)
        result = Result(scenario.name, calls=len(clean.calls))
        changed = stage.foreign - set(clean.contents.splitlines())
        if changed and not clean.problem:
            clean.problem = f"changed what is of other owners: {sorted(changed)}"
        if clean.problem:
            case = Case(scenario.name, "error", -1, Call("no", "fault"))
            result.failures.append(Failure(case, clean.problem, tuple(clean.explained)))
            return result
        for case, found in _cases(stage, controller, scenario, clean, choose, until):
            result.cases += 1
            result.most_extra = max(result.most_extra, found.passes - clean.passes - found.during)
            problem = judge(found, clean)
            if problem:
                result.failures.append(Failure(case, problem, tuple(found.explained)))
        return result


def stale(world: World, scenario: Scenario, seconds: Sequence[float]) -> Result:
    """Run a scenario at the daemon's pace, with reads that are stale for so many seconds after each write."""
    with tempfile.TemporaryDirectory() as folder:
        stage, controller = begin(world, scenario, Path(folder))
        result = Result(scenario.name)

        def make(lag: float) -> Run:
            world.stale.seconds = lag
            return run(stage, controller, pace=daemon_pace)

        found = {lag: _as_run(one) for lag, one in in_copies(make, (0.0, *seconds))}
        clean = found.pop(0.0)
        result.calls = len(clean.calls)
        for lag, one in found.items():
            result.cases += 1
            result.most_extra = max(result.most_extra, one.passes - clean.passes)
            problem = clean.problem or judge_stale(one, clean)
            if problem:
                result.failures.append(Failure(StaleCase(scenario.name, lag), problem, tuple(one.explained)))
        return result


def begin(world: World, scenario: Scenario, folder: Path) -> tuple[Stage, Controller]:
    """Return the stage and the controller of a scenario, after its act."""
    stage = Stage(world, copy_of(scenario.example, folder), REGIONS[scenario.example])
    if scenario.example == "tilog":
        add_network(stage.aws("ec2"), stage.region)
    add_look_alikes(stage.aws)
    stage.foreign = frozenset(contents(stage.aws).splitlines())
    scenario.prepare(stage)
    controller = stage.controller()
    if not scenario.empty:
        controller.converge(pause=SETTLE_SECONDS)
    scenario.act(stage)
    controller.read()
    assert controller.catalogue.applications
    assert not controller.catalogue.problems, controller.catalogue.problems
    contents(stage.aws)  # loads what the copies need
    stage.controller().run_pass(PassOptions(enforce=False))  # the copies know what it reads
    return stage, controller


def _reference(stage: Stage, controller: Controller) -> Run:
    """Return the run without a fault, made in a copy of the process."""
    return _as_run(Copy.of(lambda: with_contents(stage, run(stage, controller))).result())


def _as_run(found: Run | Broken) -> Run:
    return Run(problem=found.why, explained=list(found.explained)) if isinstance(found, Broken) else found


def _cases(
    stage: Stage, controller: Controller, scenario: Scenario, clean: Run, choose: Choose, until: Callable[[], bool]
) -> Iterator[tuple[Case, Run]]:
    """Make the run without a fault once more; at each call, a copy of the process goes on with the fault."""
    copies: list[tuple[Case, Copy]] = []
    done: list[tuple[Case, Run]] = []
    own: list[Copy] = []  # in a copy: the copy that this process is

    def wait(most: int) -> None:
        while len(copies) > most:
            case, first = copies.pop(0)
            done.append((case, _as_run(first.result())))

    def visit(index: int, call: Call) -> Fault | None:
        if own or until():
            return None
        for fault in choose(index, call):
            wait(PROCESSES - 1)
            case, copy = Case(scenario.name, fault, index, call), Copy.start()
            if copy.inside:
                own.append(copy)
                stage.world.stale.remembers = fault == "stale"
                if case.is_thorough:
                    stage.world.answers.remembers, controller.checked_within = False, 1
                return fault
            copies.append((case, copy))
        return None

    stage.world.stale.remembers = True
    gc.collect()
    gc.freeze()
    try:
        with handing_over(own):
            found = run(stage, controller, visit)
            if own:
                sampled = len(found.calls) % SAMPLED == 0
                own[0].end(found if same_work(found, clean) and not sampled else with_contents(stage, found))
    finally:
        stage.world.stale.remembers = False
        gc.unfreeze()
    wait(0)
    yield from done
