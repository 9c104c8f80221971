"""`ecsync explain`: the description of a field."""

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
    """Return the short lines by their label; of several with the same label, the last."""
    found: dict[str, str] = {}
    for line in list(explain.lines(explain.find(text)))[1:]:
        if not line.strip():
            break
        label, _, value = line.strip().partition(" ")
        found[label] = value.strip()
    return found


def test_a_field_has_its_type_default_and_effect() -> None:
    assert facts("Service.deploymentConfiguration.minimumHealthyPercent") == {
        "type": "integer",
        "default": "100 with schedulingStrategy REPLICA, 0 with DAEMON",
        "absent": "the default",
        "accepted": "0 or more",
        "change": "in place, no deployment",
    }


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("Service.desiredCount", "in place, no deployment"),
        ("Service.taskDefinition", "starts a deployment"),
        ("Service.capacityProviderStrategy", "forces a deployment, because AWS applies it to new tasks only"),
        ("Service.cluster", "replaces the resource; held unless"),
        ("Service.tags", "in place"),
        ("TaskDefinition.containerDefinitions.image", "registers a new revision"),
        ("TaskDefinition.tags", "in place"),
        ("TargetGroup.Port", "replaces the resource: ecsync creates a second one"),
        ("ScalableTarget.RoleARN", "none: the field is never compared"),
        ("Role.Description", "in place"),
    ],
)
def test_the_effect_of_a_change_is_shown(text: str, change: str) -> None:
    assert facts(text)["change"].startswith(change)


def test_a_list_in_a_path_may_have_brackets() -> None:
    plain, bracketed = (
        explain.find(f"TaskDefinition.containerDefinitions{each}.portMappings{each}.hostPort") for each in ("", "[]")
    )
    assert plain == bracketed
    assert plain.segments == ("containerDefinitions", "[]", "portMappings", "[]", "hostPort")


def test_owner_reference_sensitivity_and_values_are_shown() -> None:
    assert "the autoscaler decides in its range" in facts("Service.desiredCount")["owner"]
    assert facts("Service.taskDefinition")["note"] == "refers to ${TaskDefinition/name.arn}"
    assert facts("TaskDefinition.containerDefinitions.environment")["note"].startswith("sensitive")
    assert facts("Service.launchType")["values"].startswith("EC2, FARGATE")
    assert facts("TaskDefinition.networkMode")["values"] == "bridge, host, awsvpc, none, default"


def test_a_conditional_default_is_shown_with_the_other_owner() -> None:
    found = facts("Service.deploymentConfiguration.bakeTimeInMinutes")
    assert found["default"] == "0 with strategy ROLLING"
    assert found["owner"] == "AWS, while the field is not declared: with strategy BLUE_GREEN, LINEAR or CANARY"


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("Service.serviceName", "filled in"),
        ("Service.desiredCount", "left alone"),
        ("Service.platformVersion", "left alone; what ecsync applied goes back to AWS's own value"),
        ("Service.healthCheckGracePeriodSeconds", "the default"),
        ("Service.tags", "no tag is ours: those that other clients set stay"),
        ("Service.placementStrategy", "not set: a live value is removed"),
        ("TargetGroup.VpcId", "not set: removing a live value replaces the resource"),
        ("TaskDefinition.containerDefinitions", "a mistake: the field is required"),
        ("LaunchTemplate.DefaultVersion", "not compared"),
        ("Network.subnets", "the default"),
    ],
)
def test_what_an_absent_field_means_is_shown(text: str, absent: str) -> None:
    assert facts(text)["absent"] == absent


def test_what_the_language_adds_is_a_note() -> None:
    """Own members, other forms of AWS's members, and references that are natural in a place."""
    assert "inline policies as a map" in facts("Role.Policies")["note"]
    assert "/ecsync/INSTALLATION/" in facts("Role.Path")["note"]
    notes = [text for label, text in explain.facts(explain.find("TaskDefinition.containerDefinitions.secrets"))]
    assert "can be declared as a map of name to valueFrom: {NAME: valueFrom}" in notes
    assert "the ARN of" not in facts("Role.Policies.read")["note"]
    rule = "Service.loadBalancers.advancedConfiguration.productionListenerRule"
    assert any("${Listener/name.defaultRule}" in text for _, text in explain.facts(explain.find(rule)))


def test_the_documentation_of_aws_has_no_html() -> None:
    text = "\n".join(explain.lines(explain.find("Service.deploymentConfiguration")))
    assert "<" not in text
    assert "deployment" in text
    assert all(len(line) <= explain.WIDTH for line in text.splitlines())


def test_a_kind_lists_its_outputs_and_fields() -> None:
    text = "\n".join(explain.lines(explain.find("TaskDefinition")))
    assert re.search(r"  outputs\n    arn \(primary\)  the newest revision: `taskDefinition` of a Service\n", text)
    assert re.search(r"\n    familyArn +the ARN without a revision", text)
    assert re.search(r"containerDefinitions +list of ContainerDefinition  required", text)
    assert facts("Network")["kind"].startswith("a lookup")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Servce", 'did you mean "Service"?'),
        ("Service.desiredcount", "Service has no field 'desiredcount'; did you mean \"desiredCount\"?"),
        ("Service.desiredCount.more", "Service.desiredCount has no field 'more'"),
        ("Network.ids", "Network has no field 'ids'; did you mean \"id\"?"),
    ],
)
def test_the_message_about_a_typo_contains_the_nearest_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        explain.find(text)
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_every_conditional_row_has_a_description(kind: Kind) -> None:
    silent = [
        row.path
        for row in kind.rules
        if isinstance(row, (Default, Computed))
        and not row.description
        and (row.when is not None or (isinstance(row, Default) and callable(row.value)))
    ]
    assert silent == []


def test_explain_does_not_load_boto3_and_a_typo_is_a_usage_error() -> None:
    ecsync = Path(sys.executable).with_name("ecsync")
    done = subprocess.run([ecsync, "explain", "Service.x"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    program = (
        "import sys; from ecsync.offline import explain; list(explain.lines(explain.find('Service.cluster')));"
        "assert 'boto3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_kind_is_explained_with_an_example_to_copy() -> None:
    """A field has none."""
    assert "    LogGroup/web:" in list(explain.lines(explain.find("LogGroup")))
    assert not any("example" in line for line in explain.lines(explain.find("LogGroup.retentionInDays")))
