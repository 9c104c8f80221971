"""The state of Application Auto Scaling in one Region."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.errors import AwsError
from ecsim.account.world import Body


@dataclass
class ScalableTarget:
    """A scalable target: the desired count of one service, with its policies, scheduled actions and activities."""

    arn: str
    resource: str  # service/cluster/name
    created_at: float
    minimum: int
    maximum: int
    suspended: Body
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Body] = field(default_factory=dict)
    schedules: dict[str, Body] = field(default_factory=dict)
    activities: list[Body] = field(default_factory=list)  # newest first
    scaled_out_at: float = float("-inf")
    scaled_in_at: float = float("-inf")
    breaches: dict[str, tuple[int, int]] = field(default_factory=dict)  # policy → minutes above, minutes below


@dataclass
class AppAutoScalingRegion:
    """Application Auto Scaling in one Region of one account."""

    region: str
    account: str
    targets: dict[str, ScalableTarget] = field(default_factory=dict)  # by resource id
    loads: dict[str, dict[str, float]] = field(default_factory=dict)  # resource → metric → percent × tasks

    def target(self, resource: str) -> ScalableTarget:
        """Return a target by its exact resource ID. Raises ObjectNotFoundException."""
        found = self.targets.get(resource)
        if found is None:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scalable target registered for service namespace: ecs, resource ID: {resource}, scalable"
                " dimension: ecs:service:DesiredCount",
            )
        return found
