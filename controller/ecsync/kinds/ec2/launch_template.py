"""LaunchTemplate: what instances are made from. A change is a new version; the default follows unless told to stay.

Live is the default version (`DefaultVersion: keep`: the newest version that is as declared). A version that is as
declared already is used again: an update then only moves the default. The output `latestVersion` is the newest
version that is as declared, else AWS's latest: a version that somebody adds by hand does not reach a group that
refers to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Ref, Replace, Text, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Drop, Immutable, Keyed, Refers, Rewrite, Sensitive, Unordered, Verbatim
from ecsync.core.trees import Body, Json, Path, locate, pattern, thaw
from ecsync.kinds._common import batches, belongs, operations, pick, read_tags, tag_rows, without_nones
from ecsync.kinds._partial_updates import said
from ecsync.kinds.ec2._tags import ec2_tagging, tag_specifications
from ecsync.kinds.ec2._user_data import decoded, encoded, plain

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = ec2_tagging()
_DATA = "LaunchTemplateData"
_VALUES_OF_A_FILTER = 200
_MODES = ("latest", "keep")

# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if body.get("DefaultVersion") not in (None, *_MODES):
        yield ("DefaultVersion",), "DefaultVersion is latest (it follows what is declared) or keep (it is left alone)"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_STORED = "normalization.md §5 LT data: stored verbatim, lists of tags and groups are sets"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    Drop(path="DefaultVersion", source="manifests.md, additions: which version is compared, not a member of one"),
    Drop(path="VersionDescription", source="ec2.CreateLaunchTemplate: it goes with a version, and never changes"),
    Rewrite(path=f"{_DATA}.UserData", to=plain, source="core-rules.md 2: canonical form is the decoded text"),
    Unordered(path=f"{_DATA}.SecurityGroupIds", source=_STORED),
    Unordered(path=f"{_DATA}.SecurityGroups", source=_STORED),
    Unordered(path=f"{_DATA}.NetworkInterfaces[].Groups", source=_STORED),
    Verbatim(path=f"{_DATA}.TagSpecifications[].Tags[]", source="normalization.md §0.2"),
    Keyed(path=f"{_DATA}.TagSpecifications[].Tags", key=("Key",), value="Value", source=_STORED),
    Keyed(path=f"{_DATA}.TagSpecifications", key=("ResourceType",), source=_STORED),
    Keyed(path=f"{_DATA}.BlockDeviceMappings", key=("DeviceName",), source=_STORED),
    Immutable(path="LaunchTemplateName", source="ec2 has no rename"),
    Immutable(path="Operator", source="ec2.ModifyLaunchTemplate has no Operator"),
    Sensitive(
        path=f"{_DATA}.UserData", source="core-rules.md 21: scripts hold credentials more often than they should"
    ),
    Refers(path=f"{_DATA}.IamInstanceProfile.Name", kind="Role", source="manifests.md, References"),
    Refers(path=f"{_DATA}.IamInstanceProfile.Arn", kind="Role", output="instanceProfileArn", source="core-rules.md 4"),
    Refers(path=f"{_DATA}.SecurityGroupIds[]", kind="SecurityGroup", source="core-rules.md 4"),
    Refers(path=f"{_DATA}.NetworkInterfaces[].Groups[]", kind="SecurityGroup", source="core-rules.md 4"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

# What a describe tells beyond what a create takes (ec2.ResponseLaunchTemplateData, ec2.OperatorResponse).
_TOLD_ONLY = tuple(
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
    for batch in batches(wanted, _VALUES_OF_A_FILTER):
        names = [want.body["LaunchTemplateName"] for want in batch]
        found = {one["LaunchTemplateName"]: one for one in _templates(reader, "launch-template-name", names)}
        for want in batch:
            template = found.get(want.body["LaunchTemplateName"])
            yield want.key, _present(reader, template, want.body) if template else Absent()


def _templates(reader: Reader, name: str, values: Sequence[str]) -> Iterator[Body]:
    filters = [{"Name": name, "Values": list(values)}]
    yield from reader.pages("ec2", "DescribeLaunchTemplates", "LaunchTemplates", Filters=filters)


def _present(reader: Reader, template: Body, desired: Body) -> Present:
    tags, ours, foreign = read_tags(template.get("Tags"))
    versions = _versions(reader, template, Versions=["$Default", "$Latest"])
    default = next((one for one in versions if versions[one].get("DefaultVersion")), template["DefaultVersionNumber"])
    latest = max(versions, default=default)  # AWS's own count may speak of a version that was deleted
    equal = _equal(versions, desired)
    if equal is None and _DATA in desired and len(versions) < latest:
        versions |= _versions(reader, template)
        equal = _equal(versions, desired)
    keeps = desired.get("DefaultVersion") == "keep"
    live = versions.get((equal or latest) if keeps else default, {})
    body = _asked_for(
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
    return Present(body=without_nones(body), outputs=outputs, marks=ours, facts=facts, foreign=foreign)


def _versions(reader: Reader, template: Body, **which: Json) -> dict[int, Body]:
    listed = reader.pages(
        "ec2",
        "DescribeLaunchTemplateVersions",
        "LaunchTemplateVersions",
        LaunchTemplateId=template["LaunchTemplateId"],
        **which,
    )
    return {one["VersionNumber"]: _asked_for({**one, _DATA: _with_text(one.get(_DATA) or {})}) for one in listed}


def _asked_for(described: Body) -> dict[str, Json]:
    """Return what a describe printed without what only AWS can say."""
    body: dict[str, Json] = thaw(described)
    for segments in _TOLD_ONLY:
        for container, key, _ in locate(body, segments):
            container.pop(key, None)
    return body


def _with_text(data: Body) -> Body:
    return {**data, "UserData": decoded(data["UserData"])} if data.get("UserData") else data


def _equal(versions: Mapping[int, Body], desired: Body) -> int | None:
    """Return the newest version that is as declared."""
    want = _meaning(desired)
    return next((number for number in sorted(versions, reverse=True) if _meaning(versions[number]) == want), None)


def _meaning(body: Body) -> Json:
    return normalise(pick(body, _DATA), RULES)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for template in _templates(reader, f"tag:{marks.OWNER}", [f"v1/{installation}/*"]):
        present = _present(reader, template, {})
        if present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=template["LaunchTemplateName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            params = {
                **pick(desired.body, "LaunchTemplateName", "VersionDescription", "Operator"),
                _DATA: _encoded(desired.body[_DATA]),
                **tag_specifications("launch-template", desired.body, ours),
            }
            captures = {
                "id": ("LaunchTemplate", "LaunchTemplateId"),
                "name": ("LaunchTemplate", "LaunchTemplateName"),
                "latestVersion": ("LaunchTemplate", "LatestVersionNumber"),
            }
            return (Call(service="ec2", operation="CreateLaunchTemplate", params=params, captures=captures),)
        case Update():
            return tuple(_update(change))
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"LaunchTemplateId": observed.outputs["id"]}
            return (Call(service="ec2", operation="DeleteLaunchTemplate", params=params),)


def _update(change: Update) -> Iterator[Call]:
    """Add a version unless one is as declared already, then let the default follow: each is seen by the next read."""
    body, template = change.desired.body, {"LaunchTemplateId": change.observed.outputs["id"]}
    equal = change.observed.facts.get("equal")
    version: Json = str(equal)
    if equal is None:
        params = {**template, **pick(body, "VersionDescription"), _DATA: _encoded(said(change, _DATA, RULES))}
        captures = {"latestVersion": ("LaunchTemplateVersion", "VersionNumber")}
        yield Call(service="ec2", operation="CreateLaunchTemplateVersion", params=params, captures=captures)
        version = Text((Ref(change.desired.key, "latestVersion"),))
    if body.get("DefaultVersion") != "keep":
        yield Call(service="ec2", operation="ModifyLaunchTemplate", params={**template, "DefaultVersion": version})


def _encoded(data: Body) -> Json:
    return {**data, "UserData": encoded(data["UserData"])} if data.get("UserData") else data


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
    natural=lambda body: body["LaunchTemplateName"] if isinstance(body.get("LaunchTemplateName"), str) else None,
    name_member="LaunchTemplateName",
    name_limit=128,
    primary="id",
    outputs=("id", "name", "latestVersion"),
    known=lambda body: {"name": body["LaunchTemplateName"]} if isinstance(body.get("LaunchTemplateName"), str) else {},
    invalidates={"replace": ("id", "name", "latestVersion")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ec2.CreateLaunchTemplate",
        omit=("TagSpecifications", "DryRun", "ClientToken"),
        extra={"DefaultVersion": "string", "Tags": "ec2.CreateTags:Tags"},
        describe="ec2.DescribeLaunchTemplateVersions:LaunchTemplateVersions[]",
        optional=("LaunchTemplateName",),
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads=operations("ec2", "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"),
    calls=_calls,
    writes=operations("ec2", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate"),
    deletes=operations("ec2", "DeleteLaunchTemplate"),
    rights=(
        "ssm:GetParameters",  # an image named by resolve:ssm:
    ),
)
