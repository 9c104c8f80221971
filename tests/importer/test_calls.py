"""A hundred services are read in batches; what AWS tells of one resource at a time is asked once each."""

from __future__ import annotations

from tests.importer.builder import Builder

SERVICES = 100
# AWS has no call that tells these of several resources: content of a revision, attributes, tags of a log group or of a
# scalable target.
ONE_BY_ONE = {
    "ecs.DescribeTaskDefinition",
    "elbv2.DescribeTargetGroupAttributes",
    "logs.ListTagsForResource",
    "application-autoscaling.ListTagsForResource",
}


def test_a_hundred_services_are_read_in_batches(built: Builder) -> None:
    """Each call that AWS has for one resource is made once for each; all others together are few."""
    role = built.role("execution")
    for number in range(SERVICES):
        name = f"s{number:03}"
        task = built.task(name, container=built.group_of_logs(f"/ecs/{name}"), executionRoleArn=role)
        built.service(name, taskDefinition=task, loadBalancers=[built.behind(name)])
        target = built.scaled(name)
        tracking = {
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        }
        built.scaling.put_scaling_policy(
            **target,
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        )
    mark = len(built.stage.simulator.ledger)
    drawn = built.stage.imported()
    calls = built.stage.calls(mark)
    assert {name: calls.pop(name) for name in ONE_BY_ONE} == dict.fromkeys(ONE_BY_ONE, SERVICES)
    assert sum(calls.values()) <= 5 * SERVICES // 10 + 20, calls
    assert sum(name.startswith("services/") for name in drawn.files) == SERVICES
