"""A deployment alarm, from nothing to removal: ordered before the service that names it, repaired, pruned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.whole.support.blue_green import CIRCUIT_BREAKER, deploy_blue_green
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

ALARM = """
apiVersion: ecsync/v1
resources:
  Alarm/errors:
    AlarmName: quickstart-errors
    Namespace: AWS/ApplicationELB
    MetricName: HTTPCode_Target_5XX_Count
    Dimensions: {LoadBalancer: app/quickstart/0123456789abcdef}
    Statistic: Sum
    Period: 60
    EvaluationPeriods: 3
    Threshold: 10
    ComparisonOperator: GreaterThanThreshold
    TreatMissingData: notBreaching
    Tags: {team: web}
"""
BY_NAME = "      alarms: {alarmNames: [quickstart-errors], enable: true, rollback: true}\n"
BY_REFERENCE = '      alarms: {alarmNames: ["${Alarm/errors}"], enable: true, rollback: true}\n'


def alarms(environment: Environment) -> list[dict[str, Any]]:
    """Return the metric alarms of the account."""
    found: list[dict[str, Any]] = environment.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    return found


@pytest.fixture(params=[BY_NAME, BY_REFERENCE], ids=["by name", "by reference"])
def guarded(environment: Environment, request: pytest.FixtureRequest) -> Controller:
    """The quickstart, converged; its service names the alarm."""
    (environment.manifests / "alarm.yaml").write_text(ALARM)
    environment.edit(CIRCUIT_BREAKER, CIRCUIT_BREAKER + request.param)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    return controller


def test_the_alarm_is_created_before_the_service_that_names_it(guarded: Controller) -> None:
    """Also where the service names it by its literal name. Then nothing is written."""
    writes = operations(guarded.environment.simulator.ledger.mutations(0))
    assert writes.index("cloudwatch.PutMetricAlarm") < writes.index("ecs.CreateService")
    assert guarded.environment.service()["deploymentConfiguration"]["alarms"] == {
        "alarmNames": ["quickstart-errors"],
        "enable": True,
        "rollback": True,
    }
    with guarded.environment.writes() as later:
        guarded.run_passes(10)
        guarded.environment.controller().run_pass()
    assert operations(later) == []


def test_a_manual_change_is_reported_and_repaired_by_one_call(guarded: Controller) -> None:
    """The whole alarm is sent, because PutMetricAlarm resets what it does not receive."""
    (before,) = alarms(guarded.environment)
    changed = {name: value for name, value in before.items() if not name.startswith(("State", "AlarmArn", "AlarmConf"))}
    guarded.environment.aws("cloudwatch").put_metric_alarm(**{**changed, "Threshold": 99.0, "AlarmDescription": "x"})
    with guarded.environment.writes() as writes:
        guarded.run_passes(2)
    assert operations(writes) == ["cloudwatch.PutMetricAlarm"]
    (event,) = guarded.events_of_type("drift.detected")
    assert {(str(one.path[0]), one.before, one.after) for one in event.fields} == {
        ("Threshold", 99.0, 10),
        ("AlarmDescription", "x", None),
    }
    (after,) = alarms(guarded.environment)
    assert {**after, "AlarmConfigurationUpdatedTimestamp": 0} == {**before, "AlarmConfigurationUpdatedTimestamp": 0}


def test_a_deleted_alarm_is_created_again(guarded: Controller) -> None:
    """With its tags and the owner mark."""
    guarded.environment.aws("cloudwatch").delete_alarms(AlarmNames=["quickstart-errors"])
    guarded.converge(pause=SETTLE_SECONDS)
    (alarm,) = alarms(guarded.environment)
    tags = guarded.environment.aws("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert {tag["Key"] for tag in tags} == {"team", "ecsync:owner", "ecsync:id", "ecsync:applied"}


def test_a_changed_tag_is_one_tag_call(guarded: Controller) -> None:
    guarded.environment.edit("Tags: {team: web}", "Tags: {team: ops}", "alarm.yaml")
    guarded.read()
    with guarded.environment.writes() as writes:
        guarded.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["cloudwatch.TagResource"]


def test_a_removed_alarm_is_deleted_after_the_service_lets_go_of_it(guarded: Controller) -> None:
    """With prune on: first UpdateService without the alarm, then DeleteAlarms."""
    service = guarded.environment.manifests / "service.yaml"
    service.write_text(service.read_text().replace(BY_NAME, "").replace(BY_REFERENCE, ""))
    (guarded.environment.manifests / "alarm.yaml").unlink()
    guarded.environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    guarded.read()
    with guarded.environment.writes() as writes:
        guarded.converge(pause=SETTLE_SECONDS)
    assert operations(writes)[0] == "ecs.UpdateService"
    assert operations(writes)[-1] == "cloudwatch.DeleteAlarms"
    assert alarms(guarded.environment) == []


def test_an_alarm_of_another_client_is_adopted_only_on_request(environment: Environment) -> None:
    """Until then the plan has an adoption, and nothing is written."""
    environment.aws("cloudwatch").put_metric_alarm(
        AlarmName="quickstart-errors",
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=3,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
    )
    (environment.manifests / "alarm.yaml").write_text(ALARM)
    controller = environment.controller()
    controller.run_passes(8, every=SETTLE_SECONDS)
    assert "adopt" in controller.status("Alarm/errors").message
    assert "Dimensions" not in alarms(environment)[0] or alarms(environment)[0]["Dimensions"] == []


def test_a_blue_green_service_names_its_alarm(environment: Environment) -> None:
    """It converges, and an image change is deployed while the alarm is watched."""
    (environment.manifests / "alarm.yaml").write_text(ALARM)
    deploy_blue_green(environment, "${ListenerRule/web}", BY_REFERENCE)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    controller.read()
    with environment.writes() as writes:
        controller.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    configuration = environment.service()["deploymentConfiguration"]
    assert (configuration["strategy"], configuration["alarms"]["alarmNames"]) == ("BLUE_GREEN", ["quickstart-errors"])
    with environment.writes() as later:
        controller.run_passes(5)
    assert operations(later) == []
