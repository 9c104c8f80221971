"""The instances of Auto Scaling groups: describe, protect, terminate."""

from __future__ import annotations

from ecsim.account.errors import validation_error
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling import scaler
from ecsim.autoscaling.store import AutoScalingRegion, Instance


def show(instance: Instance) -> Body:
    """Return an instance as AWS returns it."""
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "AvailabilityZone": instance.zone,
        "AvailabilityZoneId": instance.zone_id,
        "LifecycleState": instance.state,
        "HealthStatus": "Healthy",
        "ImageId": instance.image,
        "ProtectedFromScaleIn": instance.protected,
        "LaunchTemplate": instance.template,
    }


def describe_auto_scaling_instances(call: Call) -> Body:
    """Describe the instances of all groups, or some by ID."""
    wanted = call.params.get("InstanceIds")
    shown = [
        {**show(instance), "AutoScalingGroupName": group.name, "HealthStatus": "HEALTHY"}
        for group in call.store(AutoScalingRegion).groups.values()
        for instance in group.instances
        if not wanted or instance.id in wanted
    ]
    return by_token("AutoScalingInstances", shown, call.params, 50, service="autoscaling")


def set_instance_protection(call: Call) -> Body:
    """Set or remove the scale-in protection of instances."""
    region = call.store(AutoScalingRegion)
    group = region.group(call.params["AutoScalingGroupName"])
    for identifier in call.params["InstanceIds"]:
        owner, instance = region.of_instance(identifier)
        if owner is not group:
            raise validation_error(f"Instance {identifier} is not part of Auto Scaling group {group.name}.")
        instance.protected = call.params["ProtectedFromScaleIn"]
    group.wake()
    return {}


def terminate_instance(call: Call) -> Body:
    """Terminate one instance, with or without a replacement."""
    region = call.store(AutoScalingRegion)
    group, instance = region.of_instance(call.params["InstanceId"])
    if call.params["ShouldDecrementDesiredCapacity"]:
        if group.desired <= group.body["MinSize"]:
            raise validation_error(
                f"Currently, desiredSize equals minSize ({group.desired}). Terminating instance without replacement"
                " will violate group's min size constraint."
            )
        group.body["DesiredCapacity"] = group.desired - 1
    scaler.retire(call.world, region, group, instance, "a user request")
    group.wake()
    return {"Activity": group.activities[0]} if group.activities else {}


def replace_terminated(call: Call, identifiers: list[str]) -> None:
    """Remove instances that were terminated through EC2, so that their groups replace them."""
    region = call.store(AutoScalingRegion)
    for identifier in identifiers:
        for group in list(region.groups.values()):
            for instance in [one for one in group.instances if one.id == identifier]:
                scaler.lose(call.world, region, group, instance)


OPERATIONS: dict[str, Handler] = {
    "DescribeAutoScalingInstances": describe_auto_scaling_instances,
    "SetInstanceProtection": set_instance_protection,
    "TerminateInstanceInAutoScalingGroup": terminate_instance,
}
