"""Repository: ECR's defaults, its two policy documents, and a batch that one missing name fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.model import Absent, Create, Delete, Present
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError
from ecsync.kinds.ecr.repository import KIND
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
    missing,
    observe,
    update,
    wanted,
)

BODY: dict[str, Any] = {"repositoryName": "web"}
EXPIRE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9},
            "action": {"type": "expire"},
        }
    ]
}
ACCESS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}


def _printed(name: str = "web", **more: Any) -> dict[str, Any]:
    return {
        "repositoryName": name,
        "registryId": "123456789012",
        "repositoryArn": f"arn:aws:ecr:us-east-1:123456789012:repository/{name}",
        "repositoryUri": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{name}",
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
        **more,
    }


def _answers(*repositories: dict[str, Any], **more: Any) -> Answers:
    known = {one["repositoryName"]: one for one in repositories}

    def described(*, repositoryNames: Sequence[str], **_: Any) -> Any:  # noqa: N803 - AWS's name
        assert len(repositoryNames) <= 100
        if not all(name in known for name in repositoryNames):
            return missing("RepositoryNotFoundException")
        return {"repositories": [known[name] for name in repositoryNames]}

    answers = {
        "ecr_DescribeRepositories": described,
        "ecr_ListTagsForResource": {"tags": []},
        "ecr_GetLifecyclePolicy": missing("LifecyclePolicyNotFoundException"),
        "ecr_GetRepositoryPolicy": missing("RepositoryPolicyNotFoundException"),
        **more,
    }
    return Answers(**answers)


def _live(**more: Any) -> Present:
    answers = {name: more.pop(name) for name in list(more) if name.startswith("ecr_")}
    found = observe(KIND, _answers(_printed(**more), **answers), BODY)
    assert isinstance(found, Present)
    return found


def _updated(body: dict[str, Any], present: Present) -> list[tuple[str, dict[str, Any]]]:
    calls = KIND.calls(update(KIND, {**BODY, **body}, present))  # type: ignore[misc]
    assert not refused(calls)
    return compiled(calls)


class TestCompare:
    """Which members differ."""

    def test_a_default_of_ecr_is_no_difference(self) -> None:
        assert compare(KIND, BODY, _live()).fields == ()

    def test_documents_are_compared_by_what_they_grant(self) -> None:
        present = _live(
            ecr_GetLifecyclePolicy={"lifecyclePolicyText": json.dumps(EXPIRE)},
            ecr_GetRepositoryPolicy={"policyText": json.dumps(ACCESS)},
        )
        assert compare(KIND, {**BODY, "lifecyclePolicy": json.dumps(EXPIRE), "policy": ACCESS}, present).fields == ()
        assert {one.path[0] for one in compare(KIND, BODY, present).fields} == {"lifecyclePolicy", "policy"}

    def test_rules_of_a_lifecycle_policy_are_ordered_by_priority(self) -> None:
        two = {**EXPIRE["rules"][0], "rulePriority": 2}
        one = {**BODY, "lifecyclePolicy": {"rules": [two, EXPIRE["rules"][0]]}}
        other = {**BODY, "lifecyclePolicy": {"rules": [EXPIRE["rules"][0], two]}}
        assert normalise(one, KIND.rules) == normalise(other, KIND.rules)
        assert normalise(normalise(one, KIND.rules), KIND.rules) == normalise(one, KIND.rules)

    def test_a_key_declared_by_alias_equals_the_key_that_ecr_returns(self) -> None:
        encryption = {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:1:key/2"}
        present = _live(encryptionConfiguration=encryption)
        body = {**BODY, "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/web"}}
        assert compare(KIND, body, present).fields == ()
        assert compare(KIND, {**BODY, "encryptionConfiguration": {"encryptionType": "KMS"}}, present).fields == ()
        (one,) = compare(KIND, BODY, present).fields
        assert one.effect == "replace"

    @pytest.mark.parametrize(
        ("key", "same"),
        [
            ("2", True),
            ("arn:aws:kms:us-east-1:1:key/2", True),
            ("arn:aws:kms:us-east-1:1:alias/web", True),
            ("12", False),
            ("arn:aws:kms:us-east-1:1:key/12", False),
        ],
    )
    def test_a_key_declared_by_id_equals_that_key_only(self, key: str, same: bool) -> None:
        present = _live(encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "arn:aws:kms:us-east-1:1:key/2"})
        body = {**BODY, "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": key}}
        assert (compare(KIND, body, present).fields == ()) is same


class TestCalls:
    """The exact calls of every change."""

    def test_a_create_sends_its_documents_by_their_own_calls_and_captures_every_output(self) -> None:
        body = {**BODY, "lifecyclePolicy": EXPIRE, "policy": ACCESS, "imageTagMutability": "IMMUTABLE"}
        calls = KIND.calls(Create(desired=desired(KIND, body), marks={"ecsync:owner": "o"}))  # type: ignore[misc]
        assert not refused(calls)
        create, lifecycle, access = compiled(calls)
        tags = [{"Key": "ecsync:owner", "Value": "o"}]
        assert create == ("ecr.CreateRepository", {**BODY, "imageTagMutability": "IMMUTABLE", "tags": tags})
        assert json.loads(lifecycle[1]["lifecyclePolicyText"]) == EXPIRE
        assert json.loads(access[1]["policyText"]) == ACCESS
        assert set(calls[0].captures) == set(KIND.outputs)

    def test_each_setting_has_its_own_call(self) -> None:
        body = {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True}}
        assert _updated(body, _live()) == [
            ("ecr.PutImageTagMutability", {**BODY, "imageTagMutability": "IMMUTABLE"}),
            ("ecr.PutImageScanningConfiguration", {**BODY, "imageScanningConfiguration": {"scanOnPush": True}}),
        ]

    def test_a_member_that_is_removed_goes_back_to_the_default(self) -> None:
        present = _live(
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            ecr_GetLifecyclePolicy={"lifecyclePolicyText": json.dumps(EXPIRE)},
        )
        assert _updated({}, present) == [
            ("ecr.PutImageTagMutability", {**BODY, "imageTagMutability": "MUTABLE"}),
            ("ecr.PutImageScanningConfiguration", {**BODY, "imageScanningConfiguration": {"scanOnPush": False}}),
            ("ecr.DeleteLifecyclePolicy", BODY),
        ]

    def test_a_delete_is_never_forced(self) -> None:
        calls = KIND.calls(Delete(key=key(KIND), observed=_live()))  # type: ignore[misc]
        assert compiled(calls) == [("ecr.DeleteRepository", {**BODY, "registryId": "123456789012"})]


class TestRead:
    """How repositories are found."""

    def test_a_missing_repository_does_not_hide_the_others(self) -> None:
        asked = [wanted(KIND, {"repositoryName": name}, name) for name in ("api", "web")]
        found = dict(KIND.read(_answers(_printed()), asked, {}))
        assert found[key(KIND, "api")] == Absent()
        assert isinstance(found[key(KIND, "web")], Present)

    def test_a_denied_read_raises_and_is_not_absence(self) -> None:
        with pytest.raises(AwsError):
            observe(KIND, Answers(ecr_DescribeRepositories=denied()), BODY)

    def test_owned_repositories_are_found_with_the_tagging_api(self) -> None:
        owner = {"Key": "ecsync:owner", "Value": "v1/prod/shop/Repository/web"}
        hints = [{"ResourceARN": _printed(name)["repositoryArn"]} for name in ("web", "gone")]
        answers = {
            "resourcegroupstaggingapi_GetResources": {"ResourceTagMappingList": hints},
            "ecr_ListTagsForResource": {"tags": [owner]},
        }
        assert [one.natural for one in KIND.owned(_answers(_printed(), **answers), "prod")] == ["web"]  # type: ignore[misc]

    def test_a_lookup_reads_only_the_outputs(self) -> None:
        reader = _answers(_printed())
        list(KIND.read(reader, [wanted(KIND, BODY, managed=False)], {}))
        assert [name for name, _ in reader.asked] == ["ecr.DescribeRepositories"]


class TestMoto:
    """Against moto, one call at a time."""

    @mock_aws
    def test_it_recovers_from_a_crash_after_each_call(self) -> None:
        cloud = Moto()
        body = {**BODY, "lifecyclePolicy": EXPIRE, "policy": ACCESS, "tags": [{"Key": "a", "Value": "b"}]}
        assert converges(KIND, cloud, body) == [
            "ecr.CreateRepository",
            "ecr.PutLifecyclePolicy",
            "ecr.SetRepositoryPolicy",
        ]
