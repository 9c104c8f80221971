"""`ecsync explain`: what a field is, offline."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ecsync import kinds
from ecsync.core.kind import Kind
from ecsync.core.rules import Computed, Default
from ecsync.offline import explain


def facts(text: str) -> dict[str, str]:
    """The short lines by their label; of several with one label, the last."""
    told: dict[str, str] = {}
    for line in list(explain.lines(explain.find(text)))[1:]:
        if not line.strip():
            break
        label, _, value = line.strip().partition(" ")
        told[label] = value.strip()
    return told


def test_a_percentage_of_a_service() -> None:
    assert facts("Service.deploymentConfiguration.minimumHealthyPercent") == {
        "type": "integer",
        "default": "100 with schedulingStrategy REPLICA, 0 with DAEMON",
        "change": "in place, no deployment",
    }


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("Service.desiredCount", "in place, no deployment"),
        ("Service.taskDefinition", "starts a deployment"),
        ("Service.capacityProviderStrategy", "takes effect on new tasks only"),
        ("Service.cluster", "cannot be changed in place: replaces"),
        ("Service.tags", "in place"),
        ("TaskDefinition.containerDefinitions.image", "registers a new revision"),
        ("TaskDefinition.tags", "in place"),
        ("TargetGroup.Port", "cannot be changed in place: a new one is made beside it"),
        ("ScalableTarget.RoleARN", "is never compared"),
        ("Role.Description", "in place"),
    ],
)
def test_what_changing_a_field_does(text: str, change: str) -> None:
    assert facts(text)["change"].startswith(change)


def test_lists_are_gone_through_with_or_without_brackets() -> None:
    plain, bracketed = (
        explain.find(f"TaskDefinition.containerDefinitions{each}.portMappings{each}.hostPort") for each in ("", "[]")
    )
    assert plain == bracketed
    assert plain.segments == ("containerDefinitions", "[]", "portMappings", "[]", "hostPort")


def test_who_decides_what_it_refers_to_and_what_is_hidden() -> None:
    assert "the autoscaler decides in its range" in facts("Service.desiredCount")["owner"]
    assert facts("Service.taskDefinition")["note"] == "refers to ${TaskDefinition/name.arn}"
    assert facts("TaskDefinition.containerDefinitions.environment")["note"].startswith("sensitive")
    assert facts("Service.launchType")["values"].startswith("EC2, FARGATE")
    assert facts("TaskDefinition.networkMode")["values"] == "bridge, host, awsvpc, none, default"


def test_a_default_that_there_is_only_sometimes_and_who_decides_otherwise() -> None:
    told = facts("Service.deploymentConfiguration.bakeTimeInMinutes")
    assert told["default"] == "0 with strategy ROLLING"
    assert told["owner"] == "AWS, while it is not declared: with strategy BLUE_GREEN, LINEAR or CANARY"


def test_aws_s_own_words_have_no_html() -> None:
    text = "\n".join(explain.lines(explain.find("Service.deploymentConfiguration")))
    assert "<" not in text
    assert "deployment" in text
    assert all(len(line) <= explain.WIDTH for line in text.splitlines())


def test_a_kind_lists_its_outputs_and_fields() -> None:
    text = "\n".join(explain.lines(explain.find("TaskDefinition")))
    assert "arn (primary), family, revision" in text
    assert re.search(r"containerDefinitions +list of ContainerDefinition  required", text)
    assert facts("Network")["kind"].startswith("a lookup")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Servce", 'did you mean "Service"?'),
        ("Service.desiredcount", "Service has no field 'desiredcount'; did you mean \"desiredCount\"?"),
        ("Service.desiredCount.more", "Service.desiredCount has no field 'more'"),
        ("Network.id", "Network has no field 'id'"),
    ],
)
def test_a_typo_is_told_with_the_nearest_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        explain.find(text)
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_what_depends_on_something_says_so_in_words(kind: Kind) -> None:
    silent = [
        row.path
        for row in kind.rules
        if isinstance(row, (Default, Computed))
        and not row.says
        and (row.when is not None or (isinstance(row, Default) and callable(row.value)))
    ]
    assert silent == []


def test_it_needs_no_client_of_aws_and_a_typo_is_a_usage_error() -> None:
    ecsync = Path(sys.executable).with_name("ecsync")
    done = subprocess.run([ecsync, "explain", "Service.x"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    program = (
        "import sys; from ecsync.offline import explain; list(explain.lines(explain.find('Service.cluster')));"
        "assert 'boto3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
