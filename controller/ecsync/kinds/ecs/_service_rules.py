"""What ECS does to a service between CreateService and DescribeServices, and what an update does: a table."""

from __future__ import annotations

from ecsync.core.rules import (
    Clears,
    Computed,
    Default,
    Delegated,
    Drop,
    Immutable,
    Keyed,
    Pinned,
    Refers,
    Resets,
    Rewrite,
    Rolls,
    Rules,
    Unordered,
    Verbatim,
)
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import tag_rows
from ecsync.kinds.ecs._shared import revision, role_name, secret_options, short, strategy_rows
from ecsync.kinds.ecs.task_definition import family_of

_S = "normalization.md §2 "
_UPDATE = "normalization.md §2.1"
_CLEAR = "normalization.md §2.2"

# Values and what they depend on --------------------------------------------------------------------------------------


def is_daemon(body: Body) -> bool:
    """Tell whether a service runs one task per instance."""
    return body.get("schedulingStrategy") == "DAEMON"


def controller_of(body: Body) -> str:
    """Return who deploys the service: ECS, CODE_DEPLOY or EXTERNAL."""
    return str((body.get("deploymentController") or {}).get("type", "ECS"))


def _others_deploy(body: Body) -> bool:
    return controller_of(body) in ("CODE_DEPLOY", "EXTERNAL")


def _strategy(body: Body) -> Json:
    return (body.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")


def _latest(version: Json) -> Json:
    return None if version == "LATEST" else version


def _nonzero(value: Json) -> Json:
    return value or None


def _enabled(block: Json) -> Json:
    return block if block.get("enabled") else None


def _early_success(block: Json) -> Json:
    return block if block.get("enable") else None


def _placement_field(field: Json) -> Json:
    """ECS prints CPU and MEMORY, and instanceId where `host` was written; attributes stand as they are."""
    low = str(field).lower()
    return {"cpu": "cpu", "memory": "memory", "host": "instanceId", "instanceid": "instanceId"}.get(low, field)


def _distinct(ids: Json) -> Json:
    """A set may be written with an id twice."""
    return list(dict.fromkeys(ids)) if isinstance(ids, list) else ids


def _discovery_name(service: Body, _: Body) -> Json:
    return service.get("portName")


def _none_propagated(tag: Json) -> Json:
    return None if tag == "NONE" else tag


# The table -------------------------------------------------------------------------------------------------------

_IDENTITY: Rules = (
    Rewrite(path="cluster", to=short, source="normalization.md §0.10", cases=("der-sv-cluster-arn",)),
    Default(path="cluster", value="default", source="ecs.CreateService: the default cluster is assumed"),
    Rewrite(path="taskDefinition", to=revision, source=_S + "taskDefinition", cases=("der-sv-taskdef-arn",)),
    Pinned(path="taskDefinition", loosely=family_of, source="ecs.CreateService: family, or family:revision"),
    Computed(
        path="taskDefinition",
        source="required, but where task sets have it (EXTERNAL) or another tool",
        cases=("pipecd-sv-ignore-params",),
    ),
    Rewrite(path="role", to=role_name, source=_S + "role: name≡ARN"),
    Computed(path="role", source=_S + "role", cases=("der-sv-role-slr", "der-sv-role-custom")),
    Default(path="schedulingStrategy", value="REPLICA", source=_S + "schedulingStrategy"),
    Default(path="deploymentController", value={"type": "ECS"}, source=_S, cases=("der-sv-controller-type",)),
    Immutable(path="serviceName", source=_UPDATE),
    Immutable(path="cluster", source=_UPDATE),
    Immutable(path="schedulingStrategy", source=_UPDATE),
    Immutable(path="role", source=_UPDATE),
    Immutable(path="deploymentController", source=_UPDATE + ": treat as guarded"),
)

_CAPACITY: Rules = (
    Drop(path="desiredCount", when=is_daemon, source=_S, cases=("der-sv-daemon", "cap-ECS-Service.DaemonService")),
    Computed(
        path="desiredCount",
        says="stays as it is; with a scalable target it is the autoscaler's between its bounds, declared or not",
        source=_S,
        cases=("der-sv-desired-as", "ecspresso-sv-desiredcount-unset"),
    ),
    *strategy_rows("capacityProviderStrategy"),
    # With a declared launch type a strategy is a difference, taken off by an empty list; the launch type then is
    # what it was when the service was made. Without one, the strategy may have come from the cluster.
    Computed(
        path="capacityProviderStrategy",
        when=lambda body: "launchType" not in body,
        says="the cluster's default strategy, where no launchType is declared either",
        source=_S + "launchType ↔ capacityProviderStrategy",
        cases=("der-sv-launchtype-to-cps",),
    ),
    Delegated(
        path="launchType",
        when=lambda facts: bool(facts.get("strategy")),
        owner="the capacity provider strategy",
        source=_S,
    ),
    Computed(path="launchType", source=_S, cases=("der-sv-launchtype-undeclared",)),
    Clears(path="capacityProviderStrategy", value=[], source=_CLEAR),
    Rolls(path="capacityProviderStrategy", force=True, source="ecs.UpdateService: doesn't trigger a deployment"),
    Immutable(path="launchType", source=_UPDATE + ": not settable on UpdateService"),
    Rewrite(path="platformVersion", to=_latest, source=_S, cases=("cap-ECS-TaskSet.TaskSet",)),
    Computed(path="platformVersion", source=_S, cases=("cap-ECS-Service.HuntFargateSvc",)),
    Resets(path="platformVersion", source="ecs.UpdateService: if not specified, the LATEST platform version is used"),
    Rolls(path="platformVersion", source="ecs.UpdateService: triggers a new service deployment"),
    Default(path="availabilityZoneRebalancing", value="DISABLED", source=_S + "declared DISABLED ≡ live absent"),
    Computed(path="availabilityZoneRebalancing", source=_S, cases=("cap-ECS-Service.DaemonService",)),
    Unordered(path="placementConstraints", source=_S, cases=("der-sv-pc-order", "der-sv-pc-empty-expr")),
    Clears(path="placementConstraints", value=[], source=_CLEAR),
    Rewrite(
        path="placementStrategy[].field",
        to=_placement_field,
        source=_S + "placementStrategy is ordered",
        cases=("der-sv-ps-host", "der-sv-ps-memory", "der-sv-ps-order"),
    ),
    Clears(path="placementStrategy", value=[], source=_CLEAR),
)

_D = "deploymentConfiguration"
_BREAKER = f"{_D}.deploymentCircuitBreaker"
_ALARMS = f"{_D}.alarms"
_HOOK = f"{_D}.lifecycleHooks[]"
_BREAKER_CASES = ("der-sv-cb-oob", "der-sv-cb-reset", "der-sv-cb-threshold", "cap-ECS-Service.Service")

_DEPLOYMENT: Rules = (
    Default(path=_D, value={}, source=_S + "deploymentConfiguration"),
    Default(
        path=f"{_D}.maximumPercent",
        value=lambda _, body: 100 if is_daemon(body) else 200,
        says="200 with schedulingStrategy REPLICA, 100 with DAEMON",
        source=_S,
        cases=("ecspresso-sv-maxpercent-unset", "cap-ECS-Service.DaemonService"),
    ),
    Default(
        path=f"{_D}.minimumHealthyPercent",
        value=lambda _, body: 0 if is_daemon(body) else 100,
        says="100 with schedulingStrategy REPLICA, 0 with DAEMON",
        source=_S,
        cases=("ecspresso-sv-minpercent-unset", "der-sv-daemon-minhealthy"),
    ),
    Default(path=f"{_D}.strategy", value="ROLLING", source=_S + ".strategy"),
    Default(
        path=f"{_D}.bakeTimeInMinutes",
        value=0,
        when=lambda body: _strategy(body) == "ROLLING",
        says="0 with strategy ROLLING",
        source=_S + ".bakeTimeInMinutes",
        cases=("cap-ECS-Service.HuntEc2Service", "der-sv-rolling-bake-unset"),
    ),
    # The API text says that it must be there with BLUE_GREEN, but ECS takes a service without it.
    Computed(
        path=f"{_D}.bakeTimeInMinutes",
        when=lambda body: _strategy(body) != "ROLLING",
        says="with strategy BLUE_GREEN, LINEAR or CANARY",
        source="ECS developer guide, Required resources for blue/green deployments: optionally the bake time",
        cases=("der-sv-bluegreen-bake-unset", "der-sv-bluegreen-bake-declared"),
    ),
    Default(path=_BREAKER, value={}, source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.enable", value=False, source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.rollback", value=False, source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.resetOnHealthyTask", value=True, source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.thresholdConfiguration", value={}, source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.thresholdConfiguration.type", value="BOUNDED_PERCENT", source=_S, cases=_BREAKER_CASES),
    Default(path=f"{_BREAKER}.thresholdConfiguration.value", value=50, source=_S, cases=_BREAKER_CASES),
    Default(path=_ALARMS, value={}, source=_S + ".alarms"),
    Default(path=f"{_ALARMS}.enable", value=False, source=_S, cases=("cap-ECS-Service.ServiceD69D759B",)),
    Default(path=f"{_ALARMS}.rollback", value=False, source=_S, cases=("oob-10-service-alarms",)),
    Unordered(path=f"{_ALARMS}.alarmNames", source=_S + ".alarms"),
    Clears(path=f"{_ALARMS}.alarmNames", value=[], source=_CLEAR),
    Default(path=f"{_HOOK}.targetType", value="AWS_LAMBDA", source=_S + ".lifecycleHooks"),
    Default(path=f"{_HOOK}.timeoutConfiguration", value={}, source=_S + ".lifecycleHooks"),
    Default(path=f"{_HOOK}.timeoutConfiguration.action", value="ROLLBACK", source=_S + ".lifecycleHooks"),
    Default(path=f"{_HOOK}.timeoutConfiguration.timeoutInMinutes", value=1440, source=_S + ".lifecycleHooks"),
    Unordered(path=f"{_HOOK}.lifecycleStages", source=_S + ".lifecycleHooks"),
    Keyed(path=f"{_D}.lifecycleHooks", key=("hookTargetArn", "lifecycleStages"), source=_S + ".lifecycleHooks"),
    Clears(path=f"{_D}.lifecycleHooks", value=[], source="ecs.UpdateService: as the other lists"),
    Default(
        path=f"{_D}.canaryConfiguration",
        value={},
        when=lambda body: _strategy(body) == "CANARY",
        says="its fields' own, with strategy CANARY",
        source=_S,
    ),
    Default(path=f"{_D}.canaryConfiguration.canaryPercent", value=5.0, source=_S + ".canaryConfiguration"),
    Default(path=f"{_D}.canaryConfiguration.canaryBakeTimeInMinutes", value=10, source=_S + ".canaryConfiguration"),
    Default(
        path=f"{_D}.linearConfiguration",
        value={},
        when=lambda body: _strategy(body) == "LINEAR",
        says="its fields' own, with strategy LINEAR",
        source=_S,
        cases=("der-sv-linear-defaults",),
    ),
    Default(path=f"{_D}.linearConfiguration.stepPercent", value=10.0, source=_S, cases=("der-sv-linear-defaults",)),
    Default(path=f"{_D}.linearConfiguration.stepBakeTimeInMinutes", value=6, source=_S),
    Rewrite(path=f"{_D}.earlySuccessCriteria", to=_early_success, source=_S + ".earlySuccessCriteria"),
    Default(path=f"{_D}.earlySuccessCriteria.healthyPercent", value=100, source=_S + ".earlySuccessCriteria"),
    Default(path=f"{_D}.earlySuccessCriteria.sourceServiceRevisionCleanup", value="BLOCKING", source=_S),
    Clears(path=f"{_D}.earlySuccessCriteria", value={"enable": False}, source="ecs.DeploymentEarlySuccessCriteria"),
)

_VPC = "networkConfiguration.awsvpcConfiguration"
_TARGETS = ("targetGroupArn", "loadBalancerName", "containerName", "containerPort")

_NETWORK: Rules = (
    Default(path=f"{_VPC}.assignPublicIp", value="DISABLED", source=_S, cases=("ecspresso-sv-same",)),
    Rewrite(path=f"{_VPC}.subnets", to=_distinct, source=_S, cases=("pipecd-sv-same",)),
    Rewrite(path=f"{_VPC}.securityGroups", to=_distinct, source=_S, cases=("der-sv-sg-undeclared",)),
    Unordered(path=f"{_VPC}.subnets", source=_S + ".subnets, .securityGroups"),
    Unordered(path=f"{_VPC}.securityGroups", source=_S + ".subnets, .securityGroups"),
    Rolls(path="networkConfiguration", source="ecs.UpdateService: triggers a new service deployment"),
    Drop(
        path="loadBalancers[].targetGroupArn",
        when=_others_deploy,
        source=_S + "loadBalancers",
        cases=("ecspresso-sv-codedeploy-tg", "ecspresso-sv-ecs-tg"),
    ),
    Keyed(path="loadBalancers", key=_TARGETS, source=_S, cases=("der-sv-lb-order", "der-sv-lb-missing")),
    Clears(path="loadBalancers", value=[], source=_CLEAR),
    Rolls(path="loadBalancers", source="ecs.UpdateService: triggers a new service deployment"),
    Rewrite(path="serviceRegistries[].port", to=_nonzero, source=_S + "serviceRegistries"),
    Rewrite(path="serviceRegistries[].containerPort", to=_nonzero, source=_S + "serviceRegistries"),
    Keyed(path="serviceRegistries", key=("registryArn",), source=_S + "serviceRegistries"),
    Clears(path="serviceRegistries", value=[], source=_CLEAR),
    Rolls(path="serviceRegistries", source="ecs.UpdateService: triggers a new service deployment"),
    Default(path="healthCheckGracePeriodSeconds", value=0, source=_S, cases=("der-sv-hcgrace",)),
    Resets(path="healthCheckGracePeriodSeconds", source="ecs.UpdateService: if not specified, 0 is used"),
    Keyed(path="vpcLatticeConfigurations", key=("portName", "targetGroupArn"), source=_S + "vpcLatticeConfigurations"),
    Clears(path="vpcLatticeConfigurations", value=[], source=_CLEAR),
    Rolls(path="vpcLatticeConfigurations", source="ecs.UpdateService: triggers a new service deployment"),
    Keyed(path="gatewayConnectors", key=("portName",), source="ecs.GatewayConnector: one per port"),
    Computed(path="gatewayConnectors", source=_S + "gatewayConnectors: declared-only"),
    Rolls(path="gatewayConnectors", source="ecs.ServiceRevision has it"),
)

_SC = "serviceConnectConfiguration"
_SC_SERVICE = f"{_SC}.services[]"
_EBS = "volumeConfigurations[].managedEBSVolume"

_CONNECT: Rules = (
    Rewrite(path=_SC, to=_enabled, source=_S + _SC, cases=("der-sv-sc-disabled", "der-sv-sc-extra-oob")),
    Computed(path=f"{_SC}.namespace", source="ecs.CreateCluster: the cluster's default namespace"),
    Default(
        path=f"{_SC_SERVICE}.discoveryName",
        value=_discovery_name,
        says="portName",
        source=_S,
        cases=("der-sv-sc-defaults",),
    ),
    Rewrite(path=f"{_SC_SERVICE}.ingressPortOverride", to=_nonzero, source=_S + "ingressPortOverride"),
    Keyed(path=f"{_SC_SERVICE}.clientAliases", key=("port",), source=_S, cases=("der-sv-sc-port",)),
    # Filled in by `adjust` where the namespace is declared by name, and so compared.
    Computed(path=f"{_SC_SERVICE}.clientAliases[].dnsName", source=_S + "clientAliases", cases=("der-sv-sc-port",)),
    Keyed(path=f"{_SC}.services", key=("portName",), source=_S, cases=("der-sv-sc-defaults",)),
    Verbatim(path=f"{_SC}.logConfiguration.options", source=_S + "logConfiguration map"),
    Keyed(path=f"{_SC}.logConfiguration.secretOptions", key=("name",), value="valueFrom", source=_S),
    Default(
        path=f"{_SC}.accessLogConfiguration.includeQueryParameters",
        value="DISABLED",
        source="ecs.ServiceConnectAccessLogConfiguration: by default DISABLED",
    ),
    Unordered(path=f"{_SC}.containerConfigurations", source="ecs.ServiceConnectContainerConfiguration"),
    *secret_options(f"{_SC}.logConfiguration.options"),
    Clears(path=_SC, value={"enabled": False}, source=_CLEAR),
    Rolls(path=_SC, source="ecs.UpdateService: triggers a new service deployment"),
    Default(path=f"{_EBS}.encrypted", value=True, source=_S + "volumeConfigurations"),
    Default(path=f"{_EBS}.filesystemType", value="xfs", source=_S + "volumeConfigurations"),
    *(Computed(path=f"{_EBS}.{size}", source=_S + "gp3 values") for size in ("iops", "throughput", "sizeInGiB")),
    Computed(path=f"{_EBS}.volumeType", source="ecs.ServiceManagedEBSVolumeConfiguration names no default"),
    Rewrite(path=f"{_EBS}.tagSpecifications[].propagateTags", to=_none_propagated, source=_S + "volumeConfigurations"),
    Verbatim(path=f"{_EBS}.tagSpecifications[].tags[]", source="normalization.md §0.2"),
    Keyed(path=f"{_EBS}.tagSpecifications[].tags", key=("key",), value="value", source="normalization.md §0.8"),
    Keyed(
        path=f"{_EBS}.tagSpecifications",
        key=("resourceType", "propagateTags"),
        source="ecs.EBSTagSpecification: a list",
    ),
    Keyed(path="volumeConfigurations", key=("name",), source=_S + "volumeConfigurations"),
    Clears(path="volumeConfigurations", value=[], source=_CLEAR),
    Rolls(path="volumeConfigurations", source="ecs.UpdateService: triggers a new service deployment"),
)

_TASKS: Rules = (
    Rolls(path="taskDefinition", source="ecs.UpdateService: triggers a new service deployment"),
    Default(path="enableECSManagedTags", value=False, source=_S, cases=("der-sv-managed-tags",)),
    Default(path="enableExecuteCommand", value=False, source=_S, cases=("oob-11-service-enableExecuteCommand",)),
    Default(path="propagateTags", value="NONE", source=_S, cases=("der-sv-propagate-none2",)),
    Unordered(path="monitoring.metricConfigurations[].metricNames", source=_S + "monitoring"),
    Unordered(path="monitoring.metricConfigurations", source=_S + "monitoring"),
    Computed(path="monitoring", source=_S + "monitoring", cases=("ecspresso-sv-monitoring-added",)),
    Rolls(path="monitoring", source="ecs.ServiceRevision has it"),
)

_LB_ADVANCED = "loadBalancers[].advancedConfiguration"

_REFERS: Rules = (
    Refers(path="cluster", kind="Cluster"),
    Refers(path="taskDefinition", kind="TaskDefinition", output="arn"),
    Refers(path="role", kind="Role"),
    Refers(path="capacityProviderStrategy[].capacityProvider", kind="CapacityProvider"),
    Refers(path="loadBalancers[].targetGroupArn", kind="TargetGroup"),
    Refers(path=f"{_LB_ADVANCED}.alternateTargetGroupArn", kind="TargetGroup"),
    Refers(path=f"{_LB_ADVANCED}.productionListenerRule", kind="ListenerRule"),
    Refers(path=f"{_LB_ADVANCED}.testListenerRule", kind="ListenerRule"),
    Refers(path=f"{_LB_ADVANCED}.roleArn", kind="Role", output="arn"),
    Refers(path=f"{_HOOK}.roleArn", kind="Role", output="arn"),
    Refers(path=f"{_EBS}.roleArn", kind="Role", output="arn"),
    Refers(path="serviceConnectConfiguration.services[].tls.roleArn", kind="Role", output="arn"),
    Refers(path="vpcLatticeConfigurations[].roleArn", kind="Role", output="arn"),
    Refers(path=f"{_VPC}.securityGroups[]", kind="SecurityGroup"),
    Refers(path=f"{_SC}.logConfiguration.options.awslogs-group", kind="LogGroup", output="name"),
)


RULES: Rules = (
    *tag_rows(),
    *_IDENTITY,
    *_CAPACITY,
    *_DEPLOYMENT,
    *_NETWORK,
    *_CONNECT,
    *_TASKS,
    *_REFERS,
)
