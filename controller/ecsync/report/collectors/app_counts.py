"""Counters with the label of an application: the series of a removed one end, the sums over all go on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from prometheus_client.samples import Exemplar

Action: TypeAlias = Literal["modified", "missing"]
DeploymentOutcome: TypeAlias = Literal["completed", "failed", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Counted:
    """One family of counters: its name without `ecsync_` and `_total`, its help, its second label and the values."""

    name: str
    text: str
    label: str
    values: tuple[str, ...]


DRIFT = Counted(
    "drift_detected",
    "Times that a resource was found changed (modified) or deleted (missing) outside ecsync",
    "action",
    get_args(Action),
)
DEPLOYMENTS = Counted(
    "deployments",
    "Service deployments that ecsync started and that ended: healthy (completed), not healthy in time or stopped "
    "(failed), or rolled back by ECS",
    "outcome",
    get_args(DeploymentOutcome),
)
COUNTED = (DRIFT, DEPLOYMENTS)
SERIES = sum(len(one.values) for one in COUNTED)  # of one application

Count: TypeAlias = tuple[float, Exemplar | None]


class AppCounts:
    """Safe for any number of threads. The empty name is the sum over all applications, the removed ones too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], Count] = {}  # family, application, value

    def add(self, of: Counted, application: str, value: str, exemplar: Exemplar | None = None) -> None:
        """Count one."""
        with self._lock:
            for name in ("", application):
                number, before = self._counts.get((of.name, name, value), (0.0, None))
                self._counts[of.name, name, value] = number + 1, exemplar or before

    def of(self, of: Counted, application: str = "") -> Mapping[str, Count]:
        """Return the counts of an application, or of all, by value: 0 from the start."""
        with self._lock:
            return {value: self._counts.get((of.name, application, value), (0.0, None)) for value in of.values}

    def forget(self, application: str) -> None:
        """Begin at 0 again for an application with this name."""
        with self._lock:
            self._counts = {key: count for key, count in self._counts.items() if key[1] != application}
