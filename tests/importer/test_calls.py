"""The number of calls for a hundred services: batches, and one call each where AWS has no batch."""

from __future__ import annotations

from tests.importer.account_builder import AccountBuilder

SERVICES = 100
# AWS has no batch call for these: revisions, attributes, tags of a log group or of a scalable target.
ONE_BY_ONE = {
    "ecs.DescribeTaskDefinition",
    "elbv2.DescribeTargetGroupAttributes",
    "logs.ListTagsForResource",
    "application-autoscaling.ListTagsForResource",
}


def test_a_hundred_services_are_read_in_batches(builder: AccountBuilder) -> None:
    """Calls without a batch form are made once per resource; all others together are few."""
    role = builder.role("execution")
    for number in range(SERVICES):
        name = f"s{number:03}"
        task = builder.task(name, container=builder.log_group(f"/ecs/{name}"), executionRoleArn=role)
        builder.service(name, taskDefinition=task, loadBalancers=[builder.routed_target_group(name)])
        target = builder.make_scalable(name)
        tracking = {
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        }
        builder.scaling.put_scaling_policy(
            **target,
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        )
    mark = len(builder.account.simulator.ledger)
    generated = builder.account.import_cluster()
    calls = builder.account.calls(mark)
    assert {name: calls.pop(name) for name in ONE_BY_ONE} == dict.fromkeys(ONE_BY_ONE, SERVICES)
    assert calls["logs.DescribeLogGroups"] <= 4, "fifty in a call, and moto returns pages of fifty"
    assert sum(calls.values()) <= 5 * SERVICES // 10 + 20, calls
    assert sum(name.startswith("services/") for name in generated.files) == SERVICES
