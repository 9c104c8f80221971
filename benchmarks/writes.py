"""Measure the calls of a fleet that converges, and of a new image for all of it: `python -m benchmarks.writes`.

The simulated AWS in this process, in virtual time. The first converge has no rate limit. The new image has AWS's rates,
and the daemon with its queue and limiter on one thread: a wait moves the virtual time. The floor is the time that the
buckets need at the same share: RegisterTaskDefinition once for each service.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace

from benchmarks.controller import new_workspace, use
from benchmarks.converge import SimulatedTime, converge, new_fleet
from benchmarks.fleet import ACCOUNT, REGION, Fleet
from benchmarks.limit import seconds
from benchmarks.virtual_daemon import Manifests, VirtualDaemon
from ecsim import Settings, Simulator, VirtualClock
from ecsync.core.ports import Snapshot

SHARE = 0.5  # the controller's default share of AWS's rates
STEADY = 600.0  # virtual seconds before the new image: the slow reads are spread, and the buckets are full
# The fewest writes with which a service of the fleet can be created, and what all share.
PER_SERVICE = {
    "logs.CreateLogGroup": 1,
    "logs.PutRetentionPolicy": 1,
    "ecs.RegisterTaskDefinition": 1,
    "elbv2.CreateTargetGroup": 1,
    "elbv2.ModifyTargetGroupAttributes": 1,
    "elbv2.CreateRule": 1,
    "ecs.CreateService": 1,
    "application-autoscaling.RegisterScalableTarget": 1,
    "application-autoscaling.PutScalingPolicy": 1,
}
PER_BALANCER = {"elbv2.CreateLoadBalancer": 1, "elbv2.CreateListener": 1}
PER_SITE = {"ecs.CreateCluster": 1, "ec2.CreateSecurityGroup": 1, "ec2.AuthorizeSecurityGroupIngress": 1}


@dataclass(frozen=True, kw_only=True)
class Writes:
    """The calls of one piece of work. `floor` and `seconds` are virtual."""

    services: int
    passes: int
    writes: dict[str, int]
    minimum: dict[str, int]
    reads: int
    throttles: int
    seconds: float
    floor: float

    @property
    def redundant(self) -> int:
        """The writes beyond the minimum."""
        return sum(self.writes.values()) - sum(self.minimum.values())


class VirtualSeconds:
    """The simulated time as the limiter's clock. A wait moves it."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def monotonic(self) -> float:
        """Return the simulated seconds."""
        return self._simulator.clock.now()

    def wait(self, seconds: float) -> None:
        """Let the simulated time pass."""
        self._simulator.advance(seconds)


def first_converge(simulator: Simulator, fleet: Fleet) -> Writes:
    """Create a fleet in an empty account."""
    controller = new_fleet(simulator, [fleet])
    mark, began = len(simulator.ledger), simulator.clock.now()
    count = converge(controller, simulator)
    minimum = Counter({name: number * fleet.services for name, number in PER_SERVICE.items()})
    minimum += Counter({name: number * fleet.balancers for name, number in PER_BALANCER.items()})
    return _writes(simulator, mark, fleet, count, dict(minimum + Counter(PER_SITE)), began)


def new_image(simulator: Simulator, fleet: Fleet) -> Writes:
    """Give every service of a converged account a new image, with AWS's rates and the daemon."""
    assert isinstance(simulator.clock, VirtualClock)
    world, virtual = simulator.world, VirtualSeconds(simulator)
    world.settings = replace(world.settings, throttling=True)
    workspace = new_workspace(SimulatedTime(simulator.clock), pace=1.0)
    workspace.clouds.wait = virtual.wait
    manifests = Manifests()
    running = VirtualDaemon(workspace, simulator.advance, manifests)
    real, time.monotonic = time.monotonic, virtual.monotonic  # the limiter's clock
    try:
        manifests.snapshot = Snapshot(revision="1", files=fleet.files())
        running.read_source()
        running.work()
        running.work(STEADY)
        mark, began = len(simulator.ledger), simulator.clock.now()
        manifests.snapshot = Snapshot(revision="2", files=replace(fleet, image="1.28").files())
        running.read_source()
        count = running.work()
    finally:
        time.monotonic = real
    minimum = {"ecs.RegisterTaskDefinition": fleet.services, "ecs.UpdateService": fleet.services}
    return _writes(simulator, mark, fleet, count, minimum, began)


def _writes(
    simulator: Simulator, mark: int, fleet: Fleet, passes: int, minimum: dict[str, int], began: float
) -> Writes:
    entries = simulator.ledger.entries(mark)
    writes = Counter(f"{entry.service}.{entry.operation}" for entry in entries if entry.mutating and entry.ok)
    codes = Counter(entry.error_code for entry in entries if not entry.ok)
    registered = [entry.time for entry in entries if entry.operation == "UpdateService" and entry.ok]
    return Writes(
        services=fleet.services,
        passes=passes,
        writes=dict(writes),
        minimum=minimum,
        reads=sum(not entry.mutating for entry in entries),
        throttles=sum(number for code, number in codes.items() if code and "hrottl" in code),
        seconds=(max(registered) if registered else simulator.clock.now()) - began,
        floor=seconds(minimum, SHARE),
    )


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--applications", type=int, default=1)
    parser.add_argument("--image", action="store_true", help="also measure a new image of all services")
    wanted = parser.parse_args()
    fleet = Fleet(wanted.services, wanted.applications)
    settings = Settings(region=REGION, account=ACCOUNT, settling=False, throttling=False)
    simulator = Simulator(settings, VirtualClock())
    use(simulator.start())
    try:
        found = {"first": asdict(first_converge(simulator, fleet))}
        if wanted.image:
            found["image"] = asdict(new_image(simulator, fleet))
    finally:
        simulator.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
