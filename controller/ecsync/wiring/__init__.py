"""The composition root: the only place that builds clients, clouds, sources, sinks, the queue and the loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ecsync import config, kinds
from ecsync.awsmodel import reviewed, shapes
from ecsync.config import Settings
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Application, Snapshot, Target
from ecsync.core.ports import Clock, Cloud, Source
from ecsync.core.schema import Shape
from ecsync.engine.reconciler import Catalogue, Destination, Refused
from ecsync.language.manifest import Loaded, ParseCache, load
from ecsync.sources.last_good import open_source

SOURCE_READS = frozenset({"s3.ListObjectsV2", "s3.GetObject"})


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()


class Locks:
    """One lock per domain in which AWS takes one mutation at a time (rule 30), across applications."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def __call__(self, domain: str) -> Iterator[None]:
        """Hold the domain; nothing where it is empty."""
        if not domain:
            yield
            return
        with self._guard:
            lock = self._locks.setdefault(domain, threading.Lock())
        with lock:
            yield


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """Who is told of AWS calls: the metrics of a daemon, nobody otherwise."""

    on_request: Callable[[str, str, str, float], None] = lambda *_: None
    on_retry: Callable[[str, str], None] = lambda *_: None
    on_wait: Callable[[str, float], None] = lambda *_: None


@dataclass(kw_only=True)
class Clouds:
    """The clouds of one process: clients are shared by credentials, rates by account and Region."""

    settings: Settings
    read_only: bool
    watchers: Watchers = field(default_factory=Watchers)
    wait: Callable[[float], object] = time.sleep
    pace: float = 1.0  # seconds of AWS's in one of ours: a simulated AWS may run faster, and so do its rates

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._clouds: dict[tuple[str, str], Cloud] = {}

    def of(self, target: str, region: str) -> Cloud:
        """Return the cloud of an entry of `targets` (or of the operator's own account) in a Region."""
        with self._lock:
            if (target, region) not in self._clouds:
                self._clouds[target, region] = self._make(target, region)
            return self._clouds[target, region]

    def _make(self, target: str, region: str) -> Cloud:
        from ecsync.aws.clients import Access, Clients
        from ecsync.aws.cloud import BotoCloud
        from ecsync.aws.hooks import Observer
        from ecsync.aws.limits import Limiter

        entry = self.settings.targets.get(target)
        access = Access(
            profile=self.settings.profile,
            role=entry.role if entry else "",
            external_id=entry.external_id if entry else "",
            region=region,
        )
        reads = all_reads()
        clients = Clients(access, version=version("ecsync"), reads=reads if self.read_only else None)
        return BotoCloud(
            clients,
            region=region,
            reads=reads,
            limiter=Limiter(
                monotonic=lambda: time.monotonic() * self.pace, wait=lambda seconds: self.wait(seconds / self.pace)
            ),
            account=expected_account(self.settings, target),
            observer=Observer(
                on_request=self.watchers.on_request, on_retry=self.watchers.on_retry, on_wait=self.watchers.on_wait
            ),
        )


def all_reads() -> frozenset[str]:
    """Return every operation that is declared as a read, by kinds and by sources."""
    return SOURCE_READS.union(*(kind.reads for kind in kinds.ALL))


def all_kinds() -> Mapping[str, Kind]:
    """Return the kinds by name, in the order in which they are observed."""
    return {kind.name: reviewed.with_unreviewed(kind) for kind in kinds.ALL}


def expected_account(settings: Settings, target: str) -> str:
    """Return the account that the operator asserts for a target; a 12-digit target asserts itself."""
    entry = settings.targets.get(target)
    if entry is not None:
        return entry.account
    return target if target.isdigit() else settings.account


def region_of(settings: Settings, application: Application) -> str:
    """Return the Region of an application. Raises Refused where nobody says."""
    entry = settings.targets.get(application.account)
    region = application.region or (entry.region if entry else "") or settings.region or config.default_region()
    if not region:
        raise Refused(
            f"{application.name}: no Region: write `target: {{region: …}}` in its Application document, "
            "or set ECSYNC_REGION or AWS_REGION"
        )
    return region


def check_target(settings: Settings, application: Application) -> None:
    """Raise Refused where an application names a target that the operator does not know."""
    name = application.account
    if name and not name.isdigit() and name not in settings.targets:
        known = ", ".join(sorted(settings.targets)) or "none"
        raise Refused(f"{application.name}: target.account {name!r} is not in the operator's config (known: {known})")


def consents(settings: Settings, application: Application) -> bool:
    """Tell whether the operator lets this application's target be written (rule 26)."""
    entry = settings.targets.get(application.account)
    return entry.enforce if entry else settings.enforce


@dataclass(kw_only=True)
class Workspace:
    """What every verb works with: settings, clouds, time, and the way from text to a catalogue."""

    settings: Settings
    clouds: Clouds
    clock: Clock = field(default_factory=SystemClock)
    serial: Callable[[str], AbstractContextManager[object]] = field(default_factory=Locks)
    root_name: str = "default"

    def __post_init__(self) -> None:
        self._parsed: ParseCache = {}
        self._kinds = all_kinds()

    def destination_for(self, application: Application) -> Destination:
        """Return where and as whom an application is reconciled. Raises Refused, or AwsError without credentials."""
        check_target(self.settings, application)
        region = region_of(self.settings, application)
        cloud = self.clouds.of(application.account, region)
        account = getattr(cloud, "account", "")
        expected = expected_account(self.settings, application.account)
        if expected and account and account != expected:
            raise Refused(
                f"{application.name}: the credentials belong to account {account}, and {expected} is meant; "
                "check AWS_PROFILE, ECSYNC_ACCOUNT and target.account"
            )
        return Destination(
            cloud=cloud,
            target=Target(account=account, region=region, name=application.account),
            installation=self.settings.installation,
            kinds=self._kinds,
            clock=self.clock,
            asserted=bool(expected) or self.settings.first_time,
            serial=self.serial,
        )

    def target_of(self, application: Application) -> Target:
        """Return the target as far as it is known without asking AWS."""
        entry = self.settings.targets.get(application.account)
        region = application.region or (entry.region if entry else "") or self.settings.region
        account = expected_account(self.settings, application.account)
        return Target(account=account, region=region or config.default_region(), name=application.account)

    def loaded(self, snapshot: Snapshot) -> Loaded:
        """Return what a snapshot declares, with every problem."""
        return load(
            snapshot,
            kinds=self._kinds,
            shape_of=shapes.load,
            environment=config.template_environment(),
            root_name=self.root_name,
            cache=self._parsed,
        )

    def catalogue(self, snapshot: Snapshot) -> Catalogue:
        """Return what a snapshot declares, as the engine takes it."""
        loaded = self.loaded(snapshot)
        return Catalogue(
            applications={application.name: application for application in loaded.applications},
            problems=loaded.problems,
            revision=snapshot.revision,
        )

    @staticmethod
    def shape_of(of: ShapeOf) -> Shape:
        """Return a shape of botocore's models."""
        return shapes.load(of)

    def source(self, where: str) -> Source:
        """Return the source at a path or `s3://bucket/prefix`."""
        region = self.settings.region or config.default_region()
        return open_source(where, lambda: self.clouds.of("", region), expected_owner=self.settings.source_owner)


def workspace(
    settings: Settings, where: str, *, read_only: bool, watchers: Watchers | None = None, pace: float = 1.0
) -> Workspace:
    """Return what a verb works with, for manifests at a path or `s3://bucket/prefix`."""
    name = where.rstrip("/").rpartition("/")[2] if "://" in where else Path(where).resolve().name
    clouds = Clouds(settings=settings, read_only=read_only, watchers=watchers or Watchers(), pace=pace)
    return Workspace(settings=settings, clouds=clouds, root_name=name or "default")
