"""Several accounts and Regions in one daemon: no site waits for the rate limit of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from ecsync.aws.limits import Limiter, Patience
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import Application, Key, Observed, Present, Sync, Target
from ecsync.core.outcome import Pass
from ecsync.core.ports import Reader, Snapshot, SourceError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.daemon import Daemon
from ecsync.engine.daemon_parts import DaemonParts
from ecsync.engine.inventory import Inventory
from ecsync.engine.queue import MemoryQueue
from ecsync.engine.reconciler import Destination
from ecsync.engine.store import Store
from ecsync.engine.ticks import Ticks
from ecsync.testing import SERVICE, MemoryCloud, memory_kind
from tests.engine.harness import Recorded, SourceState
from tests.engine.passes import document
from tests.engine.virtual_time import VirtualTime

LATENCY = 0.03  # seconds of a call
INTERVAL, JITTER, GRACE = 10.0, 0.1, 1.0
MINUTES = 6
READ = ("elbv2", "DescribeTargetHealth")  # one object per call, out of a bucket with 5 per second at our share


def one_by_one(reader: Reader, wanted: Sequence[Wanted], _: object) -> Iterator[tuple[Key, Observed]]:
    """Read each object with its own call."""
    for want in wanted:
        (found,) = reader.call(SERVICE, "DescribeNet", names=[want.body["name"]])["found"]
        yield want.key, Present(body=found, outputs={"id": found["id"], "name": found["name"]})


KINDS: Mapping[str, Kind] = {"Net": memory_kind("Net", calls=None, tagging=None, owned=None, read=one_by_one)}


@dataclass
class Site:
    """An account in memory behind a rate limit."""

    name: str
    time: VirtualTime
    limiter: Limiter
    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    calls: int = 0

    @property
    def account(self) -> str:
        """The id of the account."""
        return self.cloud.account

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a read: it takes a token and time."""
        self.limiter.take(*READ)
        self.calls += 1
        self.time.wait(LATENCY)
        return self.cloud.call(service, operation, **params)

    def call_unless(
        self, _known: bytes, service: str, operation: str, /, **params: Any
    ) -> tuple[bytes, Mapping[str, Any] | None]:
        """Make a read. No answer has a digest."""
        return b"", self.call(service, operation, **params)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield the items of a read."""
        yield from self.call(service, operation, **params)[result]

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a read."""
        return self.call(service, operation, **params)

    def keeps(self, _service: str, _operation: str, /, **_: Any) -> bool:
        """Return False: no read is cached."""
        return False

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a change."""
        return self.cloud.write(service, operation, **params)


class World:
    """A daemon over some sites, on the threads of its workers and in virtual time."""

    def __init__(self, *names: str, workers: int = 4) -> None:
        self.time = VirtualTime()
        patience = Patience()
        self.sites = {
            name: Site(name, self.time, Limiter(monotonic=self.time.monotonic, wait=self.time.wait, patience=patience))
            for name in names
        }
        self.inventories = {
            name: Inventory(site, monotonic=self.time.monotonic, kinds=KINDS) for name, site in self.sites.items()
        }
        self.workers = workers
        self.queue = MemoryQueue(self.time, wait=self.time.hold, workers=workers)
        self.recorded = Recorded()
        self.starts: dict[str, list[float]] = {}
        self.ends: dict[str, list[float]] = {}
        self.applications: dict[str, Application] = {}
        self.store = Store()
        self.daemon = Daemon(
            DaemonParts(
                last_good=self,
                read=lambda _: Catalogue(applications=self.applications, revision="1"),
                destination_for=self.destination_for,
                consents=lambda _: False,
                target_of=lambda application: Target(account="1", region=application.region),
                clock=self.time,
                queue=self.queue,
                ticks=Ticks(self.time),
                store=self.store,
                recorder=self.recorded,
                wait_limit=patience.limited,
                start_thread=self.time.start,
                workers=workers,
                jitter=JITTER,
            )
        )

    def refresh(self) -> SourceState:
        """Read the source."""
        return SourceState(Snapshot(revision="1", files={}))

    def refuse(self, error: SourceError) -> SourceState:
        """Return the state with an error."""
        return SourceState(Snapshot(revision="1", files={}), error)

    def declare(self, name: str, site: str, objects: int, interval: float) -> None:
        """Declare an application in the Region that has the name of a site."""
        resources = tuple(document(f"Net/{name}-{number}", application=name) for number in range(objects))
        cloud = self.sites[site].cloud
        cloud.objects |= {f"Net-{one.key.name}": {"name": one.key.name} for one in resources}
        self.applications[name] = Application(
            name=name, sync=Sync(mode="observe", interval=interval), resources=resources, region=site
        )

    def destination_for(self, application: Application) -> Destination:
        """Return the site of an application; it has its own account id only in the queue."""
        self.starts.setdefault(application.name, []).append(self.time.monotonic())
        site = self.sites[application.region]
        target = Target(account="1", region=site.name)
        return Destination(
            cloud=site,
            target=target,
            installation="prod",
            kinds=KINDS,
            clock=self.time,
            inventory=self.inventories[application.region],
        )

    def run(self, seconds: float, *others: Callable[[], None]) -> None:
        """Let the workers work for so many seconds, beside other threads."""
        self.daemon.read_source()
        self.recorded.on_finished = self._note_end
        self.time.run(seconds, *[partial(self.daemon.work, 2.0)] * self.workers, *others)

    def last_pass(self, name: str) -> Pass | None:
        """Return the last pass with a result."""
        state = self.store.application(name)
        return state.last_pass if state else None

    def completed(self, name: str) -> int:
        """Return the number of passes with a result."""
        return sum(application == name for application, _ in self.recorded.passes)

    def _note_end(self) -> None:
        name, _ = self.recorded.passes[-1]
        self.ends.setdefault(name, []).append(self.time.monotonic())


def late(world: World, name: str) -> list[float]:
    """Return the gaps between two passes that are longer than the interval, its jitter and a second."""
    gaps = [start - end for end, start in zip(world.ends[name], world.starts[name][1:], strict=False)]
    assert len(gaps) > MINUTES * 60 / (INTERVAL * (1 + JITTER) + GRACE) - 2, f"{name} has had only {len(gaps)} passes"
    return [gap for gap in gaps if gap > INTERVAL * (1 + JITTER) + GRACE]


def used(world: World, site: str) -> float:
    """Return the share of the calls that the rate of a busy site allows, in passes that were not put off."""
    passes = sum(world.completed(name) for name in world.applications if name.startswith(site))
    return passes * 100 / (20 + MINUTES * 60 * 5)


def busy(*sites: str, quiet: str = "us-east-1", workers: int = 4) -> World:
    """Return a world with 1,000 objects in each busy site, and one application in another Region."""
    world = World(*sites, quiet, workers=workers)
    for site in sites:
        for number in range(10):
            world.declare(f"{site}-{number}", site, objects=100, interval=60.0)
    world.declare("quiet", quiet, objects=3, interval=INTERVAL)
    return world


@pytest.mark.parametrize("workers", [2, 4])
def test_an_application_in_another_region_is_never_late(workers: int) -> None:
    """Beside 1,000 busy services of a Region with a rate that is used up, and that AWS throttles as well."""
    world = busy("eu-west-1", workers=workers)

    def throttle() -> None:
        world.time.wait(45.0)
        world.sites["eu-west-1"].limiter.slow(*READ)

    world.run(MINUTES * 60.0, throttle)
    assert late(world, "quiet") == []


def test_more_busy_sites_than_workers_do_not_make_it_late() -> None:
    """A pass that waits for its rate keeps no worker: every site makes use of its own rate meanwhile."""
    sites = ("eu-west-1", "eu-west-2", "eu-north-1")
    world = busy(*sites, workers=1)
    world.run(MINUTES * 60.0)
    assert late(world, "quiet") == []
    assert all(used(world, site) > 0.9 for site in sites)


def test_a_busy_region_makes_use_of_its_rate() -> None:
    """Its applications have passes in turn; hardly a call is made for a pass that is put off and made again.

    Several passes are under way at the end, and do not count.
    """
    world = busy("eu-west-1")
    world.run(MINUTES * 60.0)
    passes = [world.completed(name) for name in world.applications if name != "quiet"]
    assert used(world, "eu-west-1") > 0.9
    assert max(passes) - min(passes) <= 2
