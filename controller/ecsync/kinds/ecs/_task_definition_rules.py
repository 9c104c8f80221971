"""What ECS does to a task definition between RegisterTaskDefinition and DescribeTaskDefinition: a table."""

from __future__ import annotations

import re

from ecsync.core.rules import (
    Computed,
    Default,
    Keyed,
    Pinned,
    Refers,
    Reshape,
    Rewrite,
    Rules,
    Sensitive,
    Unordered,
    Verbatim,
)
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import tag_rows
from ecsync.kinds.ecs._shared import bare, role_name, secret_options

_S = "normalization.md §1 "
ROLES = ("taskRoleArn", "executionRoleArn")

# Values ----------------------------------------------------------------------------------------------------------

_VCPU = re.compile(r"(\d*\.?\d+)\s*vcpu", re.IGNORECASE)
_GB = re.compile(r"(\d*\.?\d+)\s*gb", re.IGNORECASE)


def _scaled(value: Json, written: re.Pattern[str]) -> str:
    """Return CPU units or MiB as ECS prints them: 1024 to the vCPU and to the GB."""
    text = str(value).strip()
    found = written.fullmatch(text)
    return str(round(float(found.group(1)) * 1024)) if found else text


def _cpu(value: Json) -> str:
    return _scaled(value, _VCPU)


def _memory(value: Json) -> str:
    return _scaled(value, _GB)


def _nonzero(value: Json) -> Json:
    return value or None


def _linux_parameters(block: Json) -> Json:
    """Drop an init process that is off, and the block when nothing else is in it."""
    below = {key: value for key, value in block.items() if not (key == "initProcessEnabled" and value is False)}
    return below or None


def _authorization(block: Json) -> Json:
    return None if block == {"iam": "DISABLED"} else block


# What defaults depend on -------------------------------------------------------------------------------------------


def _is_fargate(body: Body) -> bool:
    return "FARGATE" in (body.get("requiresCompatibilities") or ())


def _network_is_unclear(body: Body) -> bool:
    """Windows and external instances have defaults that are not documented."""
    family = str((body.get("runtimePlatform") or {}).get("operatingSystemFamily", ""))
    return family.startswith("WINDOWS") or "EXTERNAL" in (body.get("requiresCompatibilities") or ())


def _shares_ports(body: Body) -> bool:
    return body.get("networkMode") in ("awsvpc", "host")


def _network_mode(_: Body, body: Body) -> Json:
    return "awsvpc" if _is_fargate(body) else "bridge"


def _host_port(mapping: Body, _: Body) -> Json:
    return mapping.get("containerPort")


def _docker_volumes(volumes: Json, _: Body) -> Json:
    """Drop an automatic provisioning that is off: ECS prints it for shared volumes alone."""
    for volume in volumes.values() if isinstance(volumes, dict) else volumes:
        docker = volume.get("dockerVolumeConfiguration")
        if isinstance(docker, dict) and docker.get("autoprovision") is False:
            del docker["autoprovision"]
    return volumes


# The table -----------------------------------------------------------------------------------------------------------

_C = "containerDefinitions[]"
_L = f"{_C}.linuxParameters"
_EFS = "volumes[].efsVolumeConfiguration"
_DOCKER = "volumes[].dockerVolumeConfiguration"

_TASK: Rules = (
    Rewrite(path="cpu", to=_cpu, source=_S + "cpu (task)", cases=("der-td-cpu-04", "ecspresso-cpu-0")),
    Rewrite(path="memory", to=_memory, source=_S + "memory (task)", cases=("der-td-mem-03", "der-td-mem-07")),
    *(
        # Told as it is written where one side has the name alone (`present_of`): two ARNs may be of two accounts.
        row
        for member in ROLES
        for row in (
            Rewrite(path=member, to=bare, source=_S + f"{member}: short name or ARN"),
            Pinned(path=member, loosely=role_name, source="normalization.md §0.10"),
        )
    ),
    Unordered(path="requiresCompatibilities", source=_S, cases=("cap-ECS-TaskDefinition.TaskDef.enumset",)),
    Default(
        path="networkMode",
        value=_network_mode,
        says="bridge, awsvpc where FARGATE is required",
        when=lambda body: not _network_is_unclear(body),
        source=_S + "networkMode",
        cases=("der-td-networkmode-bridge", "der-td-networkmode-host", "der-td-networkmode-default-bridge"),
    ),
    Computed(
        path="networkMode",
        when=_network_is_unclear,
        says="for Windows and EXTERNAL",
        source=_S + "networkMode: not filled for Windows, EXTERNAL",
    ),
    Default(path="enableFaultInjection", value=False, source=_S, cases=("der-td-fault-injection-on",)),
    Unordered(path="placementConstraints", source=_S, cases=("der-td-placement-order",)),
    Keyed(path="inferenceAccelerators", key=("deviceName",), source=_S),
    Default(path="proxyConfiguration.type", value="APPMESH", source=_S + "proxyConfiguration"),
    Verbatim(path="proxyConfiguration.properties[]", source="normalization.md §0.2"),
    Keyed(path="proxyConfiguration.properties", key=("name",), value="value", source=_S, cases=("ecspresso-td-same",)),
)

_VOLUMES: Rules = (
    Default(path="volumes[].configuredAtLaunch", value=False, source=_S + "volumes.configuredAtLaunch"),
    Default(path=f"{_DOCKER}.scope", value="task", source=_S, cases=("der-td-docker-volume",)),
    Default(path=f"{_DOCKER}.driver", value="local", source=_S + "volumes.dockerVolumeConfiguration"),
    Reshape(path="volumes", to=_docker_volumes, source=_S + "autoprovision: false ≡ absent"),
    Verbatim(path=f"{_DOCKER}.driverOpts", source="normalization.md §0.2"),
    Verbatim(path=f"{_DOCKER}.labels", source="normalization.md §0.2"),
    Default(path=f"{_EFS}.rootDirectory", value="/", source=_S, cases=("der-td-efs-defaults",)),
    Default(path=f"{_EFS}.transitEncryption", value="DISABLED", source=_S, cases=("der-td-efs-enc",)),
    Rewrite(path=f"{_EFS}.transitEncryptionPort", to=_nonzero, source=_S + "transitEncryptionPort: 0 ≡ absent"),
    Default(path=f"{_EFS}.authorizationConfig.iam", value="DISABLED", source=_S + "authorizationConfig.iam"),
    Rewrite(path=f"{_EFS}.authorizationConfig", to=_authorization, source=_S + "authorizationConfig {} ≡ absent"),
    Default(path="volumes[].s3filesVolumeConfiguration.rootDirectory", value="/", source="ecs.S3FilesVolume…"),
    Keyed(path="volumes", key=("name",), source=_S, cases=("der-td-volume-order", "der-td-volume-host-empty")),
)

_OFF = ("privileged", "readonlyRootFilesystem", "interactive", "pseudoTerminal", "disableNetworking")

_CONTAINER: Rules = (
    Default(path=f"{_C}.essential", value=True, source=_S, cases=("cap-ECS-TaskDefinition.HuntHostTaskDef",)),
    Default(path=f"{_C}.cpu", value=0, source=_S, cases=("tf-cd-flatten-zero-cpu",)),
    *(Default(path=f"{_C}.{member}", value=False, source=_S, cases=("der-cd-readonly-true",)) for member in _OFF),
    Default(path=f"{_C}.versionConsistency", value="enabled", source=_S),
    Verbatim(path=f"{_C}.environment[]", source=_S + 'environment: value "" is a value'),
    Keyed(
        path=f"{_C}.environment",
        key=("name",),
        value="value",
        source=_S,
        cases=("cap-ECS-TaskDefinition.TaskDef.envorder", "tf-cd-env-without-name"),
    ),
    Keyed(path=f"{_C}.secrets", key=("name",), value="valueFrom", source=_S),
    Rewrite(path=f"{_C}.portMappings[].hostPort", to=_nonzero, source=_S, cases=("der-cd-port-bridge-dyn",)),
    Default(
        path=f"{_C}.portMappings[].hostPort",
        value=_host_port,
        when=_shares_ports,
        says="containerPort with networkMode awsvpc or host; a free port with bridge",
        source=_S + "portMappings.hostPort",
        cases=("der-cd-port-host-fill", "tf-cd-hostport-awsvpc-equal", "tf-cd-hostport-bridge-differs"),
    ),
    Default(path=f"{_C}.portMappings[].protocol", value="tcp", source=_S, cases=("tf-cd-basic",)),
    Rewrite(path=f"{_C}.portMappings[].protocol", to=str.lower, source=_S),
    Unordered(path=f"{_C}.portMappings", source="two host ports of one container port share a key"),
    Keyed(
        path=f"{_C}.portMappings",
        key=("containerPort", "containerPortRange", "protocol"),
        source=_S,
        cases=("der-cd-port-order-bridge", "der-cd-port-same-port-two-protocols"),
    ),
    Default(path=f"{_C}.mountPoints[].readOnly", value=False, source=_S, cases=("der-cd-mount-readonly",)),
    Keyed(path=f"{_C}.mountPoints", key=("containerPath",), source=_S, cases=("tf-cd-sparse-arrays",)),
    Default(path=f"{_C}.volumesFrom[].readOnly", value=False, source=_S),
    Keyed(path=f"{_C}.volumesFrom", key=("sourceContainer",), source=_S),
    Unordered(path=f"{_C}.links", source=_S, cases=("cap-ECS-TaskDefinition.TaskDef.sets",)),
    Keyed(path=f"{_C}.dependsOn", key=("containerName",), source=_S),
    Unordered(path=f"{_C}.extraHosts", source=_S),
    Unordered(path=f"{_C}.resourceRequirements", source=_S),
    Keyed(path=f"{_C}.ulimits", key=("name",), source=_S, cases=("der-cd-ulimit-order",)),
    Keyed(path=f"{_C}.systemControls", key=("namespace",), source=_S),
    Unordered(path=f"{_C}.dockerSecurityOptions", source=_S),
    Default(path=f"{_C}.healthCheck.interval", value=30, source=_S, cases=("tf-cd-healthcheck-defaults",)),
    Default(path=f"{_C}.healthCheck.timeout", value=5, source=_S, cases=("tf-cd-healthcheck-defaults",)),
    Default(path=f"{_C}.healthCheck.retries", value=3, source=_S, cases=("tf-cd-healthcheck-defaults",)),
    Default(path=f"{_C}.healthCheck.startPeriod", value=0, source=_S, cases=("der-cd-healthcheck-startperiod0",)),
    Default(path=f"{_C}.restartPolicy.restartAttemptPeriod", value=300, source=_S, cases=("der-cd-restart-defaults",)),
    Unordered(path=f"{_C}.restartPolicy.ignoredExitCodes", source=_S),
    Rewrite(path=_L, to=_linux_parameters, source=_S, cases=("der-cd-linuxparams-empty", "der-cd-init-false")),
    Unordered(path=f"{_L}.capabilities.add", source=_S),
    Unordered(path=f"{_L}.capabilities.drop", source=_S),
    Unordered(path=f"{_L}.devices[].permissions", source=_S),
    Unordered(path=f"{_L}.devices", source=_S + "empty lists; the order of devices says nothing"),
    Unordered(path=f"{_L}.tmpfs[].mountOptions", source=_S),
    Keyed(path=f"{_L}.tmpfs", key=("containerPath",), source=_S),
    Verbatim(path=f"{_C}.dockerLabels", source=_S, cases=("der-cd-labels-keys",)),
    Verbatim(path=f"{_C}.logConfiguration.options", source=_S, cases=("der-cd-logopts-str",)),
    Verbatim(path=f"{_C}.firelensConfiguration.options", source=_S),
    Keyed(path=f"{_C}.logConfiguration.secretOptions", key=("name",), value="valueFrom", source=_S),
    Keyed(path="containerDefinitions", key=("name",), source=_S, cases=("der-cd-container-order",)),
)

_VALUES: Rules = (
    Sensitive(path=f"{_C}.environment[]", source="core-rules.md 21"),
    *secret_options(f"{_C}.logConfiguration.options"),
    Sensitive(path=f"{_DOCKER}.driverOpts.*", source="core-rules.md 21: a CIFS mount has its password there"),
    Refers(path="taskRoleArn", kind="Role", output="arn"),
    Refers(path="executionRoleArn", kind="Role", output="arn"),
    Refers(path=f"{_C}.logConfiguration.options.awslogs-group", kind="LogGroup", output="name"),
    Refers(path=f"{_C}.logConfiguration.options.log_group_name", kind="LogGroup", output="name"),
)

RULES: Rules = (*tag_rows(), *_TASK, *_VOLUMES, *_CONTAINER, *_VALUES)

# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "ContainerDefinition": (
        "command cpu credentialSpecs dependsOn disableNetworking dnsSearchDomains dnsServers dockerLabels "
        "dockerSecurityOptions entryPoint environment environmentFiles essential extraHosts firelensConfiguration "
        "healthCheck hostname image interactive links linuxParameters logConfiguration memory memoryReservation "
        "mountPoints name portMappings privileged pseudoTerminal readonlyRootFilesystem repositoryCredentials "
        "resourceRequirements restartPolicy secrets startTimeout stopTimeout systemControls ulimits user "
        "versionConsistency volumesFrom workingDirectory"
    ),
    "ContainerDependency": "condition containerName",
    "ContainerRestartPolicy": "enabled ignoredExitCodes restartAttemptPeriod",
    "Device": "containerPath hostPath permissions",
    "DockerVolumeConfiguration": "autoprovision driver driverOpts labels scope",
    "EFSAuthorizationConfig": "accessPointId iam",
    "EFSVolumeConfiguration": "authorizationConfig fileSystemId rootDirectory transitEncryption transitEncryptionPort",
    "EnvironmentFile": "type value",
    "EphemeralStorage": "sizeInGiB",
    "FSxWindowsFileServerAuthorizationConfig": "credentialsParameter domain",
    "FSxWindowsFileServerVolumeConfiguration": "authorizationConfig fileSystemId rootDirectory",
    "FirelensConfiguration": "options type",
    "HealthCheck": "command interval retries startPeriod timeout",
    "HostEntry": "hostname ipAddress",
    "HostVolumeProperties": "sourcePath",
    "InferenceAccelerator": "deviceName deviceType",
    "KernelCapabilities": "add drop",
    "KeyValuePair": "name value",
    "LinuxParameters": "capabilities devices initProcessEnabled maxSwap sharedMemorySize swappiness tmpfs",
    "LogConfiguration": "logDriver options secretOptions",
    "MountPoint": "containerPath readOnly sourceVolume",
    "NvidiaMpsAllocation": "maxComputePercent memory",
    "PortMapping": "appProtocol containerPort containerPortRange hostPort name protocol",
    "ProxyConfiguration": "containerName properties type",
    "RegisterTaskDefinitionRequest": (
        "containerDefinitions cpu enableFaultInjection ephemeralStorage executionRoleArn family inferenceAccelerators "
        "ipcMode memory networkMode pidMode placementConstraints proxyConfiguration requiresCompatibilities "
        "runtimePlatform tags taskRoleArn trustedExecutionConfiguration volumes"
    ),
    "RepositoryCredentials": "credentialsParameter",
    "ResourceRequirement": "sharingStrategy type value",
    "RuntimePlatform": "cpuArchitecture operatingSystemFamily",
    "S3FilesVolumeConfiguration": "accessPointArn fileSystemArn rootDirectory transitEncryptionPort",
    "Secret": "name valueFrom",
    "SharingStrategy": "nvidiaMps",
    "SystemControl": "namespace value",
    "Tag": "key value",
    "TaskDefinitionPlacementConstraint": "expression type",
    "Tmpfs": "containerPath mountOptions size",
    "TrustedExecutionConfiguration": "attestationPolicy isolationMode",
    "Ulimit": "hardLimit name softLimit",
    "Volume": (
        "configuredAtLaunch dockerVolumeConfiguration efsVolumeConfiguration fsxWindowsFileServerVolumeConfiguration "
        "host name s3filesVolumeConfiguration"
    ),
    "VolumeFrom": "readOnly sourceContainer",
}
