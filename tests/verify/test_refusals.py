"""What AWS does not answer: the missing right is named, and no other check is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecsim import Fault
from ecsync.verify.rights import RIGHTS
from tests.verify.account import CALLER, Contents
from tests.whole.support.command import Command

# The rights that only `verify` needs, and the check that asks. Those of a plan are tested with the plan.
OWN = {
    "acm:DescribeCertificate": "certificates",
    "ec2:DescribeVpcEndpoints": "network",
    "ecr:BatchGetImage": "images",
    "ecr:DescribeImages": "images",
    "elasticloadbalancing:DescribeAccountLimits": "quotas",
    "secretsmanager:DescribeSecret": "secrets",
    "servicequotas:ListServiceQuotas": "quotas",
    "ssm:DescribeParameters": "secrets",
}


def _by_check(answer: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in answer["findings"]:
        found.setdefault(one["check"], []).append(one)
    return found


def test_a_right_that_the_caller_lacks_is_named_and_no_other_check_is_lost(
    clean: Path, contents: Contents, ecsync: Command
) -> None:
    """One right after the other: its check is not made, which is no failure, and each other one is as before."""
    before = _by_check(ecsync("verify", clean, "-o", "json").json)
    for right, check in OWN.items():
        contents.deny(right)
        answer = ecsync("verify", clean, "-o", "json")
        assert answer.code == 0, (right, answer)
        after = _by_check(answer.json)
        lacking = [one for one in after[check] if one["verdict"] == "not checked"]
        assert lacking, right
        assert {(one["right"], one["message"]) for one in lacking} == {(right, f"the caller lacks {right}")}
        assert {name: rows for name, rows in after.items() if name != check} == {
            name: rows for name, rows in before.items() if name != check
        }
    assert set(OWN) < set(RIGHTS.values())


def test_the_policy_for_verify_allows_every_question(clean: Path, contents: Contents, ecsync: Command) -> None:
    """What `ecsync permissions --mode verify` prints is enough; the policy for `observe` is not."""
    simulator = contents.environment.simulator
    before = ecsync("verify", clean, "-o", "json").json
    for mode, enough in (("verify", True), ("observe", False)):
        policy = ecsync("permissions", clean, "--mode", mode).json
        simulator.settings = replace(simulator.settings, policies={CALLER: (policy,)})
        answer = ecsync("verify", clean, "-o", "json")
        assert (answer.code, answer.json["failed"]) == (0, 0)
        assert (answer.json == before) is enough, answer
        contents.allow_all()


def test_text_has_one_line_for_a_right_that_many_documents_need(
    clean: Path, contents: Contents, ecsync: Command
) -> None:
    """With the first place, what to allow, and how many others wait for it."""
    contents.deny("ecr:DescribeImages")
    line, summary = ecsync("verify", clean).out.splitlines()
    assert line.startswith("all.yaml:")
    assert line.endswith("the caller lacks ecr:DescribeImages; allow ecr:DescribeImages (and 5 more)")
    assert summary.endswith("0 failed, 6 not checked")


def test_without_the_simulation_of_iam_the_policies_are_read(clean: Path, contents: Contents, ecsync: Command) -> None:
    """The decisions are the same. Without both rights, both are named."""
    before = _by_check(ecsync("verify", clean, "-o", "json").json)["roles"]
    contents.deny("iam:SimulatePrincipalPolicy")
    after = _by_check(ecsync("verify", clean, "-o", "json").json)["roles"]
    places = [(one["subject"], one["verdict"], one["line"]) for one in before]
    assert [(one["subject"], one["verdict"], one["line"]) for one in after] == places
    how = "by its policies, because the caller lacks iam:SimulatePrincipalPolicy"
    assert any(how in one["message"] for one in after)
    contents.deny("iam:SimulatePrincipalPolicy", "iam:ListRolePolicies")
    after = _by_check(ecsync("verify", clean, "-o", "json").json)["roles"]
    [message] = {one["message"] for one in after if one["verdict"] == "not checked"}
    assert message == "the caller lacks iam:SimulatePrincipalPolicy, and iam:ListRolePolicies in its place"


def test_a_role_that_the_caller_may_not_read_is_not_checked(clean: Path, contents: Contents, ecsync: Command) -> None:
    """It is no role that does not exist; the right is named for a declared role too."""
    contents.deny("iam:GetRole")
    answer = ecsync("verify", clean, "-o", "json").json
    roles = [one for one in answer["findings"] if one["check"] == "roles"]
    assert {one["verdict"] for one in roles} == {"not checked", "passed"}
    assert {one["right"] for one in roles if one["verdict"] == "not checked"} == {"iam:GetRole"}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("throttle", "acm", "DescribeCertificate", times=None), "AWS throttled acm.DescribeCertificate"),
        (Fault("error", "acm", "DescribeCertificate", times=None), "AWS returned an error: acm.DescribeCertificate:"),
    ],
    ids=["throttled", "internal error"],
)
def test_a_call_that_fails_is_not_checked_and_nothing_is_taken_as_missing(
    clean: Path, contents: Contents, ecsync: Command, fault: Fault, message: str
) -> None:
    """The class of the error is stated."""
    contents.environment.simulator.faults.add(fault)
    answer = ecsync("verify", clean, "-o", "json")
    contents.environment.simulator.faults.clear()
    assert (answer.code, answer.json["failed"]) == (0, 0)
    unchecked = [one for one in answer.json["findings"] if one["verdict"] == "not checked"]
    assert {one["check"] for one in unchecked} == {"certificates"}
    assert all(one["message"].startswith(message) for one in unchecked)
