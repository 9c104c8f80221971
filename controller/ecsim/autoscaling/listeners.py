"""Who is notified when an instance of an Auto Scaling group starts and ends: here Amazon ECS, which is not imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ecsim.autoscaling.store import Group, Instance


class InstanceListener(Protocol):
    """What uses the instances of groups."""

    def booted(self, region: str, group: Group, instance: Instance) -> None:
        """An instance is InService."""

    def drain(self, region: str, group: Group, instance: Instance) -> bool:
        """Start to move the work of an instance elsewhere, then call `instance.drained`; False if it has none."""

    def ended(self, region: str, instance: Instance) -> None:
        """An instance is terminated."""


@dataclass
class InstanceListeners:
    """The listeners of one account, in all Regions."""

    listeners: list[InstanceListener] = field(default_factory=list)
