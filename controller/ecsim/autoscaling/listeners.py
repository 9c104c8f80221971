"""The listeners that Auto Scaling notifies when an instance starts and ends. `simulator.py` adds Amazon ECS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ecsim.autoscaling.store import Group, Instance


class InstanceListener(Protocol):
    """A service that uses the instances of Auto Scaling groups."""

    def booted(self, region: str, group: Group, instance: Instance) -> None:
        """An instance has become InService."""

    def drain(self, region: str, group: Group, instance: Instance) -> bool:
        """Start to drain an instance and later call `instance.drained`; False if a drain is not needed."""

    def ended(self, region: str, instance: Instance) -> None:
        """An instance has been terminated."""


@dataclass
class InstanceListeners:
    """The listeners of one account, in all Regions."""

    listeners: list[InstanceListener] = field(default_factory=list)
