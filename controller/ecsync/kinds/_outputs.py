"""The outputs of each kind, and what each is for: `ecsync explain KIND` and docs/reference/kinds print them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

Read: TypeAlias = Mapping[str, str | tuple[str, ...]]  # the outputs that a read returns

_RESOURCE = "`Resource` of an IAM policy"
_FULL_NAME = (
    "the end of the ARN, AWS's name in CloudWatch: a dimension of an Alarm; and the label of "
    "ALBRequestCountPerTarget, `ResourceLabel: ${LoadBalancer/web.fullName}/${TargetGroup/web.fullName}`"
)

OUTPUTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Network": {
            "vpcId": "`VpcId` of a TargetGroup or SecurityGroup",
            "subnetIds": "all subnets, or those of the declared groups: `subnets` of a Service, `VPCZoneIdentifier`",
            "publicSubnetIds": "a public subnet of each zone: `Subnets` of a LoadBalancer",
            "privateSubnetIds": "a private subnet of each zone: `Subnets` of an internal LoadBalancer",
            "availabilityZones": "the zones of `subnetIds`",
            "cidr": "the IPv4 range of the VPC: `CidrIp` of a SecurityGroup",
            "ipv6Cidr": "the IPv6 range of the VPC, if it has one: `CidrIpv6` of a SecurityGroup",
            "defaultSecurityGroupId": "the group that AWS makes with a VPC: `securityGroups` of a Service",
        },
        "SecurityGroup": {
            "id": "`securityGroups` of a Service, `SecurityGroups` of a LoadBalancer, `GroupId` of a rule",
        },
        "Role": {
            "name": "AWS's name of the role",
            "arn": "`executionRoleArn`, `taskRoleArn`, `roleArn`; `Principal` or `Resource` of a policy",
            "instanceProfileArn": "`IamInstanceProfile.Arn` of a LaunchTemplate; with `InstanceProfile: true`",
            "instanceProfileName": "`IamInstanceProfile.Name` of a LaunchTemplate; with `InstanceProfile: true`",
        },
        "LogGroup": {
            "name": "`awslogs-group` in the log options of a container",
            "arn": f"{_RESOURCE}; its streams are `${{LogGroup/web.arn}}:*`",
        },
        "Repository": {
            "uri": "`image` of a container: `${Repository/web}:v1`",
            "arn": _RESOURCE,
            "name": "AWS's name of the repository",
        },
        "LaunchTemplate": {
            "id": "`LaunchTemplateId` of an AutoScalingGroup",
            "name": "`LaunchTemplateName` of an AutoScalingGroup",
            "latestVersion": "the version with the declared content: `Version` of an AutoScalingGroup",
        },
        "AutoScalingGroup": {
            "name": "the dimension `AutoScalingGroupName` of an Alarm",
            "arn": "`autoScalingGroupArn` of a CapacityProvider",
        },
        "Alarm": {
            "name": "`alarmNames` in the deploymentConfiguration of a Service",
            "arn": _RESOURCE,
        },
        "CapacityProvider": {
            "name": "`capacityProviders` of a Cluster, `capacityProvider` of a strategy",
            "arn": _RESOURCE,
        },
        "Cluster": {
            "name": "`cluster` of a Service, the dimension `ClusterName` of an Alarm, ECS_CLUSTER in UserData",
            "arn": f"{_RESOURCE}, and the condition `ecs:cluster`",
        },
        "TaskDefinition": {
            "arn": "the newest revision: `taskDefinition` of a Service",
            "family": "AWS's name, without a revision",
            "revision": "the number of the newest revision",
            "familyArn": "the ARN without a revision: `Resource` of an IAM policy, `${TaskDefinition/web.familyArn}:*`",
        },
        "TargetGroup": {
            "arn": "`targetGroupArn` of a Service, `TargetGroupArn` of an action, `TargetGroupARNs`",
            "name": "AWS's name of the target group; a replacement gives it another one",
            "fullName": _FULL_NAME,
        },
        "LoadBalancer": {
            "arn": "`LoadBalancerArn` of a Listener",
            "dnsName": "the host name, for an environment variable; a gateway load balancer has none",
            "zoneId": "the hosted zone of `dnsName`, for an alias record",
            "name": "AWS's name of the load balancer",
            "fullName": _FULL_NAME,
        },
        "Listener": {
            "arn": "`ListenerArn` of a ListenerRule; `productionListenerRule` behind a network load balancer",
            "defaultRule": "the ARN of the rule with `DefaultActions`: `productionListenerRule` of a Service",
        },
        "ListenerRule": {
            "arn": "`productionListenerRule` and `testListenerRule` of a Service",
        },
        "Service": {
            "name": "the dimension `ServiceName` of an Alarm",
            "arn": f"`Service` of a ScalableTarget, ScalingPolicy or ScheduledAction; {_RESOURCE}",
        },
        "ScalableTarget": {
            "resourceId": "`ResourceId` of a ScalingPolicy or ScheduledAction",
            "arn": _RESOURCE,
        },
        "ScalingPolicy": {
            "arn": "`AlarmActions` of an Alarm",
        },
        "ScheduledAction": {
            "arn": _RESOURCE,
        },
    }
)


def end_of(output: str, separator: str, outputs: Read) -> str | None:
    """Return the part of another output after the last separator; None while that one is unknown."""
    return str(outputs[output]).rpartition(separator)[2] if output in outputs else None


def family_arn(outputs: Read) -> str | None:
    """Return the ARN of a task definition without its revision."""
    return str(outputs["arn"]).rpartition(":")[0] if "arn" in outputs else None
