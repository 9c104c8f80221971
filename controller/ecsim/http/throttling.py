"""Request throttling as AWS documents it: one token bucket per family of operations and Region."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Service, pattern of the operation, bucket size, refill rate in tokens per second. The first match applies.
# Amazon ECS and Elastic Load Balancing API references, "Request throttling". The rates of both Auto Scaling
# services are not published; 9 per second is CloudWatch's rate for their alarms.
FAMILIES: tuple[tuple[str, str, float, float], ...] = (
    ("ecs", "ListServicesByNamespace", 10, 1),
    ("ecs", "Describe(ServiceRevisions|ServiceDeployments)|ListServiceDeployments", 50, 20),
    ("ecs", "(Describe|List)Services", 100, 20),
    ("ecs", "(Create|Update|Delete)Service|StopServiceDeployment", 50, 5),
    ("ecs", "(Describe|List)TaskDefinition.*", 50, 20),
    ("ecs", "(Register|Deregister|Delete)TaskDefinition.*", 20, 1),
    ("ecs", "(Describe|List)CapacityProviders", 50, 20),
    ("ecs", "(Create|Update|Delete)CapacityProvider", 10, 1),
    ("ecs", "(Describe|List)Clusters", 50, 20),
    ("ecs", "(Create|Update|Delete|Put)Cluster.*", 20, 1),
    ("ecs", "ListTagsForResource", 50, 20),
    ("ecs", "(Tag|Untag)Resource", 20, 10),
    ("ecs", "(Describe|List)(Tasks|ContainerInstances)", 100, 20),
    ("elbv2", "Describe.*", 40, 10),
    ("elbv2", "(Register|Deregister)Targets", 20, 4),
    ("elbv2", "CreateLoadBalancer|SetSubnets", 10, 0.2),
    ("elbv2", ".*", 20, 3),
    ("application-autoscaling", ".*", 30, 9),
    ("autoscaling", ".*", 30, 9),
)


@dataclass
class Buckets:
    """The remaining tokens by Region and family."""

    left: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)  # tokens, and the time of that count

    def take(self, region: str, service: str, operation: str, now: float) -> bool:
        """Take a token for one call; False if the bucket is empty."""
        for index, (owner, pattern, burst, refill) in enumerate(FAMILIES):
            if owner != service or not re.fullmatch(pattern, operation):
                continue
            tokens, since = self.left.get((region, index), (burst, now))
            tokens = min(burst, tokens + (now - since) * refill)
            granted = tokens >= 1
            self.left[region, index] = (tokens - granted, now)
            return granted
        return True
