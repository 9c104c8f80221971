"""The settings of a simulated account. All durations are simulated seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Timings:
    """Durations of AWS's asynchronous steps. The defaults are typical for Fargate and an ALB."""

    scheduler: float = 1.0  # until the ECS scheduler sees a change
    provisioning: float = 8.0  # PROVISIONING: the network interface is attached
    pending: float = 12.0  # PENDING: images are pulled
    activating: float = 2.0  # ACTIVATING: targets are registered
    stopping: float = 3.0  # STOPPING: from SIGTERM until the process has ended
    deprovisioning: float = 6.0  # DEPROVISIONING: the network interface is deleted
    crash: float = 5.0  # the runtime of a container that crashes
    stabilise: float = 10.0  # until a running task without health checks is healthy
    load_balancer: float = 90.0  # a load balancer is `provisioning`
    health: float = 1.0  # factor on HealthyThresholdCount × HealthCheckIntervalSeconds
    drain: float = 1.0  # factor on deregistration_delay.timeout_seconds
    stopped_kept: float = 3600.0  # a STOPPED task is still described
    inactive_kept: float = 3600.0  # an INACTIVE service is still described
    group: float = 2.0  # until an Auto Scaling group sees a change
    group_deletion: float = 10.0  # an empty group is in "Delete in progress"
    instance_boot: float = 30.0  # Pending: an instance boots
    instance_stop: float = 20.0  # Terminating: an instance shuts down
    agent: float = 15.0  # until a booted instance registers with its cluster
    managed_scaling: float = 30.0  # until a capacity provider sees waiting tasks
    managed_scale_in: float = 900.0  # until a capacity provider removes spare instances
    scaling_period: float = 60.0  # between two evaluations of scaling policies


@dataclass(frozen=True)
class Settings:
    """One simulated account.

    With `settling` off, a new resource is usable at once. With `settling` on:

    - a role can be assumed `role_seconds` after its creation;
    - an instance profile is usable `profile_seconds` after its last change;
    - the service-linked role of ECS works `service_linked_role_seconds` after the account's first cluster;
    - a cluster is busy for `association_seconds` after each change of its capacity providers;
    - an update of a capacity provider, and the creation of one of managed instances, takes `provider_seconds`.

    `unnamed` is what UpdateService does to a health check grace period and a platform version that it does not name.
    AWS documents reset; clients that do not name them rely on keep.

    With `throttling` on, each call takes a token from AWS's token buckets. `lags` are the seconds after a write
    during which a repeated read is stale: `{"ecs:DescribeServices": 3}`, or `{"ecs:*": 3}` for all reads of ECS.

    `quotas` are quotas by name or code, in place of AWS's defaults.

    `policies` are policies of IAM by access key, or by the ARN of a role for its sessions. A caller with an entry may
    do only what its policies allow; every other caller may do everything.
    """

    account: str = "123456789012"
    region: str = "eu-central-1"
    speed: float = 1.0
    settling: bool = True
    role_seconds: float = 10.0
    service_linked_role_seconds: float = 15.0
    profile_seconds: float = 10.0
    association_seconds: float = 8.0
    provider_seconds: float = 12.0
    unnamed: Literal["keep", "reset"] = "keep"
    throttling: bool = False
    lags: Mapping[str, float] = field(default_factory=dict)
    policies: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    quotas: Mapping[str, int] = field(default_factory=dict)
    seed: int = 7
    timings: Timings = field(default_factory=Timings)
