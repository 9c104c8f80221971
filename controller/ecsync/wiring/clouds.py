"""The clouds of this process: one per credentials and Region, whatever the target is called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ecsync import config
from ecsync.aws.limits import Limiter, Limiters, Patience
from ecsync.awsmodel import models
from ecsync.config import Settings
from ecsync.core.ports import AwsError, Cloud
from ecsync.version import version
from ecsync.wiring import targets
from ecsync.wiring.registry import all_reads, secrets_in
from ecsync.wiring.targets import Roles

if TYPE_CHECKING:
    from ecsync.aws.clients import Clients
    from ecsync.aws.cloud import BotoCloud
    from ecsync.aws.hooks import Observer
    from ecsync.aws.sessions import RoleSessions

_ASSUME = ("sts", "AssumeRole")


@dataclass(kw_only=True)
class Clouds:
    """Makes each cloud when it is first needed. Safe for any number of threads.

    Targets with the same roles share one cloud in a Region, and one session and its clients in all Regions; the roles
    that write have no clients of their own (`aws/sessions.py`). All clouds of an account and Region share one limiter.
    `patience` limits the waits of a thread.

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
        self._clouds: dict[tuple[Roles, str, str], Cloud] = {}
        self._sessions: dict[tuple[str, str], Clients] = {}
        self._writing: dict[Roles, RoleSessions] = {}
        self._sts: BotoCloud | None = None

    def of(self, target: str, region: str) -> Cloud:
        """Return the cloud of an entry of `targets` in a Region; an empty target is the operator's own account."""
        account = targets.expected_account(self.settings, target)
        roles = targets.roles_of(self.settings, target)
        with self._lock:
            if (roles, account, region) not in self._clouds:
                guards = {"account": account, "permit": lambda: self.permit(), "sessions": self._writes(roles, region)}
                self._clouds[roles, account, region] = self._make(target, region, **guards)
            return self._clouds[roles, account, region]

    def of_lease(self, region: str) -> Cloud:
        """Return a cloud of the process's own credentials that needs no permit: it writes the lease."""
        with self._lock:
            return self._make("", region)

    def expiries(self) -> list[tuple[str, str, float]]:
        """Return when the credentials that observe each target expire, as (target, expected account, Unix time).

        Targets with credentials that do not expire, or that were not needed yet, are left out. Makes no call.
        """
        with self._lock:
            times = {key: clients.expires() for key, clients in self._sessions.items()}
        found = []
        for target in ("", *sorted(self.settings.targets)):
            roles = targets.roles_of(self.settings, target)
            until = times.get((roles.observe, roles.external_id if roles.observe else ""))
            if until is not None:
                found.append((target, targets.expected_account(self.settings, target), until.timestamp()))
        return found

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
        """Return the clients of the credentials that observe the target."""
        roles = targets.roles_of(self.settings, target)
        key = (roles.observe, roles.external_id if roles.observe else "")
        if key not in self._sessions:
            self._sessions[key] = self._clients(*key, region)
        return self._sessions[key]

    def _clients(self, role: str, external_id: str, region: str) -> Clients:
        """Return new clients. The role is assumed at STS of the operator's own Region."""
        from ecsync.aws.clients import Access, Clients

        access = Access(
            profile=self.settings.profile, role=role, external_id=external_id, region=self._sts_region(region)
        )
        reads = all_reads() if self.read_only else None
        loader = models.shared_loader()
        return Clients(access, version=version(), reads=reads, loader=loader, assumed=self._assumed)

    def _sts_region(self, region: str) -> str:
        return self.settings.region or config.default_region() or region

    def _writes(self, roles: Roles, region: str) -> RoleSessions | None:
        """Return the sessions of the roles that write; None if the credentials that observe do it."""
        from ecsync.aws.sessions import RoleSessions

        if self.read_only or not roles.write:
            return None
        if roles not in self._writing:
            self._writing[roles] = RoleSessions(
                partial(self._assume, self._sts_region(region)),
                {False: roles.apply, True: roles.prune},
                external_id=roles.external_id,
                tags=roles.session_tags,
                installation=self.settings.installation,
                monotonic=time.monotonic,
            )
        return self._writing[roles]

    def _assume(self, region: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Assume a role with the process's own credentials. Raises AwsError."""
        from ecsync.aws.cloud import BotoCloud

        with self._lock:
            if self._sts is None:
                clients, reads = self._clients("", "", region), frozenset({".".join(_ASSUME)})
                self._sts = BotoCloud(
                    clients, region=region, reads=reads, limiter=self.limiters, observer=self.observer
                )
            sts = self._sts
        return sts.call(*_ASSUME, **params)

    def _assumed(self, code: str, seconds: float) -> None:
        if self.observer is not None:
            self.observer.on_request(*_ASSUME, code, seconds)

    def _limiter(self) -> Limiter:
        return Limiter(
            monotonic=time.monotonic,
            wait=lambda seconds: self.wait(seconds),
            share=self.settings.limits.share,
            pace=self.pace,
            patience=self.patience,
        )
