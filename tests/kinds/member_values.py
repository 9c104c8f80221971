"""What a member needs beside it, the values that AWS takes, and where AWS returns it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from tests.kinds.members import as_text

Block = Mapping[str, Any]
Blocks = Mapping[str, Block]  # path of a block -> its members; None: the block is without the member

# Kinds with a name of which an account can have one only, for the resource that they refer to.
ALONE = {"CapacityProvider"}

_PERMISSIONS = ("IpPermissions", "IpPermissionsEgress")
_PORTS = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
_SOURCES = {
    "IpRanges": {"CidrIp": "10.7.0.0/16"},
    "Ipv6Ranges": {"CidrIpv6": "2001:db8::/32"},
    "PrefixListIds": {"PrefixListId": "pl-12345678"},
    "UserIdGroupPairs": {"GroupId": "${SecurityGroup/web.id}"},
}
_TEMPLATE = {"LaunchTemplateId": "${LaunchTemplate/web.id}"}
_TEMPLATE_NAMES = (
    "LaunchTemplate.LaunchTemplateName",
    "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName",
    "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification.LaunchTemplateName",
)
_TAG, _ECS_TAG = {"Key": "kept", "Value": "kept"}, {"key": "kept", "value": "kept"}
_METRIC = {"Id": "kept", "MetricStat": {"Metric": {"Namespace": "n", "MetricName": "m"}, "Stat": "Sum", "Period": 60}}
_NO_METRIC: Block = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
_GROUP = {"targetGroupArn": "${TargetGroup/other.arn}", "containerName": "web", "containerPort": 80}
_BEHIND: Blocks = {"": {"taskDefinition": "${TaskDefinition/port.arn}"}, "loadBalancers[]": _GROUP}
_TRACKING, _STEPS = "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"
_PREDICTIVE = "PredictiveScalingPolicyConfiguration"
_MANAGED = "managedInstancesProvider"
_INSTANCES = {
    "infrastructureRoleArn": "${Role/ecs.arn}",
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "${Role/instance.instanceProfileArn}",
        "networkConfiguration": {"subnets": ["${Network/main.subnetIds}"]},
    },
}
_FREE = "${TargetGroup/instances.arn}"  # no load balancer uses it
_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
_TRUST = {**_POLICY, "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
_HTTPS = {
    "": {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/a"}]}
}
_OIDC = {"Issuer": "https://i", "AuthorizationEndpoint": "https://a", "TokenEndpoint": "https://t",
         "UserInfoEndpoint": "https://u", "ClientId": "c", "ClientSecret": "s"}  # fmt: skip
_COGNITO = {"UserPoolArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/p", "UserPoolClientId": "c",
            "UserPoolDomain": "d"}  # fmt: skip


def _actions(member: str) -> Mapping[str, Blocks]:
    """Return what each type of action needs."""
    first = f"{member}[]"
    one: dict[str, Blocks] = {
        f"{first}.{config}": {first: {"Type": kind, "TargetGroupArn": None, "Order": None}, f"{first}.{config}": block}
        for config, kind, block in (
            ("AuthenticateOidcConfig", "authenticate-oidc", _OIDC),
            ("AuthenticateCognitoConfig", "authenticate-cognito", _COGNITO),
            ("RedirectConfig", "redirect", {"StatusCode": "HTTP_301"}),
            ("FixedResponseConfig", "fixed-response", {"StatusCode": "404"}),
            ("JwtValidationConfig", "jwt-validation", {"JwksEndpoint": "https://j", "Issuer": "https://i"}),
            ("ForwardConfig", "forward", {"TargetGroups": [{"TargetGroupArn": _FREE}]}),
        )
    }
    groups = f"{first}.ForwardConfig.TargetGroups[]"
    return {
        **one,
        groups: {groups: {"TargetGroupArn": _FREE}},
        f"{first}.JwtValidationConfig.AdditionalClaims[]": {
            f"{first}.JwtValidationConfig.AdditionalClaims[]": {"Format": "single-string", "Name": "n", "Values": ["v"]}
        },
    }


def _conditions() -> Mapping[str, Blocks]:
    """Return what each field of a condition needs."""
    return {
        f"Conditions[].{config}": {"Conditions[]": {"Field": field, "Values": None}, f"Conditions[].{config}": block}
        for config, field, block in (
            ("HostHeaderConfig", "host-header", {}),
            ("PathPatternConfig", "path-pattern", {}),
            ("HttpHeaderConfig", "http-header", {"HttpHeaderName": "h", "Values": ["v"]}),
            ("QueryStringConfig", "query-string", {"Values": [{"Key": "k", "Value": "v"}]}),
            ("HttpRequestMethodConfig", "http-request-method", {}),
            ("SourceIpConfig", "source-ip", {"Values": ["10.0.0.0/8"]}),
        )
    } | {
        "Conditions[].RegexValues": {"Conditions[]": {"Values": None, "PathPatternConfig": None}},
        "Conditions[].HttpHeaderConfig.RegexValues": {"Conditions[].HttpHeaderConfig": {"Values": None}},
    }


# Kind -> the beginning of a member's path -> what its blocks have beside it.
BESIDE: Mapping[str, Mapping[str, Blocks]] = {
    "SecurityGroup": {
        "Tags": {"Tags[]": _TAG},
        **{rules: {f"{rules}[]": {**_PORTS, "IpRanges": [_SOURCES["IpRanges"]]}} for rules in _PERMISSIONS},
        **{
            f"{rules}[].{of}": {f"{rules}[]": _PORTS, f"{rules}[].{of}[]": source}
            for rules in _PERMISSIONS
            for of, source in _SOURCES.items()
        },
    },
    "Repository": {
        "imageTagMutabilityExclusionFilters": {
            "": {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
            "imageTagMutabilityExclusionFilters[]": {"filterType": "WILDCARD", "filter": "kept*"},
        },
        "encryptionConfiguration": {"encryptionConfiguration": {"encryptionType": "KMS"}},
    },
    "LaunchTemplate": {
        "Tags": {"Tags[]": _TAG},
        "LaunchTemplateData.TagSpecifications": {
            "LaunchTemplateData.TagSpecifications[]": {"ResourceType": "instance"},
            "LaunchTemplateData.TagSpecifications[].Tags[]": _TAG,
        },
    },
    "AutoScalingGroup": {
        "Tags": {"Tags[]": {**_TAG, "PropagateAtLaunch": False}},
        "EnabledMetrics": {"EnabledMetrics[]": {"Metric": "GroupMinSize"}},
        "MaxSize": {"": {"MaxSize": 7}},
        "MinSize": {"": {"MaxSize": 7}},
        "DesiredCapacity": {"": {"MaxSize": 7}},
        "LaunchTemplate.LaunchTemplateName": {"LaunchTemplate": {"LaunchTemplateId": None}},
        "MixedInstancesPolicy": {
            "": {"LaunchTemplate": None},
            "MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": _TEMPLATE}},
            "MixedInstancesPolicy.LaunchTemplate": {"LaunchTemplateSpecification": _TEMPLATE},
        },
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateName": {
            "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification": {"LaunchTemplateId": None},
        },
        "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification.Version": {
            "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification": _TEMPLATE,
        },
        "MixedInstancesPolicy.InstancesDistribution.SpotInstancePools": {
            "MixedInstancesPolicy.InstancesDistribution": {"SpotAllocationStrategy": "lowest-price"},
        },
        "LifecycleHookSpecificationList": {
            "LifecycleHookSpecificationList[]": {
                "LifecycleHookName": "kept",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            },
        },
        "AvailabilityZoneImpairmentPolicy.ImpairedZoneHealthCheckBehavior": {
            "AvailabilityZoneImpairmentPolicy": {"ZonalShiftEnabled": True},
        },
    },
    "Alarm": {
        "Tags": {"Tags[]": _TAG},
        "ExtendedStatistic": {"": {"Statistic": None}},
        "Metrics": {"": _NO_METRIC, "Metrics[]": _METRIC},
        "Metrics[].Expression": {"Metrics[]": {"MetricStat": None, "Period": 60}},
        "Metrics[].Period": {"Metrics[]": {"MetricStat": None, "Expression": "1"}},
        "EvaluationCriteria": {
            "": {**_NO_METRIC, **dict.fromkeys(("Threshold", "EvaluationPeriods", "ComparisonOperator"))}
        },
    },
    "CapacityProvider": {
        "tags": {"tags[]": _ECS_TAG},
        "autoScalingGroupProvider.managedTerminationProtection": {
            "autoScalingGroupProvider": {"managedScaling": {"status": "ENABLED"}}
        },
        "cluster": {"": {"autoScalingGroupProvider": None, _MANAGED: _INSTANCES}},
        _MANAGED: {
            "": {"cluster": "${Cluster/web.name}", "autoScalingGroupProvider": None},
            _MANAGED: _INSTANCES,
        },
    },
    "Cluster": {
        "settings": {"settings[]": {"name": "containerInsights", "value": "enabled"}},
        "tags": {"tags[]": _ECS_TAG},
        "defaultCapacityProviderStrategy": {
            "": {"capacityProviders": ["FARGATE"]},
            "defaultCapacityProviderStrategy[]": {"capacityProvider": "FARGATE"},
        },
    },
    "TargetGroup": {
        "Attributes": {"Attributes[]": {"Key": "stickiness.enabled", "Value": "true"}},
        "Tags": {"Tags[]": _TAG},
    },
    "LoadBalancer": {
        "Attributes": {"Attributes[]": {"Key": "idle_timeout.timeout_seconds", "Value": "61"}},
        "Tags": {"Tags[]": _TAG},
        "SubnetMappings": {
            "": {"Type": "network", "Subnets": None},
            "SubnetMappings[]": {"SubnetId": "${Network/main.subnetIds}"},
        },
    },
    "Service": {
        "tags": {"tags[]": _ECS_TAG},
        "loadBalancers": _BEHIND,
        "loadBalancers[].advancedConfiguration": {
            "loadBalancers[].advancedConfiguration": {
                "alternateTargetGroupArn": "${TargetGroup/other.arn}",
                "productionListenerRule": "${ListenerRule/web.arn}",
                "roleArn": "${Role/ecs.arn}",
            },
            "loadBalancers[]": {"targetGroupArn": "${TargetGroup/web.arn}"},
        },
        "healthCheckGracePeriodSeconds": {**_BEHIND, "": {**_BEHIND[""], "loadBalancers": [_GROUP]}},
        "role": {**_BEHIND, "": {**_BEHIND[""], "loadBalancers": [_GROUP]}},
        "capacityProviderStrategy": {
            "": {"launchType": None, "cluster": "${Cluster/fargate.name}"},
            "capacityProviderStrategy[]": {"capacityProvider": "FARGATE", "weight": 1},
        },
    },
    "Listener": {
        "Attributes": {"Attributes[]": {"Key": "routing.http.response.server.enabled", "Value": "false"}},
        "Tags": {"Tags[]": _TAG},
        **dict.fromkeys(("SslPolicy", "Certificates", "MutualAuthentication"), _HTTPS),
        **_actions("DefaultActions"),
    },
    "ListenerRule": {"Tags": {"Tags[]": _TAG}, **_actions("Actions"), **_conditions()},
    "ScalableTarget": {"ResourceId": {"": {"Service": None}}},
    "ScalingPolicy": {
        _STEPS: {
            "": {"PolicyType": "StepScaling", _TRACKING: None},
            _STEPS: {
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            },
        },
        f"{_TRACKING}.CustomizedMetricSpecification": {_TRACKING: {"PredefinedMetricSpecification": None}},
        _PREDICTIVE: {"": {"PolicyType": "PredictiveScaling", _TRACKING: None}},
    },
    "ScheduledAction": {},
    "TaskDefinition": {
        "tags": {"tags[]": _ECS_TAG},
        "networkMode": {"": {"requiresCompatibilities": None}},
        "containerDefinitions[].secrets": {"": {"executionRoleArn": "${Role/ecs.arn}"}},
        "containerDefinitions[].essential": {"": {"containerDefinitions": [{"name": "other", "image": "i"}]}},
        "containerDefinitions[].portMappings[].hostPort": {
            "containerDefinitions[].portMappings[]": {"containerPort": 7}
        },
        "containerDefinitions[].dependsOn": {"containerDefinitions[].dependsOn[]": {"containerName": "web"}},
        "cpu": {"": {"memory": "1024"}},
    },
}
# Kind -> member -> the values to try.
VALUES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "SecurityGroup": {
        **{f"{rules}[].IpProtocol": ["udp"] for rules in _PERMISSIONS},
        **{f"{rules}[].Ipv6Ranges[].CidrIpv6": ["2001:db8:1::/48"] for rules in _PERMISSIONS},
    },
    "Role": {
        "Path": ["/kept/"],
        "AssumeRolePolicyDocument": [_TRUST],
        "PermissionsBoundary": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "ManagedPolicyArns[]": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "Policies": [{"kept": _POLICY}],
    },
    "Repository": {
        "imageTagMutabilityExclusionFilters[].filter": ["other*"],
        "imageTagMutabilityExclusionFilters[].filterType": ["WILDCARD"],
        "policy": [{**_TRUST, "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}],
        "lifecyclePolicy": [
            {
                "rules": [
                    {
                        "rulePriority": 1,
                        "action": {"type": "expire"},
                        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9},
                    }
                ]
            }
        ],
    },
    "AutoScalingGroup": {
        **{member: ["nowhere"] for member in _TEMPLATE_NAMES},
        "MixedInstancesPolicy.LaunchTemplate.Overrides[].ImageId": ["ami-12345678"],
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId": [
            "${LaunchTemplate/web.id}"
        ],
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version": ["$Latest"],
        "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification.LaunchTemplateId": [
            "${LaunchTemplate/web.id}"
        ],
        "MixedInstancesPolicy.LaunchTemplate.Overrides[].LaunchTemplateSpecification.Version": ["$Latest"],
        "LaunchTemplate.Version": ["$Latest"],
        "EnabledMetrics[].Metric": ["GroupMaxSize"],
        "EnabledMetrics[].Granularity": ["1Minute"],
        "TargetGroupARNs[]": ["${TargetGroup/instances.arn}"],
        "TrafficSources[].Identifier": ["${TargetGroup/instances.arn}"],
    },
    "CapacityProvider": {"cluster": ["${Cluster/fargate.name}"]},
    "Cluster": {
        "capacityProviders[]": ["FARGATE"],
        "defaultCapacityProviderStrategy[].capacityProvider": ["FARGATE"],
    },
    "LoadBalancer": {
        "CustomerOwnedIpv4Pool": ["ipv4pool-coip-1"],
        "IpamPools.Ipv4IpamPoolId": ["ipam-pool-1"],
        "SubnetMappings[].SubnetId": ["${Network/main.subnetIds}"],
    },
    "Service": {
        "cluster": ["${Cluster/fargate.name}"],
        "taskDefinition": ["${TaskDefinition/port.arn}"],
        "loadBalancers[].containerName": ["web"],
        "loadBalancers[].containerPort": [80],
        "loadBalancers[].targetGroupArn": ["${TargetGroup/other.arn}"],
        "capacityProviderStrategy[].capacityProvider": ["FARGATE_SPOT"],
        "role": ["${Role/ecs.arn}"],
    },
    "TaskDefinition": {
        "cpu": ["512"],
        "memory": ["1024"],
        "networkMode": ["host"],
        "containerDefinitions[].dependsOn[].containerName": ["web"],
    },
    "Listener": {
        "DefaultActions[].RedirectConfig.Protocol": ["HTTPS"],
        "DefaultActions[].FixedResponseConfig.StatusCode": ["503"],
        "DefaultActions[].TargetGroupArn": [_FREE],
        "DefaultActions[].ForwardConfig.TargetGroups[].TargetGroupArn": [_FREE],
        "Attributes[].Key": ["routing.http.response.x_frame_options.header_value"],
    },
    "ListenerRule": {
        "Actions[].RedirectConfig.Protocol": ["HTTPS"],
        "Actions[].FixedResponseConfig.StatusCode": ["503"],
        "Actions[].TargetGroupArn": [_FREE],
        "Actions[].ForwardConfig.TargetGroups[].TargetGroupArn": [_FREE],
    },
    "ScheduledAction": {"Schedule": ["rate(2 days)"], "Timezone": ["Europe/Berlin"]},
}
# Kind -> member -> the name under which AWS returns it, and the value if it is another.
RETURNED_AS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Role": {
        "PermissionsBoundary": ("PermissionsBoundaryArn", ""),
        "ManagedPolicyArns[]": ("PolicyArn", ""),
        "Policies": ("PolicyDocument", as_text(_POLICY)),
    },
    "Repository": {"lifecyclePolicy": ("lifecyclePolicyText", ""), "policy": ("policyText", "")},
    "TargetGroup": {"Name": ("TargetGroupName", "")},
    "LoadBalancer": {
        "Name": ("LoadBalancerName", ""),
        "SubnetMappings[].SourceNatIpv6Prefix": ("SourceNatIpv6Prefixes", ""),
    },
    "LaunchTemplate": {"LaunchTemplateData.UserData": ("UserData", b64encode(b"kept").decode())},
    "Service": {
        "cluster": ("clusterArn", "arn:aws:ecs:eu-west-1:123456789012:cluster/fargate"),
        "role": ("roleArn", ""),
    },
}
_SECRET = {
    "AuthenticateOidcConfig.ClientSecret": "elbv2.AuthenticateOidcActionConfig: the secret is never returned",
    "AuthenticateOidcConfig.UseExistingClientSecret": "elbv2.AuthenticateOidcActionConfig: of a call that changes it",
}
# Kind -> member that no read returns -> why not.
NOT_RETURNED: Mapping[str, Mapping[str, str]] = {
    "SecurityGroup": {
        **{
            f"{rules}[].UserIdGroupPairs[].{member}": source
            for rules in _PERMISSIONS
            for member, source in (
                ("GroupName", "ec2.UserIdGroupPair: a group in a VPC is returned by its id"),
                ("PeeringStatus", "ec2.UserIdGroupPair: a status, which the controller does not send"),
            )
        },
    },
    "Role": {"InstanceProfile": "a member of the controller: iam.ListInstanceProfilesForRole returns the profile"},
    "AutoScalingGroup": {
        "Tags[].ResourceId": "autoscaling.Tag: the name of the group",
        "Tags[].ResourceType": "autoscaling.Tag: the only supported value is auto-scaling-group",
        "SkipZonalShiftValidation": "autoscaling.AutoScalingGroup: no such member; it is of the call",
    },
    "Listener": {
        **{f"DefaultActions[].{member}": source for member, source in _SECRET.items()},
        "Certificates[].IsDefault": "elbv2.Certificate: not to be set in a request; the controller does not send it",
    },
    "ListenerRule": {f"Actions[].{member}": source for member, source in _SECRET.items()},
    "ScalableTarget": {
        "RoleARN": "application-autoscaling.RegisterScalableTarget: for ECS it is always the service-linked role"
    },
}
# Kind -> reads that the controller does not make, with the member that takes the name.
MORE_READS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "AutoScalingGroup": [("autoscaling", "DescribeLifecycleHooks", "AutoScalingGroupName")],
}
_NAMES = "it names a resource that there is not"
_ONLY = "AWS has one value for it"
_OWN = "the document has the value already"
_IDENTITY = {
    "ScalableDimension": _ONLY,
    "ServiceNamespace": _ONLY,
    "ResourceId": "Service stands for it",
    "Service": _NAMES,
}
# Kind -> member that is refused beside everything that is tried here -> why.
REFUSED: Mapping[str, Mapping[str, str]] = {
    "Repository": {"registryId": "another account than that of the call"},
    "SecurityGroup": {f"{rules}[].PrefixListIds[].Description": "not simulated" for rules in _PERMISSIONS},
    "LaunchTemplate": {"DefaultVersion": "a member of the controller with values of its own"},
    "AutoScalingGroup": {
        **dict.fromkeys(("LaunchConfigurationName", "InstanceId"), "a group is launched in one way"),
        **dict.fromkeys(("AvailabilityZones[]", "AvailabilityZoneIds[]"), "the subnets decide the zones"),
        **dict.fromkeys(
            (
                "VPCZoneIdentifier",
                "LaunchTemplate.LaunchTemplateId",
                *_TEMPLATE_NAMES,
            ),
            _NAMES,
        ),
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId": _OWN,
    },
    "CapacityProvider": {
        "autoScalingGroupProvider.autoScalingGroupArn": _NAMES,
        "autoScalingGroupProvider.managedTerminationProtection": "the group protects no instance",
        "managedInstancesProvider.instanceLaunchTemplate.networkConfiguration.subnets[]": _NAMES,
    },
    "Cluster": {"settings[].name": _ONLY, "capacityProviders[]": _OWN},
    "TargetGroup": {"Attributes[].Key": _NAMES},
    "LoadBalancer": dict.fromkeys(("Subnets[]", "SecurityGroups[]", "Attributes[].Key"), _NAMES),
    "Service": {
        **dict.fromkeys(
            (
                "loadBalancers[].advancedConfiguration.alternateTargetGroupArn",
                "loadBalancers[].advancedConfiguration.productionListenerRule",
                "networkConfiguration.awsvpcConfiguration.subnets[]",
                "networkConfiguration.awsvpcConfiguration.securityGroups[]",
            ),
            _NAMES,
        ),
        "schedulingStrategy": "a DAEMON service has no count, and none on Fargate",
    },
    "Listener": {"LoadBalancerArn": _NAMES, "Protocol": "the load balancer takes HTTP", "DefaultActions[].Type": _OWN},
    "ListenerRule": {"ListenerArn": _NAMES, "Conditions[].Field": _NAMES, "Actions[].Type": _OWN},
    "ScalableTarget": _IDENTITY,
    "ScalingPolicy": {**_IDENTITY, "PolicyType": "the configuration decides it"},
    "ScheduledAction": _IDENTITY,
    "TaskDefinition": {"containerDefinitions[].essential": _OWN},
}
