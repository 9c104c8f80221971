"""Corrections of moto's answers: checks before moto is called, missing members added after.

One entry per operation. All other calls pass unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecsim.account.errors import AwsError
from ecsim.account.exchange import Request, Response
from ecsim.account.world import Call
from ecsim.autoscaling import instances
from ecsim.autoscaling.store import AutoScalingRegion
from ecsim.ecs.store import EcsRegion
from ecsim.elbv2.store import ElbRegion
from ecsim.moto import default_vpc, ecr, iam, logs, s3, seams, security_groups

Before = Callable[[Call], None]
After = Callable[[Call, Response], Response]


def _check_delete_security_group(call: Call) -> None:
    """Refuse while a load balancer, a task, an instance or a rule of another group uses the security group."""
    group = call.params.get("GroupId")
    if group is None:
        return
    balancers = call.store(ElbRegion).load_balancers.values()
    tasks = call.store(EcsRegion).tasks.values()
    owners = call.store(AutoScalingRegion).groups.values()
    users = [group in balancer["SecurityGroups"] for balancer in balancers]
    users += [group in task.security_groups for task in tasks if task.last_status != "STOPPED"]
    users += [group in instance.security_groups for owner in owners for instance in owner.instances]
    if any(users) or seams.group_is_referenced(call.account, call.region, group):
        raise AwsError("DependencyViolation", f"resource {group} has a dependent object")


def _replace_terminated(call: Call, response: Response) -> Response:
    instances.replace_terminated(call, call.params.get("InstanceIds", []))
    return response


def _wake_tagged(call: Call) -> None:
    seams.wake_tagged(call.account, call.region)


BEFORE: dict[tuple[str, str], Before] = {
    ("ec2", "AuthorizeSecurityGroupEgress"): security_groups.check_rules,
    ("ec2", "AuthorizeSecurityGroupIngress"): security_groups.check_rules,
    ("ec2", "DescribeInternetGateways"): default_vpc.connect,
    ("ec2", "DescribeRouteTables"): default_vpc.connect,
    ("ec2", "DeleteSecurityGroup"): _check_delete_security_group,
    ("ec2", "RevokeSecurityGroupEgress"): security_groups.check_revoked,
    ("ecr", "PutImage"): ecr.check_put_image,
    ("iam", "AttachRolePolicy"): iam.load_policy,
    ("iam", "GetPolicy"): iam.load_policy,
    ("iam", "GetPolicyVersion"): iam.load_policy,
    ("iam", "ListPolicies"): iam.load_policies,
    ("iam", "ListPolicyVersions"): iam.load_policy,
    ("logs", "DeleteLogGroup"): logs.check_delete_log_group,
    ("logs", "PutRetentionPolicy"): logs.check_retention,
    ("resourcegroupstaggingapi", "GetResources"): _wake_tagged,
}
AFTER: dict[tuple[str, str], After] = {
    ("ec2", "RevokeSecurityGroupEgress"): security_groups.remove_revoked,
    ("ec2", "UpdateSecurityGroupRuleDescriptionsEgress"): security_groups.remove_outgoing_descriptions,
    ("ec2", "UpdateSecurityGroupRuleDescriptionsIngress"): security_groups.remove_incoming_descriptions,
    ("ec2", "TerminateInstances"): _replace_terminated,
    ("ecr", "DescribeImages"): ecr.complete_images,
    ("iam", "AddRoleToInstanceProfile"): iam.remember_profile,
    ("iam", "CreateInstanceProfile"): iam.remember_profile,
    ("iam", "CreateRole"): iam.remember_role,
    ("logs", "CreateLogGroup"): logs.remember_log_group,
    ("logs", "DeleteLogGroup"): logs.forget_log_group,
    ("logs", "DescribeLogGroups"): logs.complete_log_groups,
}


def before(request: Request, environ: dict[str, Any], call: Call) -> None:
    """Raise the AwsError that moto does not raise."""
    s3.check_owner(call.account, environ)
    check = BEFORE.get((request.service, request.operation))
    if check is not None:
        check(call)


def after(request: Request, response: Response, call: Call) -> Response:
    """Return the corrected response."""
    adjust = AFTER.get((request.service, request.operation))
    return adjust(call, response) if adjust else response
