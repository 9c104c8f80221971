"""AWS's request rates for one account and Region: the token buckets, and the buckets of each operation.

A bucket holds `burst` tokens and receives `refill` tokens per second. Sources: "ECS" and "ELB" are the request
throttling pages of their API references, "EC2" that of its developer guide. "assumed": AWS publishes no rate.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What AWS allows to all clients of the account and Region together."""

    burst: float
    refill: float
    source: str


BUCKETS: dict[str, Rate] = {
    "ecs-service-read": Rate(burst=100, refill=20, source="ECS"),
    "ecs-service-modify": Rate(burst=50, refill=5, source="ECS"),
    "ecs-namespace-read": Rate(burst=10, refill=1, source="ECS"),
    "ecs-revision-read": Rate(burst=50, refill=20, source="ECS"),
    "ecs-definition-read": Rate(burst=50, refill=20, source="ECS"),
    "ecs-definition-modify": Rate(burst=20, refill=1, source="ECS"),
    "ecs-cluster-read": Rate(burst=50, refill=20, source="ECS"),
    "ecs-cluster-modify": Rate(burst=20, refill=1, source="ECS"),
    "ecs-provider-read": Rate(burst=50, refill=20, source="ECS"),
    "ecs-provider-modify": Rate(burst=10, refill=1, source="ECS"),
    "ecs-task-read": Rate(burst=100, refill=20, source="ECS"),
    "ecs-tag-read": Rate(burst=50, refill=20, source="ECS"),
    "ecs-tag-modify": Rate(burst=20, refill=10, source="ECS"),
    "elb-all": Rate(burst=40, refill=10, source="ELB: shared by every action of the account"),
    "elb-read": Rate(burst=40, refill=10, source="ELB"),
    "elb-modify": Rate(burst=20, refill=3, source="ELB"),
    "elb-targets": Rate(burst=20, refill=4, source="ELB"),
    "elb-balancer": Rate(burst=10, refill=0.2, source="ELB"),
    "ec2-read": Rate(burst=100, refill=20, source="EC2: each operation has its own, filtered or paged"),
    "ec2-modify": Rate(burst=50, refill=5, source="EC2: each operation has its own"),
    "application-autoscaling": Rate(
        burst=20, refill=9, source="assumed: DescribeScalingPolicies asks CloudWatch, which allows 9"
    ),
    "autoscaling": Rate(burst=20, refill=10, source="assumed: one bucket, unpublished"),
    "cloudwatch": Rate(burst=9, refill=9, source="CloudWatch quotas, DescribeAlarms"),
    "tagging": Rate(burst=15, refill=15, source="assumed"),
    "logs": Rate(burst=10, refill=5, source="assumed: each operation has its own"),
    "iam": Rate(burst=20, refill=10, source="assumed: one for all Regions"),
    "ecr": Rate(burst=20, refill=10, source="assumed"),
    "s3": Rate(burst=200, refill=200, source="S3, Performance: 3,500 writes and 5,500 reads a second for each prefix"),
    "sts": Rate(burst=600, refill=600, source="IAM and STS quotas: 600 requests a second"),
    "other": Rate(burst=20, refill=10, source="assumed: each service has its own"),
}

# Pattern of `service.Operation` -> its buckets; the first match decides. The part after a slash makes one bucket for
# each operation or service, at the rate before the slash.
OPERATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ecs.ListServicesByNamespace", ("ecs-namespace-read",)),
    ("ecs.*ServiceRevisions", ("ecs-revision-read",)),
    ("ecs.DescribeServiceDeployments", ("ecs-revision-read",)),
    ("ecs.ListServiceDeployments", ("ecs-revision-read",)),
    ("ecs.DescribeServices", ("ecs-service-read",)),
    ("ecs.ListServices", ("ecs-service-read",)),
    ("ecs.*Service", ("ecs-service-modify",)),
    ("ecs.*ServiceDeployment", ("ecs-service-modify",)),
    ("ecs.DescribeTaskDefinition", ("ecs-definition-read",)),
    ("ecs.ListTaskDefinition*", ("ecs-definition-read",)),
    ("ecs.*TaskDefinition*", ("ecs-definition-modify",)),
    ("ecs.DescribeCapacityProviders", ("ecs-provider-read",)),
    ("ecs.*CapacityProvider", ("ecs-provider-modify",)),
    ("ecs.DescribeClusters", ("ecs-cluster-read",)),
    ("ecs.ListClusters", ("ecs-cluster-read",)),
    ("ecs.*Cluster*", ("ecs-cluster-modify",)),
    ("ecs.*Tasks", ("ecs-task-read",)),
    ("ecs.*ContainerInstances", ("ecs-task-read",)),
    ("ecs.ListTagsForResource", ("ecs-tag-read",)),
    ("ecs.*agResource", ("ecs-tag-modify",)),
    ("elbv2.Describe*", ("elb-read", "elb-all")),
    ("elbv2.*egisterTargets", ("elb-targets", "elb-all")),
    ("elbv2.CreateLoadBalancer", ("elb-balancer", "elb-all")),
    ("elbv2.SetSubnets", ("elb-balancer", "elb-all")),
    ("elbv2.*", ("elb-modify", "elb-all")),
    ("ec2.Describe*", ("ec2-read/operation",)),
    ("ec2.Get*", ("ec2-read/operation",)),
    ("ec2.*", ("ec2-modify/operation",)),
    ("application-autoscaling.*", ("application-autoscaling",)),
    ("autoscaling.*", ("autoscaling",)),
    ("cloudwatch.*", ("cloudwatch",)),
    ("resourcegroupstaggingapi.*", ("tagging",)),
    ("logs.*", ("logs/operation",)),
    ("iam.*", ("iam",)),
    ("ecr.*", ("ecr",)),
    ("s3.*", ("s3",)),
    ("sts.*", ("sts",)),
    ("*", ("other/service",)),
)
