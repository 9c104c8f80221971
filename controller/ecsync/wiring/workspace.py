"""The workspace of a verb: settings, clouds, time, and the way from a source to a catalogue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from ecsync import config
from ecsync.awsmodel import shapes
from ecsync.config import Settings
from ecsync.core.kind import ShapeOf
from ecsync.core.model import Application, Target
from ecsync.core.policy import Approval
from ecsync.core.ports import UNLIMITED, Budget, Clock, Cloud, Snapshot, Source
from ecsync.core.schema import Shape
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.inventory import Inventory
from ecsync.engine.reconciler import Destination
from ecsync.guards.budget import Counts, HourlyBudget
from ecsync.language.manifest import LoadCache, Loaded, load
from ecsync.wiring import projects, registry, targets
from ecsync.wiring.clouds import Clouds
from ecsync.wiring.registry import all_kinds
from ecsync.wiring.sources import open_source, open_sources
from ecsync.wiring.system import Locks, SystemClock, without_collection


@dataclass(kw_only=True)
class Workspace:
    """What every verb works with.

    `root_name` names the application of documents that have none; `root_names` does for each of several sources.
    """

    settings: Settings
    clouds: Clouds
    clock: Clock = field(default_factory=SystemClock)
    serial: Callable[[str], AbstractContextManager[object]] = field(default_factory=Locks)
    root_name: str = "default"
    root_names: Mapping[str, str] = field(default_factory=dict)
    threads: Executor | None = None  # that passes read ahead with
    approves: Callable[[str, frozenset[str]], bool] = lambda _application, _steps: False  # what needs an approval
    # What was changed within the hour, by account and Region; None: the budgets of an hour do not hold.
    counts: dict[tuple[str, str], Counts] | None = None

    def __post_init__(self) -> None:
        self._cache = LoadCache()
        self._kinds = all_kinds()
        self._inventories: dict[Cloud, tuple[str, str, Inventory]] = {}
        self._lock = threading.Lock()

    def destination_for(self, application: Application) -> Destination:
        """Return the destination of an application. Raises Refused, or AwsError without credentials."""
        targets.check_target(self.settings, application)
        region = targets.region_of(self.settings, application)
        cloud = self.clouds.of(application.account, region)
        account = cloud.account
        targets.check_account(self.settings, application, account)
        return Destination(
            cloud=cloud,
            target=Target(account=account, region=region, name=application.account),
            installation=self.settings.installation,
            kinds=self._kinds,
            clock=self.clock,
            asserted=targets.is_asserted(self.settings, application),
            budget=targets.budget(self.settings, application),
            pruning=targets.pruning(self.settings, application),
            hourly=self._hourly(application, account, region),
            ready=lambda service, operation: self.clouds.limiters.of(account, region, service).check(
                service, operation
            ),
            approval=Approval(targets.approval(self.settings, application), self.approves),
            serial=self.serial,
            inventory=self._inventory(cloud, account, region),
            threads=self.threads,
        )

    def inventories(self) -> list[tuple[str, str, Inventory]]:
        """Return what was read, with the account and the Region."""
        with self._lock:
            return list(self._inventories.values())

    def forget_reads(self) -> None:
        """Have the next pass read everything again."""
        for _, _, inventory in self.inventories():
            inventory.expire()

    def _inventory(self, cloud: Cloud, account: str, region: str) -> Inventory:
        """Return what was read through a cloud. Other credentials may read less, so they have their own."""
        with self._lock:
            if cloud not in self._inventories:
                self._inventories[cloud] = account, region, Inventory(cloud, self.clock.monotonic, self._kinds)
            return self._inventories[cloud][2]

    def _hourly(self, application: Application, account: str, region: str) -> Budget:
        if self.counts is None:
            return UNLIMITED
        with self._lock:
            counts = self.counts.setdefault((account, region), Counts(self.clock))
        allowed = targets.per_hour(self.settings, application)
        return HourlyBudget(counts=counts, changes=allowed.changes, removals=allowed.removals)

    def target_of(self, application: Application) -> Target:
        """Return the target of an application as far as the settings determine it, without a call to AWS."""
        return targets.target_of(self.settings, application)

    def loaded(self, snapshot: Snapshot) -> Loaded:
        """Return what a snapshot declares, with every problem; what no project of the operator allows is one."""
        with without_collection():
            found = load(
                snapshot,
                kinds=self._kinds,
                shape_of=shapes.load,
                environment=config.template_environment(),
                root_name=self.root_name,
                variables=self.settings.variables,
                sources=self.root_names if snapshot.revisions else None,
                interval=self.settings.loop.interval,
                cache=self._cache,
            )
        refused = projects.problems(self.settings.projects, found.applications, self._kinds, self.target_of)
        return replace(found, problems=tuple(sorted({*found.problems, *refused})))

    def catalogue(self, snapshot: Snapshot) -> Catalogue:
        """Return what a snapshot declares, in the engine's form."""
        loaded = self.loaded(snapshot)
        found = Catalogue(
            applications={application.name: application for application in loaded.applications},
            problems=loaded.problems,
            revision=snapshot.revision,
        )
        return found.with_sources(snapshot.revisions) if snapshot.revisions else found

    @staticmethod
    def shape_of(of: ShapeOf) -> Shape:
        """Return a shape of botocore's models."""
        return shapes.load(of)

    def prepare(self) -> None:
        """Begin what the first call to AWS needs on a thread, if this workspace has some: a source may take a while."""
        region = self.settings.region or config.default_region()
        if self.threads is not None and region:
            self.threads.submit(self.clouds.prepare, region, registry.listed_services())

    def source(self, where: str) -> Source:
        """Return the source at a path, `s3://bucket/prefix` or `git+https://host/repository`. Raises SourceError."""
        return open_source(where, self._operators, self.settings)

    def sources(self, where: str) -> dict[str, Source]:
        """Return the sources of the settings by name; the only one, at `where`, has none. Raises SourceError."""
        return open_sources(where, self._operators, self.settings)

    def _operators(self) -> Cloud:
        """Return the cloud of the operator's own account, from which manifests in S3 are read."""
        return self.clouds.of("", self.settings.region or config.default_region())
