"""The rule table of a task definition: how DescribeTaskDefinition differs from RegisterTaskDefinition."""

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
from ecsync.kinds._common import name_characters, nonzero, tag_rows
from ecsync.kinds.ecs._shared import role_name, role_path, secret_options

_SET = "ECS ignores the order"
_RETURNED = "ecs.DescribeTaskDefinition returns it where it is not declared"
_FALSE = "false has the same effect as not declaring it"
_EMPTY_TEXT = "a value of the map may be an empty string"
ROLES = ("taskRoleArn", "executionRoleArn")

# Values ----------------------------------------------------------------------------------------------------------

_VCPU = re.compile(r"(\d*\.?\d+)\s*vcpu", re.IGNORECASE)
_GB = re.compile(r"(\d*\.?\d+)\s*gb", re.IGNORECASE)


def _scaled(value: Json, unit: re.Pattern[str]) -> str:
    """Return CPU units or MiB as ECS returns them: a vCPU is 1024 units, a GB is 1024 MiB."""
    text = str(value).strip()
    found = unit.fullmatch(text)
    return str(round(float(found.group(1)) * 1024)) if found else text


def _cpu(value: Json) -> str:
    return _scaled(value, _VCPU)


def _memory(value: Json) -> str:
    return _scaled(value, _GB)


def _linux_parameters(block: Json) -> Json:
    """Drop an init process that is off; None if the block is then empty."""
    kept = {key: value for key, value in block.items() if not (key == "initProcessEnabled" and value is False)}
    return kept or None


def _authorization(block: Json) -> Json:
    return None if block == {"iam": "DISABLED"} else block


# What defaults depend on -------------------------------------------------------------------------------------------


def _is_fargate(body: Body) -> bool:
    return "FARGATE" in (body.get("requiresCompatibilities") or ())


def _network_is_unclear(body: Body) -> bool:
    """Return whether the default network mode is not documented: for Windows and external instances."""
    family = str((body.get("runtimePlatform") or {}).get("operatingSystemFamily", ""))
    return family.startswith("WINDOWS") or "EXTERNAL" in (body.get("requiresCompatibilities") or ())


def _shares_ports(body: Body) -> bool:
    return body.get("networkMode") in ("awsvpc", "host")


def _network_mode(_: Body, body: Body) -> Json:
    return "awsvpc" if _is_fargate(body) else "bridge"


def _host_port(mapping: Body, _: Body) -> Json:
    return mapping.get("containerPort")


def _docker_volumes(volumes: Json, _: Body) -> Json:
    """Drop `autoprovision: false`: ECS returns the member for shared volumes alone."""
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
    *(
        name_characters(name, "ecs.RegisterTaskDefinition: letters, numbers, underscores and hyphens")
        for name in ("family", f"{_C}.name", "volumes[].name")
    ),
    Rewrite(
        path="cpu",
        to=_cpu,
        source="ecs.RegisterTaskDefinition: vCPU values are converted to CPU units",
        cases=("der-td-cpu-04", "ecspresso-cpu-0"),
    ),
    Rewrite(
        path="memory",
        to=_memory,
        source="ecs.RegisterTaskDefinition: GB values are converted to MiB",
        cases=("der-td-mem-03", "der-td-mem-07"),
    ),
    *(
        # `present_of` puts in the declared form if one side is a name: two ARNs may belong to two accounts.
        row
        for member in ROLES
        for row in (
            Rewrite(path=member, to=role_path, source="ecs.RegisterTaskDefinition takes a role's name or ARN"),
            Pinned(path=member, loosely=role_name, source="ECS returns the role as it was registered"),
        )
    ),
    Unordered(
        path="requiresCompatibilities",
        source="ecs.DescribeTaskDefinition returns it sorted",
        cases=("cap-ECS-TaskDefinition.TaskDef.enumset",),
    ),
    Default(
        path="networkMode",
        value=_network_mode,
        description="bridge, or awsvpc if requiresCompatibilities contains FARGATE",
        when=lambda body: not _network_is_unclear(body),
        source="ecs.RegisterTaskDefinition: the default is bridge; Fargate requires awsvpc",
        cases=("der-td-networkmode-bridge", "der-td-networkmode-host", "der-td-networkmode-default-bridge"),
    ),
    Computed(
        path="networkMode",
        when=_network_is_unclear,
        description="for Windows and EXTERNAL",
        source="the default for Windows and EXTERNAL is not documented",
    ),
    Default(
        path="enableFaultInjection",
        value=False,
        source="ecs.RegisterTaskDefinition: the default value is false",
        cases=("der-td-fault-injection-on",),
    ),
    Unordered(path="placementConstraints", source=_SET, cases=("der-td-placement-order",)),
    Keyed(path="inferenceAccelerators", key=("deviceName",), source=_SET),
    Default(path="proxyConfiguration.type", value="APPMESH", source="ecs.ProxyConfiguration: the only type is APPMESH"),
    Verbatim(path="proxyConfiguration.properties[]", source="ecs.ProxyConfiguration: a property can be empty"),
    Keyed(
        path="proxyConfiguration.properties", key=("name",), value="value", source=_SET, cases=("ecspresso-td-same",)
    ),
)

_EFS_OFF = "ecs.EFSVolumeConfiguration: the default value of DISABLED is used"
_ROOT = "specifying / has the same effect as omitting it"

_VOLUMES: Rules = (
    Default(path="volumes[].configuredAtLaunch", value=False, source=_FALSE),
    Default(path=f"{_DOCKER}.scope", value="task", source=_RETURNED, cases=("der-td-docker-volume",)),
    Default(path=f"{_DOCKER}.driver", value="local", source=_RETURNED),
    Reshape(
        path="volumes", to=_docker_volumes, source="ecs.DockerVolumeConfiguration: only used if the scope is shared"
    ),
    Verbatim(path=f"{_DOCKER}.driverOpts", source=_EMPTY_TEXT),
    Verbatim(path=f"{_DOCKER}.labels", source=_EMPTY_TEXT),
    Default(
        path=f"{_EFS}.rootDirectory",
        value="/",
        source=f"ecs.EFSVolumeConfiguration: {_ROOT}",
        cases=("der-td-efs-defaults",),
    ),
    Default(path=f"{_EFS}.transitEncryption", value="DISABLED", source=_EFS_OFF, cases=("der-td-efs-enc",)),
    Rewrite(path=f"{_EFS}.transitEncryptionPort", to=nonzero, source="a port of 0 is no port"),
    Default(
        path=f"{_EFS}.authorizationConfig.iam",
        value="DISABLED",
        source="ecs.EFSAuthorizationConfig: the default value of DISABLED is used",
    ),
    Rewrite(
        path=f"{_EFS}.authorizationConfig", to=_authorization, source="a block with iam DISABLED alone has no effect"
    ),
    Default(
        path="volumes[].s3filesVolumeConfiguration.rootDirectory",
        value="/",
        source=f"ecs.S3FilesVolumeConfiguration: {_ROOT}",
    ),
    Keyed(path="volumes", key=("name",), source=_SET, cases=("der-td-volume-order", "der-td-volume-host-empty")),
)

_OFF = ("privileged", "readonlyRootFilesystem", "interactive", "pseudoTerminal", "disableNetworking")
_CHECK_DEFAULT = "ecs.HealthCheck: the default value"
_CHECK_CASES = ("tf-cd-healthcheck-defaults",)

_CONTAINER: Rules = (
    Default(
        path=f"{_C}.essential",
        value=True,
        source="ecs.ContainerDefinition: a container is essential if it is omitted",
        cases=("cap-ECS-TaskDefinition.HuntHostTaskDef",),
    ),
    Default(path=f"{_C}.cpu", value=0, source=_RETURNED, cases=("tf-cd-flatten-zero-cpu",)),
    *(Default(path=f"{_C}.{member}", value=False, source=_FALSE, cases=("der-cd-readonly-true",)) for member in _OFF),
    Default(path=f"{_C}.versionConsistency", value="enabled", source="ecs.ContainerDefinition: by default enabled"),
    Verbatim(path=f"{_C}.environment[]", source="a variable may be an empty string"),
    Keyed(
        path=f"{_C}.environment",
        key=("name",),
        value="value",
        source="ecs.DescribeTaskDefinition returns the environment in another order",
        cases=("cap-ECS-TaskDefinition.TaskDef.envorder", "tf-cd-env-without-name"),
    ),
    Keyed(path=f"{_C}.secrets", key=("name",), value="valueFrom", source=_SET),
    Rewrite(
        path=f"{_C}.portMappings[].hostPort",
        to=nonzero,
        source="ecs.PortMapping: a hostPort of 0 is a free port, as is none",
        cases=("der-cd-port-bridge-dyn",),
    ),
    Default(
        path=f"{_C}.portMappings[].hostPort",
        value=_host_port,
        when=_shares_ports,
        description="containerPort with networkMode awsvpc or host; a free port with bridge",
        source="ecs.PortMapping: with awsvpc and host, hostPort is the containerPort",
        cases=("der-cd-port-host-fill", "tf-cd-hostport-awsvpc-equal", "tf-cd-hostport-bridge-differs"),
    ),
    Default(
        path=f"{_C}.portMappings[].protocol",
        value="tcp",
        source="ecs.PortMapping: the default is tcp",
        cases=("tf-cd-basic",),
    ),
    Rewrite(path=f"{_C}.portMappings[].protocol", to=str.lower, source="ECS returns the protocol in lower case"),
    Unordered(path=f"{_C}.portMappings", source="two host ports of one container port have the same key"),
    Keyed(
        path=f"{_C}.portMappings",
        key=("containerPort", "containerPortRange", "protocol"),
        source="ecs.DescribeTaskDefinition returns the port mappings in another order",
        cases=("der-cd-port-order-bridge", "der-cd-port-same-port-two-protocols"),
    ),
    Default(
        path=f"{_C}.mountPoints[].readOnly",
        value=False,
        source="ecs.MountPoint: the default value is false",
        cases=("der-cd-mount-readonly",),
    ),
    Keyed(path=f"{_C}.mountPoints", key=("containerPath",), source=_SET, cases=("tf-cd-sparse-arrays",)),
    Default(path=f"{_C}.volumesFrom[].readOnly", value=False, source="ecs.VolumeFrom: the default value is false"),
    Keyed(path=f"{_C}.volumesFrom", key=("sourceContainer",), source=_SET),
    Unordered(
        path=f"{_C}.links",
        source="ecs.DescribeTaskDefinition returns them sorted",
        cases=("cap-ECS-TaskDefinition.TaskDef.sets",),
    ),
    Keyed(path=f"{_C}.dependsOn", key=("containerName",), source=_SET),
    Unordered(path=f"{_C}.extraHosts", source=_SET),
    Unordered(path=f"{_C}.resourceRequirements", source=_SET),
    Keyed(path=f"{_C}.ulimits", key=("name",), source=_SET, cases=("der-cd-ulimit-order",)),
    Keyed(path=f"{_C}.systemControls", key=("namespace",), source=_SET),
    Unordered(path=f"{_C}.dockerSecurityOptions", source=_SET),
    Default(path=f"{_C}.healthCheck.interval", value=30, source=_CHECK_DEFAULT, cases=_CHECK_CASES),
    Default(path=f"{_C}.healthCheck.timeout", value=5, source=_CHECK_DEFAULT, cases=_CHECK_CASES),
    Default(path=f"{_C}.healthCheck.retries", value=3, source=_CHECK_DEFAULT, cases=_CHECK_CASES),
    Default(
        path=f"{_C}.healthCheck.startPeriod",
        value=0,
        source="ecs.HealthCheck: the startPeriod is off by default",
        cases=("der-cd-healthcheck-startperiod0",),
    ),
    Default(
        path=f"{_C}.restartPolicy.restartAttemptPeriod",
        value=300,
        source="ecs.ContainerRestartPolicy: 300 seconds by default",
        cases=("der-cd-restart-defaults",),
    ),
    Unordered(path=f"{_C}.restartPolicy.ignoredExitCodes", source=_SET),
    Rewrite(
        path=_L,
        to=_linux_parameters,
        source="an init process that is off, and a block without members, have no effect",
        cases=("der-cd-linuxparams-empty", "der-cd-init-false"),
    ),
    Unordered(path=f"{_L}.capabilities.add", source=_SET),
    Unordered(path=f"{_L}.capabilities.drop", source=_SET),
    Unordered(path=f"{_L}.devices[].permissions", source=_SET),
    Unordered(path=f"{_L}.devices", source=_SET),
    Unordered(path=f"{_L}.tmpfs[].mountOptions", source=_SET),
    Keyed(path=f"{_L}.tmpfs", key=("containerPath",), source=_SET),
    Verbatim(path=f"{_C}.dockerLabels", source=_EMPTY_TEXT, cases=("der-cd-labels-keys",)),
    Verbatim(path=f"{_C}.logConfiguration.options", source=_EMPTY_TEXT, cases=("der-cd-logopts-str",)),
    Verbatim(path=f"{_C}.firelensConfiguration.options", source=_EMPTY_TEXT),
    Keyed(path=f"{_C}.logConfiguration.secretOptions", key=("name",), value="valueFrom", source=_SET),
    Keyed(
        path="containerDefinitions",
        key=("name",),
        source="ecs.DescribeTaskDefinition returns the containers in another order",
        cases=("der-cd-container-order",),
    ),
)

_VALUES: Rules = (
    Sensitive(path=f"{_C}.environment[]", source="variables often hold credentials"),
    *(
        Sensitive(path=f"{_C}.{member}", source="a command may have a credential among its arguments")
        for member in ("command", "entryPoint", "healthCheck.command")
    ),
    Sensitive(path=f"{_C}.dockerLabels.*", source="agents read credentials from labels"),
    *secret_options(f"{_C}.logConfiguration.options"),
    *secret_options(f"{_C}.firelensConfiguration.options"),
    Sensitive(path=f"{_DOCKER}.driverOpts.*", source="the options of a CIFS mount hold its password"),
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
