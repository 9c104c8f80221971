"""ScalingPolicy: defaults by type, a Put that says all of it, and marks that come from the target."""

from __future__ import annotations

from typing import Any

import pytest
from ecs import equivalent, settled, unseen
from elbv2 import refused
from infra import (
    Answers,
    Case,
    Moto,
    a_service,
    cases,
    compare,
    compiled,
    converges,
    denied,
    desired,
    key,
    observe,
    update,
    wanted,
)
from moto import mock_aws

from controller.core.model import Absent, Create, Delete, Desired, Key, Marks, Present, Ref, Text
from controller.core.normalise import normalise
from controller.core.ports import AwsError
from controller.kinds.scaling_policy import KIND, present_of

WEB = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}
TRACKING = "TargetTrackingScalingPolicyConfiguration"
CPU = {
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "TargetValue": 60.0,
}
BODY: dict[str, Any] = {"Service": "main/web", "PolicyName": "cpu", TRACKING: CPU}
PARENT = Key(application="shop", kind="ScalableTarget", name="web")
CASES = cases("scalingPolicy")


def _printed(**more: Any) -> dict[str, Any]:
    return {
        **WEB,
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "PolicyARN": "arn:aws:autoscaling:us-east-1:1:scalingPolicy:u",
        TRACKING: CPU,
        "Alarms": [{"AlarmName": "high", "AlarmARN": "arn"}],
        **more,
    }


def _answers(*policies: dict[str, Any]) -> Answers:
    return Answers(applicationautoscaling_DescribeScalingPolicies={"ScalingPolicies": list(policies)})


def _live(**more: Any) -> Present:
    found = observe(KIND, _answers(_printed(**more)), BODY)
    assert isinstance(found, Present)
    return found


def _of_case(live: Any, *_: Any) -> Present:
    return present_of({"PolicyARN": "arn", **live}, wanted(KIND, BODY), ("", "", ""), {})


class TestEquivalence:
    """What is the same to AWS, and what is not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_exactly_where_aws_would_do_something_else(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_no_change_of_a_live_value_goes_unseen(self, case: Case) -> None:
        by_aws = {"PolicyARN", "CreationTime", "Alarms.[].AlarmName", "Alarms.[].AlarmARN"}
        # A case that does not say what is scaled takes it from the live side.
        identity = set() if "ResourceId" in case["desired"] else set(WEB)
        assert unseen(KIND, _of_case, case) <= by_aws | identity

    def test_steps_go_by_their_bounds_and_have_defaults(self) -> None:
        steps = [{"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2}, {"ScalingAdjustment": 1}]
        step = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
        filled = {**step, "StepAdjustments": steps[::-1], "Cooldown": 300, "MetricAggregationType": "Average"}
        name = "StepScalingPolicyConfiguration"
        assert normalise({name: step}, KIND.rules) == normalise({name: filled, "PolicyType": "StepScaling"}, KIND.rules)

    def test_a_cooldown_that_is_printed_as_its_default_is_no_difference(self) -> None:
        assert compare(KIND, BODY, _live(**{TRACKING: {**CPU, "ScaleInCooldown": 300}})).fields == ()
        assert compare(KIND, BODY, _live(**{TRACKING: {**CPU, "ScaleInCooldown": 60}})).fields

    def test_another_type_is_another_policy(self) -> None:
        steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
        body = {"Service": "main/web", "PolicyName": "cpu", "StepScalingPolicyConfiguration": steps}
        assert "replace" in {one.effect for one in compare(KIND, body, _live()).fields}


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_names_its_type_and_gives_its_arn(self) -> None:
        calls = KIND.calls(Create(desired=desired(KIND, BODY), marks={}))  # type: ignore[misc]
        assert not refused(calls)
        params = {**WEB, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", TRACKING: CPU}
        assert compiled(calls) == [("application-autoscaling.PutScalingPolicy", params)]
        assert set(calls[0].captures) == set(KIND.outputs)

    def test_an_update_says_the_policy_whole(self) -> None:
        body = {**BODY, TRACKING: {**CPU, "TargetValue": 70.0}}
        calls = KIND.calls(update(KIND, body, _live()))  # type: ignore[misc]
        params = {**WEB, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", TRACKING: body[TRACKING]}
        assert compiled(calls) == [("application-autoscaling.PutScalingPolicy", params)]

    def test_a_delete(self) -> None:
        calls = KIND.calls(Delete(key=key(KIND), observed=_live()))  # type: ignore[misc]
        assert not refused(calls)
        assert compiled(calls) == [("application-autoscaling.DeleteScalingPolicy", {**WEB, "PolicyName": "cpu"})]

    @pytest.mark.parametrize(
        ("body", "path"),
        [({TRACKING: None}, ()), ({"PolicyType": "StepScaling"}, ("PolicyType",)), ({"Service": None}, ())],
    )
    def test_check(self, body: dict[str, Any], path: Any) -> None:
        assert [at for at, _ in KIND.check({**BODY, **body})] == [path]

    def test_it_comes_after_its_target(self) -> None:
        service = Text((Ref(Key(application="shop", kind="Service", name="web"), "arn"),))
        target = Desired(key=PARENT, body={"Service": service})
        assert list(KIND.needs(desired(KIND, {**BODY, "Service": service}), [target])) == [PARENT]  # type: ignore[misc]
        assert list(KIND.needs(desired(KIND, BODY), [target])) == []  # type: ignore[misc]


class TestRead:
    """Finding policies, and whose they are."""

    def test_what_else_the_answer_holds_is_not_it(self) -> None:
        reader = _answers(_printed(ResourceId="service/main/web2"), _printed(PolicyName="memory"))
        assert observe(KIND, reader, BODY) == Absent()

    def test_policies_of_one_target_take_one_call(self) -> None:
        reader = _answers(_printed(), _printed(PolicyName="memory"))
        asked = [wanted(KIND, {**BODY, "PolicyName": name}, name) for name in ("cpu", "memory")]
        assert all(isinstance(found, Present) for _, found in KIND.read(reader, asked, {}))
        assert len(reader.asked) == 1

    def test_a_denied_read_is_no_absence(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(applicationautoscaling_DescribeScalingPolicies=denied()), BODY)

    @pytest.mark.parametrize(
        ("owner", "ours"),
        [("v1/prod/shop/ScalableTarget/web", True), ("v1/other/shop/ScalableTarget/web", False), (None, False)],
    )
    def test_it_is_ours_where_its_target_is(self, owner: str | None, ours: bool) -> None:
        marks = Marks(owner=owner, id="i") if owner else None
        parent = Present(body=WEB, outputs={}, marks=marks, foreign="Terraform")
        want = wanted(KIND, BODY)
        ((_, found),) = KIND.read(_answers(_printed()), [want], {PARENT: parent})
        assert isinstance(found, Present)
        assert found.marks == (Marks(owner=want.owner, id="") if ours else None)
        assert found.foreign == "Terraform"


class TestMoto:
    """Against moto, call by call."""

    @mock_aws
    def test_a_crash_after_each_call_is_made_good(self) -> None:
        cloud = Moto()
        a_service(cloud)
        cloud.call("application-autoscaling", "RegisterScalableTarget", **WEB, MinCapacity=1, MaxCapacity=2)
        put = ["application-autoscaling.PutScalingPolicy"]
        assert converges(KIND, cloud, BODY) == put
        assert converges(KIND, cloud, {**BODY, TRACKING: {**CPU, "TargetValue": 70.0}}) == put
