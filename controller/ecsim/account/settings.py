"""What a simulated account is like. All durations are simulated seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """How long AWS takes. Defaults are what Fargate and an ALB take on an ordinary day."""

    scheduler: float = 1.0  # the ECS scheduler notices a change
    provisioning: float = 8.0  # PROVISIONING: the network interface is attached
    pending: float = 12.0  # PENDING: images are pulled
    activating: float = 2.0  # ACTIVATING: targets are registered
    stopping: float = 3.0  # STOPPING: SIGTERM until the process is gone
    deprovisioning: float = 6.0  # DEPROVISIONING: the network interface is deleted
    crash: float = 5.0  # a crashing container lives this long
    stabilise: float = 10.0  # a running task without health checks counts as healthy
    load_balancer: float = 90.0  # a load balancer stays in `provisioning`
    health: float = 1.0  # factor on HealthyThresholdCount × HealthCheckIntervalSeconds
    drain: float = 1.0  # factor on deregistration_delay.timeout_seconds
    stopped_kept: float = 3600.0  # a STOPPED task is still described
    inactive_kept: float = 3600.0  # an INACTIVE service is still described
    group: float = 2.0  # an Auto Scaling group notices a difference
    group_deletion: float = 10.0  # an empty group stays in "Delete in progress"
    instance_boot: float = 30.0  # Pending: an instance boots
    instance_stop: float = 20.0  # Terminating: an instance shuts down
    agent: float = 15.0  # a booted instance registers with its cluster
    managed_scaling: float = 30.0  # a capacity provider notices that tasks wait for instances
    managed_scale_in: float = 900.0  # a capacity provider lets instances go that were spare for so long
    scaling_period: float = 60.0  # service auto scaling looks at its metrics


@dataclass(frozen=True)
class Settings:
    """One simulated account.

    With `settling` off, what was created can be used at once. With it on, a role can be assumed only
    `role_seconds` after it was created, an instance profile is seen only `profile_seconds` after its role was
    put in, the service-linked role of ECS works only `service_linked_role_seconds` after the account's first
    cluster, and a cluster is busy for `association_seconds` with each new set of capacity providers.

    With `throttling` on, calls take tokens from AWS's buckets. `lags` says for how many seconds after a write
    reads may answer as before: `{"ecs:DescribeServices": 3}`, or `{"ecs:*": 3}` for all reads of a service.
    """

    account: str = "123456789012"
    region: str = "eu-central-1"
    speed: float = 1.0
    settling: bool = True
    role_seconds: float = 10.0
    service_linked_role_seconds: float = 15.0
    profile_seconds: float = 10.0
    association_seconds: float = 8.0
    throttling: bool = False
    lags: Mapping[str, float] = field(default_factory=dict)
    seed: int = 7
    timings: Timings = field(default_factory=Timings)
