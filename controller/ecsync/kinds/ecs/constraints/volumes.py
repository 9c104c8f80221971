"""What ECS accepts of the volumes of a task definition, and of the places where containers mount them."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, Pattern, Range, Spot
from ecsync.core.wording import listed, quoted
from ecsync.kinds._constraint_parts import blocks, choose, is_whole, member, row, text
from ecsync.kinds.ecs.constraints.containers import containers, not_on_fargate, own
from ecsync.kinds.ecs.constraints.task import is_fargate

_C = "containerDefinitions[]"


def _volume_exists(spot: Spot) -> str:
    volumes = spot.body.get("volumes")
    names = [text(one.get("name")) for one in blocks(volumes)]
    if not text(spot.value) or not is_whole(volumes) or spot.value in names:
        return ""
    if any(not name for name in names):
        return ""
    fix = choose(spot.value, names, f"volumes: [{{name: {spot.value}}}]")
    return f"no volume has the name {quoted(spot.value)}; {fix}"


def _source_exists(spot: Spot) -> str:
    names = [name for name in containers(spot) if name != own(spot).get("name")]
    if not text(spot.value) or not containers(spot) or spot.value in names:
        return ""
    return f"no other container has the name {quoted(spot.value)}; {choose(spot.value, names, 'that container')}"


_CONFIGURATIONS = (
    "efsVolumeConfiguration", "dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
)  # fmt: skip


def _one_configuration(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    found = [name for name in _CONFIGURATIONS if spot.value.get(name)]
    found += ["host.sourcePath"] if member(spot.value.get("host"), "sourcePath") else []
    return f"it has {listed(found)}; keep one of them" if len(found) > 1 else ""


def _volume_is_used(spot: Spot) -> str:
    containers = spot.body.get("containerDefinitions")
    names = {
        text(point.get("sourceVolume"))
        for one in blocks(containers)
        for point in blocks(one.get("mountPoints"))
        if is_whole(one.get("mountPoints"))
    }
    if not text(spot.value) or not is_whole(containers) or spot.value in names or "" in names:
        return ""
    return f"no container mounts {quoted(spot.value)}; add a mountPoint, or remove the volume"


def _host_path_on_fargate(spot: Spot) -> str:
    return "Fargate has no host; leave sourcePath out, or use efsVolumeConfiguration" if spot.value else ""


def _root_of_access_point(spot: Spot) -> str:
    point = member(spot.block.get("authorizationConfig"), "accessPointId")
    if not text(spot.value) or spot.value == "/" or not point:
        return ""
    return f"{quoted(spot.value)} is not possible with an access point; leave rootDirectory out, or write /"


def _transit_encryption(spot: Spot) -> str:
    auth = spot.block.get("authorizationConfig")
    if spot.value == "ENABLED" or not isinstance(auth, Mapping):
        return ""
    if auth.get("accessPointId"):
        return "an access point needs encryption in transit; set transitEncryption: ENABLED"
    if auth.get("iam") == "ENABLED":
        return "IAM authorization needs encryption in transit; set transitEncryption: ENABLED"
    return ""


def _iam_needs_a_role(spot: Spot) -> str:
    if spot.value != "ENABLED" or spot.body.get("taskRoleArn"):
        return ""
    return "IAM authorization uses the task's role, and there is none; declare taskRoleArn"


def _autoprovision(spot: Spot) -> str:
    if spot.value is not True or spot.block.get("scope") == "shared":
        return ""
    return "autoprovision has an effect with scope: shared alone; declare that scope, or leave it out"


def _one_at_launch(spot: Spot) -> str:
    names = [text(one.get("name")) for one in blocks(spot.value) if one.get("configuredAtLaunch") is True]
    if len(names) < 2:
        return ""
    return f"{listed(names)} are configured at launch; keep one, the other as a volume of EFS or of the host"


_EFS = "API Reference ecs.EFSVolumeConfiguration"

ROWS: Constraints = (
    row(f"{_C}.mountPoints[].sourceVolume", "a volume of the task", _volume_exists, "API Reference ecs.MountPoint",
         "Unknown volume"),
    row(f"{_C}.volumesFrom[].sourceContainer", "another container of the task", _source_exists,
         "API Reference ecs.VolumeFrom"),
    row("volumes", "one volume with configuredAtLaunch", _one_at_launch,
         "botocore ecs-2014-11-13 Volume.configuredAtLaunch: only one volume of a revision"),
    row("volumes[]", "one configuration", _one_configuration, "API Reference ecs.Volume"),
    row("volumes[].name", "mounted by a container", _volume_is_used, "API Reference ecs.Volume", level="note"),
    row("volumes[].name", "1 to 255 characters", Length(least=1, most=255), "API Reference ecs.Volume"),
    row("volumes[].host.sourcePath", "not on Fargate", _host_path_on_fargate, "API Reference ecs.HostVolumeProperties",
         "Host.sourcePath should not be set for volumes in Fargate", when=is_fargate),
    row("volumes[].dockerVolumeConfiguration", "not on Fargate", not_on_fargate,
         "developer guide, Docker volumes: not on Fargate", when=is_fargate),
    row("volumes[].dockerVolumeConfiguration.autoprovision", "with scope shared", _autoprovision,
         "API Reference ecs.DockerVolumeConfiguration", level="note"),
    row("volumes[].efsVolumeConfiguration.fileSystemId", "the id of a file system",
         Pattern(allowed=r"(arn:aws[a-z-]*:elasticfilesystem:[a-z0-9-]+:\d+:file-system/)?fs-[0-9A-Za-z]+",
                 text="the id of an EFS file system, such as fs-0123456789abcdef0"), _EFS),
    row("volumes[].efsVolumeConfiguration.rootDirectory", "/ with an access point", _root_of_access_point, _EFS),
    row("volumes[].efsVolumeConfiguration.transitEncryption", "ENABLED with an access point or IAM",
         _transit_encryption, _EFS, absent=True),
    row("volumes[].efsVolumeConfiguration.transitEncryptionPort", "1 to 65535", Range(least=1, most=65535, also=(0,)),
         _EFS),
    row("volumes[].efsVolumeConfiguration.authorizationConfig.accessPointId", "the id of an access point",
         Pattern(allowed=r"(arn:aws[a-z-]*:elasticfilesystem:[a-z0-9-]+:\d+:access-point/)?fsap-[0-9A-Za-z]+",
                 text="the id of an access point, such as fsap-0123456789abcdef0"), _EFS),
    row("volumes[].efsVolumeConfiguration.authorizationConfig.iam", "with taskRoleArn", _iam_needs_a_role, _EFS,
         level="note"),
)  # fmt: skip
