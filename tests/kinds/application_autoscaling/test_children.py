"""Children of several scalable targets: one listing by name, and when each target is listed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ecsync.core.kind import Wanted
from ecsync.core.model import Absent, Present, Unreadable
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.kinds.application_autoscaling import scaling_policy, scheduled_action
from tests.kinds.infra import Answers, wanted

TRACKING = "TargetTrackingScalingPolicyConfiguration"
CPU = {
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "TargetValue": 60.0,
}


def _service(number: int) -> str:
    return f"service/main/web-{number}"


def _policy(resource: str, name: str = "cpu") -> dict[str, Any]:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount",
        "PolicyName": name,
        "PolicyARN": f"arn:{resource}:{name}",
        "PolicyType": "TargetTrackingScaling",
        TRACKING: CPU,
    }


class Account(Answers):
    """Scaling policies in pages of ten; a listing that includes a broken resource id ends with an error."""

    def __init__(self, live: Sequence[Mapping[str, Any]], broken: str = "", kind: ErrorClass = "invalid") -> None:
        super().__init__(applicationautoscaling_DescribeScalingPolicies=self._page)
        self.live, self.broken, self.kind = live, broken, kind

    def _page(self, start: int = 0, **params: Any) -> Any:
        names, resource = params.get("PolicyNames"), params.get("ResourceId")
        found = [
            one
            for one in self.live
            if resource in (None, one["ResourceId"]) and (names is None or one["PolicyName"] in names)
        ]
        if self.broken and resource in (None, self.broken):
            return AwsError(self.kind, "FailedResourceAccessException", "alarms", "a.DescribeScalingPolicies")
        return {"ScalingPolicies": found[start : start + 10], "next": start + 10 if found[start + 10 :] else 0}

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Any:
        """Yield page after page, each when it is needed."""
        start = 0
        while True:
            page = self.call(service, operation, start=start, **params)
            yield from page[result]
            start = page["next"]
            if not start:
                return


def _wanted(number: int, name: str = "cpu") -> Wanted:
    body = {"ResourceId": _service(number), "PolicyName": name, TRACKING: CPU}
    return wanted(scaling_policy.KIND, body, f"web-{number}-{name}")


def test_policies_of_many_services_take_a_page_of_ten_each() -> None:
    account = Account([_policy(_service(number)) for number in range(100)])
    found = dict(scaling_policy.KIND.read(account, [_wanted(number) for number in range(100)], {}))
    assert len(found) == 100
    assert all(isinstance(one, Present) for one in found.values())
    assert len(account.asked) == 10


def test_each_name_is_in_one_call() -> None:
    account = Account([_policy(_service(number), f"cpu-{number}") for number in range(100)])
    found = scaling_policy.KIND.read(account, [_wanted(number, f"cpu-{number}") for number in range(100)], {})
    assert all(isinstance(one, Present) for _, one in found)
    asked = [name for _, params in account.asked if not params["start"] for name in params["PolicyNames"]]
    assert sorted(asked) == sorted({f"cpu-{number}" for number in range(100)})
    assert len(account.asked) == 10


def test_a_policy_of_that_name_on_another_service_is_not_the_wanted_one() -> None:
    account = Account([_policy(_service(0)), _policy(_service(1), "memory")])
    found = dict(scaling_policy.KIND.read(account, [_wanted(0), _wanted(1), _wanted(1, "memory")], {}))
    states = {key.name: type(one) for key, one in found.items()}
    assert states == {"web-0-cpu": Present, "web-1-cpu": Absent, "web-1-memory": Present}


def test_many_policies_of_others_with_the_same_name_do_not_multiply_the_calls() -> None:
    others = [_policy(f"service/other/api-{number}") for number in range(5000)]
    account = Account([*others, _policy(_service(0)), _policy(_service(1))])
    found = scaling_policy.KIND.read(account, [_wanted(0), _wanted(1)], {})
    assert all(isinstance(one, Present) for _, one in found)
    assert len(account.asked) <= 2 * 2 + 1


def test_a_policy_that_fails_the_listing_makes_its_own_target_unreadable_alone() -> None:
    account = Account([_policy(_service(number)) for number in range(3)], broken=_service(1))
    found = scaling_policy.KIND.read(account, [_wanted(number) for number in range(3)], {})
    assert [type(one) for _, one in found] == [Present, Unreadable, Present]


@pytest.mark.parametrize("kind", ["credentials", "denied", "throttled", "transient"])
def test_an_error_that_every_target_would_meet_is_met_once(kind: ErrorClass) -> None:
    account = Account([], broken=_service(1), kind=kind)
    with pytest.raises(AwsError):
        list(scaling_policy.KIND.read(account, [_wanted(number) for number in range(3)], {}))
    assert len(account.asked) == 1


def test_scheduled_actions_of_several_services_are_one_listing() -> None:
    actions = [
        {
            "ServiceNamespace": "ecs",
            "ResourceId": _service(number),
            "ScalableDimension": "ecs:service:DesiredCount",
            "ScheduledActionName": "night",
            "ScheduledActionARN": f"arn:night-{number}",
            "Schedule": "cron(0 22 * * ? *)",
        }
        for number in range(3)
    ]
    answers = Answers(applicationautoscaling_DescribeScheduledActions={"ScheduledActions": actions})
    bodies = [
        {"ResourceId": _service(number), "ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)"}
        for number in range(3)
    ]
    asked = [wanted(scheduled_action.KIND, body, f"night-{number}") for number, body in enumerate(bodies)]
    assert all(isinstance(one, Present) for _, one in scheduled_action.KIND.read(answers, asked, {}))
    assert [params["ScheduledActionNames"] for _, params in answers.asked] == [["night"]]
