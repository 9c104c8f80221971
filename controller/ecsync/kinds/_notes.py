"""What the language adds to a field: for `ecsync explain`, the JSON Schema and docs/reference/kinds.

A path is a pattern, as in a row of a rule table. A member that AWS's model does not have needs a note, because AWS's
documentation has nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SCALED = {
    "Service": "required without `ResourceId`, in place of the three members that identify what is scaled: "
    "`${Service/web}`, the ARN of a service, or cluster/service",
    "ResourceId": "required without `Service`: `service/CLUSTER/NAME`",
    "ServiceNamespace": "filled in for a service of ECS",
    "ScalableDimension": "filled in for a service of ECS",
}
_DOCUMENT = "a map with Version and Statement, or the same as JSON in text; compared by what it grants"
_ATTRIBUTES = (
    "set by a second call; only the declared ones are compared, and one that leaves the document goes back to AWS's "
    "default"
)

NOTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "SecurityGroup": {
            "IpPermissions": "the rules for what comes in, set by a second call; rules of other clients are removed",
            "IpPermissionsEgress": "the rules for what goes out, set by a second call; `[]` allows nothing",
            "Tags": "set in the create call",
        },
        "Role": {
            "AssumeRolePolicyDocument": f"who may assume the role: {_DOCUMENT}",
            "ManagedPolicyArns": "the ARNs of attached policies; others are detached",
            "Policies": "inline policies as a map: the name of each, and its document; others are removed",
            "Policies.*": f"an inline policy: {_DOCUMENT}",
            "InstanceProfile": "true: an instance profile with the name of the role, for EC2; false: none",
            "Path": "a new role without it gets `/ecsync/INSTALLATION/`, where ecsync finds its roles when no document "
            "declares them any more; a role with another path is never pruned",
        },
        "LogGroup": {
            "retentionInDays": "set by a second call; without it, events never expire",
        },
        "Repository": {
            "lifecyclePolicy": "which images expire, set by a second call: a map with rules, or the same as JSON",
            "policy": f"who may push and pull, set by a second call: {_DOCUMENT}",
        },
        "LaunchTemplate": {
            "LaunchTemplateData.UserData": "plain text, with references; ecsync encodes it. Base64 is accepted too",
            "DefaultVersion": "latest: the version with the declared content is the default; keep: the default stays",
            "Tags": "set in the create call; the tags of instances are LaunchTemplateData.TagSpecifications",
        },
        "AutoScalingGroup": {
            "EnabledMetrics": "the metrics of the group that CloudWatch gets, set by a second call",
            "VPCZoneIdentifier": "`${Network/main.publicSubnetIds}`",
        },
        "TargetGroup": {"Attributes": _ATTRIBUTES},
        "LoadBalancer": {"Attributes": _ATTRIBUTES},
        "Listener": {
            "Attributes": _ATTRIBUTES,
            "Certificates": "the first is the default; the others are added by a second call",
        },
        "TaskDefinition": {
            "executionRoleArn": "a role that ECS itself uses; docs/reference/kinds/TaskDefinition.md has what it needs",
            "taskRoleArn": "a role that the containers use",
        },
        "Service": {
            "loadBalancers[].advancedConfiguration.productionListenerRule": (
                "or `${Listener/name.defaultRule}`, where the default actions send the traffic"
            ),
        },
        "ScalableTarget": _SCALED,
        "ScalingPolicy": _SCALED,
        "ScheduledAction": _SCALED,
    }
)
