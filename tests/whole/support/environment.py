"""A simulated account with simulated time, and controllers that reconcile manifests in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal
from unittest import mock

from ecsim import LedgerEntry, Simulator, VirtualClock
from ecsim import Settings as Account
from ecsync import config, wiring
from ecsync.aws.clients import Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.config import Settings
from ecsync.core.origins import locator
from ecsync.core.outcome import Event, Outcome, Plan, ResourceStatus
from ecsync.core.ports import Cloud, Source
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import PassOptions, look, reconcile
from ecsync.engine.requeue import delay
from ecsync.engine.step_state import StepState
from ecsync.report.events import Context
from ecsync.report.recorder import Recorder
from ecsync.sources.disk import DiskSource

REGION = "eu-west-1"
ACCOUNT = "123456789012"
INSTALLATION = "test"
QUICKSTART = Path(__file__).resolve().parents[3] / "manifests" / "quickstart"
MOST_PASSES = 40  # more than any test here takes
SETTLE_SECONDS = 150.0  # in this time, every deployment and deletion in the account ends
QUICKSTART_CREATES = Counter(
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
def use_simulated_aws(url: str) -> Iterator[None]:
    """Make AWS of this process the simulated one, and set account and installation as an operator does."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(("ECSYNC_", "AWS_"))]:
            del os.environ[name]
        config.use_simulated(url, REGION)
        os.environ.update(ECSYNC_INSTALLATION=INSTALLATION, ECSYNC_ACCOUNT=ACCOUNT)
        yield


class SimulatedTime:
    """The engine's clock (`core.ports.Clock`): the simulated time of the account."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def monotonic(self) -> float:
        return self._clock.now()


@dataclass(kw_only=True)
class SharedClouds(wiring.Clouds):
    """Clouds with clients that all tests share, because creating clients is slow; without a rate limit."""

    clients: Clients

    def _make(self, target: str, region: str, **guards: Any) -> Cloud:
        del target  # one account
        return BotoCloud(
            self.clients,
            region=region,
            reads=wiring.all_reads(),
            limiter=Limiter(monotonic=lambda: 0.0, wait=lambda _: None),
            **guards,
        )


class Environment:
    """The account, other clients of it, and a copy of the quickstart's manifests to edit."""

    unnamed: ClassVar[Literal["keep", "reset"]] = "keep"  # what UpdateService does to what it does not name

    def __init__(self, simulator: Simulator, clients: Clients, manifests: Path) -> None:
        assert isinstance(simulator.clock, VirtualClock)
        self.simulator = simulator
        self.clients = clients
        self.manifests = manifests
        self.time = SimulatedTime(simulator.clock)
        clients._on_attempt.clear()  # of the controllers of other tests
        self.reset()

    def reset(self, *, settling: bool = False, **settings: Any) -> None:
        """Empty the account. With `settling`, it refuses some calls at first, as a new account does."""
        own = {"unnamed": self.unnamed, **settings}
        self.simulator.settings = Account(region=REGION, account=ACCOUNT, settling=settling, **own)
        self.simulator.reset()

    def aws(self, service: str) -> Any:
        """Return a boto3 client: another client of the account."""
        return self.clients.get(service, REGION, once=True)

    def controller(self, where: str | Path | None = None, installation: str = INSTALLATION) -> Controller:
        """Return a controller that has just started, with an empty memory."""
        return Controller(self, str(where or self.manifests), installation)

    def edit(self, old: str, new: str, file: str = "service.yaml") -> None:
        """Replace the only occurrence of a text in a manifest."""
        path = self.manifests / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} contains {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def location(self, text: str, file: str = "service.yaml") -> str:
        """Return the `file:line` of a text, as events have it."""
        lines = (self.manifests / file).read_text().splitlines()
        return f"{file}:{next(number for number, line in enumerate(lines, start=1) if text in line)}"

    @contextmanager
    def writes(self) -> Iterator[list[LedgerEntry]]:
        """Yield a list that holds, after the block, the mutating calls made inside."""
        entries: list[LedgerEntry] = []
        mark = len(self.simulator.ledger)
        try:
            yield entries
        finally:
            entries += self.simulator.ledger.mutations(mark)

    def service(self) -> Body:
        """Return the quickstart's service as AWS describes it."""
        described = self.aws("ecs").describe_services(cluster="quickstart", services=["web"], include=["TAGS"])
        found: Body = described["services"][0]
        return found


@dataclass
class Controller:
    """A controller process; the test makes each of its passes."""

    environment: Environment
    where: str
    installation: str = INSTALLATION
    wrap: Callable[[Cloud], Cloud] = lambda cloud: cloud
    events: list[Event] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    step_states: dict[str, StepState] = field(default_factory=dict)
    patient: bool = False  # False: a pass reads everything again, whatever the cadence
    checked_within: int = 1  # passes in which what an earlier one settled is compared in full, as a check

    def __post_init__(self) -> None:
        settings = Settings(installation=self.installation, account=ACCOUNT, region=REGION, enforce=True)
        clouds = SharedClouds(settings=settings, read_only=False, clients=self.environment.clients)
        self.workspace = wiring.Workspace(
            settings=settings, clouds=clouds, clock=self.environment.time, root_name="manifests"
        )
        self.recorder = Recorder(self.events.append)
        self.read()

    def read(self, pruning: str = "") -> Catalogue:
        """Read the manifests; `pruning` is the reason why orphans must not be deleted (empty: they may)."""
        source: Source = self.workspace.source(self.where)
        if "://" not in self.where:
            source = DiskSource(Path(self.where), pause=0.0, settle=0.0)  # no other process writes here
        self.catalogue = replace(self.workspace.catalogue(source.fetch()), pruning=pruning)
        return self.catalogue

    def run_pass(self, options: PassOptions | None = None) -> None:
        """Reconcile every valid application once."""
        for name in self.catalogue.applications:
            if not self.catalogue.holds(name):
                self.outcomes[name] = self._pass(name, options or PassOptions(enforce=True))

    def _pass(self, name: str, options: PassOptions) -> Outcome:
        application = self.catalogue.applications[name]
        destination = self.workspace.destination_for(application)
        if destination.inventory is not None and not self.patient:
            destination.inventory.expire()  # as if the time of every cadence had gone by
        cloud = self.wrap(destination.cloud)
        if cloud is not destination.cloud:
            destination = replace(destination, cloud=cloud, inventory=None)
        step_state = self.step_states.setdefault(name, StepState())
        step_state.checked_within = self.checked_within
        outcome = reconcile(application, self.catalogue, destination, step_state, options)
        assert outcome.plan.mismatches == ()
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
        """Return what a pass would do."""
        application = self.catalogue.applications[name]
        return look(application, self.catalogue, self.workspace.destination_for(application), StepState()).plan

    def converge(self, pause: float | None = None, most: int = MOST_PASSES) -> int:
        """Make passes until every application is converged; return their number.

        Between two passes, `pause` seconds go by; without it, as many as in the daemon.
        """
        for count in range(1, most + 1):
            self.run_pass()
            if all(is_converged(outcome) for outcome in self.outcomes.values()):
                return count
            self.environment.simulator.advance(pause if pause is not None else min(map(_delay, self.outcomes.values())))
        raise AssertionError("\n".join(self.explain()))

    def explain(self) -> Iterator[str]:
        """Yield a line for the status of each resource and for the result of each step."""
        for one in self.statuses():
            yield f"{one.key}: {one.sync} · {one.health.status} {one.message or one.health.why}"
        for outcome in self.outcomes.values():
            yield from (f"{step} -> {result}" for step, result in outcome.results.items())

    def run_passes(self, count: int, every: float = 30.0) -> None:
        """Make so many passes, an interval apart."""
        for _ in range(count):
            self.environment.simulator.advance(every)
            self.run_pass()

    def statuses(self) -> Iterator[ResourceStatus]:
        """Yield the status of each resource after the last pass."""
        for outcome in self.outcomes.values():
            yield from outcome.statuses

    def status(self, key: str) -> ResourceStatus:
        """Return the status of `Kind/name`."""
        return next(one for one in self.statuses() if str(one.key) == key)

    def events_of_type(self, of_type: str) -> list[Event]:
        """Return the events of a type so far, oldest first."""
        return [event for event in self.events if event.type == of_type]


def _delay(outcome: Outcome) -> float:
    return delay(outcome, interval=30.0, jitter=lambda seconds: seconds)


def is_converged(outcome: Outcome) -> bool:
    """Return whether the pass did nothing and nothing is left to do."""
    return (outcome.sync, outcome.health) == ("Synced", "Healthy") and not outcome.results


def operations(writes: Iterable[LedgerEntry]) -> list[str]:
    """Return the calls as `service.Operation`."""
    return [f"{one.service}.{one.operation}" for one in writes]


def count_creates(writes: Iterable[LedgerEntry]) -> Counter[str]:
    """Return how often each create operation succeeded."""
    return Counter(
        name for name in operations(one for one in writes if one.ok) if name.split(".")[1].startswith(_CREATE_PREFIXES)
    )


_CREATE_PREFIXES = ("Create", "Register", "Run", "Attach", "Authorize")
