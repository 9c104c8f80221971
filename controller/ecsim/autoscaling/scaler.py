"""The instances of an Auto Scaling group: launched and terminated until their number is the desired capacity.

`wake` schedules `reconcile`, which is level-triggered: it decides from the present state.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import Any

from ecsim.account.world import Body, World
from ecsim.autoscaling import group_settings
from ecsim.autoscaling.listeners import InstanceListeners
from ecsim.autoscaling.store import AutoScalingRegion, Group, Instance
from ecsim.ec2 import launch_templates
from ecsim.moto import iam, seams
from ecsim.moto.answers import Answers

RETRY = 60.0  # seconds until a failed launch is retried


def wake(world: World, region: AutoScalingRegion, group: Group, seconds: float | None = None) -> None:
    """Schedule a reconcile of a group, unless one is scheduled."""
    if not group.awake:
        group.awake = True
        wait = world.settings.timings.group if seconds is None else seconds
        world.after(wait, partial(reconcile, world, region, group))


def reconcile(world: World, region: AutoScalingRegion, group: Group) -> None:
    """Launch or terminate the instances that a group lacks or has too many."""
    group.awake = False
    if region.groups.get(group.name) is not group:
        return
    if group.deleting:
        _delete(world, region, group)
        return
    staying = group.staying
    if len(staying) < group.desired and "Launch" not in group.suspended:
        for _ in range(group.desired - len(staying)):
            if not _launch(world, region, group):
                wake(world, region, group, RETRY)
                return
    elif len(staying) > group.desired and "Terminate" not in group.suspended:
        for instance in _victims(group, len(staying) - group.desired):
            retire(world, region, group, instance, "an instance was taken out of service in response to a difference")


def _delete(world: World, region: AutoScalingRegion, group: Group) -> None:
    for instance in group.staying:
        _terminate(world, region, group, instance, "the group is being deleted")
    if group.instances:
        return

    def removed() -> None:
        region.groups.pop(group.name, None)

    world.after(world.settings.timings.group_deletion, removed)


def _victims(group: Group, count: int) -> list[Instance]:
    """Return the instances to terminate: unprotected, first of the largest zone, the oldest template, the oldest."""
    left = [instance for instance in group.staying if not instance.protected]
    chosen: list[Instance] = []
    while left and len(chosen) < count:
        zones = [instance.zone for instance in group.staying if instance not in chosen]
        victim = min(left, key=lambda i: (-zones.count(i.zone), int(i.template.get("Version", 0)), i.launched_at, i.id))
        left.remove(victim)
        chosen.append(victim)
    return chosen


def specification(group: Group) -> Body:
    """Return the launch template specification of a group."""
    mixed = group.body.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    found: Body = group.body.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    return found


def _launch(world: World, region: AutoScalingRegion, group: Group) -> bool:
    wanted = specification(group)
    template = launch_templates.find(world, region.region, wanted)
    version = launch_templates.resolve(template, wanted.get("Version")) if template else None
    if template is None or version is None:
        _note(world, group, "Launching a new EC2 instance", "Failed", "The launch template does not exist.")
        return False
    data = version["LaunchTemplateData"]
    profile = data.get("IamInstanceProfile", {})
    reference = profile.get("Arn") or profile.get("Name")
    if reference and not iam.profile_usable(world, reference):
        message = f"Value ({reference}) is invalid. Invalid IAM Instance Profile. Launching EC2 instance failed."
        _note(world, group, "Launching a new EC2 instance", "Failed", message)
        return False
    subnet = _subnet(region, group)
    groups = [g for g in group_settings.security_groups(data) if seams.security_group(region.account, region.region, g)]
    kind = _type(group, data)
    found = seams.run_instance(
        region.account, region.region, image=_image(data["ImageId"]), tags=_tags(group, data, template, version),
        instance_type=kind, subnet_id=subnet.id, security_group_ids=groups, associate_public_ip=False,
    )  # fmt: skip
    world.state(Answers).forget("ec2")
    instance = Instance(
        id=str(found.id),
        type=kind,
        image=_image(data["ImageId"]),
        subnet=str(subnet.id),
        zone=str(subnet.availability_zone),
        zone_id=str(subnet._availability_zone.zone_id),
        template={
            "LaunchTemplateId": template["LaunchTemplateId"],
            "LaunchTemplateName": template["LaunchTemplateName"],
            "Version": str(version["VersionNumber"]),
        },
        launched_at=world.now,
        user_data=data.get("UserData", ""),
        profile=reference,
        security_groups=groups,
        protected=group.body["NewInstancesProtectedFromScaleIn"],
    )
    group.instances.append(instance)
    _note(world, group, f"Launching a new EC2 instance: {instance.id}", "Successful", "")
    world.after(world.settings.timings.instance_boot, partial(_booted, world, region, group, instance))
    return True


def _subnet(region: AutoScalingRegion, group: Group) -> Any:
    """Return the subnet with the fewest instances of the group."""
    identifiers = sorted(group.body["VPCZoneIdentifier"].split(",")) if group.body["VPCZoneIdentifier"] else []
    known = [seams.subnet(region.account, region.region, identifier) for identifier in identifiers]
    if not identifiers:
        known = seams.default_subnets(region.account, region.region, group.body["AvailabilityZones"])
    used = [instance.subnet for instance in group.staying]
    return min((subnet for subnet in known if subnet), key=lambda subnet: used.count(subnet.id))


def _type(group: Group, data: Body) -> str:
    overrides = group.body.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", [])
    named = [one["InstanceType"] for one in overrides if one.get("InstanceType")]
    return str(named[0] if named else data.get("InstanceType", "m5.large"))


def _image(reference: str) -> str:
    """Return the ID of an image; a `resolve:ssm:` reference always resolves to the same made-up ID."""
    return f"ami-{zlib.crc32(reference.encode()):017x}" if reference.startswith("resolve:ssm:") else reference


def _tags(group: Group, data: Body, template: Body, version: Body) -> dict[str, str]:
    tags = {
        tag["Key"]: tag.get("Value", "")
        for specified in data.get("TagSpecifications", [])
        if specified.get("ResourceType") == "instance"
        for tag in specified.get("Tags", [])
    }
    tags.update({key: value for key, (value, propagated) in group.tags.items() if propagated})
    return {
        **tags,
        "aws:autoscaling:groupName": group.name,
        "aws:ec2launchtemplate:id": template["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": str(version["VersionNumber"]),
    }


def _note(world: World, group: Group, description: str, status: str, message: str) -> None:
    activity: Body = {
        "ActivityId": world.uuid(),
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "Description": description,
        "Cause": f"At {world.iso} {description}.",
        "StartTime": world.iso,
        "EndTime": world.iso,
        "StatusCode": status,
        "Progress": 100,
        "Details": "{}",
    }
    if message:
        activity["StatusMessage"] = message
    group.activities.insert(0, activity)
    del group.activities[100:]


def _booted(world: World, region: AutoScalingRegion, group: Group, instance: Instance) -> None:
    if instance.state != "Pending":
        return
    instance.state = "InService"
    for listener in world.state(InstanceListeners).listeners:
        listener.booted(region.region, group, instance)
    wake(world, region, group)


def retire(world: World, region: AutoScalingRegion, group: Group, instance: Instance, cause: str) -> None:
    """Terminate an instance. If a listener drains it, the termination starts after the drain."""
    if instance.leaving:
        return
    listeners = world.state(InstanceListeners).listeners if instance.state == "InService" else []
    if any(listener.drain(region.region, group, instance) for listener in listeners):
        instance.state = "Terminating:Wait"
        instance.drained = partial(_terminate, world, region, group, instance, cause)
    else:
        _terminate(world, region, group, instance, cause)


def _terminate(world: World, region: AutoScalingRegion, group: Group, instance: Instance, cause: str) -> None:
    if instance.state == "Terminating":
        return
    instance.state = "Terminating"
    instance.drained = lambda: None
    _note(world, group, f"Terminating EC2 instance: {instance.id}", "Successful", cause)

    def removed() -> None:
        lose(world, region, group, instance)

    world.after(world.settings.timings.instance_stop, removed)


def lose(world: World, region: AutoScalingRegion, group: Group, instance: Instance) -> None:
    """Remove a terminated instance from its group."""
    if instance not in group.instances:
        return
    group.instances.remove(instance)
    seams.terminate_instance(region.account, region.region, instance.id)
    world.state(Answers).forget("ec2")
    for listener in world.state(InstanceListeners).listeners:
        listener.ended(region.region, instance)
    wake(world, region, group)
