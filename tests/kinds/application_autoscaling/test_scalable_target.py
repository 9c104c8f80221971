"""ScalableTarget: the identity of the scaled resource, bounds that scheduled actions set, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core import marks
from ecsync.core.kind import Proceed
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
    Update,
)
from ecsync.core.ports import AwsError
from ecsync.kinds.application_autoscaling._shared import resource_id
from ecsync.kinds.application_autoscaling.scalable_target import KIND, TAGGING
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

ARN = "arn:aws:ecs:us-east-1:123456789012:service/main/web"
BODY: dict[str, Any] = {"Service": ARN, "MinCapacity": 2, "MaxCapacity": 4}
WEB = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}
UNRESOLVED = Text((Ref(Key(application="shop", kind="Service", name="web"), "arn"),))
CASES = cases("scalableTarget")


def _printed(**more: Any) -> dict[str, Any]:
    return {
        **WEB,
        "MinCapacity": 2,
        "MaxCapacity": 4,
        "RoleARN": "arn:aws:iam::1:role/aws-service-role/x",
        "ScalableTargetARN": "arn:aws:application-autoscaling:us-east-1:1:scalable-target/1",
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
        **more,
    }


def _action(name: str, resource: str = "service/main/web", **band: int) -> dict[str, Any]:
    return {**WEB, "ResourceId": resource, "ScheduledActionName": name, "ScalableTargetAction": band}


def _answers(*targets: dict[str, Any], actions: Any = (), tags: dict[str, str] | None = None) -> Answers:
    return Answers(
        applicationautoscaling_DescribeScalableTargets={"ScalableTargets": list(targets)},
        applicationautoscaling_DescribeScheduledActions={"ScheduledActions": list(actions)},
        applicationautoscaling_ListTagsForResource={"Tags": tags or {}},
    )


def _live(actions: Any = (), tags: dict[str, str] | None = None, **more: Any) -> Present:
    found = observe(KIND, _answers(_printed(**more), actions=actions, tags=tags), BODY)
    assert isinstance(found, Present)
    return found


def _applied(**members: Any) -> Marks:
    hashes = {marks.path_hash(name): marks.value_hash(value) for name, value in members.items()}
    return Marks(owner="o", id="i", applied=Applied(members=hashes))


def _of_case(live: Any, *_: Any) -> Present:
    return Present(body=live, outputs={})


class TestIdentity:
    """The identity of the scaled resource."""

    @pytest.mark.parametrize(
        "body",
        [
            {"Service": ARN},
            {"Service": "main/web"},
            {"Service": "service/main/web"},
            {"ResourceId": "service/main/web"},
        ],
    )
    def test_a_service_may_be_declared_in_four_forms(self, body: dict[str, Any]) -> None:
        assert KIND.natural(body) == "ecs/service/main/web/ecs:service:DesiredCount"
        assert KIND.known(body) == {"resourceId": "service/main/web"}

    @pytest.mark.parametrize("service", [UNRESOLVED, "web"])
    def test_a_service_without_its_cluster_has_no_identity(self, service: Any) -> None:
        assert KIND.natural({"Service": service}) is None
        assert KIND.known({"Service": service}) == {}

    def test_other_resources_have_their_own_dimension(self) -> None:
        body = {"ServiceNamespace": "dynamodb", "ResourceId": "table/t", "ScalableDimension": "dynamodb:table:X"}
        assert KIND.natural(body) == "dynamodb/table/t/dynamodb:table:X"

    @pytest.mark.parametrize(
        ("body", "path"),
        [
            ({"Service": None}, ()),
            ({"ResourceId": "service/main/web"}, ()),
            ({"Service": "web"}, ("Service",)),
            ({"MinCapacity": 5}, ("MinCapacity",)),
            ({"Service": None, "ResourceId": "table/t", "ScalableDimension": "d"}, ("ServiceNamespace",)),
            ({"ServiceNamespace": "dynamodb"}, ("ServiceNamespace",)),
            ({"ScalableDimension": "dynamodb:table:ReadCapacityUnits"}, ("ScalableDimension",)),
        ],
    )
    def test_check(self, body: dict[str, Any], path: Any) -> None:
        assert [at for at, _ in KIND.check({**BODY, **body})] == [path]
        assert list(KIND.check(BODY)) == []

    def test_a_target_with_a_literal_id_comes_after_the_declared_service(self) -> None:
        service = Key(application="shop", kind="Service", name="web")
        other = Desired(key=service, body={"cluster": "arn:aws:ecs:us-east-1:1:cluster/main", "serviceName": "web"})
        everything = Documents([other, desired(KIND, BODY)])
        literal = desired(KIND, {**BODY, "Service": None, "ResourceId": "service/main/web"})
        assert list(KIND.needs(literal, everything)) == [service]  # type: ignore[misc]
        assert resource_id(literal.body) == "service/main/web"


class TestEquivalence:
    """Declared and live bodies that AWS treats as equal, and those that it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_if_and_only_if_aws_treats_it_differently(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    def test_the_defaults_of_aws_and_its_own_role_are_no_difference(self) -> None:
        assert compare(KIND, {**BODY, "RoleARN": "arn:mine", "SuspendedState": {}}, _live()).fields == ()

    def test_every_change_of_a_live_value_is_a_difference(self) -> None:
        plain = {"MinCapacity": 2, "MaxCapacity": 4, "SuspendedState": _printed()["SuspendedState"]}
        case = {"desired": {**WEB, **plain}, "live": {**WEB, **plain}}
        assert unseen(KIND, _of_case, case) == set()

    @pytest.mark.parametrize(("minimum", "same"), [(2, True), (1, True), (0, False), (3, False)])
    def test_a_bound_that_a_scheduled_action_has_set_is_no_drift(self, minimum: int, same: bool) -> None:
        present = _live([_action("night", MinCapacity=1), _action("x", "service/main/web2", MinCapacity=0)])
        present = Present(body={**present.body, "MinCapacity": minimum}, outputs={}, facts=present.facts)
        assert (compare(KIND, BODY, present).fields == ()) is same

    def test_a_bound_that_was_changed_in_the_manifest_is_applied(self) -> None:
        present = _live([_action("night", MinCapacity=1)], MinCapacity=1)
        before = Present(body=present.body, outputs={}, facts=present.facts, marks=_applied(MinCapacity=2))
        assert compare(KIND, BODY, before).fields == ()
        assert [one.after for one in compare(KIND, {**BODY, "MinCapacity": 3}, before).fields] == [3]

    @pytest.mark.parametrize(
        ("live", "reason", "kept"),
        [
            ({"MinCapacity": 20, "MaxCapacity": 40}, "drift", {"MinCapacity": 20, "MaxCapacity": 40}),
            ({"MinCapacity": 20, "MaxCapacity": 41}, "drift", {"MinCapacity": 20, "MaxCapacity": 4}),
            ({"MinCapacity": 5, "MaxCapacity": 40}, "drift", {"MinCapacity": 2, "MaxCapacity": 40}),
            ({"MinCapacity": 20, "MaxCapacity": 40}, "pending", {"MinCapacity": 2, "MaxCapacity": 4}),
        ],
        ids=["as set", "another maximum", "minimum of an earlier action", "changed in the manifest"],
    )
    def test_bounds_that_a_one_time_action_has_set_stay(
        self, live: dict[str, Any], reason: Any, kept: dict[str, int]
    ) -> None:
        """AWS deletes the action after it has run. The last declared action that has run counts."""

        def ran(hour: int, resource: str = "service/main/web", **band: int) -> Present:
            at = datetime(2026, 1, 1, hour, tzinfo=UTC)
            body = {**WEB, "ResourceId": resource, "ScalableTargetAction": band}
            return Present(body=body, outputs={}, facts={"ranAt": at.isoformat()})

        actions = [
            ran(2, MinCapacity=20, MaxCapacity=40),
            ran(1, MinCapacity=5),
            ran(3, "service/main/web2", MinCapacity=7),
            Present(body={**WEB, "ScalableTargetAction": {"MaxCapacity": 41}}, outputs={}),  # has not run
        ]
        world = {Key(application="shop", kind="ScheduledAction", name=f"a{n}"): one for n, one in enumerate(actions)}
        present = _live(**live)
        fields = [replace(one, reason=reason) for one in compare(KIND, BODY, present).fields]
        gate = KIND.gate(desired(KIND, BODY), present, fields, world)  # type: ignore[misc]
        assert isinstance(gate, Proceed)
        assert {member: gate.body[member] for member in kept} == kept

    def test_an_unresolved_service_is_no_difference(self) -> None:
        assert compare(KIND, {**BODY, "Service": UNRESOLVED}, _live()).fields == ()


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_sends_the_identity_in_three_members(self) -> None:
        calls = KIND.calls(Create(desired=desired(KIND, BODY), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert not refused(calls)
        params = {**WEB, "MinCapacity": 2, "MaxCapacity": 4, "Tags": {"ecsync:owner": "o"}}
        assert compiled(calls) == [("application-autoscaling.RegisterScalableTarget", params)]

    def test_a_create_may_contain_a_reference(self) -> None:
        (call,) = KIND.calls(Create(desired=desired(KIND, {**BODY, "Service": UNRESOLVED}), marks={}))  # type: ignore[misc]
        assert call.params["ResourceId"] == UNRESOLVED

    def test_an_update_sends_only_the_changes(self) -> None:
        calls = KIND.calls(update(KIND, {**BODY, "MaxCapacity": 8}, _live()))  # type: ignore[misc]
        assert compiled(calls) == [("application-autoscaling.RegisterScalableTarget", {**WEB, "MaxCapacity": 8})]

    def test_an_undeclared_suspension_is_reset_and_sent_whole(self) -> None:
        suspended = {**_printed()["SuspendedState"], "DynamicScalingInSuspended": True}
        calls = KIND.calls(update(KIND, BODY, _live(SuspendedState=suspended)))  # type: ignore[misc]
        sent = {**WEB, "SuspendedState": _printed()["SuspendedState"]}
        assert compiled(calls) == [("application-autoscaling.RegisterScalableTarget", sent)]
        assert KIND.health(desired(KIND, BODY), _live(SuspendedState=suspended)).status == "Suspended"

    def test_a_suspension_that_was_left_alone_is_sent_again(self) -> None:
        live = _live(SuspendedState={**_printed()["SuspendedState"], "DynamicScalingInSuspended": True})
        body = {**BODY, "SuspendedState": {"ScheduledScalingSuspended": True}}
        fields = compare(KIND, body, live, undeclared=False).fields
        (call,) = KIND.calls(Update(desired=desired(KIND, body), observed=live, fields=fields))  # type: ignore[misc]
        assert call.params["SuspendedState"] == {
            "DynamicScalingInSuspended": True,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": True,
        }

    @pytest.mark.parametrize(
        ("live", "body"),
        [
            ({"MinCapacity": 1, "MaxCapacity": 1}, {"MinCapacity": 3}),
            ({"MinCapacity": 6, "MaxCapacity": 8}, {"MaxCapacity": 5}),
        ],
    )
    def test_both_bounds_are_sent_if_one_would_cross_the_other(self, live: Any, body: Any) -> None:
        """A scheduled action has moved the other bound, and AWS rejects a minimum above the maximum."""
        action = _action("now", MinCapacity=live["MinCapacity"], MaxCapacity=live["MaxCapacity"])
        present = _live([action], **live)
        before = replace(present, marks=_applied(MinCapacity=2, MaxCapacity=4))
        declared = {**BODY, **body}
        assert [one.path[0] for one in compare(KIND, declared, before).fields] == list(body)
        (call,) = KIND.calls(update(KIND, declared, before))  # type: ignore[misc]
        assert call.params == {**WEB, "MinCapacity": declared["MinCapacity"], "MaxCapacity": declared["MaxCapacity"]}

    def test_tags_and_a_delete(self) -> None:
        present = _live()
        calls = (*TAGGING.put(present, {"a": "b"}), *TAGGING.remove(present, ["a"]))
        assert [call.operation for call in calls] == ["TagResource", "UntagResource"]
        gone = KIND.calls(Delete(key=key(KIND), observed=present))  # type: ignore[misc]
        assert compiled(gone) == [("application-autoscaling.DeregisterScalableTarget", WEB)]
        assert not refused((*calls, *gone))


class TestRead:
    """Reads of scalable targets."""

    def test_another_resource_in_the_response_is_ignored(self) -> None:
        reader = _answers(_printed(ResourceId="service/main/web2"), _printed(ScalableDimension="other"))
        assert observe(KIND, reader, BODY) == Absent()

    def test_a_call_reads_fifty_targets_and_one_call_all_their_actions(self) -> None:
        ids = [f"service/main/s{n}" for n in range(60)]
        reader = _answers(*(_printed(ResourceId=one) for one in ids))
        asked = [wanted(KIND, {"ResourceId": one}, f"s{n}") for n, one in enumerate(ids)]
        assert all(isinstance(found, Present) for _, found in KIND.read(reader, asked, {}))
        names = [name.split(".")[1] for name, _ in reader.asked]
        assert names.count("DescribeScalableTargets") == 2
        assert names.count("DescribeScheduledActions") == 1

    def test_a_denied_read_is_not_absent(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(applicationautoscaling_DescribeScalableTargets=denied()), BODY)

    def test_health_names_the_action_that_set_a_bound(self) -> None:
        present = _live([_action("night", MinCapacity=1)], MinCapacity=1)
        assert KIND.health(desired(KIND, BODY), present).why == "MinCapacity 1 is set by scheduled action night"


class _WithTags(Moto):
    """Moto with tags of scalable targets, which moto lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, str] = {}

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        if operation in ("RegisterScalableTarget", "TagResource"):
            self.tags |= params.pop("Tags", {})
        if operation in ("ListTagsForResource", "TagResource"):
            return {"Tags": self.tags}
        return super().call(service, operation, **params)


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_converges_after_a_crash_at_any_call(self) -> None:
        cloud = _WithTags()
        a_service(cloud)
        assert converges(KIND, cloud, BODY) == ["application-autoscaling.RegisterScalableTarget"]
        changed = converges(KIND, cloud, {**BODY, "MaxCapacity": 5})
        assert changed[0] == "application-autoscaling.RegisterScalableTarget"
        assert [one.natural for one in KIND.owned(cloud, "prod")] == [KIND.natural(BODY)]  # type: ignore[misc]
