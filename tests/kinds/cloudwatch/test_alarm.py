"""Alarm: read a hundred at a time, overwritten as a whole, left alone where Application Auto Scaling made it."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.kind import Wanted
from ecsync.core.model import Absent, Call, Create, Delete, Key, Present, Update
from ecsync.core.resource_diff import between
from ecsync.kinds.cloudwatch.alarm import KIND
from tests.kinds.infra import Answers, desired, update

BODY: dict[str, Any] = {
    "AlarmName": "errors",
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "HTTPCode_Target_5XX_Count",
    "Dimensions": [
        {"Name": "LoadBalancer", "Value": "app/shop/1"},
        {"Name": "TargetGroup", "Value": "targetgroup/web/2"},
    ],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 10,
    "ComparisonOperator": "GreaterThanThreshold",
}
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors"


def live(**more: Any) -> dict[str, Any]:
    """Return what DescribeAlarms returns for the body."""
    state = {"StateValue": "OK", "AlarmArn": ARN, "StateReason": "Threshold not crossed", "ActionsEnabled": True}
    return {**BODY, "Threshold": 10.0, **state, **more}


def wanted(*names: str) -> list[Wanted]:
    """Return what the engine asks for, by name of the alarm."""
    return [Wanted(key=Key(application="shop", kind="Alarm", name=n), body={"AlarmName": n}, owner="") for n in names]


def calls(change: Create | Update | Delete) -> tuple[Call, ...]:
    """Return the calls of a change."""
    assert KIND.calls is not None
    return KIND.calls(change)


def read(*alarms: dict[str, Any], names: tuple[str, ...] = ("errors",), tags: Any = ()) -> list[Any]:
    """Read alarms by name from an account that has these."""
    reader = Answers(
        cloudwatch_DescribeAlarms=lambda AlarmNames, AlarmTypes: {  # noqa: N803  # AWS's names
            "MetricAlarms": [one for one in alarms if one["AlarmName"] in AlarmNames and AlarmTypes == ["MetricAlarm"]]
        },
        cloudwatch_ListTagsForResource={"Tags": list(tags)},
    )
    return [observed for _, observed in KIND.read(reader, wanted(*names), {})]


def present(**more: Any) -> Present:
    (found,) = read(live(**more))
    assert isinstance(found, Present)
    return found


def test_an_alarm_is_read_without_its_state() -> None:
    """State, reason and timestamps are AWS's."""
    found = present()
    assert found.body.keys() == {*BODY, "ActionsEnabled", "Tags"}
    assert found.outputs == {"name": "errors", "arn": ARN}


def test_a_name_without_an_alarm_is_absent() -> None:
    assert [type(one) for one in read(live(), names=("errors", "missing"))] == [Present, Absent]


def test_a_hundred_and_one_alarms_are_read_in_two_calls() -> None:
    sizes: list[int] = []

    def describe(AlarmNames: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803  # AWS's name
        sizes.append(len(AlarmNames))
        return {"MetricAlarms": []}

    many = wanted(*(f"alarm-{number}" for number in range(101)))
    assert len(list(KIND.read(Answers(cloudwatch_DescribeAlarms=describe), many, {}))) == 101
    assert sizes == [100, 1]


@pytest.mark.parametrize(
    ("written", "returned"),
    [
        ({}, {}),
        ({"Dimensions": list(reversed(BODY["Dimensions"]))}, {}),
        ({"Dimensions": {"LoadBalancer": "app/shop/1", "TargetGroup": "targetgroup/web/2"}}, {}),
        ({"ActionsEnabled": True, "TreatMissingData": "missing", "DatapointsToAlarm": 3}, {}),
        ({}, {"TreatMissingData": "missing", "DatapointsToAlarm": 3}),
        ({"AlarmActions": ["arn:b", "arn:a"]}, {"AlarmActions": ["arn:a", "arn:b"]}),
        ({"Tags": {}}, {"AlarmDescription": ""}),
    ],
)
def test_the_same_alarm_in_other_words_is_no_difference(written: dict[str, Any], returned: dict[str, Any]) -> None:
    assert between(KIND, {**BODY, **written}, present(**returned)).fields == ()


@pytest.mark.parametrize(
    ("written", "path", "after"),
    [
        ({"Threshold": 20}, ("Threshold",), 20),
        ({"TreatMissingData": "breaching"}, ("TreatMissingData",), "breaching"),
        ({"Dimensions": [{"Name": "LoadBalancer", "Value": "app/shop/1"}]}, ("Dimensions", "TargetGroup"), None),
        ({"AlarmActions": ["arn:a"]}, ("AlarmActions",), ["arn:a"]),
    ],
)
def test_each_change_is_found_at_its_path(written: dict[str, Any], path: tuple[str, ...], after: Any) -> None:
    found = between(KIND, {**BODY, **written}, present()).fields
    assert [(one.path, one.after) for one in found] == [(path, after)]


def test_metrics_are_compared_by_id() -> None:
    """Their order is of no meaning, and ReturnData is true where it is left out."""
    metrics: list[dict[str, Any]] = [
        {"Id": "rate", "Expression": "errors / requests", "Label": "rate"},
        {"Id": "errors", "MetricStat": {"Metric": {"MetricName": "E", "Namespace": "N"}, "Period": 60, "Stat": "Sum"}},
    ]
    body = {"AlarmName": "errors", "Metrics": metrics, "EvaluationPeriods": 1}
    returned = {
        "AlarmName": "errors",
        "Metrics": [metrics[1], {**metrics[0], "ReturnData": True}],
        "EvaluationPeriods": 1,
    }
    assert between(KIND, body, Present(body=returned, outputs={})).fields == ()


def test_an_update_sends_the_whole_alarm_without_tags() -> None:
    """PutMetricAlarm resets what it does not receive, and ignores tags of an existing alarm."""
    (call,) = calls(update(KIND, {**BODY, "Threshold": 20}, present(AlarmDescription="manual")))
    assert call.name == "cloudwatch.PutMetricAlarm"
    assert call.params["Threshold"] == 20
    assert call.params["MetricName"] == BODY["MetricName"]
    assert "AlarmDescription" not in call.params
    assert "Tags" not in call.params


def test_a_create_carries_the_marks() -> None:
    """One call creates the alarm with its tags, so a crash leaves no alarm without a mark."""
    create = Create(desired=desired(KIND, BODY), marks={"ecsync:owner": "v1/test/shop/Alarm/errors"})
    (call,) = calls(create)
    assert call.params["Tags"] == [{"Key": "ecsync:owner", "Value": "v1/test/shop/Alarm/errors"}]


def test_a_delete_names_the_alarm() -> None:
    key = Key(application="shop", kind="Alarm", name="errors")
    (call,) = calls(Delete(key=key, observed=present()))
    assert (call.name, call.params) == ("cloudwatch.DeleteAlarms", {"AlarmNames": ["errors"]})


def test_an_alarm_of_target_tracking_belongs_to_application_auto_scaling() -> None:
    """It is held, not adopted: its scaling policy creates and deletes it."""
    name = "TargetTracking-service/shop/web-AlarmHigh-1"
    (found,) = read(live(AlarmName=name), names=(name,))
    assert found.foreign == "Application Auto Scaling"
    assert present().foreign == ""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"AlarmName": "a"}, "exactly one of MetricName, Metrics, EvaluationCriteria is required, and 0 are declared"),
        ({**BODY, "Metrics": [{"Id": "m"}]}, "and 2 are declared"),
        ({**BODY, "ExtendedStatistic": "p99"}, "exactly one of Statistic and ExtendedStatistic"),
        ({name: value for name, value in BODY.items() if name != "Statistic"}, "exactly one of Statistic"),
    ],
)
def test_an_alarm_that_aws_refuses_is_a_problem_before_any_call(body: dict[str, Any], message: str) -> None:
    (problem,) = KIND.check(body)
    assert message in problem[1]
    assert list(KIND.check(BODY)) == []


def test_a_deployment_alarm_is_a_reference_of_the_service() -> None:
    """A literal name orders the alarm before the service that names it."""
    assert KIND.referred_by == {"Service": ("deploymentConfiguration.alarms.alarmNames[]",)}
    assert isinstance(update(KIND, BODY, present()), Update)
