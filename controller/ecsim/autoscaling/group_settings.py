"""The settings of an Auto Scaling group: AWS's defaults, and the checks of a request."""

from __future__ import annotations

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.order import shuffled
from ecsim.account.world import Body, Call
from ecsim.autoscaling import traffic_sources
from ecsim.ec2 import launch_templates
from ecsim.moto import iam, seams

SERVICE_LINKED_ROLE = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
DEFAULTS: Body = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "NewInstancesProtectedFromScaleIn": False,
    "LoadBalancerNames": [],
    "TargetGroupARNs": [],
    "TrafficSources": [],
    "TerminationPolicies": ["Default"],
    "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-best-effort"},
    "CapacityReservationSpecification": {"CapacityReservationPreference": "default"},
    "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
    "DeletionProtection": "none",
}
DISTRIBUTION: Body = {
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": 100,
    "SpotAllocationStrategy": "lowest-price",
}
POOLS = 2  # only with the strategy lowest-price; AWS omits it with any other
SOURCES = ("TargetGroupARNs", "LoadBalancerNames", "TrafficSources")
# Members of a request that are not part of a group's body, or that the functions below set.
SEPARATE = (
    "Tags", "AutoScalingGroupName", "InstanceId", "LifecycleHookSpecificationList", "SkipZonalShiftValidation",
    "LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier", "AvailabilityZones", "AvailabilityZoneIds",
    *SOURCES,
)  # fmt: skip
LAUNCHES = ("LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName", "InstanceId")
ONE_TEMPLATE = "Valid requests must contain either launchTemplateId or LaunchTemplateName"
SENTINELS = {"DefaultInstanceWarmup": -1, "MaxInstanceLifetime": 0, "PlacementGroup": ""}  # values that unset a member


def declared(call: Call) -> Body:
    """Return the body of a new group."""
    params = call.params
    body: Body = {
        **DEFAULTS,
        "ServiceLinkedRoleARN": f"arn:aws:iam::{call.account}:{SERVICE_LINKED_ROLE}",
        "DesiredCapacity": params.get("DesiredCapacity", params["MinSize"]),
        **{member: value for member, value in params.items() if member not in SEPARATE},
    }
    if sum(bool(params.get(member)) for member in LAUNCHES) != 1 or params.get("InstanceId"):
        raise validation_error(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or"
            " MixedInstancesPolicy parameter."
        )
    if not params.get("VPCZoneIdentifier") and not params.get("AvailabilityZones"):
        raise validation_error("At least one Availability Zone or VPC Subnet is required.")
    for member in SOURCES:
        traffic_sources.put(call, body, member, params.get(member, []))
    return _finished(call, body)


def updated(call: Call, body: Body) -> Body:
    """Return a group's body after an update. A desired capacity that is not in the request follows the new bounds."""
    params = call.params
    changed = {**body, **{member: value for member, value in params.items() if member not in SEPARATE}}
    if params.get("LaunchTemplate"):
        changed.pop("MixedInstancesPolicy", None)
        changed.pop("LaunchConfigurationName", None)
    if params.get("MixedInstancesPolicy") or params.get("LaunchConfigurationName"):
        changed.pop("LaunchTemplate", None)
    if "DesiredCapacity" not in params:
        changed["DesiredCapacity"] = max(changed["MinSize"], min(changed["DesiredCapacity"], changed["MaxSize"]))
    return _finished(call, changed)


def _finished(call: Call, body: Body) -> Body:
    least, most, desired = body["MinSize"], body["MaxSize"], body["DesiredCapacity"]
    if least > most:
        raise validation_error(f"Min bound, {least}, must be less than or equal to max bound, {most}")
    if not least <= desired <= most:
        raise validation_error(
            f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}"
        )
    for member, unset in SENTINELS.items():
        if body.get(member) == unset:
            del body[member]
    if body.get("InstanceMaintenancePolicy", {}).get("MinHealthyPercentage") == -1:
        del body["InstanceMaintenancePolicy"]
    if call.params.get("LaunchTemplate"):
        body["LaunchTemplate"] = _template(call, call.params["LaunchTemplate"])
    if call.params.get("MixedInstancesPolicy"):
        body["MixedInstancesPolicy"] = _mixed(call, call.params["MixedInstancesPolicy"], body)
    if call.params.get("VPCZoneIdentifier") or call.params.get("AvailabilityZones"):
        body.update(_zones(call))
    return body


def _template(call: Call, specification: Body) -> Body:
    """Return a specification as AWS returns it: ID, name, and the version of the request."""
    if bool(specification.get("LaunchTemplateId")) == bool(specification.get("LaunchTemplateName")):
        raise validation_error(ONE_TEMPLATE)
    found = launch_templates.find(call.world, call.region, specification)
    if found is None:
        wanted = specification.get("LaunchTemplateId") or specification.get("LaunchTemplateName")
        by = "ID" if specification.get("LaunchTemplateId") else "name"
        raise validation_error(
            "You must use a valid fully-formed launch template. The specified launch template, with template"
            f" {by} {wanted}, does not exist."
        )
    version = launch_templates.resolve(found, specification.get("Version"))
    if version is None:
        raise validation_error(
            "You must use a valid fully-formed launch template. Could not find the specified version"
            f" {specification['Version']} for the launch template with ID {found['LaunchTemplateId']}."
        )
    _check_data(call, version["LaunchTemplateData"])
    return {
        "LaunchTemplateId": found["LaunchTemplateId"],
        "LaunchTemplateName": found["LaunchTemplateName"],
        "Version": specification.get("Version", "$Default"),
    }


def _check_data(call: Call, data: Body) -> None:
    """Check the data of a template. AWS does this with a dry run of RunInstances."""
    account = call.account
    if not data.get("ImageId"):
        raise validation_error(
            "You must use a valid fully-formed launch template. The request must contain the parameter ImageId"
        )
    if data.get("NetworkInterfaces") and (data.get("SecurityGroupIds") or data.get("SecurityGroups")):
        raise AwsError(
            "InvalidQueryParameter",
            "Invalid launch template: When a network interface is provided, the security groups must be a part of it.",
        )
    for group in security_groups(data):
        if seams.security_group(account, call.region, group) is None:
            raise validation_error(
                f"You must use a valid fully-formed launch template. The security group '{group}' does not exist"
            )
    profile = data.get("IamInstanceProfile", {})
    reference = profile.get("Arn") or profile.get("Name")
    if reference and not iam.profile_usable(call.world, reference):
        member, label = ("arn", "ARN") if profile.get("Arn") else ("name", "name")
        raise validation_error(
            f"You must use a valid fully-formed launch template. Value ({reference}) for parameter"
            f" iamInstanceProfile.{member} is invalid. Invalid IAM Instance Profile {label}"
        )


def security_groups(data: Body) -> list[str]:
    """Return the IDs of the security groups of a template's instances."""
    interfaces = [group for one in data.get("NetworkInterfaces", []) for group in one.get("Groups", [])]
    return [*data.get("SecurityGroupIds", []), *interfaces]


def _mixed(call: Call, given: Body, before: Body) -> Body:
    """Return a mixed instances policy after an update; omitted members are kept."""
    kept = before.get("MixedInstancesPolicy", {})
    template = {**kept.get("LaunchTemplate", {}), **_launched(call, given.get("LaunchTemplate", {}))}
    overrides = template.get("Overrides", [])
    if not template.get("LaunchTemplateSpecification"):
        raise validation_error(ONE_TEMPLATE)
    by_attributes = any(one.get("InstanceRequirements") for one in overrides)
    by_price = {"OnDemandAllocationStrategy": "lowest-price"} if by_attributes else {}
    distribution = {**kept.get("InstancesDistribution", {}), **given.get("InstancesDistribution", {})}
    return {
        "LaunchTemplate": {**template, "Overrides": overrides},
        "InstancesDistribution": _distribution({**DISTRIBUTION, **by_price, **distribution}),
    }


def _launched(call: Call, given: Body) -> Body:
    """Return the template and the overrides of a request as AWS returns them."""
    completed = dict(given)
    if given.get("LaunchTemplateSpecification"):
        completed["LaunchTemplateSpecification"] = _template(call, given["LaunchTemplateSpecification"])
    if "Overrides" in given:
        completed["Overrides"] = [
            {**one, "LaunchTemplateSpecification": _template(call, one["LaunchTemplateSpecification"])}
            if one.get("LaunchTemplateSpecification")
            else one
            for one in given["Overrides"]
        ]
    return completed


def _distribution(merged: Body) -> Body:
    """Return a distribution as AWS returns it; an empty price or list unsets the member."""
    shown = {member: value for member, value in merged.items() if value not in ("", [])}
    if shown["SpotAllocationStrategy"] == "lowest-price":
        return {"SpotInstancePools": POOLS, **shown}
    shown.pop("SpotInstancePools", None)
    return shown


def _zones(call: Call) -> Body:
    account, params = call.account, call.params
    wanted = [text.strip() for text in params.get("VPCZoneIdentifier", "").split(",") if text.strip()]
    if not wanted:
        return {"AvailabilityZones": sorted(params["AvailabilityZones"]), "VPCZoneIdentifier": ""}
    subnets = {identifier: seams.subnet(account, call.region, identifier) for identifier in wanted}
    missing = [identifier for identifier, subnet in subnets.items() if subnet is None]
    if missing:
        raise validation_error(f"The subnet ID '{missing[0]}' does not exist")
    found = [subnet for subnet in subnets.values() if subnet is not None]
    if len({subnet.vpc_id for subnet in found}) > 1:
        raise validation_error("The subnets must belong to the same VPC.")
    zones = {
        "AvailabilityZones": sorted({str(subnet.availability_zone) for subnet in found}),
        "AvailabilityZoneIds": sorted({str(subnet._availability_zone.zone_id) for subnet in found}),
    }
    if any(params.get(member) and sorted(params[member]) != names for member, names in zones.items()):
        raise validation_error(
            "The availability zones of the specified subnets and the Auto Scaling group do not match"
        )
    return {"VPCZoneIdentifier": ",".join(shuffled(subnets)), **zones}


def check_delete(body: Body, *, force: bool) -> None:
    """Refuse to delete a group with deletion protection."""
    protection = body["DeletionProtection"]
    if protection == "prevent-all-deletion" or (force and protection == "prevent-force-deletion"):
        raise AwsError(
            "ValidationError",
            f"The Auto Scaling group cannot be deleted because its deletion protection is set to {protection}.",
        )
