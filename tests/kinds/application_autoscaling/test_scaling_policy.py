"""ScalingPolicy: defaults by type, a complete Put, and marks that come from the target."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import (
    Absent,
    Applied,
    Create,
    Delete,
    Desired,
    Documents,
    Key,
    Marks,
    Present,
    Ref,
    Text,
    Unreadable,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError
from ecsync.kinds.application_autoscaling._children import Parents
from ecsync.kinds.application_autoscaling.scaling_policy import KIND, present_of
from tests.kinds.ecs.answers import equivalent, settled, unseen
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
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
    return present_of({"PolicyARN": "arn", **live}, wanted(KIND, BODY), ("", "", ""), Parents({}))


class TestEquivalence:
    """Declared and live bodies that AWS treats as equal, and those that it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_if_and_only_if_aws_treats_it_differently(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_a_difference(self, case: Case) -> None:
        by_aws = {"PolicyARN", "CreationTime", "Alarms.[].AlarmName", "Alarms.[].AlarmARN"}
        # A case without an identity takes it from the live side.
        identity = set() if "ResourceId" in case["desired"] else set(WEB)
        assert unseen(KIND, _of_case, case) <= by_aws | identity

    def test_steps_are_sorted_by_their_bounds_and_have_defaults(self) -> None:
        steps = [{"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2}, {"ScalingAdjustment": 1}]
        step = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps}
        filled = {**step, "StepAdjustments": steps[::-1], "Cooldown": 300, "MetricAggregationType": "Average"}
        name = "StepScalingPolicyConfiguration"
        assert normalise({name: step}, KIND.rules) == normalise({name: filled, "PolicyType": "StepScaling"}, KIND.rules)

    def test_a_live_cooldown_with_the_default_is_no_difference(self) -> None:
        assert compare(KIND, BODY, _live(**{TRACKING: {**CPU, "ScaleInCooldown": 300}})).fields == ()
        assert compare(KIND, BODY, _live(**{TRACKING: {**CPU, "ScaleInCooldown": 60}})).fields

    def test_the_default_of_return_data_is_true(self) -> None:
        """AWS returns true for a metric that does not declare it."""
        metrics: list[dict[str, Any]] = [
            {"Id": "e", "Expression": "m / 2"},
            {"Id": "m", "ReturnData": False, "Expression": "1"},
        ]
        body = {**BODY, TRACKING: {"TargetValue": 1.0, "CustomizedMetricSpecification": {"Metrics": metrics}}}
        for live_value, differences in ((True, 0), (False, 1)):
            printed = [{**metrics[0], "ReturnData": live_value}, metrics[1]]
            live = _live(**{TRACKING: {"TargetValue": 1.0, "CustomizedMetricSpecification": {"Metrics": printed}}})
            assert len(compare(KIND, body, live).fields) == differences

    def test_another_type_is_a_replacement(self) -> None:
        steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
        body = {"Service": "main/web", "PolicyName": "cpu", "StepScalingPolicyConfiguration": steps}
        assert "replace" in {one.effect for one in compare(KIND, body, _live()).fields}


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_sends_its_type_and_captures_its_arn(self) -> None:
        calls = KIND.calls(Create(desired=desired(KIND, BODY), marks={}))  # type: ignore[misc]
        assert not refused(calls)
        params = {**WEB, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", TRACKING: CPU}
        assert compiled(calls) == [("application-autoscaling.PutScalingPolicy", params)]
        assert set(calls[0].captures) == set(KIND.outputs)

    def test_an_update_sends_the_policy_whole(self) -> None:
        body = {**BODY, TRACKING: {**CPU, "TargetValue": 70.0}}
        calls = KIND.calls(update(KIND, body, _live()))  # type: ignore[misc]
        params = {**WEB, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", TRACKING: body[TRACKING]}
        assert compiled(calls) == [("application-autoscaling.PutScalingPolicy", params)]

    def test_values_that_were_left_alone_are_sent_again(self) -> None:
        """AWS resets what a Put leaves out."""
        body = {**BODY, TRACKING: {**CPU, "TargetValue": 70.0}}
        live = _live(**{TRACKING: {**CPU, "ScaleInCooldown": 60, "DisableScaleIn": True}})
        fields = compare(KIND, body, live, undeclared=False).fields
        assert [one.path for one in fields] == [(TRACKING, "TargetValue")]
        (call,) = KIND.calls(Update(desired=desired(KIND, body), observed=live, fields=fields))  # type: ignore[misc]
        assert call.params[TRACKING] == {**CPU, "TargetValue": 70.0, "ScaleInCooldown": 60, "DisableScaleIn": True}

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

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            ({}, True),
            ({"Service": "main/web"}, True),
            ({"Service": None, "ResourceId": "service/main/web"}, True),
            ({"Service": "main/web2"}, False),
            ({"PolicyName": "memory"}, False),
            ({"Service": Text((Ref(Key(application="other", kind="Service", name="web"), "arn"),))}, False),
        ],
    )
    def test_two_documents_cannot_declare_one_policy(self, other: dict[str, Any], same: bool) -> None:
        """Their natural names do not show it before the service exists, and each would undo the Put of the other."""
        service, cluster = (Key(application="shop", kind=kind, name="web") for kind in ("Service", "Cluster"))
        named = Text((Ref(service, "arn"),))
        declared = [
            Desired(key=cluster, body={"clusterName": "main"}),
            Desired(key=service, body={"cluster": Text((Ref(cluster, "name"),)), "serviceName": "web"}),
        ]
        one = desired(KIND, {**BODY, "Service": named}, "one")
        two = desired(KIND, {**BODY, "Service": named, **other}, "two")
        found = list(KIND.cross_check(one, Documents([*declared, one, two])))  # type: ignore[misc]
        assert [message.split(" ")[0] for _, message in found] == (["ScalingPolicy/two"] if same else [])
        looked_up = desired(KIND, two.body, "two", manage=False)
        assert list(KIND.cross_check(one, Documents([*declared, one, looked_up]))) == []  # type: ignore[misc]

    def test_a_policy_comes_after_its_target(self) -> None:
        service = Text((Ref(Key(application="shop", kind="Service", name="web"), "arn"),))
        target = Desired(key=PARENT, body={"Service": service})
        assert list(KIND.needs(desired(KIND, {**BODY, "Service": service}), Documents([target]))) == [PARENT]  # type: ignore[misc]
        assert list(KIND.needs(desired(KIND, BODY), Documents([target]))) == []  # type: ignore[misc]


class TestRead:
    """Reads of policies, and their owner."""

    def test_other_policies_in_the_response_are_ignored(self) -> None:
        reader = _answers(_printed(ResourceId="service/main/web2"), _printed(PolicyName="memory"))
        assert observe(KIND, reader, BODY) == Absent()

    def test_one_call_reads_all_policies_of_a_target(self) -> None:
        reader = _answers(_printed(), _printed(PolicyName="memory"))
        asked = [wanted(KIND, {**BODY, "PolicyName": name}, name) for name in ("cpu", "memory")]
        assert all(isinstance(found, Present) for _, found in KIND.read(reader, asked, {}))
        assert len(reader.asked) == 1

    def test_a_denied_read_is_not_absent(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(applicationautoscaling_DescribeScalingPolicies=denied()), BODY)

    @pytest.mark.parametrize(
        ("owner", "ours"),
        [("v1/prod/shop/ScalableTarget/web", True), ("v1/other/shop/ScalableTarget/web", False), (None, False)],
    )
    def test_a_policy_is_ours_if_its_target_is_ours(self, owner: str | None, ours: bool) -> None:
        marks = Marks(owner=owner, id="i") if owner else None
        parent = Present(body=WEB, outputs={}, marks=marks, foreign="Terraform")
        want = wanted(KIND, BODY)
        ((_, found),) = KIND.read(_answers(_printed()), [want], {PARENT: parent})
        assert isinstance(found, Present)
        assert found.marks == (Marks(owner=want.owner, id="") if ours else None)
        assert found.foreign == "Terraform"

    def test_a_policy_of_an_adopted_target_keeps_its_undeclared_values(self) -> None:
        mark = Marks(owner="v1/prod/shop/ScalableTarget/web", id="i", applied=Applied(members={}, adopted=True))
        want = wanted(KIND, BODY)
        ((_, found),) = KIND.read(_answers(_printed()), [want], {PARENT: Present(body=WEB, outputs={}, marks=mark)})
        assert isinstance(found, Present)
        assert found.marks == Marks(owner=want.owner, id="", applied=Applied(members={}, adopted=True))

    def test_a_policy_is_unreadable_if_its_target_cannot_be_read(self) -> None:
        """It is neither created nor changed. Another unreadable target does not matter if its own target was read."""
        want = wanted(KIND, BODY)
        hidden = {PARENT: Unreadable("denied")}
        ((_, found),) = KIND.read(_answers(_printed()), [want], hidden)
        assert found == Unreadable("its scalable target cannot be read: denied")
        other = Key(application="shop", kind="ScalableTarget", name="other")
        mine = Present(body=WEB, outputs={}, marks=Marks(owner="v1/prod/shop/ScalableTarget/web", id="i"))
        ((_, found),) = KIND.read(_answers(_printed()), [want], {PARENT: mine, other: Unreadable("denied")})
        assert isinstance(found, Present)

    @pytest.mark.parametrize(
        ("parent", "why"),
        [
            (Present(body=WEB, outputs={}, marks=Marks(owner="v1/other/a/ScalableTarget/w", id="i")), "other"),
            (Present(body=WEB, outputs={}, foreign="Terraform"), "Terraform manages"),
            (Present(body=WEB, outputs={}), ""),
        ],
        ids=["another installation", "another tool", "no owner"],
    )
    def test_nothing_is_created_on_a_foreign_target(self, parent: Present, why: str) -> None:
        """An absent policy of a foreign target is Unreadable with the owner."""
        ((_, found),) = KIND.read(_answers(), [wanted(KIND, BODY)], {PARENT: parent})
        assert (isinstance(found, Unreadable) and why in found.error) if why else found == Absent()

    def test_a_policy_of_a_looked_up_target_is_ours(self) -> None:
        """The document names the policy exactly, and a looked-up target carries no mark to compare."""
        looked_up = Present(body=WEB, outputs={}, foreign="Terraform", facts={"managed": False})
        want = wanted(KIND, BODY)
        ((_, found),) = KIND.read(_answers(_printed()), [want], {PARENT: looked_up})
        assert isinstance(found, Present)
        assert (found.marks, found.foreign) == (Marks(owner=want.owner, id=""), "")


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_converges_after_a_crash_at_any_call(self) -> None:
        cloud = Moto()
        a_service(cloud)
        cloud.call("application-autoscaling", "RegisterScalableTarget", **WEB, MinCapacity=1, MaxCapacity=2)
        put = ["application-autoscaling.PutScalingPolicy"]
        assert converges(KIND, cloud, BODY) == put
        assert converges(KIND, cloud, {**BODY, TRACKING: {**CPU, "TargetValue": 70.0}}) == put
