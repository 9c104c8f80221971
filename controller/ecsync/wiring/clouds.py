"""The clouds of this process: one per target and Region."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from ecsync.config import Settings
from ecsync.core.ports import Cloud
from ecsync.wiring import targets
from ecsync.wiring.registry import all_reads

if TYPE_CHECKING:
    from ecsync.aws.hooks import Observer


@dataclass(kw_only=True)
class Clouds:
    """Makes each cloud when it is first needed. Safe for any number of threads.

    `observer` receives the calls to AWS. `pace` is the seconds of AWS's clock in one second of ours: a simulated AWS
    may run faster, and so do its rates.
    """

    settings: Settings
    read_only: bool
    observer: Observer | None = None
    wait: Callable[[float], object] = time.sleep
    pace: float = 1.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._clouds: dict[tuple[str, str], Cloud] = {}

    def of(self, target: str, region: str) -> Cloud:
        """Return the cloud of an entry of `targets` in a Region; an empty target is the operator's own account."""
        with self._lock:
            if (target, region) not in self._clouds:
                self._clouds[target, region] = self._make(target, region)
            return self._clouds[target, region]

    def _make(self, target: str, region: str) -> Cloud:
        from ecsync.aws.clients import Access, Clients
        from ecsync.aws.cloud import BotoCloud
        from ecsync.aws.limits import Limiter

        entry = self.settings.targets.get(target)
        access = Access(
            profile=self.settings.profile,
            role=entry.role if entry else "",
            external_id=entry.external_id if entry else "",
            region=region,
        )
        reads = all_reads()
        return BotoCloud(
            Clients(access, version=version("ecsync"), reads=reads if self.read_only else None),
            region=region,
            reads=reads,
            limiter=Limiter(
                monotonic=lambda: time.monotonic() * self.pace, wait=lambda seconds: self.wait(seconds / self.pace)
            ),
            account=targets.expected_account(self.settings, target),
            observer=self.observer,
        )
