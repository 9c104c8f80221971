"""Decisions by policy documents, without AWS."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.model import Key, Ref, Text
from ecsync.verify.certificates import covers
from ecsync.verify.images import image_of
from ecsync.verify.policies import Decision, Grants, decide, trusts
from ecsync.verify.secrets import source_of

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-abcdef"
UNKNOWN = Text((Ref(Key("shop", "Secret", "a"), "arn"), "*"))


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**_allow(action, resource, **more), "Effect": "Deny"}


MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], "not allowed"),
        ([_allow("secretsmanager:Get*")], "allowed"),
        ([_allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:a-*")], "allowed"),
        ([_allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:b-*")], "not allowed"),
        ([_allow("*"), _deny("secretsmanager:*")], "not allowed"),
        ([_allow("*"), _deny("secretsmanager:*", SECRET.replace(":a-", ":b-"))], "allowed"),
        ([_allow("*", **MFA)], "depends"),
        ([_allow("*"), _deny("*", **MFA)], "depends"),
        ([_allow("secretsmanager:*", UNKNOWN)], "depends"),
        ([_allow("*"), _deny("secretsmanager:*", UNKNOWN)], "depends"),
        ([_allow("ssm:*", UNKNOWN)], "not allowed"),
    ],
)
def test_a_decision_that_depends_on_what_is_not_known_is_neither_allowed_nor_not(
    statements: list[dict[str, Any]], decision: Decision
) -> None:
    """A condition, or a resource that does not exist yet."""
    assert decide(Grants((_policy(*statements),)), "secretsmanager:GetSecretValue", SECRET) == decision


def test_a_boundary_limits_what_the_policies_allow() -> None:
    """Both must allow it."""
    grants = Grants((_policy(_allow("*")),), _policy(_allow("logs:*")))
    assert decide(grants, "logs:PutLogEvents", "*") == "allowed"
    assert decide(grants, "ssm:GetParameters", "*") == "not allowed"


def test_a_document_that_is_no_policy_decides_nothing() -> None:
    """AWS rejects it; that is not the question here."""
    assert decide(Grants(("nonsense",)), "ssm:GetParameters", "*") == "depends"


TASKS = {"Service": "ecs-tasks.amazonaws.com"}


def _trust(principal: Any, **more: Any) -> dict[str, Any]:
    return _policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


@pytest.mark.parametrize(
    ("document", "decision"),
    [
        (_trust(TASKS), "allowed"),
        (_trust({"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}), "allowed"),
        (_trust({"Service": "ecs.amazonaws.com"}), "not allowed"),
        (_trust({"AWS": "123456789012"}), "not allowed"),
        (_trust(TASKS, Action="sts:TagSession"), "not allowed"),
        (_trust(TASKS, Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}}), "allowed"),
        (_trust(TASKS, Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}}), "not allowed"),
        (_trust(TASKS, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:123456789012:*"}}), "allowed"),
        (_trust(TASKS, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:*:cluster/a"}}), "depends"),
        (None, "not allowed"),
        ("%7B%22Statement%22%3A%5B%5D%7D", "not allowed"),
    ],
)
def test_a_trust_policy_lets_the_named_service_in(document: Any, decision: Decision) -> None:
    """With the conditions that AWS's guide recommends."""
    source = "arn:aws:ecs:eu-west-1:123456789012:*"
    assert trusts(document, "ecs-tasks.amazonaws.com", "123456789012", source) == decision


@pytest.mark.parametrize(
    ("name", "host", "covered"),
    [
        ("shop.example.com", "Shop.example.com", True),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "a.shop.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "api-*.example.com", True),
        ("shop.example.com", "*.example.com", False),
        ("example.com", "shop.example.com", False),
    ],
)
def test_the_wildcard_of_a_certificate_stands_for_one_label(name: str, host: str, covered: bool) -> None:
    """As browsers compare them."""
    assert covers(name, host) is covered


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b", ("a/b", "latest", "")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a:1", ("a", "1", "")),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/a:1@sha256:ab", ("a", "1", "sha256:ab")),
        ("public.ecr.aws/nginx/nginx:1", None),
        ("nginx", None),
        (None, None),
    ],
)
def test_an_image_of_a_private_repository_is_known_by_its_name(text: Any, found: Any) -> None:
    """Every other image is not checked."""
    image = image_of(text)
    assert (None if image is None else (image.repository, image.tag, image.digest)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SECRET, ("secretsmanager", SECRET, "")),
        (f"{SECRET}:key::", ("secretsmanager", SECRET, "key")),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/a/b", ("ssm", "/a/b", "")),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/a", ("ssm", "a", "")),
        ("/a/b", ("ssm", "/a/b", "")),
        ("a", ("ssm", "a", "")),
    ],
)
def test_the_source_of_a_secret_is_known_by_its_text(text: str, found: tuple[str, str, str]) -> None:
    """An ARN of a secret with what follows it, or an ARN or name of a parameter."""
    source = source_of(text)
    assert (source.service, source.name, source.key) == found
