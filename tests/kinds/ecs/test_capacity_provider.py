"""CapacityProvider: ECS's defaults, updates by block, and a recreated group with the same name."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.model import Absent, Create, Delete, Key, Observed, Present, Unreadable, Update
from ecsync.core.ports import AwsError
from ecsync.kinds.ecs.capacity_provider import KIND, observed_of
from tests.kinds.ecs.answers import equivalent, settled, unseen
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import Answers, Case, cases, compare, compiled, denied, desired, key, observe, update, wanted

GROUP = "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:u-u-i-d:autoScalingGroupName/web"
BODY: dict[str, Any] = {
    "name": "web",
    "autoScalingGroupProvider": {"autoScalingGroupArn": GROUP, "managedScaling": {"status": "ENABLED"}},
}
SCALING = {
    "status": "ENABLED",
    "targetCapacity": 100,
    "minimumScalingStepSize": 1,
    "maximumScalingStepSize": 10000,
    "instanceWarmupPeriod": 300,
}
MANAGED: dict[str, Any] = {
    "name": "own",
    "cluster": "main",
    "managedInstancesProvider": {
        "infrastructureRoleArn": "arn:aws:iam::1:role/r",
        "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "arn:aws:iam::1:instance-profile/p",
            "networkConfiguration": {"subnets": ["b", "a"]},
        },
    },
}
CASES = cases("capacityProvider")


def _printed(name: str = "web", **group: Any) -> dict[str, Any]:
    provider = {
        "autoScalingGroupArn": GROUP,
        "managedScaling": SCALING,
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
        **group,
    }
    arn = f"arn:aws:ecs:us-east-1:1:capacity-provider/{name}"
    return {"name": name, "capacityProviderArn": arn, "status": "ACTIVE", "autoScalingGroupProvider": provider}


def _live(**group: Any) -> Present:
    found = observed_of(_printed(**group))
    assert isinstance(found, Present)
    return found


def _of_case(live: Any, *_: Any) -> Present:
    found = observed_of({"capacityProviderArn": "arn", **live})
    assert isinstance(found, Present)
    return found


def _answers(*providers: Any, failures: Any = ()) -> Answers:
    return Answers(ecs_DescribeCapacityProviders={"capacityProviders": list(providers), "failures": list(failures)})


class TestEquivalence:
    """Declared and live bodies that AWS treats as equal, and those that it does not."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
    def test_a_case_differs_if_and_only_if_aws_treats_it_differently(self, case: Case) -> None:
        assert equivalent(KIND, _of_case, case) == case["equivalent"], case["note"]
        assert settled(KIND, _of_case, case)

    @pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
    def test_every_change_of_a_live_value_is_a_difference(self, case: Case) -> None:
        by_aws = {"capacityProviderArn", "status", "updateStatus", "tags.[].key", "tags.[].value"}
        assert unseen(KIND, _of_case, case) <= by_aws

    def test_a_group_matches_by_its_name_and_another_arn_is_a_replacement(self) -> None:
        by_name = {
            **BODY,
            "autoScalingGroupProvider": {**BODY["autoScalingGroupProvider"], "autoScalingGroupArn": "web"},
        }
        assert compare(KIND, by_name, _live()).fields == ()
        again = GROUP.replace("u-u-i-d", "o-t-h-r")
        (one,) = compare(KIND, BODY, _live(autoScalingGroupArn=again)).fields
        assert one.effect == "replace"

    def test_a_recreated_group_with_the_same_name_is_a_replacement(self) -> None:
        """The provider still has the ARN of the deleted group."""
        by_name = {**BODY, "autoScalingGroupProvider": {"autoScalingGroupArn": "web"}}
        again = GROUP.replace("u-u-i-d", "o-t-h-r")
        world = {
            Key(application="shop", kind="AutoScalingGroup", name="web"): Present(
                body={}, outputs={"name": "web", "arn": again}
            )
        }
        found = dict(KIND.read(_answers(_printed(managedScaling={})), [wanted(KIND, by_name)], world))[key(KIND)]
        assert isinstance(found, Present)
        (one,) = compare(KIND, by_name, found).fields
        assert (one.before, one.after, one.effect) == (GROUP, again, "replace")

    def test_values_that_aws_adds_to_managed_instances_are_left_alone(self) -> None:
        template = MANAGED["managedInstancesProvider"]["instanceLaunchTemplate"]
        printed = {**template, "monitoring": "BASIC", "networkConfiguration": {"subnets": ["a", "b"]}}
        provider = {**MANAGED["managedInstancesProvider"], "instanceLaunchTemplate": printed, "propagateTags": "NONE"}
        live = {**MANAGED, "managedInstancesProvider": provider}
        assert compare(KIND, MANAGED, Present(body=live, outputs={})).fields == ()


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_captures_every_output(self) -> None:
        (create,) = KIND.calls(Create(desired=desired(KIND, BODY), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert not refused([create])
        assert create.params == {**BODY, "tags": [{"key": "ecsync:owner", "value": "o"}]}
        assert set(create.captures) == set(KIND.outputs)

    def test_only_the_part_that_differs_is_sent_and_it_is_sent_whole(self) -> None:
        scaling = {"status": "ENABLED", "targetCapacity": 80}
        body = {**BODY, "autoScalingGroupProvider": {"autoScalingGroupArn": GROUP, "managedScaling": scaling}}
        calls = KIND.calls(update(KIND, body, _live()))  # type: ignore[misc]
        assert not refused(calls)
        sent = {"managedScaling": {**SCALING, "targetCapacity": 80}}
        assert compiled(calls) == [("ecs.UpdateCapacityProvider", {"name": "web", "autoScalingGroupProvider": sent})]

    def test_values_that_were_left_alone_are_sent_again(self) -> None:
        """ECS resets the members of managed scaling that an update leaves out."""
        scaling = {"status": "ENABLED", "instanceWarmupPeriod": 60}
        body = {**BODY, "autoScalingGroupProvider": {"autoScalingGroupArn": GROUP, "managedScaling": scaling}}
        live = _live(managedScaling={**SCALING, "targetCapacity": 80})
        fields = compare(KIND, body, live, undeclared=False).fields
        (call,) = KIND.calls(Update(desired=desired(KIND, body), observed=live, fields=fields))  # type: ignore[misc]
        assert call.params["autoScalingGroupProvider"] == {
            "managedScaling": {**SCALING, "targetCapacity": 80, "instanceWarmupPeriod": 60}
        }

    def test_managed_instances_keep_the_values_of_ecs(self) -> None:
        """Except for the members that only a create takes."""
        template = MANAGED["managedInstancesProvider"]["instanceLaunchTemplate"]
        filled = {**template, "monitoring": "DETAILED", "capacityOptionType": "ON_DEMAND"}
        live = {**MANAGED["managedInstancesProvider"], "instanceLaunchTemplate": filled, "propagateTags": "NONE"}
        block = {**MANAGED["managedInstancesProvider"], "infrastructureRoleArn": "arn:aws:iam::1:role/new"}
        present = Present(body={**MANAGED, "managedInstancesProvider": live}, outputs={"name": "own", "arn": "a"})
        calls = KIND.calls(update(KIND, {**MANAGED, "managedInstancesProvider": block}, present))  # type: ignore[misc]
        assert not refused(calls)
        sent = {**block, "propagateTags": "NONE", "instanceLaunchTemplate": {**template, "monitoring": "DETAILED"}}
        assert calls[0].params["managedInstancesProvider"] == sent

    def test_a_value_that_is_no_longer_declared_is_reset_to_the_default(self) -> None:
        calls = KIND.calls(update(KIND, BODY, _live(managedDraining="DISABLED")))  # type: ignore[misc]
        sent = {"managedDraining": "ENABLED"}
        assert compiled(calls) == [("ecs.UpdateCapacityProvider", {"name": "web", "autoScalingGroupProvider": sent})]

    def test_managed_instances_are_sent_whole_with_their_cluster(self) -> None:
        block = {**MANAGED["managedInstancesProvider"], "infrastructureRoleArn": "arn:aws:iam::1:role/new"}
        body = {**MANAGED, "managedInstancesProvider": block}
        calls = KIND.calls(update(KIND, body, Present(body=MANAGED, outputs={"name": "own", "arn": "a"})))  # type: ignore[misc]
        assert not refused(calls)
        sent = {"name": "own", "cluster": "main", "managedInstancesProvider": block}
        assert compiled(calls) == [("ecs.UpdateCapacityProvider", sent)]

    def test_a_delete(self) -> None:
        calls = KIND.calls(Delete(key=key(KIND), observed=_live()))  # type: ignore[misc]
        assert compiled(calls) == [("ecs.DeleteCapacityProvider", {"capacityProvider": "web"})]

    @pytest.mark.parametrize(
        ("printed", "state", "usable"),
        [
            ({"updateStatus": "UPDATE_IN_PROGRESS"}, "in progress", False),
            ({"updateStatus": "CREATE_IN_PROGRESS", "status": "PROVISIONING"}, "in progress", False),
            ({"status": "PROVISIONING"}, "in progress", False),
            ({"updateStatus": "UPDATE_FAILED", "updateStatusReason": "because"}, "failed", True),
            ({"updateStatus": "CREATE_FAILED", "updateStatusReason": "because"}, "failed", False),
            ({"updateStatus": "UPDATE_COMPLETE", "status": "ACTIVE"}, None, None),
        ],
    )
    def test_the_state_that_ecs_prints_decides(self, printed: dict[str, Any], state: Any, usable: Any) -> None:
        """In progress is waited for, failed has ECS's reason, and a cluster takes only a provider that exists."""
        condition = KIND.condition(observed_of({**_printed(), **printed}))
        assert (condition and condition.state, condition and condition.usable) == (state, usable)
        if state == "failed":
            assert condition is not None
            assert condition.why == f"{printed['updateStatus']}: because"

    @pytest.mark.parametrize(
        ("body", "path"), [({**BODY, "name": "ecs-x"}, ("name",)), ({"name": "x"}, ()), ({**BODY, **MANAGED}, ())]
    )
    def test_check(self, body: dict[str, Any], path: Any) -> None:
        assert [at for at, _ in KIND.check(body)] == [path]


class TestRead:
    """Reads of capacity providers."""

    def _read(self, reader: Answers, *names: str) -> list[Observed | None]:
        asked = [wanted(KIND, {**BODY, "name": name}, name) for name in names]
        found = dict(KIND.read(reader, asked, {}))
        return [found.get(want.key) for want in asked]

    def test_a_missing_provider_is_absent_and_any_other_failure_is_unreadable(self) -> None:
        arn = "arn:aws:ecs:us-east-1:1:capacity-provider/"
        failures = [{"arn": f"{arn}gone", "reason": "MISSING"}, {"arn": f"{arn}odd", "reason": "ACCESS_DENIED"}]
        web, gone, odd, silent = self._read(_answers(_printed(), failures=failures), "web", "gone", "odd", "silent")
        assert isinstance(web, Present)
        assert gone == Absent()
        assert odd == Unreadable("ACCESS_DENIED")
        assert silent is None

    def test_an_inactive_provider_is_absent(self) -> None:
        assert self._read(_answers({**_printed(), "status": "INACTIVE"}), "web") == [Absent()]

    def test_a_denied_read_is_not_absent(self) -> None:
        with pytest.raises(AwsError):
            self._read(Answers(ecs_DescribeCapacityProviders=denied()), "web")

    def test_a_call_describes_a_hundred_providers_with_tags(self) -> None:
        reader = _answers()
        self._read(reader, *(f"p{n}" for n in range(150)))
        assert [len(params["capacityProviders"]) for _, params in reader.asked] == [100, 50]
        assert all(params["include"] == ["TAGS"] for _, params in reader.asked)

    def test_every_page_of_an_answer_is_read(self) -> None:
        """ECS takes a hundred names and returns ten a page; a provider that no page contains is not absent."""
        names = [f"p{n}" for n in range(25)]

        def described(capacityProviders: Any, nextToken: str = "0", **_: Any) -> Any:  # noqa: N803 - AWS's spelling
            first = int(nextToken)
            shown = [_printed(name) for name in capacityProviders[first : first + 10]]
            more = {"nextToken": str(first + 10)} if first + 10 < len(capacityProviders) else {}
            return {"capacityProviders": shown, "failures": [], **more}

        reader = Answers(ecs_DescribeCapacityProviders=described)
        assert all(isinstance(one, Present) for one in self._read(reader, *names))
        assert len(reader.asked) == 3
        stuck = Answers(
            ecs_DescribeCapacityProviders={"capacityProviders": [_printed("p0")], "failures": [], "nextToken": "1"}
        )
        assert self._read(stuck, "p0", "p1")[1] is None

    def test_managed_instances_are_read_in_their_cluster(self) -> None:
        reader = _answers()
        list(KIND.read(reader, [wanted(KIND, MANAGED, "own")], {}))
        assert reader.asked[0][1]["cluster"] == "main"
        assert KIND.natural(MANAGED) == "main/own"

    def test_only_marked_providers_are_owned(self) -> None:
        owner = {"key": "ecsync:owner", "value": "v1/prod/shop/CapacityProvider/web"}
        reader = _answers({**_printed(), "tags": [owner]}, _printed("FARGATE"))
        assert [one.natural for one in KIND.owned(reader, "prod")] == ["web"]  # type: ignore[misc]
        assert observe(KIND, reader, BODY).marks is not None  # type: ignore[union-attr]
