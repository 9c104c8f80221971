"""LaunchTemplate: the settings of new instances. A change creates a version, and moves the default version to it.

The live version is the default version. With `DefaultVersion: keep`, it is the newest version that equals the
declaration, and the default does not move. An update reuses a version that equals the declaration: it then only moves
the default. The output `latestVersion` is the newest version that equals the declaration, else AWS's latest. So a
version that a person adds does not reach a group that refers to this output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Ref, Replace, Tags, Text, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Drop, Immutable, Keyed, Refers, Rewrite, Sensitive, Unordered, Verbatim
from ecsync.core.trees import Body, Json, Path, at, locate, pattern, thaw
from ecsync.kinds._common import (
    batches,
    belongs,
    instant,
    medium,
    moment,
    name_characters,
    operations,
    pick,
    read_tags,
    tag_rows,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.ec2 import _constraints
from ecsync.kinds.ec2._tags import ec2_tagging, tag_specifications
from ecsync.kinds.ec2._user_data import decoded, encoded, plain

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = ec2_tagging()
_DATA = "LaunchTemplateData"


def _natural(body: Body) -> str | None:
    name = body.get("LaunchTemplateName")
    return name if isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    return {} if (name := _natural(body)) is None else {"name": name}


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="ec2.CreateLaunchTemplate",
    omit=("TagSpecifications", "DryRun", "ClientToken"),
    extra={"DefaultVersion": "string", "Tags": "ec2.CreateTags:Tags"},
    describe="ec2.DescribeLaunchTemplateVersions:LaunchTemplateVersions[]",
    optional=("LaunchTemplateName",),
)

_MODES = ("latest", "keep")
_VALID_UNTIL = (_DATA, "InstanceMarketOptions", "SpotOptions", "ValidUntil")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if body.get("DefaultVersion") not in (None, *_MODES):
        message = "DefaultVersion must be latest (the default follows the declaration) or keep (it stays)"
        yield ("DefaultVersion",), message
    until = at(body, _VALID_UNTIL)
    if isinstance(until, str) and moment(until) is None:
        yield _VALID_UNTIL, "ValidUntil must be a time like 2027-01-01T09:00:00Z; a time without a zone is UTC"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_STORED = "read back from AWS: EC2 stores the data unchanged and fills in no default; these lists are sets"
_PROFILE = "ec2.LaunchTemplateIamInstanceProfileSpecificationRequest: name or ARN of an instance profile"
_GROUP_IDS = "ec2.RequestLaunchTemplateData: the IDs of the security groups"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    name_characters("LaunchTemplateName", "ec2.CreateLaunchTemplate: LaunchTemplateName", "()./"),
    Drop(path="DefaultVersion", source="an addition of ecsync: it selects the version that is compared"),
    Drop(
        path="VersionDescription", source="ec2.CreateLaunchTemplateVersion: it belongs to a version and cannot change"
    ),
    Rewrite(
        path=f"{_DATA}.UserData",
        to=plain,
        source="ec2.RequestLaunchTemplateData: AWS accepts and returns user data as base64",
    ),
    Rewrite(
        path=".".join(_VALID_UNTIL),
        to=instant,
        source="EC2 returns the instant with milliseconds, not the declared text",
    ),
    Unordered(path=f"{_DATA}.SecurityGroupIds", source=_STORED),
    Unordered(path=f"{_DATA}.SecurityGroups", source=_STORED),
    Unordered(path=f"{_DATA}.NetworkInterfaces[].Groups", source=_STORED),
    Verbatim(path=f"{_DATA}.TagSpecifications[].Tags[]", source="ec2.Tag: an empty Value is a value"),
    Keyed(path=f"{_DATA}.TagSpecifications[].Tags", key=("Key",), value="Value", source=_STORED),
    Keyed(path=f"{_DATA}.TagSpecifications", key=("ResourceType",), source=_STORED),
    Keyed(path=f"{_DATA}.BlockDeviceMappings", key=("DeviceName",), source=_STORED),
    Immutable(path="LaunchTemplateName", source="ec2 has no call that renames a launch template"),
    Immutable(path="Operator", source="ec2.ModifyLaunchTemplate has no Operator"),
    Sensitive(
        path=f"{_DATA}.UserData", source="EC2 User Guide, user data: it is not encrypted; scripts hold credentials"
    ),
    Refers(path=f"{_DATA}.IamInstanceProfile.Name", kind="Role", source=_PROFILE),
    Refers(path=f"{_DATA}.IamInstanceProfile.Arn", kind="Role", output="instanceProfileArn", source=_PROFILE),
    Refers(path=f"{_DATA}.SecurityGroupIds[]", kind="SecurityGroup", source=_GROUP_IDS),
    Refers(path=f"{_DATA}.NetworkInterfaces[].Groups[]", kind="SecurityGroup", source=_GROUP_IDS),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_VALUES = 200  # EC2 API Reference, Filter: up to 200 values for each filter

# Members of the responses that the create input lacks (ec2.ResponseLaunchTemplateData, ec2.OperatorResponse).
_RESPONSE_ONLY = tuple(
    pattern(path)
    for path in (
        "Operator.Managed",
        "Operator.HiddenByDefault",
        f"{_DATA}.Operator.Managed",
        f"{_DATA}.Operator.HiddenByDefault",
        f"{_DATA}.MetadataOptions.State",
        f"{_DATA}.NetworkInterfaces[].Ipv6Addresses[].IsPrimaryIpv6",
    )
)


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    for batch in batches(wanted, _MAX_VALUES):
        names = [want.body["LaunchTemplateName"] for want in batch]
        templates = _templates(reader, "launch-template-name", names)
        found = {template["LaunchTemplateName"]: template for template in templates}
        for want in batch:
            template = found.get(want.body["LaunchTemplateName"])
            yield want.key, _present(reader, template, want.body) if template else Absent()


def _templates(reader: Reader, name: str, values: Sequence[str]) -> Iterator[Body]:
    filters = [{"Name": name, "Values": list(values)}]
    yield from reader.pages("ec2", "DescribeLaunchTemplates", "LaunchTemplates", Filters=filters)


def _present(reader: Reader, template: Body, desired: Body) -> Present:
    tags, mark, foreign = read_tags(template.get("Tags"))
    versions = _versions(reader, template, Versions=["$Default", "$Latest"])
    flagged = (number for number, version in versions.items() if version.get("DefaultVersion"))
    default = next(flagged, template["DefaultVersionNumber"])
    latest = max(versions, default=default)  # AWS's LatestVersionNumber may be that of a deleted version
    equal = _equal(versions, desired)
    if equal is None and _DATA in desired and len(versions) < latest:
        versions |= _versions(reader, template)
        equal = _equal(versions, desired)
    keeps = desired.get("DefaultVersion") == "keep"
    live = versions.get((equal or latest) if keeps else default, {})
    body = _without_response_members(
        {
            **pick(template, "LaunchTemplateName", "Operator"),
            _DATA: live.get(_DATA),
            "VersionDescription": live.get("VersionDescription"),
            "Tags": tags,
        }
    )
    outputs = {
        "id": template["LaunchTemplateId"],
        "name": template["LaunchTemplateName"],
        "latestVersion": str(equal or latest),
    }
    facts = {"default": default, "latest": latest, "equal": equal}
    return Present(body=without_nones(body), outputs=outputs, marks=mark, facts=facts, foreign=foreign)


def _versions(reader: Reader, template: Body, **selection: Json) -> dict[int, Body]:
    """Return the versions of a template by number; without a selection, all of them."""
    listed = reader.pages(
        "ec2",
        "DescribeLaunchTemplateVersions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template["LaunchTemplateId"],
        **selection,
    )
    return {
        version["VersionNumber"]: _without_response_members({**version, _DATA: _decoded(version.get(_DATA) or {})})
        for version in listed
    }


def _without_response_members(described: Body) -> dict[str, Json]:
    """Return a described template or version without the members that the create input lacks."""
    body: dict[str, Json] = thaw(described)
    for segments in _RESPONSE_ONLY:
        for container, key, _ in locate(body, segments):
            container.pop(key, None)
    return body


def _decoded(data: Body) -> Body:
    return {**data, "UserData": decoded(data["UserData"])} if data.get("UserData") else data


def _equal(versions: Mapping[int, Body], desired: Body) -> int | None:
    """Return the newest version that equals the declaration."""
    want = _canonical(desired)
    return next((number for number in sorted(versions, reverse=True) if _canonical(versions[number]) == want), None)


def _canonical(body: Body) -> Json:
    return normalise(pick(body, _DATA), RULES)


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for template in _templates(reader, f"tag:{marks.OWNER}", [f"v1/{scope}", f"v1/{scope}/*"]):
        present = _present(reader, template, {})
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=template["LaunchTemplateName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return (_create(desired.body, mark_tags),)
        case Update():
            return tuple(_update(change))
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"LaunchTemplateId": observed.outputs["id"]}
            return (Call(service="ec2", operation="DeleteLaunchTemplate", params=params),)


def _create(body: Body, mark_tags: Tags) -> Call:
    params = {
        **pick(body, "LaunchTemplateName", "VersionDescription", "Operator"),
        _DATA: _encoded(body[_DATA]),
        **tag_specifications("launch-template", body, mark_tags),
    }
    captures = {
        "id": ("LaunchTemplate", "LaunchTemplateId"),
        "name": ("LaunchTemplate", "LaunchTemplateName"),
        "latestVersion": ("LaunchTemplate", "LatestVersionNumber"),
    }
    return Call(service="ec2", operation="CreateLaunchTemplate", params=params, captures=captures)


def _update(change: Update) -> Iterator[Call]:
    """Create a version unless one equals the declaration, then move the default. The next read shows each call."""
    body, template = change.desired.body, {"LaunchTemplateId": change.observed.outputs["id"]}
    equal = change.observed.facts.get("equal")
    version: Json = str(equal)
    if equal is None:
        params = {**template, **pick(body, "VersionDescription"), _DATA: _encoded(member_to_send(change, _DATA, RULES))}
        captures = {"latestVersion": ("LaunchTemplateVersion", "VersionNumber")}
        yield Call(service="ec2", operation="CreateLaunchTemplateVersion", params=params, captures=captures)
        version = Text((Ref(change.desired.key, "latestVersion"),))
    if body.get("DefaultVersion") != "keep":
        yield Call(service="ec2", operation="ModifyLaunchTemplate", params={**template, "DefaultVersion": version})


def _encoded(data: Body) -> Json:
    """Return the data as it is sent. A time is sent in UTC: boto3 takes one without a zone for the machine's time."""
    sent: dict[str, Json] = thaw(data)
    if data.get("UserData"):
        sent["UserData"] = encoded(data["UserData"])
    for container, key, _ in locate(sent, _VALID_UNTIL[1:]):
        if key in container:
            container[key] = instant(container[key])
    return sent


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "AcceleratorCountRequest": "Max Min",
    "AcceleratorTotalMemoryMiBRequest": "Max Min",
    "BaselineEbsBandwidthMbpsRequest": "Max Min",
    "BaselinePerformanceFactorsRequest": "Cpu",
    "CapacityReservationTarget": "CapacityReservationId CapacityReservationResourceGroupArn",
    "ConnectionTrackingSpecificationRequest": "TcpEstablishedTimeout UdpStreamTimeout UdpTimeout",
    "CpuPerformanceFactorRequest": "References",
    "CreateLaunchTemplateRequest": (
        "DefaultVersion LaunchTemplateData LaunchTemplateName Operator Tags VersionDescription"
    ),
    "CreditSpecificationRequest": "CpuCredits",
    "ElasticGpuSpecification": "Type",
    "EnaSrdSpecificationRequest": "EnaSrdEnabled EnaSrdUdpSpecification",
    "EnaSrdUdpSpecificationRequest": "EnaSrdUdpEnabled",
    "InstanceIpv6AddressRequest": "Ipv6Address",
    "InstanceRequirementsRequest": (
        "AcceleratorCount AcceleratorManufacturers AcceleratorNames AcceleratorTotalMemoryMiB AcceleratorTypes "
        "AllowedInstanceTypes BareMetal BaselineEbsBandwidthMbps BaselinePerformanceFactors BurstablePerformance "
        "CpuManufacturers ExcludedInstanceTypes InstanceGenerations LocalStorage LocalStorageTypes "
        "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice MemoryGiBPerVCpu MemoryMiB NetworkBandwidthGbps "
        "NetworkInterfaceCount OnDemandMaxPricePercentageOverLowestPrice RequireEncryptionInTransit "
        "RequireHibernateSupport SpotMaxPricePercentageOverLowestPrice TotalLocalStorageGB VCpuCount"
    ),
    "Ipv4PrefixSpecificationRequest": "Ipv4Prefix",
    "Ipv6PrefixSpecificationRequest": "Ipv6Prefix",
    "LaunchTemplateBlockDeviceMappingRequest": "DeviceName Ebs NoDevice VirtualName",
    "LaunchTemplateCapacityReservationSpecificationRequest": "CapacityReservationPreference CapacityReservationTarget",
    "LaunchTemplateCpuOptionsRequest": "AmdSevSnp CoreCount NestedVirtualization ThreadsPerCore",
    "LaunchTemplateEbsBlockDeviceRequest": (
        "DeleteOnTermination EbsCardIndex Encrypted Iops KmsKeyId SnapshotId Throughput VolumeInitializationRate "
        "VolumeSize VolumeType"
    ),
    "LaunchTemplateElasticInferenceAccelerator": "Count Type",
    "LaunchTemplateEnclaveOptionsRequest": "Enabled",
    "LaunchTemplateHibernationOptionsRequest": "Configured",
    "LaunchTemplateIamInstanceProfileSpecificationRequest": "Arn Name",
    "LaunchTemplateInstanceMaintenanceOptionsRequest": "AutoRecovery",
    "LaunchTemplateInstanceMarketOptionsRequest": "MarketType SpotOptions",
    "LaunchTemplateInstanceMetadataOptionsRequest": (
        "HttpEndpoint HttpProtocolIpv6 HttpPutResponseHopLimit HttpTokens InstanceMetadataTags"
    ),
    "LaunchTemplateInstanceNetworkInterfaceSpecificationRequest": (
        "AssociateCarrierIpAddress AssociatePublicIpAddress ConnectionTrackingSpecification DeleteOnTermination "
        "Description DeviceIndex EnaQueueCount EnaSrdSpecification Groups InterfaceType Ipv4PrefixCount Ipv4Prefixes "
        "Ipv6AddressCount Ipv6Addresses Ipv6PrefixCount Ipv6Prefixes NetworkCardIndex NetworkInterfaceId PrimaryIpv6 "
        "PrivateIpAddress PrivateIpAddresses SecondaryPrivateIpAddressCount SubnetId"
    ),
    "LaunchTemplateInstanceSecondaryInterfaceSpecificationRequest": (
        "DeleteOnTermination DeviceIndex InterfaceType NetworkCardIndex PrivateIpAddressCount PrivateIpAddresses "
        "SecondarySubnetId"
    ),
    "LaunchTemplateLicenseConfigurationRequest": "LicenseConfigurationArn",
    "LaunchTemplateNetworkPerformanceOptionsRequest": "BandwidthWeighting",
    "LaunchTemplatePlacementRequest": (
        "Affinity AvailabilityZone AvailabilityZoneId GroupId GroupName HostId HostResourceGroupArn PartitionNumber "
        "SpreadDomain Tenancy"
    ),
    "LaunchTemplatePrivateDnsNameOptionsRequest": (
        "EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord HostnameType"
    ),
    "LaunchTemplateSpotMarketOptionsRequest": (
        "BlockDurationMinutes InstanceInterruptionBehavior MaxPrice SpotInstanceType ValidUntil"
    ),
    "LaunchTemplateTagSpecificationRequest": "ResourceType Tags",
    "LaunchTemplatesMonitoringRequest": "Enabled MetricCategoryIds",
    "MemoryGiBPerVCpuRequest": "Max Min",
    "MemoryMiBRequest": "Max Min",
    "NetworkBandwidthGbpsRequest": "Max Min",
    "NetworkInterfaceCountRequest": "Max Min",
    "OperatorRequest": "Principal",
    "PerformanceFactorReferenceRequest": "InstanceFamily",
    "PrivateIpAddressSpecification": "Primary PrivateIpAddress",
    "RequestLaunchTemplateData": (
        "BlockDeviceMappings CapacityReservationSpecification CpuOptions CreditSpecification DisableApiStop "
        "DisableApiTermination EbsOptimized ElasticGpuSpecifications ElasticInferenceAccelerators EnclaveOptions "
        "HibernationOptions IamInstanceProfile ImageId InstanceInitiatedShutdownBehavior InstanceMarketOptions "
        "InstanceRequirements InstanceType KernelId KeyName LicenseSpecifications MaintenanceOptions MetadataOptions "
        "Monitoring NetworkInterfaces NetworkPerformanceOptions Operator Placement PrivateDnsNameOptions RamDiskId "
        "SecondaryInterfaces SecurityGroupIds SecurityGroups TagSpecifications UserData"
    ),
    "SecondaryInterfacePrivateIpAddressSpecificationRequest": "PrivateIpAddress",
    "Tag": "Key Value",
    "TotalLocalStorageGBRequest": "Max Min",
    "VCpuCountRangeRequest": "Max Min",
}

KIND = Kind(
    name="LaunchTemplate",
    example="""
LaunchTemplate/main:
  LaunchTemplateName: shop
  LaunchTemplateData:
    ImageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
    InstanceType: t3.small
    UserData: |
      echo ECS_CLUSTER=${Cluster/main} >> /etc/ecs/ecs.config
""",
    natural=_natural,
    name_member="LaunchTemplateName",
    name_limit=128,
    primary="id",
    outputs=OUTPUTS["LaunchTemplate"],
    known=_known,
    invalidates={"replace": ("id", "name", "latestVersion")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    constraints=_constraints.LAUNCH_TEMPLATE,
    rules=RULES,
    read=_read,
    owned=_owned,
    collections=medium("ec2", "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"),
    reads=operations("ec2", "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"),
    calls=_calls,
    writes=operations("ec2", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate"),
    deletes=operations("ec2", "DeleteLaunchTemplate"),
    rights=(
        "ssm:GetParameters",  # an image id of the form resolve:ssm:
    ),
)
