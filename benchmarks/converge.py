"""Converge a fleet in the simulated AWS, in virtual time and without throttles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import boto3

from benchmarks.controller import Controller, check, is_steady
from benchmarks.fleet import REGION, Fleet
from ecsim import Simulator, VirtualClock

SETTLE_SECONDS = 150.0  # simulated seconds between two passes while a fleet converges
MOST_PASSES = 40
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class SimulatedTime:
    """The engine's clock: the simulated time of the account."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Return the simulated wall time."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def monotonic(self) -> float:
        """Return the simulated seconds."""
        return self._clock.now()


def new_fleet(simulator: Simulator, fleets: Iterable[Fleet]) -> Controller:
    """Return a controller of these fleets in a simulated account that has nothing but the role of the tasks."""
    assert isinstance(simulator.clock, VirtualClock)
    simulator.reset()
    iam = boto3.Session(region_name=REGION).client("iam", endpoint_url=simulator.url)
    iam.create_role(RoleName="bench-execution", AssumeRolePolicyDocument=TRUST)
    return Controller(fleets, SimulatedTime(simulator.clock))


def converge(controller: Controller, simulator: Simulator) -> int:
    """Make rounds until nothing is left to do; return their number."""
    for count in range(1, MOST_PASSES + 1):
        outcomes = controller.round()
        if all(is_steady(outcome) for outcome in outcomes.values()):
            return count
        simulator.advance(SETTLE_SECONDS)
    check(outcomes)
    raise AssertionError("not reached")
