"""From a name or ARN in a live body to the resource that it names."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync import kinds
from ecsync.importer.references import ATTRIBUTES, read_body, referenced

_ELB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"


@pytest.mark.parametrize(
    ("kind", "value", "body"),
    [
        ("Role", "arn:aws:iam::123456789012:role/team/web", {"RoleName": "web"}),
        ("Role", "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", None),
        ("LogGroup", "/ecs/web", {"logGroupName": "/ecs/web"}),
        ("Network", "vpc-1", {"id": "vpc-1"}),
        ("Network", "subnet-1", None),
        ("CapacityProvider", "arn:aws:ecs:eu-west-1:123456789012:capacity-provider/spot", {"name": "spot"}),
        ("CapacityProvider", "FARGATE_SPOT", None),
        ("AutoScalingGroup", "arn:aws:autoscaling:r:1:autoScalingGroup:id:autoScalingGroupName/web",
         {"AutoScalingGroupName": "web"}),
        ("TargetGroup", f"{_ELB}:targetgroup/web/0123", {"Name": "web", **ATTRIBUTES}),
        ("TargetGroup", f"{_ELB}:loadbalancer/app/web/0123", None),
        ("LoadBalancer", f"{_ELB}:loadbalancer/app/web/0123", {"Name": "web", **ATTRIBUTES}),
        ("SecurityGroup", "sg-1", None),
    ],
)  # fmt: skip
def test_a_reference_names_the_body_to_read(kind: str, value: str, body: dict[str, Any] | None) -> None:
    """None for a resource that never becomes a document: it stays a literal."""
    assert read_body(kinds.BY_NAME[kind], value) == body


def test_a_body_names_each_resource_that_it_refers_to() -> None:
    """A security group has no body to read: it stays an id."""
    service = {
        "role": "web",
        "networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["sg-1"]}},
        "loadBalancers": [{"targetGroupArn": f"{_ELB}:targetgroup/web/0123"}],
    }
    found = list(referenced(kinds.BY_NAME, kinds.BY_NAME["Service"], service))
    assert found == [("Role", {"RoleName": "web"}), ("TargetGroup", {"Name": "web", **ATTRIBUTES})]
