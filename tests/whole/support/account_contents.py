"""The content of the simulated account, without the ids and times that differ from run to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.whole.support.environment import Environment

_ID = re.compile(r"[0-9a-f]{8,}(-[0-9a-f]{4,})*|\b\d{6,}\b")
_VARYING_SUFFIXES = ("At", "Time", "time", "Date", "events", "Id", "ResponseMetadata")


def contents(environment: Environment) -> str:
    """Return everything that the quickstart creates, as text."""
    found = dict(_everything(environment))
    return _ID.sub("…", json.dumps(_without_times(found), indent=1, sort_keys=True, default=str))


def _everything(environment: Environment) -> Iterator[tuple[str, Any]]:
    ecs, elb, iam = environment.aws("ecs"), environment.aws("elbv2"), environment.aws("iam")
    yield "cluster", ecs.describe_clusters(clusters=["quickstart"], include=["SETTINGS", "TAGS"])["clusters"]
    yield "services", ecs.list_services(cluster="quickstart")["serviceArns"]
    yield "service", environment.service()
    revisions = ecs.list_task_definitions()["taskDefinitionArns"]
    yield "revisions", [ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]) for arn in revisions]
    tasks = ecs.list_tasks(cluster="quickstart")["taskArns"]
    described = ecs.describe_tasks(cluster="quickstart", tasks=tasks)["tasks"]
    yield "tasks", sorted(f"{task['taskDefinitionArn']} {task['lastStatus']}" for task in described)
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    groups = elb.describe_target_groups()["TargetGroups"]
    listeners = [
        listener
        for balancer in balancers
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    ]
    rules = [rule for one in listeners for rule in elb.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]]
    yield "balancing", [balancers, groups, listeners, rules]
    arns = [balancers[0]["LoadBalancerArn"], groups[0]["TargetGroupArn"], listeners[0]["ListenerArn"]]
    yield "balancing tags", elb.describe_tags(ResourceArns=[*arns, rules[0]["RuleArn"]])["TagDescriptions"]
    yield "balancer", elb.describe_load_balancer_attributes(LoadBalancerArn=arns[0])["Attributes"]
    yield "group", elb.describe_target_group_attributes(TargetGroupArn=arns[1])["Attributes"]
    health = elb.describe_target_health(TargetGroupArn=arns[1])["TargetHealthDescriptions"]
    yield "health", [target["TargetHealth"]["State"] for target in health]
    yield "role", iam.get_role(RoleName="quickstart-execution")["Role"]
    yield "policies", iam.list_attached_role_policies(RoleName="quickstart-execution")["AttachedPolicies"]
    yield "logs", environment.aws("logs").describe_log_groups()["logGroups"]
    security = environment.aws("ec2").describe_security_groups()["SecurityGroups"]
    yield "security", sorted(security, key=lambda group: str(group["GroupName"]))


def _without_times(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_times(value) for key, value in tree.items() if not key.endswith(_VARYING_SUFFIXES)}
    if isinstance(tree, list):
        return [_without_times(value) for value in tree]
    return tree
