"""The physical limit: the fewest read calls with which AWS can return a fleet for one check of drift.

The limit is for one account and Region. It assumes that each call is filled, that what AWS never changes is cached, and
that tags are read with the Resource Groups Tagging API. What AWS returns for one object per call only is not in it
(attributes, target health, tags of task definitions): such reads belong on a slower cadence, with a limit of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.load.buckets import buckets_of
from ecsync.aws.limits_table import BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many objects of each kind a fleet has in one account and Region."""

    services: int = 0
    clusters: int = 0
    scalable_targets: int = 0
    scaling_policies: int = 0
    target_groups: int = 0
    load_balancers: int = 0
    listeners: int = 0
    rules: int = 0
    log_groups: int = 0
    networks: int = 0
    security_groups: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One operation: the objects that it returns, and the most of them in one call by `source`."""

    operation: str
    of: tuple[str, ...]  # members of Counts
    size: int
    source: str
    cadence: str = "fast"


READS = (
    Read(operation="ecs.DescribeClusters", of=("clusters",), size=100, source="API page: up to 100 clusters"),
    Read(
        operation="ecs.ListServices",
        of=("services",),
        size=100,
        source="API page: maxResults, 1 to 100",
        cadence="slow",
    ),
    Read(operation="ecs.DescribeServices", of=("services",), size=10, source="API page: up to 10 services, with TAGS"),
    Read(
        operation="application-autoscaling.DescribeScalableTargets",
        of=("scalable_targets",),
        size=50,
        source="API page: MaxResults, 1 to 50",
    ),
    Read(
        operation="application-autoscaling.DescribeScalingPolicies",
        of=("scaling_policies",),
        size=10,
        source="API page: MaxResults, 1 to 10",
        cadence="medium",
    ),
    Read(
        operation="elbv2.DescribeLoadBalancers", of=("load_balancers",), size=400, source="botocore: PageSize, 1 to 400"
    ),
    Read(operation="elbv2.DescribeListeners", of=("listeners",), size=400, source="botocore: PageSize, 1 to 400"),
    Read(
        operation="elbv2.DescribeTargetGroups", of=("target_groups",), size=400, source="botocore: PageSize, 1 to 400"
    ),
    Read(
        operation="logs.DescribeLogGroups",
        of=("log_groups",),
        size=50,
        source="API page: limit, 1 to 50",
        cadence="medium",
    ),
    Read(
        operation="ec2.DescribeSecurityGroups",
        of=("security_groups",),
        size=1000,
        source="API page: MaxResults, 5 to 1000",
        cadence="medium",
    ),
    Read(
        operation="ec2.DescribeVpcs",
        of=("networks",),
        size=1000,
        source="API page: MaxResults, 5 to 1000",
        cadence="medium",
    ),
    # The subnets and route tables of one VPC fit into one page.
    Read(
        operation="ec2.DescribeSubnets",
        of=("networks",),
        size=1,
        source="API page: filter by one VPC",
        cadence="medium",
    ),
    Read(
        operation="ec2.DescribeRouteTables",
        of=("networks",),
        size=1,
        source="API page: filter by one VPC",
        cadence="medium",
    ),
    Read(
        operation="resourcegroupstaggingapi.GetResources",
        of=("scalable_targets", "target_groups", "load_balancers", "listeners", "rules", "log_groups"),
        size=100,
        source="API page: ResourcesPerPage, up to 100. The other describe calls of this table return tags",
        cadence="medium",
    ),
)
# What AWS returns for one object per call: read once in a slow cycle, evenly spread.
SLOW_READS = (
    Read(operation="elbv2.DescribeTargetGroupAttributes", of=("target_groups",), size=1, source="API page: one ARN"),
    Read(operation="elbv2.DescribeTargetHealth", of=("target_groups",), size=1, source="API page: one ARN"),
    Read(operation="elbv2.DescribeLoadBalancerAttributes", of=("load_balancers",), size=1, source="API page: one ARN"),
    Read(operation="elbv2.DescribeListenerAttributes", of=("listeners",), size=1, source="API page: one ARN"),
    Read(operation="ecs.DescribeTaskDefinition", of=("services",), size=1, source="API page: one definition"),
)
RULES = "elbv2.DescribeRules"  # takes one ListenerArn, or RuleArns without a documented maximum
RULES_SIZE = 400  # botocore: PageSize, 1 to 400


def limit(counts: Counts) -> Mapping[str, int]:
    """Return the fewest calls of each operation for one check of these objects."""
    calls = {read.operation: _batches(sum(getattr(counts, of) for of in read.of), read.size) for read in READS}
    rules_of_a_listener = _batches(counts.rules, max(1, counts.listeners))
    calls[RULES] = counts.listeners * _batches(rules_of_a_listener, RULES_SIZE)
    return {operation: number for operation, number in calls.items() if number}


def slow_limit(counts: Counts) -> Mapping[str, int]:
    """Return the fewest calls of each operation for one slow cycle, besides those of `limit`."""
    calls = {read.operation: _batches(sum(getattr(counts, of) for of in read.of), read.size) for read in SLOW_READS}
    return {operation: number for operation, number in calls.items() if number}


def cadences(interval: float) -> Mapping[str, float]:
    """Return the seconds between two reads of each cadence, for applications of an interval (docs/architecture.md)."""
    medium, slow = min(max(120.0, 4 * interval), 300.0), min(max(900.0, 30 * interval), 1800.0)
    return {"fast": interval, "medium": max(interval, medium), "slow": max(interval, slow)}


def mean_limit(counts: Counts, interval: float) -> Mapping[str, float]:
    """Return the fewest calls of each operation for a round, with each read at its cadence: a mean over many rounds."""
    age = cadences(interval)
    of = {read.operation: read.cadence for read in READS}
    calls = {name: many * interval / age[of.get(name, "fast")] for name, many in limit(counts).items()}
    return {**calls, **{name: many * interval / age["slow"] for name, many in slow_limit(counts).items()}}


def seconds(calls: Mapping[str, float], share: float) -> float:
    """Return the least time for these calls in one site, from full buckets at our share of AWS's rates.

    Buckets run in parallel. The slowest one decides.
    """
    used: dict[str, float] = {}
    for operation, number in calls.items():
        for bucket in buckets_of(operation):
            used[bucket] = used.get(bucket, 0) + number
    return max((_drained(bucket, number, share) for bucket, number in used.items()), default=0.0)


def _drained(bucket: str, calls: float, share: float) -> float:
    rate = BUCKETS[bucket.partition("/")[0]]
    return max(0.0, (calls - rate.burst * share) / (rate.refill * share))


def _batches(many: int, size: int) -> int:
    return -(-many // size)
