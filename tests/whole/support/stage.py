"""A simulated account whose time passes only when told to, and controllers that keep manifests in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from ecsim import LedgerEntry, Simulator, VirtualClock
from ecsim import Settings as Account
from ecsync import config, wiring
from ecsync.aws.clients import Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.config import Settings
from ecsync.core.model import Event, Outcome, Plan, ResourceStatus
from ecsync.core.origins import locator
from ecsync.core.ports import Cloud, Source
from ecsync.engine.reconciler import Catalogue, PassOptions, look, reconcile
from ecsync.engine.requeue import delay
from ecsync.engine.step_state import StepState
from ecsync.report.events import Context
from ecsync.report.recorder import Recorder
from ecsync.sources.disk import DiskSource

REGION = "eu-west-1"
ACCOUNT = "123456789012"
INSTALLATION = "test"
QUICKSTART = Path(__file__).resolve().parents[3] / "manifests" / "quickstart"
PASSES = 40  # more than any story here takes
LONG = 150.0  # seconds in which everything that is under way in the account comes to its end
MADE_ONCE = Counter(
    {
        "iam.CreateRole": 1,
        "iam.AttachRolePolicy": 1,
        "logs.CreateLogGroup": 1,
        "ec2.CreateSecurityGroup": 2,
        "ec2.AuthorizeSecurityGroupIngress": 2,
        "elbv2.CreateTargetGroup": 1,
        "elbv2.CreateLoadBalancer": 1,
        "elbv2.CreateListener": 1,
        "elbv2.CreateRule": 1,
        "ecs.CreateCluster": 1,
        "ecs.RegisterTaskDefinition": 1,
        "ecs.CreateService": 1,
    }
)

Body = dict[str, Any]


@contextmanager
def operating(url: str) -> Iterator[None]:
    """Make this process's AWS the simulated one, and name account and installation as an operator does."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("ECSYNC_", "AWS_"))]:
            del os.environ[name]
        config.use_simulated(url, REGION)
        os.environ.update(ECSYNC_INSTALLATION=INSTALLATION, ECSYNC_ACCOUNT=ACCOUNT)
        yield


class SimulatedTime:
    """The engine's clock (`core.ports.Clock`), which follows the account's."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def monotonic(self) -> float:
        return self._clock.now()


@dataclass(kw_only=True)
class SharedClouds(wiring.Clouds):
    """Clouds over clients that all tests share, as making them costs more than a test; no rate is waited for."""

    clients: Clients

    def _make(self, target: str, region: str) -> Cloud:
        return BotoCloud(
            self.clients,
            region=region,
            reads=wiring.all_reads(),
            limiter=Limiter(monotonic=lambda: 0.0, wait=lambda _: None, patience=float("inf")),
            account=wiring.expected_account(self.settings, target),
        )


class Stage:
    """The account, somebody else's clients of it, and a copy of the quickstart's manifests to edit."""

    def __init__(self, simulator: Simulator, clients: Clients, manifests: Path) -> None:
        assert isinstance(simulator.clock, VirtualClock)
        self.simulator = simulator
        self.clients = clients
        self.manifests = manifests
        self.time = SimulatedTime(simulator.clock)
        self.empty()

    def empty(self, *, settling: bool = False) -> None:
        """Begin again with an empty account."""
        self.simulator.settings = Account(region=REGION, account=ACCOUNT, settling=settling)
        self.simulator.reset()

    def aws(self, service: str) -> Any:
        """A client of somebody else's."""
        return self.clients.get(service, REGION, once=True)

    def controller(self, where: str | Path | None = None, installation: str = INSTALLATION) -> Controller:
        """A controller that has just been started: it remembers nothing."""
        return Controller(self, str(where or self.manifests), installation)

    def edit(self, old: str, new: str, file: str = "service.yaml") -> None:
        """Change one place in a manifest."""
        path = self.manifests / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def line(self, text: str, file: str = "service.yaml") -> str:
        """Where a text is written, as events say it."""
        lines = (self.manifests / file).read_text().splitlines()
        return f"{file}:{next(number for number, line in enumerate(lines, start=1) if text in line)}"

    @contextmanager
    def writes(self) -> Iterator[list[LedgerEntry]]:
        """Collect the mutating calls that are made inside."""
        made: list[LedgerEntry] = []
        mark = len(self.simulator.ledger)
        try:
            yield made
        finally:
            made += self.simulator.ledger.mutations(mark)

    def service(self) -> Body:
        """The service as AWS describes it."""
        described = self.aws("ecs").describe_services(cluster="quickstart", services=["web"], include=["TAGS"])
        found: Body = described["services"][0]
        return found


@dataclass
class Controller:
    """One process of ours, by hand: it makes a pass when told to."""

    stage: Stage
    where: str
    installation: str = INSTALLATION
    wrap: Callable[[Cloud], Cloud] = lambda cloud: cloud
    events: list[Event] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    step_states: dict[str, StepState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = Settings(installation=self.installation, account=ACCOUNT, region=REGION, enforce=True)
        clouds = SharedClouds(settings=settings, read_only=False, clients=self.stage.clients)
        self.workspace = wiring.Workspace(
            settings=settings, clouds=clouds, clock=self.stage.time, root_name="manifests"
        )
        self.recorder = Recorder(self.events.append)
        self.read()

    def read(self, pruning: str = "") -> Catalogue:
        """Read the manifests; `pruning` says why nothing of what they lack may be taken as gone."""
        source: Source = self.workspace.source(self.where)
        if "://" not in self.where:
            source = DiskSource(Path(self.where), pause=0.0)  # nobody else writes here
        self.catalogue = replace(self.workspace.catalogue(source.fetch()), pruning=pruning)
        return self.catalogue

    def once(self, options: PassOptions | None = None) -> None:
        """Make one pass over every valid application."""
        for name in self.catalogue.applications:
            if not self.catalogue.holds(name):
                self.outcomes[name] = self._pass(name, options or PassOptions(enforce=True))

    def _pass(self, name: str, options: PassOptions) -> Outcome:
        application = self.catalogue.applications[name]
        destination = self.workspace.destination_for(application)
        destination = replace(destination, cloud=self.wrap(destination.cloud))
        outcome = reconcile(
            application, self.catalogue, destination, self.step_states.setdefault(name, StepState()), options
        )
        context = Context(
            time=self.workspace.clock.now(),
            application=name,
            target=outcome.plan.target,
            revision=outcome.plan.revision,
            where=locator(application.resources, destination.kinds),
        )
        self.recorder.pass_ended(outcome, context)
        return outcome

    def plan(self, name: str = "quickstart") -> Plan:
        """What a pass would do."""
        application = self.catalogue.applications[name]
        return look(application, self.catalogue, self.workspace.destination_for(application), StepState()).plan

    def converge(self, pause: float | None = None) -> int:
        """Make passes until all is well, as far apart as the daemon's or `pause`; how many it took."""
        for made in range(1, PASSES + 1):
            self.once()
            if all(well(outcome) for outcome in self.outcomes.values()):
                return made
            self.stage.simulator.advance(pause if pause is not None else min(map(_delay, self.outcomes.values())))
        raise AssertionError("\n".join(self.explained()))

    def explained(self) -> Iterator[str]:
        """What each resource is and what became of each step, a line for each."""
        for one in self.statuses():
            yield f"{one.key}: {one.sync} · {one.health.status} {one.message or one.health.why}"
        for outcome in self.outcomes.values():
            yield from (f"{step} -> {result}" for step, result in outcome.results.items())

    def passes(self, count: int, every: float = 30.0) -> None:
        """Make so many passes an interval apart."""
        for _ in range(count):
            self.stage.simulator.advance(every)
            self.once()

    def statuses(self) -> Iterator[ResourceStatus]:
        """What each resource is, as of the last pass."""
        for outcome in self.outcomes.values():
            yield from outcome.statuses

    def status(self, key: str) -> ResourceStatus:
        """What `Kind/name` is."""
        return next(one for one in self.statuses() if str(one.key) == key)

    def told(self, of_type: str) -> list[Event]:
        """The events of a type so far, oldest first."""
        return [event for event in self.events if event.type == of_type]


def _delay(outcome: Outcome) -> float:
    return delay(outcome, interval=30.0, failures=0, jitter=lambda seconds: seconds)


def well(outcome: Outcome) -> bool:
    """Nothing was done, and nothing is left to do."""
    return (outcome.sync, outcome.health) == ("Synced", "Healthy") and not outcome.results


def names(writes: Iterable[LedgerEntry]) -> list[str]:
    """The calls as `service.Operation`."""
    return [f"{one.service}.{one.operation}" for one in writes]


def made(writes: Iterable[LedgerEntry]) -> Counter[str]:
    """How often each operation that makes something was granted."""
    return Counter(name for name in names(one for one in writes if one.ok) if name.split(".")[1].startswith(_MAKING))


_MAKING = ("Create", "Register", "Run", "Attach", "Authorize")
