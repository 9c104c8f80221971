"""The fields of the live side with changes that are no difference. A change of any other field must be detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsync.core.trees import Path

# AWS sets the field, and no client can write it.
SERVER_OWNED: Mapping[str, set[str]] = {
    "AutoScalingGroup": {"AutoScalingGroupARN", "CreatedTime", "Tags.[].ResourceId", "Tags.[].ResourceType"},
    "CapacityProvider": {"capacityProviderArn", "status", "updateStatus"},
    "Cluster": {"clusterArn", "status"},
    "Listener": {"ListenerArn"},
    "ListenerRule": {"RuleArn", "IsDefault"},
    "LoadBalancer": {"LoadBalancerArn", "CanonicalHostedZoneId", "DNSName"},
    "ScalingPolicy": {"PolicyARN", "CreationTime", "Alarms.[].AlarmName", "Alarms.[].AlarmARN"},
    "Service": {
        "serviceArn", "status", "createdAt", "createdBy", "events.[].id", "events.[].message", "runningCount",
        "pendingCount", "platformFamily", "taskSets.[].id", "id", "scale.unit", "scale.value",
        *(f"deployments.[].{name}" for name in (
            "desiredCount", "failedTasks", "id", "launchType", "pendingCount", "platformVersion", "rolloutState",
            "runningCount", "status", "taskDefinition",
        )),
    },
    "TargetGroup": {"TargetGroupArn", "LoadBalancerArns.[]"},
    "TaskDefinition": {
        "taskDefinitionArn", "revision", "status", "compatibilities.[]", "requiresAttributes.[].name", "registeredAt",
        "registeredBy",
    },
}  # fmt: skip

# AWS or another client owns the field while the manifest does not declare it.
WHILE_UNDECLARED: Mapping[str, set[str]] = {
    "AutoScalingGroup": {
        "AvailabilityZones.[]", "AvailabilityZoneIds.[]", "DesiredCapacity", "ServiceLinkedRoleARN",
        "LaunchTemplate.LaunchTemplateName",  # the id identifies the template
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName",
        "Tags.[].Key", "Tags.[].Value", "Tags.[].PropagateAtLaunch",
    },
    "CapacityProvider": {"tags.[].key", "tags.[].value"},
    "Cluster": {"settings.[].name", "settings.[].value", "tags.[].key", "tags.[].value"},
    "Listener": {
        "SslPolicy", "Attributes.[].Key", "Attributes.[].Value", "DefaultActions.[].Order", "Tags.[].Key",
        "Tags.[].Value",
    },
    "ListenerRule": {"Tags.[].Key", "Tags.[].Value"},
    "LoadBalancer": {
        "SecurityGroups.[]", "Attributes.[].Key", "Attributes.[].Value", "Tags.[].Key", "Tags.[].Value",
    },
    "ScalingPolicy": {"ServiceNamespace", "ResourceId", "ScalableDimension"},
    "Service": {
        "availabilityZoneRebalancing", "capacityProviderStrategy.[].base", "capacityProviderStrategy.[].weight",
        "capacityProviderStrategy.[].capacityProvider", "deploymentConfiguration.bakeTimeInMinutes", "desiredCount",
        "platformVersion", "roleArn", "taskDefinition", "tags.[].key", "tags.[].value",
    },
    "TargetGroup": {"Attributes.[].Key", "Attributes.[].Value", "Tags.[].Key", "Tags.[].Value"},
}  # fmt: skip

# Another controller owns the field in this pair.
DELEGATED: Mapping[str, Mapping[str, str]] = {
    "cap-ElasticLoadBalancingV2-ListenerRule.ProdRule": {
        "Actions.[].ForwardConfig.TargetGroups.[].Weight": "ECS, inside the blue/green pair",
    },
    "cap-ECS-TaskSet.TaskSet": {"platformVersion": "LATEST is declared, and matches any version"},
    "der-lb-access-logs-off": {
        "Attributes.[].Key": "the destination of logs, while logs are off",
        "Attributes.[].Value": "the destination of logs, while logs are off",
    },
    "der-li-oidc": {"DefaultActions.[].Order": "no effect: the last action is last with any greater number"},
    "der-sv-taskdef-family": {"taskDefinition": "a family without a revision matches any revision"},
    "ecspresso-sv-codedeploy-tg": {"loadBalancers.[].targetGroupArn": "CodeDeploy, which swaps the groups"},
}


def declared(desired: Mapping[str, Any], live: Mapping[str, Any], place: Path) -> bool:
    """Return whether the desired side declares a place of the live side. Elements with a key are matched by it."""
    want: Any = desired
    have: Any = live
    for part in place:
        have = have[part]
        if isinstance(want, list) and isinstance(part, int):
            key = next((name for name in ("Key", "key", "name") if isinstance(have, dict) and name in have), "")
            matching = [one for one in want if isinstance(one, dict) and one.get(key) == have[key]] if key else want
            want = matching[0] if matching else None
        else:
            want = want.get(part) if isinstance(want, dict) else None
        if want is None:
            return False
    return True
