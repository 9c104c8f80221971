"""The calls of the checks, and the IAM actions that they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ecsync.offline.permissions.needs import Need
from ecsync.offline.permissions.places import Place

# docs/cli.md has the same table.
RIGHTS: Mapping[str, str] = {
    "acm.DescribeCertificate": "acm:DescribeCertificate",
    "ec2.DescribeRouteTables": "ec2:DescribeRouteTables",
    "ec2.DescribeSubnets": "ec2:DescribeSubnets",
    "ec2.DescribeVpcEndpoints": "ec2:DescribeVpcEndpoints",
    "ecr.BatchGetImage": "ecr:BatchGetImage",
    "ecr.DescribeImages": "ecr:DescribeImages",
    "ecr.DescribePullThroughCacheRules": "ecr:DescribePullThroughCacheRules",
    "ecs.DescribeClusters": "ecs:DescribeClusters",
    "elbv2.DescribeAccountLimits": "elasticloadbalancing:DescribeAccountLimits",
    "elbv2.DescribeListenerCertificates": "elasticloadbalancing:DescribeListenerCertificates",
    "elbv2.DescribeListeners": "elasticloadbalancing:DescribeListeners",
    "elbv2.DescribeLoadBalancers": "elasticloadbalancing:DescribeLoadBalancers",
    "elbv2.DescribeRules": "elasticloadbalancing:DescribeRules",
    "elbv2.DescribeTargetGroups": "elasticloadbalancing:DescribeTargetGroups",
    "iam.GetPolicy": "iam:GetPolicy",
    "iam.GetPolicyVersion": "iam:GetPolicyVersion",
    "iam.GetRole": "iam:GetRole",
    "iam.GetRolePolicy": "iam:GetRolePolicy",
    "iam.ListAttachedRolePolicies": "iam:ListAttachedRolePolicies",
    "iam.ListRolePolicies": "iam:ListRolePolicies",
    "iam.SimulatePrincipalPolicy": "iam:SimulatePrincipalPolicy",
    "logs.DescribeLogGroups": "logs:DescribeLogGroups",
    "secretsmanager.DescribeSecret": "secretsmanager:DescribeSecret",
    "service-quotas.ListServiceQuotas": "servicequotas:ListServiceQuotas",
    "ssm.DescribeParameters": "ssm:DescribeParameters",
}
# What IAM can limit an action to, as the end of an ARN; every other one has `*`. Repositories may be of other accounts.
LIMITED: Mapping[str, str] = {
    "acm:DescribeCertificate": "acm:{region}:{account}:certificate/*",
    "ecr:BatchGetImage": "ecr:{region}:*:repository/*",
    "ecr:DescribeImages": "ecr:{region}:*:repository/*",
    "ecs:DescribeClusters": "ecs:{region}:{account}:cluster/*",
    "iam:GetRole": "iam::{account}:role/*",
    "iam:GetRolePolicy": "iam::{account}:role/*",
    "iam:ListAttachedRolePolicies": "iam::{account}:role/*",
    "iam:ListRolePolicies": "iam::{account}:role/*",
    "iam:SimulatePrincipalPolicy": "iam::{account}:role/*",
    "secretsmanager:DescribeSecret": "secretsmanager:{region}:{account}:secret:*",
}
VERIFY_READS = frozenset(RIGHTS)


def needs(places: Iterable[Place]) -> Iterator[Need]:
    """Yield what `verify` needs in some places besides a plan. It reads, so its mode is `observe`."""
    for place in dict.fromkeys(places):
        for operation, action in RIGHTS.items():
            resource = place.arn(LIMITED[action]) if action in LIMITED else "*"
            yield Need(mode="observe", call=operation, action=action, resource=resource)
