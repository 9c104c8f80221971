"""The calls of the checks, and the IAM actions that they need."""

from __future__ import annotations

from collections.abc import Mapping

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
VERIFY_READS = frozenset(RIGHTS)
