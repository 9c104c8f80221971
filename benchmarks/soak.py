"""Run a daemon for a simulated day, with edits, drifts, throttles and restarts: `python -m benchmarks.soak`.

Each life of the daemon is a process of its own (`benchmarks/soak_life.py`), against one load AWS. The exit code is 1 if
the memory grows, if there are more calls than computed, or if a write is not the repair of a drift.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from statistics import fmean, linear_regression

from benchmarks.fleet import Fleet
from benchmarks.limit import Counts, limit, mean_limit, slow_limit
from benchmarks.load.client import LoadAws, Remote
from benchmarks.rounds import INTERVAL
from benchmarks.soak_life import EDIT_AT, HOUR, Hour

MOST_GROWTH = 1.0  # MiB in an hour
MOST_CALLS = 1.15  # times those that are computed
MIB = 2**20
# What is ours is listed for each new revision, and after ten minutes: these reads are made for it alone.
LISTINGS = len(EDIT_AT)  # an hour: there is an edit each ten minutes
LISTED = (
    "application-autoscaling.DescribeScalableTargets",
    "application-autoscaling.DescribeScalingPolicies",
    "ecs.ListServices",
    "resourcegroupstaggingapi.GetResources",
)
COLUMNS = (
    *("hour", "calls", "computed", "calls / computed", "throttles", "drifts", "repairs", "writes"),
    *("MiB", "1,000 blocks", "CPU s"),
)


def soak(aws: Remote, fleet: Fleet, lives: int, hours: int, leak: int = 0) -> Iterator[Hour]:
    """Run so many lives of so many hours, one after another, and yield each hour.

    Raises RuntimeError where a life fails or logs a warning or an error: an exception in a pass is in the log only.
    """
    aws.set([fleet], buckets=False, others=0.0, latency=0.0, throttled=[])
    for begin in range(0, lives * hours, hours):
        arguments = [f"--begin={begin}", f"--hours={hours}", f"--leak={leak}"]
        command = [sys.executable, "-m", "benchmarks.soak_life", aws.url, json.dumps(asdict(fleet)), *arguments]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    yield Hour(**json.loads(line))
            errors.seek(0)
            text = errors.read()
            if process.returncode or text:
                raise RuntimeError(f"life {begin // hours + 1} ended with {process.returncode}:\n{text[-3000:]}")


def computed(hour: Hour, fleet: Fleet) -> float:
    """Return the calls that an hour needs: each read at its cadence, and everything once at the start of a life.

    A write makes what its application read before it invalid (docs/architecture.md), so each repair costs one more
    reading of that application. An edit costs a listing of what is ours.
    """
    once = limit(fleet.counts)
    start = sum(once.values()) + sum(slow_limit(fleet.counts).values())
    listed = LISTINGS * sum(once[name] for name in LISTED)
    repair = 1 + sum(limit(_of_an_application(fleet)).values())
    return at_cadence(fleet) + listed + hour.first * start + hour.repairs * repair


def at_cadence(fleet: Fleet) -> float:
    """Return the fewest calls of an hour in which nothing happens."""
    return HOUR / INTERVAL * sum(mean_limit(fleet.counts, INTERVAL).values())


def _of_an_application(fleet: Fleet) -> Counts:
    """Return the objects of one application: its services are evenly behind all load balancers."""
    own = fleet.services // fleet.applications
    members = ("services", "scalable_targets", "scaling_policies", "target_groups", "rules", "log_groups")
    return replace(fleet.counts, **dict.fromkeys(members, own))


def lives_of(hours: Iterable[Hour]) -> list[list[Hour]]:
    """Return the hours of each life."""
    found: list[list[Hour]] = []
    for hour in hours:
        if hour.first:
            found.append([])
        found[-1].append(hour)
    return found


def growth(life: Sequence[Hour]) -> float:
    """Return the slope of the memory of a life after its first hour, by least squares, in MiB per hour."""
    later = life[1:]
    if len(later) < 2:
        return 0.0
    return linear_regression([hour.number for hour in later], [hour.memory / MIB for hour in later]).slope


def faults(hours: Sequence[Hour], fleet: Fleet) -> list[str]:
    """Return what must not be, in words."""
    found = []
    for number, life in enumerate(lives_of(hours), start=1):
        if growth(life) >= MOST_GROWTH:
            found.append(f"life {number}: the memory grows by {growth(life):.2f} MiB an hour")
        if not life[-1].steady:
            found.append(f"life {number}: not everything is in sync and healthy at its end")
    for hour in hours:
        if hour.total > MOST_CALLS * computed(hour, fleet):
            found.append(f"hour {hour.number + 1}: {hour.total} calls, {computed(hour, fleet):.0f} are computed")
        if hour.writes != hour.repairs:
            found.append(f"hour {hour.number + 1}: {hour.writes - hour.repairs} writes that repair no drift")
        if hour.repairs != hour.drifts:
            found.append(f"hour {hour.number + 1}: {hour.drifts} drifts, {hour.repairs} repairs")
        found += [f"hour {hour.number + 1}: {error} ({count} times)" for error, count in hour.errors.items()]
    return found


# ---------------------------------------------------------------- print


def line(hour: Hour, fleet: Fleet) -> str:
    """Return an hour as a line of a Markdown table."""
    expected = computed(hour, fleet)
    return (
        f"| {hour.number + 1}{' (start)' if hour.first else ''} | {hour.total:,} | {expected:,.0f} "
        f"| {hour.total / expected:.2f} | {hour.throttles} | {hour.drifts} | {hour.repairs} | {hour.writes} "
        f"| {hour.memory / MIB:.1f} | {hour.blocks / 1000:,.0f} | {hour.cpu:.0f} |"
    )


def summary(hours: Sequence[Hour], fleet: Fleet) -> Iterator[str]:
    """Yield the figures of the whole soak."""
    total, expected = sum(hour.total for hour in hours), sum(computed(hour, fleet) for hour in hours)
    worst = max(hour.total / computed(hour, fleet) for hour in hours)
    slopes = [growth(life) for life in lives_of(hours)]
    yield f"memory after the first hour, by life: {', '.join(f'{slope:+.2f}' for slope in slopes)} MiB/h"
    least = len(hours) * at_cadence(fleet)
    yield f"calls: {total:,} / {expected:,.0f} = {total / expected:.2f}; the worst hour {worst:.2f}"
    yield f"the same over the limit of a day in which nothing happens: {total / least:.2f}"
    drifts, repairs, writes = (sum(getattr(hour, name) for hour in hours) for name in ("drifts", "repairs", "writes"))
    yield f"drifts {drifts}, repairs {repairs}, other writes {writes - repairs}"


def operations(hours: Sequence[Hour], fleet: Fleet) -> Iterator[str]:
    """Yield the calls of each operation in a mean hour, without the first of a life, and what is computed of it."""
    later = [hour for hour in hours if not hour.first] or hours
    fewest = {name: HOUR / INTERVAL * calls for name, calls in mean_limit(fleet.counts, INTERVAL).items()}
    for name in sorted({*fewest, *(name for hour in later for name in hour.calls)}):
        yield f"  {name:<58}{fmean(hour.calls.get(name, 0) for hour in later):>9.0f}{fewest.get(name, 0):>9.0f}"


def main() -> None:
    """Run the soak, print each hour as it ends, and fail if something is as it must not be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--applications", type=int, default=10)
    parser.add_argument("--lives", type=int, default=3)
    parser.add_argument("--hours", type=int, default=24, help="simulated hours of all lives together")
    parser.add_argument("--leak", type=float, default=0.0, help="MiB that each life keeps more in an hour: a control")
    parser.add_argument("--operations", action="store_true", help="print the calls of a mean hour by operation")
    wanted = parser.parse_args()
    fleet, started = Fleet(wanted.services, wanted.applications), time.monotonic()
    print(f"| {' | '.join(COLUMNS)} |\n|---{'|---:' * (len(COLUMNS) - 1)}|", flush=True)
    hours: list[Hour] = []
    with LoadAws() as aws:
        for hour in soak(aws, fleet, wanted.lives, wanted.hours // wanted.lives, round(wanted.leak * MIB)):
            hours.append(hour)
            print(line(hour, fleet), flush=True)
    print(f"\n{wanted.services} services in {wanted.applications} applications, {time.monotonic() - started:.0f} s")
    print("\n".join(summary(hours, fleet)))
    if wanted.operations:
        print("\n".join(operations(hours, fleet)))
    if found := faults(hours, fleet):
        sys.exit("error: " + "\nerror: ".join(found))


if __name__ == "__main__":
    main()
