"""Metric alarms of CloudWatch, and log groups by identifier."""

from __future__ import annotations

from typing import Any

from ecsim.account.exchange import Request
from ecsim.http import protocol
from tests.ecsim.aws import Aws, refused

CPU: dict[str, Any] = {
    "AlarmName": "cpu",
    "Namespace": "AWS/ECS",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "ServiceName", "Value": "web"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def put(aws: Aws, **more: Any) -> None:
    aws.cloudwatch.put_metric_alarm(**{**CPU, **more})


def described(aws: Aws, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.cloudwatch.describe_alarms(**params)["MetricAlarms"]
    return found


def test_an_alarm_is_returned_as_it_was_put(aws: Aws) -> None:
    """With its ARN, its state and the default of ActionsEnabled."""
    put(aws)
    (alarm,) = described(aws, AlarmNames=["cpu", "missing"], AlarmTypes=["MetricAlarm"])
    assert CPU.items() <= alarm.items()
    assert alarm["AlarmArn"].endswith(":alarm:cpu")
    assert (alarm["ActionsEnabled"], alarm["StateValue"]) == (True, "INSUFFICIENT_DATA")


def test_a_second_put_overwrites_the_whole_alarm_and_ignores_tags(aws: Aws) -> None:
    put(aws, AlarmDescription="busy", Tags=[{"Key": "team", "Value": "web"}])
    put(aws, Threshold=90.0, Tags=[{"Key": "team", "Value": "other"}])
    (alarm,) = described(aws)
    assert alarm["Threshold"] == 90.0
    assert "AlarmDescription" not in alarm
    assert aws.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == [
        {"Key": "team", "Value": "web"}
    ]


def test_tags_of_an_alarm_are_changed_and_removed_by_key(aws: Aws) -> None:
    """The Resource Groups Tagging API finds the alarm by them."""
    put(aws)
    arn = described(aws)[0]["AlarmArn"]
    aws.cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    aws.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert aws.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    listed = aws.resourcegroupstaggingapi.get_resources(
        ResourceTypeFilters=["cloudwatch:alarm"], TagFilters=[{"Key": "b"}]
    )["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in listed] == [arn]
    with refused("ResourceNotFoundException"):
        aws.cloudwatch.list_tags_for_resource(ResourceARN=f"{arn}-missing")


def test_alarms_are_deleted_together_or_not_at_all(aws: Aws) -> None:
    put(aws)
    with refused("ResourceNotFound"):
        aws.cloudwatch.delete_alarms(AlarmNames=["cpu", "missing"])
    assert len(described(aws)) == 1
    aws.cloudwatch.delete_alarms(AlarmNames=["cpu"])
    assert described(aws) == []


def test_an_alarm_watches_exactly_one_thing(aws: Aws) -> None:
    """One metric with one statistic, or a list of metrics."""
    with refused("ValidationError", "MetricName, Metrics"):
        aws.cloudwatch.put_metric_alarm(AlarmName="nothing", EvaluationPeriods=1)
    with refused("ValidationError", "Statistic"):
        put(aws, ExtendedStatistic="p99")
    with refused("MissingParameter", "Period"):
        aws.cloudwatch.put_metric_alarm(**{name: value for name, value in CPU.items() if name != "Period"})


def test_alarms_are_paged(aws: Aws) -> None:
    for number in range(55):
        put(aws, AlarmName=f"cpu-{number:02}")
    pages = aws.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="cpu-")
    assert [len(page["MetricAlarms"]) for page in pages] == [50, 5]


def test_log_groups_are_described_by_identifier(aws: Aws) -> None:
    """A name without a log group is left out. All are on one page, however many groups there are."""
    for number in range(60):
        aws.logs.create_log_group(logGroupName=f"/{number:02}")
    found = aws.logs.describe_log_groups(logGroupIdentifiers=["/59", "/missing", "/01"])
    assert [one["logGroupName"] for one in found["logGroups"]] == ["/01", "/59"]
    assert "nextToken" not in found


def test_a_time_is_text_for_clients_that_still_use_the_query_protocol() -> None:
    """As AWS writes it in XML: Terraform's provider cannot read a number there."""
    request = Request("cloudwatch", "DescribeAlarms", "eu-west-1", "query", {}, "simulated")
    answer = {"MetricAlarms": [{"AlarmName": "cpu", "StateUpdatedTimestamp": 1767225600.0}]}
    text = protocol.encode(request, answer).body.decode()
    assert "<StateUpdatedTimestamp>2026-01-01T00:00:00.000Z</StateUpdatedTimestamp>" in text
