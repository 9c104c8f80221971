"""ScheduledAction: times in any notation, a complete Put, and one-time actions that have run."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Create, Delete, Present, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError
from ecsync.kinds.application_autoscaling.scheduled_action import KIND
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Answers,
    Moto,
    compare,
    compiled,
    converges,
    denied,
    desired,
    key,
    observe,
    plan_of,
    update,
)

WEB = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}
BODY: dict[str, Any] = {
    "Service": "main/web",
    "ScheduledActionName": "night",
    "Schedule": "cron(0 20 * * ? *)",
    "ScalableTargetAction": {"MinCapacity": 0},
}
START = "2027-01-01T09:00:00Z"


def _printed(**more: Any) -> dict[str, Any]:
    declared = {name: value for name, value in BODY.items() if name != "Service"}
    return {**WEB, **declared, "ScheduledActionARN": "arn:aws:autoscaling:us-east-1:1:scheduledAction:u", **more}


def _answers(*actions: dict[str, Any]) -> Answers:
    return Answers(applicationautoscaling_DescribeScheduledActions={"ScheduledActions": list(actions)})


def _live(**more: Any) -> Present:
    found = observe(KIND, _answers(_printed(**more)), BODY)
    assert isinstance(found, Present)
    return found


def _whole(**more: Any) -> dict[str, Any]:
    return {**WEB, **{name: value for name, value in BODY.items() if name != "Service"}, **more}


class TestCompare:
    """Declared and live bodies that AWS treats as equal, and those that it does not."""

    def test_utc_is_the_default(self) -> None:
        assert compare(KIND, BODY, _live(Timezone="UTC")).fields == ()
        assert compare(KIND, BODY, _live(Timezone="Asia/Seoul")).fields

    @pytest.mark.parametrize(
        "start", ["2027-01-01T09:00:00Z", "2027-01-01T18:00:00+09:00", "2027-01-01T09:00:00", START]
    )
    def test_a_time_is_equal_in_every_notation(self, start: Any) -> None:
        assert compare(KIND, {**BODY, "StartTime": start}, _live(StartTime=START)).fields == ()

    def test_an_undeclared_live_value_is_a_difference(self) -> None:
        assert [one.path for one in compare(KIND, BODY, _live(EndTime=START)).fields] == [("EndTime",)]
        live = _live(ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 1})
        assert [one.path for one in compare(KIND, BODY, live).fields] == [("ScalableTargetAction", "MaxCapacity")]

    def test_normalising_twice_changes_nothing(self) -> None:
        body = {**BODY, "StartTime": START, "EndTime": "never"}
        once = normalise(body, KIND.rules)
        assert normalise(once, KIND.rules) == once

    @pytest.mark.parametrize("start", ["1798794000", "1798794000.0"])
    def test_seconds_since_1970_are_a_time(self, start: str) -> None:
        assert compare(KIND, {**BODY, "StartTime": start}, _live(StartTime=START)).fields == ()

    @pytest.mark.parametrize("time", ["tomorrow", "Jan 1 2027", "2027-13-01"])
    def test_check_reports_text_that_is_no_time(self, time: str) -> None:
        """boto3 parses some of these in its own way, so that every pass would find another time."""
        assert [path for path, _ in KIND.check({**BODY, "EndTime": time})] == [("EndTime",)]
        assert list(KIND.check({**BODY, "EndTime": "2027-01-01T09:00:00+09:00", "StartTime": "2027-01-01"})) == []

    @pytest.mark.parametrize("schedule", ["0 20 * * *", "every day"])
    def test_check(self, schedule: str) -> None:
        assert [path for path, _ in KIND.check({**BODY, "Schedule": schedule})] == [("Schedule",)]
        assert list(KIND.check(BODY)) == []


class TestCalls:
    """The exact calls of every change."""

    def test_a_create(self) -> None:
        calls = KIND.calls(Create(desired=desired(KIND, BODY), marks={}))  # type: ignore[misc]
        assert not refused(calls)
        assert compiled(calls) == [("application-autoscaling.PutScheduledAction", _whole())]

    def test_an_update_sends_the_times_again(self) -> None:
        body = {**BODY, "StartTime": "2027-01-01T09:00:00Z", "Schedule": "rate(1 day)"}
        calls = KIND.calls(update(KIND, body, _live(StartTime=START)))  # type: ignore[misc]
        assert not refused(calls)
        params = _whole(StartTime="2027-01-01T09:00:00Z", Schedule="rate(1 day)")
        assert compiled(calls) == [("application-autoscaling.PutScheduledAction", params)]

    def test_a_time_without_a_zone_is_sent_as_utc(self) -> None:
        """boto3 takes it for the local time of the machine."""
        body = {**BODY, "StartTime": "2027-01-01T09:00:00", "EndTime": "2027-06-01"}
        times = {"StartTime": "2027-01-01T09:00:00+00:00", "EndTime": "2027-06-01T00:00:00+00:00"}
        create = KIND.calls(Create(desired=desired(KIND, body), marks={}))  # type: ignore[misc]
        assert compiled(create) == [("application-autoscaling.PutScheduledAction", _whole(**times))]
        assert compiled(KIND.calls(update(KIND, body, _live()))) == compiled(create)  # type: ignore[misc]

    def test_an_undeclared_time_zone_is_reset(self) -> None:
        """A Put that leaves the time zone out keeps it."""
        (call,) = KIND.calls(update(KIND, BODY, _live(Timezone="Asia/Seoul")))  # type: ignore[misc]
        assert call.params == _whole(Timezone="UTC")

    def test_undeclared_times_are_sent_if_they_are_left_alone_and_removed_if_they_differ(self) -> None:
        body = {**BODY, "Schedule": "rate(1 day)"}
        whole = update(KIND, body, _live(EndTime=START))
        alone = tuple(one for one in whole.fields if one.path[0] == "Schedule")
        kept = Update(desired=whole.desired, observed=whole.observed, fields=alone)
        assert [call.params.get("EndTime") for call in KIND.calls(kept)] == [START]  # type: ignore[misc]
        assert [call.params.get("EndTime") for call in KIND.calls(whole)] == [None]  # type: ignore[misc]

    def test_a_delete(self) -> None:
        calls = KIND.calls(Delete(key=key(KIND), observed=_live()))  # type: ignore[misc]
        assert not refused(calls)
        named = {**WEB, "ScheduledActionName": "night"}
        assert compiled(calls) == [("application-autoscaling.DeleteScheduledAction", named)]


class TestRead:
    """Reads of actions, and of one-time actions that AWS has deleted."""

    def test_an_action_of_another_target_is_ignored(self) -> None:
        assert observe(KIND, _answers(_printed(ResourceId="service/main/web2")), BODY) == Absent()

    def test_a_denied_read_is_not_absent(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(applicationautoscaling_DescribeScheduledActions=denied()), BODY)

    @pytest.mark.parametrize("zone", [None, "Asia/Seoul"])
    def test_a_one_time_action_that_has_run_is_done(self, zone: str | None) -> None:
        body = {**BODY, "Schedule": "at(2020-01-01T00:00:00)", "Timezone": zone}
        found = observe(KIND, _answers(), body)
        assert isinstance(found, Present)
        assert plan_of(KIND, desired(KIND, body), found).steps == ()
        assert "it has run" in KIND.health(desired(KIND, body), found).why
        assert KIND.calls(Delete(key=key(KIND), observed=found)) == ()  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("schedule", "zone"),
        [("at(2999-01-01T00:00:00)", None), ("at(2020-01-01T00:00:00)", "No/Where"), ("rate(1 day)", None)],
    )
    def test_an_action_that_has_not_run_is_absent(self, schedule: str, zone: str | None) -> None:
        assert observe(KIND, _answers(), {**BODY, "Schedule": schedule, "Timezone": zone}) == Absent()


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_converges_after_a_crash_at_any_call(self) -> None:
        cloud = Moto()
        put = ["application-autoscaling.PutScheduledAction"]
        assert converges(KIND, cloud, BODY) == put
        assert converges(KIND, cloud, {**BODY, "Schedule": "rate(1 day)"}) == put
