"""Services on EC2 instances."""

from __future__ import annotations

from tests.importer.account_builder import AccountBuilder
from tests.importer.recipes.recipe import modify_target_group, recipe, set_target_capacity, update_service


@recipe(
    "bridge",
    "TargetGroup/bridge /UnhealthyThresholdCount",
    lambda aws: modify_target_group(aws, "bridge", UnhealthyThresholdCount=5),
)
def bridge(aws: AccountBuilder) -> None:
    balanced = aws.routed_target_group("bridge", TargetType="instance")
    aws.ec2_service("bridge", taskDefinition=aws.ec2_task("bridge"), loadBalancers=[balanced])


@recipe("spread", "Service/spread /placementStrategy", update_service("spread", placementStrategy=[{"type": "random"}]))
def spread(aws: AccountBuilder) -> None:
    zones = [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}]
    only = [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}, {"type": "distinctInstance"}]
    aws.ec2_service("spread", taskDefinition=aws.ec2_task("spread"), placementStrategy=zones, placementConstraints=only)


@recipe(
    "agent",
    "Service/agent /deploymentConfiguration/minimumHealthyPercent",
    update_service("agent", deploymentConfiguration={"minimumHealthyPercent": 50}),
)
def agent(aws: AccountBuilder) -> None:
    task = aws.ec2_task("agent", networkMode="host", container={"portMappings": []}, pidMode="host")
    aws.ec2_service("agent", taskDefinition=task, schedulingStrategy="DAEMON")


@recipe(
    "provided",
    "CapacityProvider/provided /autoScalingGroupProvider/managedScaling/targetCapacity",
    lambda aws: set_target_capacity(aws),
)
def provided(aws: AccountBuilder) -> None:
    aws.provider("provided")
    aws.ec2_service(
        "provided",
        taskDefinition=aws.ec2_task("provided"),
        capacityProviderStrategy=[{"capacityProvider": "provided", "weight": 1}],
    )
