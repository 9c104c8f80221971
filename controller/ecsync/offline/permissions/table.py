"""What IAM asks for each operation: the action, the type of its resource, the ARN of that type, the condition keys.

Source of every line: AWS's Service Authorization Reference, "Actions, resources, and condition keys for <service>".
An action without a type of resource there takes `*`.
"""

from __future__ import annotations

from collections.abc import Mapping

ANY = "*"  # the type of an action that IAM cannot limit to a resource

# Service in botocore's spelling -> IAM's prefix, where they differ.
PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}

# Service -> type of resource -> the operations that are checked on it. An operation may be checked on several types.
_OPERATIONS: Mapping[str, Mapping[str, str]] = {
    "application-autoscaling": {
        ANY: "DescribeScalableTargets DescribeScalingPolicies DescribeScheduledActions",
        "scalable-target": (
            "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget ListTagsForResource PutScalingPolicy "
            "PutScheduledAction RegisterScalableTarget TagResource UntagResource"
        ),
    },
    "autoscaling": {
        ANY: "DescribeAutoScalingGroups",
        "group": (
            "AttachLoadBalancerTargetGroups AttachLoadBalancers AttachTrafficSources CreateAutoScalingGroup "
            "CreateOrUpdateTags DeleteAutoScalingGroup DeleteTags DetachLoadBalancerTargetGroups DetachLoadBalancers "
            "DetachTrafficSources DisableMetricsCollection EnableMetricsCollection UpdateAutoScalingGroup"
        ),
    },
    "cloudwatch": {
        # DescribeAlarms also returns composite alarms: "you must be signed on with the permission that is scoped to *".
        ANY: "DescribeAlarms",
        "alarm": "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
    },
    "dynamodb": {"table": "GetItem PutItem"},
    "ssm": {"parameter": "GetParameter"},
    "ec2": {
        ANY: (
            "DescribeLaunchTemplateVersions DescribeLaunchTemplates DescribeRouteTables DescribeSecurityGroups "
            "DescribeSubnets DescribeVpcs"
        ),
        "security-group": (
            "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup CreateTags "
            "DeleteSecurityGroup DeleteTags RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
            "UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress"
        ),
        "vpc": "CreateSecurityGroup",
        "launch-template": (
            "CreateLaunchTemplate CreateLaunchTemplateVersion CreateTags DeleteLaunchTemplate DeleteTags "
            "ModifyLaunchTemplate"
        ),
    },
    "ecr": {
        "repository": (
            "CreateRepository DeleteLifecyclePolicy DeleteRepository DeleteRepositoryPolicy DescribeRepositories "
            "GetLifecyclePolicy GetRepositoryPolicy ListTagsForResource PutImageScanningConfiguration "
            "PutImageTagMutability PutLifecyclePolicy SetRepositoryPolicy TagResource UntagResource"
        ),
    },
    "ecs": {
        # DescribeCapacityProviders has a type, but is also called without a name, for all of them.
        ANY: (
            "DeregisterTaskDefinition DescribeCapacityProviders DescribeTaskDefinition ListAccountSettings "
            "ListClusters ListServices ListTaskDefinitions"
        ),
        "capacity-provider": (
            "CreateCapacityProvider DeleteCapacityProvider TagResource UntagResource UpdateCapacityProvider"
        ),
        "cluster": (
            "CreateCluster DeleteCluster DescribeClusters PutClusterCapacityProviders TagResource UntagResource "
            "UpdateCluster"
        ),
        "service": (
            "CreateService DeleteService DescribeServiceDeployments DescribeServiceRevisions DescribeServices "
            "ListServiceDeployments TagResource UntagResource UpdateService"
        ),
        "service-deployment": "DescribeServiceDeployments",
        "service-revision": "DescribeServiceRevisions",
        "task-definition": "ListTagsForResource RegisterTaskDefinition TagResource UntagResource",
    },
    "elbv2": {
        ANY: (
            "DescribeListenerAttributes DescribeListenerCertificates DescribeListeners DescribeLoadBalancerAttributes "
            "DescribeLoadBalancers DescribeRules DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups "
            "DescribeTargetHealth"
        ),
        "loadbalancer": (
            "AddTags CreateListener CreateLoadBalancer DeleteLoadBalancer ModifyIpPools ModifyLoadBalancerAttributes "
            "RemoveTags SetIpAddressType SetSecurityGroups SetSubnets"
        ),
        "listener": (
            "AddListenerCertificates AddTags CreateRule DeleteListener ModifyListener ModifyListenerAttributes "
            "RemoveListenerCertificates RemoveTags"
        ),
        "listener-rule": "AddTags DeleteRule ModifyRule RemoveTags SetRulePriorities",
        "targetgroup": (
            "AddTags CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes RemoveTags"
        ),
    },
    "iam": {
        ANY: "ListRoles",
        "role": (
            "AttachRolePolicy CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy "
            "GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies "
            "PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole"
        ),
        "instance-profile": (
            "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile "
            "RemoveRoleFromInstanceProfile"
        ),
    },
    "logs": {
        ANY: "DescribeLogGroups",
        "log-group": (
            "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey PutRetentionPolicy"
        ),
        # logs.LogGroup, member arn: these three require the ARN without `:*` at the end.
        "log-group-tags": "ListTagsForResource TagResource UntagResource",
    },
    "resourcegroupstaggingapi": {ANY: "GetResources"},
    "s3": {"object": "GetObject PutObject", "bucket": "ListBucket"},
    "servicediscovery": {ANY: "ListNamespaces"},
}

ALL_OPERATIONS = tuple(
    dict.fromkeys(
        f"{service}.{name}"
        for service, types in _OPERATIONS.items()
        for names in types.values()
        for name in names.split()
    )
)

# The ARN of every resource of a type, in an account and Region. What AWS generates is `*`.
EVERY: Mapping[str, str] = {
    "application-autoscaling.scalable-target": "application-autoscaling:{region}:{account}:scalable-target/*",
    "autoscaling.group": "autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*",
    "cloudwatch.alarm": "cloudwatch:{region}:{account}:alarm:*",
    "ec2.launch-template": "ec2:{region}:{account}:launch-template/*",
    "ec2.security-group": "ec2:{region}:{account}:security-group/*",
    "ec2.vpc": "ec2:{region}:{account}:vpc/*",
    "ecr.repository": "ecr:{region}:{account}:repository/*",
    "ecs.capacity-provider": "ecs:{region}:{account}:capacity-provider/*",
    "ecs.cluster": "ecs:{region}:{account}:cluster/*",
    "ecs.service": "ecs:{region}:{account}:service/*",
    "ecs.service-deployment": "ecs:{region}:{account}:service-deployment/*",
    "ecs.service-revision": "ecs:{region}:{account}:service-revision/*",
    "ecs.task-definition": "ecs:{region}:{account}:task-definition/*",
    "elbv2.loadbalancer": "elasticloadbalancing:{region}:{account}:loadbalancer/*",
    "elbv2.listener": "elasticloadbalancing:{region}:{account}:listener/*",
    "elbv2.listener-rule": "elasticloadbalancing:{region}:{account}:listener-rule/*",
    "elbv2.targetgroup": "elasticloadbalancing:{region}:{account}:targetgroup/*",
    "iam.role": "iam::{account}:role/*",
    "iam.instance-profile": "iam::{account}:instance-profile/*",
    "logs.log-group": "logs:{region}:{account}:log-group:*:*",
    "logs.log-group-tags": "logs:{region}:{account}:log-group:*",
}

# Services with a condition key for tags that are written with a create -> that key; its value is the operation.
CREATE_ACTION = {
    "ec2": "ec2:CreateAction",
    "ecs": "ecs:CreateAction",
    "elbv2": "elasticloadbalancing:CreateAction",
}

# Types with an id of AWS's in their ARN, and not the declared name: only our tag shows which one is declared.
BY_TAG = frozenset({"ec2.launch-template", "ec2.security-group"})

# Application Auto Scaling: the condition keys of the one dimension that manifests can declare.
DIMENSION = (
    ("application-autoscaling:scalable-dimension", "ecs:service:DesiredCount"),
    ("application-autoscaling:service-namespace", "ecs"),
)


def types_of(operation: str) -> tuple[str, ...]:
    """Return the types of resource (`ecs.cluster`) on which an operation (`ecs.CreateCluster`) is checked.

    Raises KeyError for an operation that is not in the table.
    """
    service, _, name = operation.partition(".")
    found = tuple(of for of, names in _OPERATIONS[service].items() if name in names.split())
    if not found:
        raise KeyError(f"{operation}: not in the table of IAM actions")
    return tuple(ANY if of == ANY else f"{service}.{of}" for of in found)


def action_of(operation: str) -> str:
    """Return the IAM action of an operation: `elasticloadbalancing:DescribeRules` for `elbv2.DescribeRules`."""
    service, _, name = operation.partition(".")
    return f"{PREFIXES.get(service, service)}:{'ListBucket' if name == 'ListObjectsV2' else name}"


_CHECKED: Mapping[str, frozenset[str]] = {
    action: frozenset(of for one in ALL_OPERATIONS if action_of(one) == action for of in types_of(one))
    for action in {action_of(one) for one in ALL_OPERATIONS}
}


def checked_on(action: str, of: str) -> bool:
    """Return whether an action may be checked on a type of resource; an action or type beside the table may be."""
    return of not in EVERY or action not in _CHECKED or of in _CHECKED[action]
