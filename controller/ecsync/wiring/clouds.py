"""The clouds of this process: one per credentials and Region, whatever the target is called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ecsync import config
from ecsync.aws.limits import Limiter, Limiters, Patience
from ecsync.awsmodel import models
from ecsync.config import Settings
from ecsync.core.ports import AwsError, Cloud
from ecsync.wiring import targets
from ecsync.wiring.registry import all_reads, secrets_in

if TYPE_CHECKING:
    from ecsync.aws.clients import Clients
    from ecsync.aws.hooks import Observer


@dataclass(kw_only=True)
class Clouds:
    """Makes each cloud when it is first needed. Safe for any number of threads.

    Targets with the same role share one cloud in a Region, and one session and its clients in all Regions. All clouds
    of an account and Region share one limiter. `patience` limits the waits of a thread.

    `permit` is called before each write, and raises WritesStopped (`lease.keeper`).

    `observer` receives the calls to AWS. `pace` is the seconds of AWS's clock in one second of ours: a simulated AWS
    may run faster, and so do its rates.
    """

    settings: Settings
    read_only: bool
    observer: Observer | None = None
    wait: Callable[[float], object] = time.sleep
    pace: float = 1.0
    permit: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        self.patience = Patience()
        self.limiters = Limiters(self._limiter)
        self._lock = threading.Lock()
        self._clouds: dict[tuple[str, str, str, str], Cloud] = {}
        self._sessions: dict[tuple[str, str], Clients] = {}

    def of(self, target: str, region: str) -> Cloud:
        """Return the cloud of an entry of `targets` in a Region; an empty target is the operator's own account."""
        key = (*self._role(target), targets.expected_account(self.settings, target), region)
        with self._lock:
            if key not in self._clouds:
                account = targets.expected_account(self.settings, target)
                self._clouds[key] = self._make(target, region, account=account, permit=lambda: self.permit())
            return self._clouds[key]

    def of_lease(self, region: str) -> Cloud:
        """Return a cloud of the operator's own credentials that needs no permit: it writes the lease."""
        with self._lock:
            return self._make("", region)

    def prepare(self, region: str, services: Iterable[str]) -> None:
        """Do what the first calls need anyway: load botocore, read the account, and make clients.

        An error is not reported: the code that needs the account asks again.
        """
        try:
            _ = self.of("", region).account
        except AwsError:
            return
        clients = self._session("", region)
        for service in services:
            clients.get(service, region)

    def _make(self, target: str, region: str, **guards: Any) -> Cloud:
        from ecsync.aws.cloud import BotoCloud

        return BotoCloud(
            self._session(target, region),
            region=region,
            reads=all_reads(),
            limiter=self.limiters,
            observer=self.observer,
            secrets=secrets_in,
            **guards,
        )

    def _session(self, target: str, region: str) -> Clients:
        """Return the clients of the target's credentials. The role is assumed at STS of the operator's own Region."""
        from ecsync.aws.clients import Access, Clients

        role, external_id = self._role(target)
        if (role, external_id) not in self._sessions:
            access = Access(
                profile=self.settings.profile,
                role=role,
                external_id=external_id,
                region=self.settings.region or config.default_region() or region,
            )
            reads = all_reads() if self.read_only else None
            loader = models.shared_loader()
            self._sessions[role, external_id] = Clients(access, version=version("ecsync"), reads=reads, loader=loader)
        return self._sessions[role, external_id]

    def _role(self, target: str) -> tuple[str, str]:
        entry = self.settings.targets.get(target)
        return (entry.role, entry.external_id) if entry else ("", "")

    def _limiter(self) -> Limiter:
        return Limiter(
            monotonic=time.monotonic,
            wait=lambda seconds: self.wait(seconds),
            share=self.settings.limits.share,
            pace=self.pace,
            patience=self.patience,
        )
