"""Count calls while AWS throttles one operation all the time: `python -m benchmarks.throttled`.

Rounds of one fleet against the load AWS, as in `benchmarks/rounds.py`, for the time in which each listing is due once.
The control is the rounds before. A throttled operation must cause no calls of others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from statistics import fmean

from benchmarks.controller import Controller, EngineClock, use
from benchmarks.cost import measured
from benchmarks.fleet import sites
from benchmarks.load.client import LoadAws, Remote
from benchmarks.rounds import INTERVAL, run

OPERATIONS = (
    "elbv2.DescribeTargetGroups",
    "elbv2.DescribeTargetHealth",
    "elbv2.DescribeRules",
    "ecs.DescribeServices",
    "ecs.ListTagsForResource",
    "application-autoscaling.DescribeScalableTargets",
    "resourcegroupstaggingapi.GetResources",
)
ROUNDS = 10
RECOVERY = 5  # rounds without throttles before the next operation


def ratios(url: str, services: int, applications: int) -> dict[str, float]:
    """Return, by operation, the calls while it is throttled over the calls before."""
    use(url)
    aws, clock = Remote(url), EngineClock()
    controller = Controller(sites(services, applications), clock)

    def rounds(count: int) -> float:
        """Make rounds, and return the mean of their calls."""
        calls = []
        for _ in range(count):
            clock.advance(INTERVAL)
            calls.append(measured(aws, controller.round).total)
        return fmean(calls)

    rounds(RECOVERY)
    before = rounds(ROUNDS)
    found = {}
    for operation in OPERATIONS:
        aws.set(throttled=[operation])
        found[operation] = rounds(ROUNDS) / before
        aws.set(throttled=[])
        rounds(RECOVERY)
    return found


def throttled(aws: Remote, services: int, applications: int) -> Mapping[str, float] | str:
    """Return the ratios of a fleet, measured in a process of its own; a text where it failed."""
    aws.set(sites(services, applications), buckets=False, others=0.0, latency=0.0, throttled=[])
    arguments = [f"--url={aws.url}", f"--services={services}", f"--applications={applications}"]
    found: Mapping[str, float] | str = run("benchmarks.throttled", arguments, 600.0)
    return found


def main() -> None:
    """Measure and print JSON: with `--url` in this process, else in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--applications", type=int, default=10)
    parser.add_argument("--url", help="a load AWS that serves this fleet")
    wanted = parser.parse_args()
    if wanted.url:
        found: Mapping[str, float] | str = ratios(wanted.url, wanted.services, wanted.applications)
    else:
        with LoadAws() as aws:
            found = throttled(aws, wanted.services, wanted.applications)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
