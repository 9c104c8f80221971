"""LogGroup: read fifty at a time, and a retention that an account-level policy may set."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.kind import Wanted
from ecsync.core.model import Absent, Key, Present
from ecsync.core.ports import AwsError
from ecsync.core.resource_diff import between
from ecsync.kinds.logs.log_group import KIND
from tests.kinds.infra import Answers, denied, missing

NAMES = [f"/ecs/{number:03}" for number in range(60)]


def _wanted(*names: str) -> list[Wanted]:
    keys = [Key(application="shop", kind="LogGroup", name=name.strip("/").replace("/", "-")) for name in names]
    return [
        Wanted(key=key, body={"logGroupName": name}, owner="v1/test/shop/LogGroup/x")
        for key, name in zip(keys, names, strict=True)
    ]


def _group(name: str, **more: Any) -> dict[str, Any]:
    return {"logGroupName": name, "arn": f"arn:aws:logs:eu-west-1:1:log-group:{name}:*", **more}


class Logs:
    """The log groups of an account; records the names of each call."""

    def __init__(self, *names: str, refuses_missing: bool = False, **more: Any) -> None:
        self.groups = {name: _group(name, **more) for name in names}
        self.calls: list[list[str]] = []
        self.refuses_missing = refuses_missing

    def describe(self, logGroupIdentifiers: list[str]) -> Any:  # noqa: N803  # AWS's name
        self.calls.append(logGroupIdentifiers)
        if self.refuses_missing and set(logGroupIdentifiers) - self.groups.keys():
            return missing("ResourceNotFoundException")
        return {"logGroups": [self.groups[name] for name in logGroupIdentifiers if name in self.groups]}

    def reader(self) -> Answers:
        return Answers(logs_DescribeLogGroups=self.describe, logs_ListTagsForResource={"tags": {}})


def test_sixty_log_groups_are_read_in_two_calls() -> None:
    logs = Logs(*NAMES)
    found = dict(KIND.read(logs.reader(), _wanted(*NAMES), {}))
    assert [len(names) for names in logs.calls] == [50, 10]
    assert len(found) == 60
    assert all(isinstance(one, Present) for one in found.values())


@pytest.mark.parametrize("refuses_missing", [False, True])
def test_a_log_group_that_aws_leaves_out_is_absent_and_hides_no_other(refuses_missing: bool) -> None:
    """Also if AWS fails the whole call because of it."""
    logs = Logs(*NAMES[:7], refuses_missing=refuses_missing)
    found = [one for _, one in KIND.read(logs.reader(), _wanted(*NAMES[:8]), {})]
    assert [type(one) for one in found] == [Present] * 7 + [Absent]


def test_a_denied_read_raises_and_is_not_absence() -> None:
    with pytest.raises(AwsError, match="AccessDenied"):
        list(KIND.read(Answers(logs_DescribeLogGroups=denied()), _wanted("/ecs/web"), {}))


def _live(**more: Any) -> Present:
    ((_, found),) = KIND.read(Logs("/ecs/web", **more).reader(), _wanted("/ecs/web"), {})
    assert isinstance(found, Present)
    return found


def test_retention_of_an_account_policy_is_not_drift() -> None:
    """AWS keeps the policy's value, so a write would be repeated for ever."""
    by_policy = _live(retentionInDays=30, retentionPolicyName="all-groups")
    found = between(KIND, {"logGroupName": "/ecs/web", "retentionInDays": 14}, by_policy)
    assert found.fields == ()
    assert [one.owner for one in found.unmanaged] == ["the account's retention policy"]
    assert between(KIND, {"logGroupName": "/ecs/web"}, by_policy).fields == ()


def test_retention_without_an_account_policy_is_compared() -> None:
    found = between(KIND, {"logGroupName": "/ecs/web", "retentionInDays": 14}, _live(retentionInDays=30))
    assert [(one.path, one.before, one.after) for one in found.fields] == [(("retentionInDays",), 30, 14)]
