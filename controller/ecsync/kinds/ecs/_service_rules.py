"""The rule table of a service: how DescribeServices differs from CreateService, and what an update does."""

from __future__ import annotations

from ecsync.core.rules import (
    Clears,
    Computed,
    Default,
    Delegated,
    Drop,
    Immutable,
    Keyed,
    NewTasks,
    Pinned,
    Refers,
    Resets,
    Reverts,
    Rewrite,
    Rolls,
    Rules,
    Unordered,
    Verbatim,
)
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import name_characters, nonzero, tag_rows
from ecsync.kinds.ecs._revisions import family_of
from ecsync.kinds.ecs._service_deployment_rules import CLEARED, DEPLOYMENT_RULES, HOOK, RETURNED, SET, is_daemon
from ecsync.kinds.ecs._shared import NAME_OR_ARN, role_name, secret_options, short_name, strategy_rows

_DEPLOYS = "ecs.UpdateService: triggers a new service deployment"
_FIXED = "ecs.UpdateService has no such member"

# Values and what they depend on --------------------------------------------------------------------------------------


def controller_of(body: Body) -> str:
    """Return the deployment controller of a service: ECS, CODE_DEPLOY or EXTERNAL."""
    return str((body.get("deploymentController") or {}).get("type", "ECS"))


def _others_deploy(body: Body) -> bool:
    return controller_of(body) in ("CODE_DEPLOY", "EXTERNAL")


def _latest(version: Json) -> Json:
    return None if version == "LATEST" else version


def _enabled(block: Json) -> Json:
    return block if block.get("enabled") else None


def _placement_field(field: Json) -> Json:
    """Return a field as declared in lower case; `host` becomes instanceId. The name of an attribute is unchanged."""
    low = str(field).lower()
    return {"cpu": "cpu", "memory": "memory", "host": "instanceId", "instanceid": "instanceId"}.get(low, field)


def _distinct(ids: Json) -> Json:
    """Return a set without duplicates."""
    return list(dict.fromkeys(ids)) if isinstance(ids, list) else ids


def _discovery_name(service: Body, _: Body) -> Json:
    return service.get("portName")


def _none_propagated(tag: Json) -> Json:
    return None if tag == "NONE" else tag


# The table -------------------------------------------------------------------------------------------------------

_IDENTITY: Rules = (
    name_characters("serviceName", "ecs.CreateService: letters, numbers, underscores and hyphens"),
    Rewrite(path="cluster", to=short_name, source=NAME_OR_ARN, cases=("der-sv-cluster-arn",)),
    Default(path="cluster", value="default", source="ecs.CreateService: the default cluster is assumed"),
    Rewrite(
        path="taskDefinition",
        to=short_name,
        source="ecs.CreateService takes family:revision or an ARN; ECS returns the ARN",
        cases=("der-sv-taskdef-arn",),
    ),
    Pinned(path="taskDefinition", loosely=family_of, source="ecs.CreateService takes family, or family:revision"),
    Computed(
        path="taskDefinition",
        source="required, except where task sets or another tool deploy the service",
        cases=("pipecd-sv-ignore-params",),
    ),
    Delegated(
        path="taskDefinition",
        when=lambda facts: bool(facts.get("deployedByOther")),
        owner="CodeDeploy, or the external deployment controller",
        source="ecs.UpdateService: with these controllers the task definition changes by a deployment or a task set",
    ),
    Rewrite(path="role", to=role_name, source=NAME_OR_ARN),
    Computed(
        path="role",
        source="ecs.CreateService: the service-linked role is used where no role is declared",
        cases=("der-sv-role-slr", "der-sv-role-custom"),
    ),
    Default(path="schedulingStrategy", value="REPLICA", source="ecs.CreateService: REPLICA is the default"),
    Default(
        path="deploymentController",
        value={"type": "ECS"},
        source="ecs.CreateService: the default value is ECS",
        cases=("der-sv-controller-type",),
    ),
    *(Immutable(path=member, source=_FIXED) for member in ("serviceName", "cluster", "schedulingStrategy", "role")),
    Immutable(path="deploymentController", source="ecs.UpdateService does not document what a change of it does"),
)

_CAPACITY: Rules = (
    Drop(
        path="desiredCount",
        when=is_daemon,
        source="ecs.CreateService: DAEMON runs one task per instance, without a count",
        cases=("der-sv-daemon", "cap-ECS-Service.DaemonService"),
    ),
    Computed(
        path="desiredCount",
        description="the live count stays; with a scalable target the autoscaler decides in its range, declared or not",
        source="autoscalers and people change the count of a running service",
        cases=("der-sv-desired-as", "ecspresso-sv-desiredcount-unset"),
    ),
    *strategy_rows("capacityProviderStrategy"),
    # With a declared launch type, a live strategy is a difference; an empty list removes it, and the service returns
    # to its original launch type. Without one, the live strategy may be the cluster's default.
    Computed(
        path="capacityProviderStrategy",
        when=lambda body: "launchType" not in body,
        description="the cluster's default strategy, where launchType is not declared either",
        source="ecs.CreateService: the cluster's default strategy is copied into the service",
        cases=("der-sv-launchtype-to-cps",),
    ),
    Delegated(
        path="launchType",
        when=lambda facts: bool(facts.get("hasCapacityProviderStrategy")),
        owner="the capacity provider strategy",
        source="ecs.CreateService: a service has a launch type or a capacity provider strategy",
    ),
    Computed(path="launchType", source=RETURNED, cases=("der-sv-launchtype-undeclared",)),
    Clears(path="capacityProviderStrategy", value=[], source=CLEARED),
    Rolls(path="capacityProviderStrategy", force=True, source="ecs.UpdateService: doesn't trigger a deployment"),
    Immutable(path="launchType", source=_FIXED),
    Rewrite(
        path="platformVersion",
        to=_latest,
        source="ECS returns LATEST for a service and the number for a task set",
        cases=("cap-ECS-TaskSet.TaskSet",),
    ),
    Computed(path="platformVersion", source=RETURNED, cases=("cap-ECS-Service.HuntFargateSvc",)),
    Reverts(
        path="platformVersion",
        value=lambda _: "LATEST",
        source="ecs.CreateService: if one isn't specified, the LATEST platform version is used",
    ),
    Resets(path="platformVersion", source="ecs.UpdateService: if not specified, the LATEST platform version is used"),
    Rolls(path="platformVersion", source=_DEPLOYS),
    Default(
        path="availabilityZoneRebalancing",
        value="DISABLED",
        source="ecs.CreateService: a service that never had a value is treated as DISABLED",
    ),
    Computed(
        path="availabilityZoneRebalancing",
        source="the default depends on when and how the service was created",
        cases=("cap-ECS-Service.DaemonService",),
    ),
    Unordered(path="placementConstraints", source=SET, cases=("der-sv-pc-order", "der-sv-pc-empty-expr")),
    Clears(path="placementConstraints", value=[], source=CLEARED),
    Rewrite(
        path="placementStrategy[].field",
        to=_placement_field,
        source="ECS returns CPU and MEMORY, and instanceId for host",
        cases=("der-sv-ps-host", "der-sv-ps-memory", "der-sv-ps-order"),
    ),
    Clears(path="placementStrategy", value=[], source=CLEARED),
)

_VPC = "networkConfiguration.awsvpcConfiguration"
_BALANCER_KEY = ("targetGroupArn", "loadBalancerName", "containerName", "containerPort")
_TWICE = "an id may be declared twice; ECS returns it once"
_NO_PORT = "ecs.DescribeServices leaves out a port of 0"

_NETWORK: Rules = (
    Default(
        path=f"{_VPC}.assignPublicIp",
        value="DISABLED",
        source="ecs.AwsVpcConfiguration: the default is DISABLED",
        cases=("ecspresso-sv-same",),
    ),
    Rewrite(path=f"{_VPC}.subnets", to=_distinct, source=_TWICE, cases=("pipecd-sv-same",)),
    Rewrite(path=f"{_VPC}.securityGroups", to=_distinct, source=_TWICE, cases=("der-sv-sg-undeclared",)),
    Unordered(path=f"{_VPC}.subnets", source=SET),
    Unordered(path=f"{_VPC}.securityGroups", source=SET),
    Rolls(path="networkConfiguration", source=_DEPLOYS),
    Drop(
        path="loadBalancers[].targetGroupArn",
        when=_others_deploy,
        source="CodeDeploy and task sets swap the target groups of a service",
        cases=("ecspresso-sv-codedeploy-tg", "ecspresso-sv-ecs-tg"),
    ),
    Keyed(path="loadBalancers", key=_BALANCER_KEY, source=SET, cases=("der-sv-lb-order", "der-sv-lb-missing")),
    Clears(path="loadBalancers", value=[], source=CLEARED),
    Rolls(path="loadBalancers", source=_DEPLOYS),
    Rewrite(path="serviceRegistries[].port", to=nonzero, source=_NO_PORT),
    Rewrite(path="serviceRegistries[].containerPort", to=nonzero, source=_NO_PORT),
    Keyed(path="serviceRegistries", key=("registryArn",), source=SET),
    Clears(path="serviceRegistries", value=[], source=CLEARED),
    Rolls(path="serviceRegistries", source=_DEPLOYS),
    Default(
        path="healthCheckGracePeriodSeconds",
        value=0,
        source="ecs.CreateService: the default value of 0 is used",
        cases=("der-sv-hcgrace",),
    ),
    Resets(path="healthCheckGracePeriodSeconds", source="ecs.UpdateService: if not specified, 0 is used"),
    Keyed(path="vpcLatticeConfigurations", key=("portName", "targetGroupArn"), source=SET),
    Clears(path="vpcLatticeConfigurations", value=[], source=CLEARED),
    Rolls(path="vpcLatticeConfigurations", source=_DEPLOYS),
    Keyed(path="gatewayConnectors", key=("portName",), source="ecs.GatewayConnector: one per port"),
    Computed(path="gatewayConnectors", source="ecs.DescribeServiceRevisions alone returns it"),
    Rolls(path="gatewayConnectors", source="ecs.ServiceRevision has it"),
)

_SC = "serviceConnectConfiguration"
_SC_SERVICE = f"{_SC}.services[]"
_EBS = "volumeConfigurations[].managedEBSVolume"

_CONNECT: Rules = (
    Rewrite(
        path=_SC,
        to=_enabled,
        source="a block that is not enabled is no Service Connect",
        cases=("der-sv-sc-disabled", "der-sv-sc-extra-oob"),
    ),
    Computed(path=f"{_SC}.namespace", source="ecs.CreateCluster: the cluster's default namespace"),
    Default(
        path=f"{_SC_SERVICE}.discoveryName",
        value=_discovery_name,
        description="portName",
        source="ecs.ServiceConnectService: the port name is used if discoveryName is not specified",
        cases=("der-sv-sc-defaults",),
    ),
    Rewrite(path=f"{_SC_SERVICE}.ingressPortOverride", to=nonzero, source=_NO_PORT),
    Keyed(path=f"{_SC_SERVICE}.clientAliases", key=("port",), source=SET, cases=("der-sv-sc-port",)),
    # `adjust` declares it where the namespace is declared by name, so that it is compared.
    Computed(
        path=f"{_SC_SERVICE}.clientAliases[].dnsName",
        source="ecs.ServiceConnectClientAlias: discoveryName.namespace if not specified",
        cases=("der-sv-sc-port",),
    ),
    Keyed(path=f"{_SC}.services", key=("portName",), source=SET, cases=("der-sv-sc-defaults",)),
    Verbatim(path=f"{_SC}.logConfiguration.options", source="an option may be an empty string"),
    Keyed(path=f"{_SC}.logConfiguration.secretOptions", key=("name",), value="valueFrom", source=SET),
    Default(
        path=f"{_SC}.accessLogConfiguration.includeQueryParameters",
        value="DISABLED",
        source="ecs.ServiceConnectAccessLogConfiguration: by default DISABLED",
    ),
    Unordered(path=f"{_SC}.containerConfigurations", source=SET),
    *secret_options(f"{_SC}.logConfiguration.options"),
    Clears(path=_SC, value={"enabled": False}, source="ecs.UpdateService keeps Service Connect where it is left out"),
    Rolls(path=_SC, source=_DEPLOYS),
    Default(path=f"{_EBS}.encrypted", value=True, source=RETURNED),
    Default(
        path=f"{_EBS}.filesystemType",
        value="xfs",
        source="ecs.ServiceManagedEBSVolumeConfiguration: xfs is used by default",
    ),
    *(
        Computed(path=f"{_EBS}.{member}", source="the default depends on the volume type and the snapshot")
        for member in ("iops", "throughput", "sizeInGiB")
    ),
    Computed(path=f"{_EBS}.volumeType", source="ecs.ServiceManagedEBSVolumeConfiguration documents no default"),
    Rewrite(
        path=f"{_EBS}.tagSpecifications[].propagateTags",
        to=_none_propagated,
        source="ecs.EBSTagSpecification: tags are not propagated if no value is specified",
    ),
    Verbatim(path=f"{_EBS}.tagSpecifications[].tags[]", source="a tag value may be an empty string"),
    Keyed(path=f"{_EBS}.tagSpecifications[].tags", key=("key",), value="value", source="one value per tag key"),
    Keyed(path=f"{_EBS}.tagSpecifications", key=("resourceType", "propagateTags"), source=SET),
    Keyed(path="volumeConfigurations", key=("name",), source=SET),
    Clears(path="volumeConfigurations", value=[], source=CLEARED),
    Rolls(path="volumeConfigurations", source=_DEPLOYS),
)

_TASKS: Rules = (
    Rolls(path="taskDefinition", source=_DEPLOYS),
    Default(path="enableECSManagedTags", value=False, source=RETURNED, cases=("der-sv-managed-tags",)),
    Default(path="enableExecuteCommand", value=False, source=RETURNED, cases=("oob-11-service-enableExecuteCommand",)),
    Default(
        path="propagateTags",
        value="NONE",
        source="ecs.CreateService: the default is NONE",
        cases=("der-sv-propagate-none2",),
    ),
    *(
        NewTasks(path=member, source="ecs.UpdateService: starts no deployment, and a running task is not changed")
        for member in ("enableECSManagedTags", "enableExecuteCommand", "propagateTags")
    ),
    Unordered(path="monitoring.metricConfigurations[].metricNames", source=SET),
    Unordered(path="monitoring.metricConfigurations", source=SET),
    Computed(
        path="monitoring",
        source="ecs.DescribeServiceRevisions alone returns it",
        cases=("ecspresso-sv-monitoring-added",),
    ),
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
    Refers(path=f"{HOOK}.roleArn", kind="Role", output="arn"),
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
    *DEPLOYMENT_RULES,
    *_NETWORK,
    *_CONNECT,
    *_TASKS,
    *_REFERS,
)
