"""A step that AWS refuses delays itself alone, in the account of the simulated AWS."""

from __future__ import annotations

import itertools
from pathlib import Path

from ecsim import Fault
from tests.whole.support.environment import REGION, Controller, Environment, operations

APPLICATION = f"""
apiVersion: ecsync/v1
kind: Application
metadata: {{name: app}}
spec: {{target: {{region: {REGION}}}, manage: [all], sync: {{mode: enforce, interval: 30s}}}}
---
apiVersion: ecsync/v1
"""
MISSING = """
resources:
  Network/main: {default: true}
  LoadBalancer/miss: {Subnets: "${Network/main.publicSubnetIds}"}
  Listener/miss:
    LoadBalancerArn: ${LoadBalancer/miss}
    Protocol: HTTP
    Port: 80
    DefaultActions:
      - Type: forward
        TargetGroupArn: arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/typo/0123456789abcdef
  Cluster/miss: {}
  Service/miss:
    cluster: ${Cluster/miss}
    taskDefinition: typo:7
    launchType: FARGATE
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}"}}
    desiredCount: 1
"""
REFUSED = """
resources:
  LogGroup/watched: {logGroupName: /watched, retentionInDays: 14}
  Repository/refused: {}
"""


def controller_of(environment: Environment, folder: Path, resources: str) -> Controller:
    """Return a controller of an application with these resources."""
    (folder / "app").mkdir()
    (folder / "app" / "app.yaml").write_text(APPLICATION + resources)
    return environment.controller(folder / "app")


def test_what_is_created_with_a_wrong_name_is_tried_seldom(environment: Environment, tmp_path: Path) -> None:
    """Each of two such resources has its own, growing time: at most 20 tries of each in the first five minutes."""
    controller = controller_of(environment, tmp_path, MISSING)
    with environment.writes() as writes:
        controller.run_passes(100, every=3.0)
    tries = {
        name: [one.time for one in writes if one.operation == name] for name in ("CreateListener", "CreateService")
    }
    for times in tries.values():
        pauses = [after - before for before, after in itertools.pairwise(times)]
        assert 5 <= len(times) <= 20
        assert pauses[-1] >= 4 * pauses[0]
    assert tries["CreateListener"] != tries["CreateService"]
    assert "TargetGroupNotFound" in controller.status("Listener/miss").message


def test_a_refused_step_delays_no_drift(environment: Environment, tmp_path: Path) -> None:
    """The change of another resource is repaired in the next pass."""
    environment.simulator.fault(Fault("deny", service="ecr", operation="CreateRepository"))
    controller = controller_of(environment, tmp_path, REFUSED)
    controller.run_passes(3)
    environment.aws("logs").put_retention_policy(logGroupName="/watched", retentionInDays=30)
    with environment.writes() as writes:
        controller.run_passes(1)
    assert operations(writes) == ["logs.PutRetentionPolicy"]


BESIDE = """
resources:
  Network/main: {default: true}
  LogGroup/watched: {logGroupName: /watched, retentionInDays: 14, tags: {team: a}}
  TargetGroup/watched: {Name: watched, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}"}
  Repository/denied: {repositoryName: denied}
  Cluster/waits: {clusterName: waits, capacityProviders: [FARGATE]}
  Alarm/throttled: {AlarmName: throttled, Namespace: n, MetricName: m, Statistic: Sum, Period: 60, EvaluationPeriods: 1,
    Threshold: 1, ComparisonOperator: GreaterThanThreshold}
"""


def test_two_hundred_passes_beside_a_denied_a_waiting_and_a_throttled_resource(
    environment: Environment, tmp_path: Path
) -> None:
    """Each drift of the others is repaired by the next pass, and the three are not tried in each pass."""
    busy = "UpdateInProgressException"
    for fault in (
        Fault("deny", service="ecr", operation="CreateRepository", times=None),
        Fault("error", service="ecs", operation="PutClusterCapacityProviders", times=None, code=busy, status=400),
        Fault("throttle", service="cloudwatch", operation="PutMetricAlarm", times=None),
    ):
        environment.simulator.fault(fault)
    controller = controller_of(environment, tmp_path, BESIDE)
    logs, elb = environment.aws("logs"), environment.aws("elbv2")
    with environment.writes() as writes:
        controller.run_passes(3)
        (group,) = elb.describe_target_groups()["TargetGroups"]
        for number in range(100):
            logs.tag_log_group(logGroupName="/watched", tags={"team": f"other-{number}"})
            elb.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckIntervalSeconds=31 + number)
            controller.run_passes(1)
            assert logs.list_tags_log_group(logGroupName="/watched")["tags"]["team"] == "a"
            (seen,) = elb.describe_target_groups()["TargetGroups"]
            assert seen["HealthCheckIntervalSeconds"] == 30
            controller.run_passes(1)
    tries = {
        name: sum(one.operation == name for one in writes)
        for name in ("CreateRepository", "PutClusterCapacityProviders", "PutMetricAlarm")
    }
    minutes = 203 * 30 // 60
    assert 1 < tries["CreateRepository"] <= 1 + minutes // 15
    assert 1 < tries["PutMetricAlarm"] <= 10 + minutes // 4  # from 5 to 300 seconds apart
    assert 1 < tries["PutClusterCapacityProviders"] <= 203
    for name, code in (("Repository/denied", "AccessDenied"), ("Cluster/waits", busy), ("Alarm/throttled", "Throttl")):
        assert code in controller.status(name).health.why
    environment.simulator.clear_faults()
    controller.run_passes(31)
    assert {one.sync for one in controller.statuses()} == {"Synced"}
