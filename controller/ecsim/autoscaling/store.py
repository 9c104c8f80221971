"""The state of Amazon EC2 Auto Scaling in one Region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.world import Body

LEAVING = ("Terminating", "Terminating:Wait", "Terminating:Proceed")


@dataclass
class Instance:
    """One instance of a group."""

    id: str
    type: str
    image: str
    subnet: str
    zone: str
    zone_id: str
    template: Body  # the template version of its launch
    launched_at: float
    user_data: str = ""
    profile: str | None = None
    security_groups: list[str] = field(default_factory=list)
    protected: bool = False
    state: str = "Pending"
    drained: Callable[[], None] = lambda: None  # called at the end of its drain

    @property
    def leaving(self) -> bool:
        """Whether its termination has started."""
        return self.state in LEAVING


@dataclass
class Group:
    """An Auto Scaling group; `body` is the declared configuration with AWS's defaults."""

    arn: str
    name: str
    body: Body
    created_at: str
    tags: dict[str, tuple[str, bool]] = field(default_factory=dict)  # key → value, PropagateAtLaunch
    metrics: set[str] = field(default_factory=set)
    hooks: list[Body] = field(default_factory=list)  # lifecycle hooks, as described
    instances: list[Instance] = field(default_factory=list)
    activities: list[Body] = field(default_factory=list)  # newest first
    suspended: set[str] = field(default_factory=set)
    deleting: bool = False
    awake: bool = False  # a reconcile is scheduled
    wake: Callable[[], None] = lambda: None  # schedule a reconcile

    @property
    def desired(self) -> int:
        """The desired number of instances."""
        return int(self.body["DesiredCapacity"])

    @property
    def staying(self) -> list[Instance]:
        """The instances that are not being terminated."""
        return [instance for instance in self.instances if not instance.leaving]


@dataclass
class AutoScalingRegion:
    """Amazon EC2 Auto Scaling in one Region of one account."""

    region: str
    account: str
    groups: dict[str, Group] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """Return a group by name. Raises ValidationError if it does not exist or is in deletion."""
        found = self.groups.get(name)
        if found is None:
            raise validation_error(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        if found.deleting:
            raise validation_error("The AutoScaling group may not be modified while it is pending delete")
        return found

    def find(self, reference: str) -> Group | None:
        """Return a group by name or ARN, also a group in deletion; None if it does not exist."""
        name = reference.rsplit("autoScalingGroupName/", 1)[-1]
        found = self.groups.get(name)
        return found if found is not None and reference in (name, found.arn) else None

    def of_instance(self, identifier: str) -> tuple[Group, Instance]:
        """Return an instance and its group by the ID of the instance."""
        for group in self.groups.values():
            for instance in group.instances:
                if instance.id == identifier:
                    return group, instance
        raise AwsError("ValidationError", f"Instance Id not found - No managed instance found for ID {identifier}")
