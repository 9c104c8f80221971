"""The sweep of one scenario: a copy of the process for each fault, made at the call where the fault happens."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from tests.chaos.faults import FAULTS, READS_ONLY, Call, Fault
from tests.chaos.forks import CORES, Broken, Copy, handing_over
from tests.chaos.run import Run, daemon_pace, judge, judge_stale, run, same_work, with_contents
from tests.chaos.scenarios.scenario import Scenario
from tests.chaos.stage import Stage
from tests.whole.support.environment import Controller

SAMPLED = 10  # of the cases that wrote what the clean run wrote, one in so many compares the account all the same
THOROUGH = 60  # one case in so many takes no short way


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
    part: str
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


def sweep(
    stage: Stage, controller: Controller, scenario: Scenario, choose: Choose, until: Callable[[], bool]
) -> Result:
    """Run every chosen case of a scenario that has begun, until the time is over."""
    clean = _reference(stage, controller)
    result = Result(scenario.name, "faults", calls=len(clean.calls))
    changed = stage.foreign - set(clean.contents.splitlines())
    if changed and not clean.problem:
        clean.problem = f"changed what is of other owners: {sorted(changed)}"
    deleted = sorted(name for name in clean.writes if ".Delete" in name)
    if deleted and not scenario.deletes and not clean.problem:
        clean.problem = f"deleted what moves: {', '.join(deleted)}"
    if clean.problem:
        return broken(scenario, clean.problem, clean.explained)
    for case, found in _cases(stage, controller, scenario, clean, choose, until):
        result.cases += 1
        result.most_extra = max(result.most_extra, found.passes - clean.passes - found.during)
        problem = judge(found, clean)
        if problem:
            result.failures.append(Failure(case, problem, tuple(found.explained)))
    return result


def broken(scenario: Scenario, why: str, explained: Sequence[str]) -> Result:
    """Return the result of a scenario that fails without a fault."""
    case = Case(scenario.name, "error", -1, Call("no", "fault"))
    return Result(scenario.name, "faults", failures=[Failure(case, why, tuple(explained))])


def stale(stage: Stage, controller: Controller, scenario: Scenario, seconds: Sequence[float]) -> Result:
    """Run a scenario at the daemon's pace, with reads that are stale for so many seconds after each write."""
    result = Result(scenario.name, "stale reads")

    def make(lag: float) -> Run:
        stage.world.stale.seconds = lag
        return run(stage, controller, pace=daemon_pace)

    found = {lag: _as_run(Copy.of(partial(make, lag)).result()) for lag in (0.0, *seconds)}
    clean = found.pop(0.0)
    result.calls = len(clean.calls)
    for lag, one in found.items():
        result.cases += 1
        result.most_extra = max(result.most_extra, one.passes - clean.passes)
        problem = clean.problem or judge_stale(one, clean)
        if problem:
            result.failures.append(Failure(StaleCase(scenario.name, lag), problem, tuple(one.explained)))
    return result


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

    def collect(*, everything: bool) -> None:
        while copies and (everything or copies[0][1].has_ended()):
            case, first = copies.pop(0)
            done.append((case, _as_run(first.result())))

    def visit(index: int, call: Call) -> Fault | None:
        if own or until():
            return None
        for fault in choose(index, call):
            case, holds = Case(scenario.name, fault, index, call), CORES.take()
            copy = Copy.start(CORES if holds else None)
            if copy.inside:
                own.append(copy)
                stage.world.stale.remembers = fault == "stale"
                if case.is_thorough:
                    stage.world.answers.remembers, controller.checked_within = False, 1
                return fault
            copies.append((case, copy))
            collect(everything=not holds)  # without a token, this process waits for its copy
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
    collect(everything=True)
    yield from done
