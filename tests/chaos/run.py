"""One run of a scenario: passes until it is converged, and then until it has stayed so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ecsim import LedgerEntry
from ecsync.core.outcome import Failed
from ecsync.engine.requeue import delay
from tests.chaos.account import ID, contents, difference
from tests.chaos.faults import COUNTED, Call, Fault, Killed
from tests.chaos.stage import Stage
from tests.whole.support.environment import SETTLE_SECONDS, Controller, is_converged

MOST_PASSES = 200
MOST_EXTRA = 3  # passes beyond those of the clean run, after the fault
LISTED_WITHIN = 4000.0  # seconds in which everything that is ours is listed again
QUIET = 3  # passes without a write that end a run; the first is the one that finds nothing to do
IDEMPOTENT = frozenset({
    "ecs.CreateCluster", "elbv2.CreateTargetGroup", "elbv2.CreateLoadBalancer", "elbv2.CreateListener",
    "application-autoscaling.RegisterScalableTarget",
})  # fmt: skip

COVERED = frozenset({  # DeregisterScalableTarget, DeleteLoadBalancer and DeleteListener delete them too
    "application-autoscaling.DeleteScalingPolicy", "application-autoscaling.DeleteScheduledAction",
    "elbv2.DeleteListener", "elbv2.DeleteRule",
})  # fmt: skip

Pace = Callable[[Controller], float]


@dataclass
class Run:
    """What happened in a run, as plain data: it goes through a pipe."""

    problem: str = ""  # empty: it converged and stayed so
    passes: int = 0  # until the one that found nothing to do
    during: int = 0  # of these, the ones that began while the fault lasted
    calls: list[Call] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)  # service.Operation
    requests: Counter[str] = field(default_factory=Counter)  # with what was sent, without ids
    lost: float = 0.0  # simulated seconds in which weight stood on a target group without a healthy target
    events: Counter[str] = field(default_factory=Counter)
    contents: str = ""
    explained: list[str] = field(default_factory=list)


def long_pace(controller: Controller) -> float:
    """Return the seconds until everything in the account has settled, and every retry is due."""
    results = [one for outcome in controller.outcomes.values() for one in outcome.results.values()]
    return max([SETTLE_SECONDS, *(one.after for one in results if isinstance(one, Failed) and one.after is not None)])


def daemon_pace(controller: Controller) -> float:
    """Return the seconds until the daemon makes the next pass."""
    delays = [delay(one, interval=30.0, jitter=lambda seconds: seconds) for one in controller.outcomes.values()]
    return min(delays, default=5.0)


def run(
    stage: Stage,
    controller: Controller,
    visit: Callable[[int, Call], Fault | None] = lambda _index, _call: None,
    pace: Pace = long_pace,
) -> Run:
    """Make passes until three in a row wrote nothing."""
    simulator, injector = stage.simulator, stage.world.injector
    mark, events, lost_before = len(simulator.ledger), len(controller.events), _lost(stage)
    injector.start(visit)
    controller.patient = False
    found, quiet, lost, listed_again = Run(), 0, None, False
    for number in range(1, MOST_PASSES + 1):
        before, first = len(simulator.ledger), len(injector.calls)
        found.during += injector.lasts
        try:
            lost = stage.run_pass(controller)
        except Killed:
            controller = stage.restarted(controller)
            simulator.advance(1.0)
            continue
        writes = simulator.ledger.mutations(before)
        disturbed = injector.lasts or injector.happened >= first
        if lost is None and not injector.lasts and all(map(is_converged, controller.outcomes.values())):
            found.passes = number if not quiet else found.passes
            quiet += 1
            if quiet == QUIET:
                break
            if injector.fault == "short" and not listed_again:  # what a listing left out is found by the next one
                listed_again, quiet = True, 0
                found.during += 1
                simulator.advance(LISTED_WITHIN)
                continue
            controller.patient = True  # as the daemon: a pass reads what is due
            simulator.advance(30.0)
            continue
        controller.patient = False
        if quiet and not disturbed and writes:
            found.problem = f"wrote after it had converged: {_names(writes)}"
            break
        quiet = 0
        simulator.advance(max(pace(controller), 10.0 if lost else 0.0))
    else:
        found.problem = "does not converge"
    if found.problem:
        found.explained = [*controller.explain(), *([repr(lost)] if lost else [])]
    _note(found, simulator.ledger.mutations(mark))
    found.lost = _lost(stage) - lost_before
    found.calls = injector.calls
    found.events = Counter(event.type for event in controller.events[events:])
    return found


def _lost(stage: Stage) -> float:
    return sum(float(one["partly"]) for one in stage.simulator.outages(stage.region))


def _names(writes: Iterable[LedgerEntry]) -> str:
    return ", ".join(f"{one.service}.{one.operation}" for one in writes) or "nothing"


def _note(found: Run, writes: Iterable[LedgerEntry]) -> None:
    for one in writes:
        if one.ok:
            found.writes[f"{one.service}.{one.operation}"] += 1
            text = json.dumps(one.params, sort_keys=True, default=str)
            found.requests[f"{one.service}.{one.operation} {ID.sub('…', text)}"] += 1


def same_work(run: Run, clean: Run) -> bool:
    """Return whether a run wrote exactly what the clean run wrote: then the account is the same too."""
    return run.requests == clean.requests


def judge(run: Run, clean: Run) -> str:
    """Return what is wrong with a run; empty if nothing is."""
    if run.problem:
        return run.problem
    extra = run.passes - clean.passes - run.during
    if extra > MOST_EXTRA:
        return f"took {extra} more passes than without the fault"
    counts = {name: (clean.writes[name], run.writes[name]) for name in clean.writes | run.writes}
    wrong = {name: pair for name, pair in counts.items() if pair[0] != pair[1] and _is_counted(name)}
    if wrong and not _are_idempotent(wrong, run, clean):
        return f"creates or deletes differ (clean, now): {wrong}"
    if run.lost and not clean.lost:
        return f"for {run.lost:.0f} s, requests went to a target group without a healthy target"
    if run.contents and run.contents != clean.contents:
        return f"the account differs: {difference(clean.contents.splitlines(), run.contents.splitlines())}"
    return ""


def _are_idempotent(wrong: Iterable[str], run: Run, clean: Run) -> bool:
    """Return whether each call more changes nothing, or only what another call changes too: AWS documents it so."""
    return (IDEMPOTENT | COVERED).issuperset(wrong) and run.contents == clean.contents


def judge_stale(run: Run, clean: Run) -> str:
    """Return what is wrong with a run with stale reads; empty if nothing is."""
    if run.problem:
        return run.problem
    if run.lost and not clean.lost:
        return f"for {run.lost:.0f} s, requests went to a target group without a healthy target"
    counts = {name: (clean.writes[name], run.writes[name]) for name in clean.writes | run.writes}
    wrong = {name: pair for name, pair in counts.items() if pair[0] != pair[1]}
    if wrong:
        return f"writes differ (clean, now): {wrong}"
    false = sorted(set(run.events) - set(clean.events) - {"health.changed"})  # it waits until AWS shows the write
    return f"events that the clean run has not: {false}" if false else ""


def _is_counted(name: str) -> bool:
    return name.split(".")[1].startswith(COUNTED)


def with_contents(stage: Stage, found: Run) -> Run:
    """Add what is in the account."""
    found.contents = contents(stage.aws)
    return found
