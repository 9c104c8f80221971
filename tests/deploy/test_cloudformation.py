"""The template of the controller: what it makes with which parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from deploy.cloudformation import permissions
from ecsync.report.collectors import emf
from tests.deploy.rendered import BUCKET, DEPLOY, NAME, PROVIDER, TEMPLATE, files, rendered
from tests.deploy.template import Invalid

CI = {"GitHubRepository": "acme/deploy"}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def container(**given: str) -> Any:
    """Return the definition of the container."""
    (found,) = rendered(**given).properties("TaskDefinition")["ContainerDefinitions"]
    return found


def variables(**given: str) -> dict[str, str]:
    """Return the environment of the container."""
    return {one["Name"]: one["Value"] for one in container(**given)["Environment"]}


def test_the_linter_of_cloudformation_finds_nothing() -> None:
    """In two Regions: names, types and values of every property, references, and functions."""
    found = lint(TEMPLATE.read_text(encoding="utf-8"), config=ManualArgs(regions=["eu-west-1", "us-east-1"]))
    assert [str(one) for one in found] == []


def test_the_files_of_the_aws_cli_are_those_of_the_template() -> None:
    """`python -m tests.deploy.rendered` writes them anew."""
    expected = files()
    folder = DEPLOY / "ecs"
    assert {one.name for one in folder.iterdir()} == expected.keys()
    assert {name: json.loads((folder / name).read_text()) for name in expected} == expected


def test_the_health_check_is_that_of_the_image() -> None:
    """ECS ignores the one of the image, so the template repeats it."""
    text = (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
    found = re.findall(r"^HEALTHCHECK (.*?)\\\n\s*CMD (\[.*\])$", text, re.M)
    options, command = found[-1]
    check = container()["HealthCheck"]
    assert check["Command"] == ["CMD", *json.loads(command)]
    seconds = {name: int(value) for name, value in re.findall(r"--([a-z-]+)=(\d+)s?", options)}
    assert seconds == {
        "interval": check["Interval"],
        "timeout": check["Timeout"],
        "start-period": check["StartPeriod"],
        "retries": check["Retries"],
    }


def test_a_new_task_starts_after_the_old_one_has_ended() -> None:
    """And has more time to end than the daemon takes."""
    service = rendered().properties("Service")
    wanted = service["DeploymentConfiguration"]
    assert (wanted["MinimumHealthyPercent"], wanted["MaximumPercent"], service["DesiredCount"]) == (0, 100, 1)
    assert container()["StopTimeout"] == 30


def test_nothing_reaches_the_task_unless_a_range_is_given() -> None:
    """Then it is port 8080 alone, and the daemon listens there."""
    assert "SecurityGroupIngress" not in rendered().properties("SecurityGroup")
    assert "ECSYNC_HTTP_HOST" not in variables()
    (rule,) = rendered(MetricsCidr="10.0.0.0/16").properties("SecurityGroup")["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"], rule["CidrIp"]) == (8080, 8080, "10.0.0.0/16")
    assert variables(MetricsCidr="10.0.0.0/16")["ECSYNC_HTTP_HOST"] == "0.0.0.0"  # noqa: S104  # in a task


def test_manifests_in_git_need_no_bucket() -> None:
    """The token is a secret of the task, which the execution role alone can read."""
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:git"
    given = {"Source": "git+https://github.com/acme/deploy.git@main", "GitTokenSecret": secret, **CI}
    stack = rendered(**given)
    assert not stack.resources().keys() & {"ManifestsBucket", "ManifestsBucketPolicy", "PublishRole", "GitHubProvider"}
    assert variables(**given)["ECSYNC_SOURCE"] == given["Source"]
    assert container(**given)["Secrets"] == [{"Name": "ECSYNC_GIT_TOKEN", "ValueFrom": secret}]
    assert secret in json.dumps(stack.properties("ExecutionRole"))
    assert secret not in json.dumps([stack.properties(one) for one in ("TaskRole", "TaskPolicy", "ApplyRole")])
    assert "s3:" not in json.dumps(stack.properties("TaskPolicy"))


def test_ci_may_put_a_release_and_nothing_else() -> None:
    """Workflows of one branch of one repository, with a token for STS."""
    assert "PublishRole" not in rendered().resources()
    role = rendered(**CI).properties("PublishRole")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": PROVIDER}
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:acme/deploy:ref:refs/heads/main",
        }
    }
    (policy,) = role["Policies"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    where = f"arn:aws:s3:::{BUCKET}/manifests"
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Resource"] == [f"{where}/ecsync.index.json", f"{where}/ecsync.objects/*"]


def test_an_account_keeps_its_only_identity_provider() -> None:
    """It is created where none is given, and stays when the stack is deleted."""
    assert rendered(**CI).resources()["GitHubProvider"]["DeletionPolicy"] == "Retain"
    assert "GitHubProvider" not in rendered(**CI, GitHubOidcProvider=PROVIDER).resources()


def test_every_role_has_the_boundary() -> None:
    """If one is given."""
    stack = rendered(**CI, PermissionsBoundary=BOUNDARY)
    roles = [name for name, one in stack.resources().items() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 5
    assert {stack.properties(name)["PermissionsBoundary"] for name in roles} == {BOUNDARY}
    assert "PermissionsBoundary" not in rendered().properties("TaskRole")


def test_no_policy_of_the_stack_has_a_wildcard_for_everything() -> None:
    """Each action and each resource is named; what is denied to all is no right."""
    stack = rendered(**CI)
    found = []
    for name, one in stack.resources().items():
        properties = stack.properties(name)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if one["Type"] == "AWS::IAM::Policy" else []
        found += [statement for document in documents for statement in document["Statement"]]
    assert len(found) == 6
    assert [one for one in found if "*" in (one["Action"], one["Resource"]) or ":*" in str(one["Action"])] == []


def test_the_alarms_are_on_metrics_that_the_controller_writes() -> None:
    """Names, namespace and dimension; without alarms it writes none, because CloudWatch charges for them."""
    stack = rendered(AlarmTopic=TOPIC)
    alarms = [stack.properties(name) for name, one in stack.resources().items() if "CloudWatch" in one["Type"]]
    assert len(alarms) == 3
    assert {one["Namespace"] for one in alarms} == {emf.NAMESPACE}
    assert {one["MetricName"] for one in alarms} <= {one.name for one in emf.EXPORTED}
    assert [one["Dimensions"] for one in alarms] == [[{"Name": emf.DIMENSION, "Value": "production"}]] * 3


def test_metrics_and_alarms_can_be_left_out() -> None:
    """Together, because CloudWatch charges for both."""
    assert variables()["ECSYNC_METRICS_EMF"] == "stdout"
    assert "ECSYNC_METRICS_EMF" not in variables(Alarms="false")
    assert "AWS::CloudWatch::Alarm" not in {one["Type"] for one in rendered(Alarms="false").resources().values()}


def test_a_controller_that_does_not_run_raises_an_alarm() -> None:
    """It writes no metrics, so missing ones count as breaching. Each alarm is sent to the topic, if one is given."""
    assert rendered().properties("StoppedAlarm")["TreatMissingData"] == "breaching"
    assert "AlarmActions" not in rendered().properties("StoppedAlarm")
    for name in ("StoppedAlarm", "DriftAlarm", "SourceAlarm"):
        assert rendered(AlarmTopic=TOPIC).properties(name)["AlarmActions"] == [TOPIC]


def test_an_existing_cluster_is_used() -> None:
    """And none is created."""
    stack = rendered(Cluster="shared")
    assert stack.properties("Service")["Cluster"] == "shared"
    assert "OwnCluster" not in stack.resources()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"Installation": "Production"}, "1 to 20 of a-z 0-9 and -"),
        ({"Image": ""}, "must not be empty"),
        ({"Source": "https://github.com/acme/deploy"}, "git+https://"),
        ({"GitHubRepository": "acme/*"}, "owner/name"),
        ({"GitHubRef": "refs/heads/*"}, "without a wildcard"),
        ({"MetricsCidr": "everywhere"}, "an IPv4 range"),
        ({"Cpu": "1024", "Memory": "512"}, "With 1024 CPU units"),
        ({"Enforce": "yes"}, "is not one of"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_a_wrong_parameter_is_refused(given: dict[str, str], why: str) -> None:
    """By CloudFormation, before anything is created."""
    with pytest.raises(Invalid, match=re.escape(why)):
        rendered(**given)


class TestPermissions:
    """permissions.py: from the output of `ecsync permissions` to a template."""

    def test_each_role_gets_the_policies_of_its_mode(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A list of policies becomes as many, and the linter finds nothing."""
        statement = {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        given = {"observe": policy, "apply": [policy, policy], "prune": policy}
        for mode, content in given.items():
            (tmp_path / mode).write_text(json.dumps(content))
        assert permissions.main(["--installation", "production", *(str(tmp_path / mode) for mode in given)]) == 0
        text = capsys.readouterr().out
        made = [one["Properties"] for one in json.loads(text)["Resources"].values()]
        roles = [NAME, f"{NAME}-apply", f"{NAME}-apply", f"{NAME}-prune"]
        assert [one["Roles"] for one in made] == [[role] for role in roles]
        assert len({one["ManagedPolicyName"] for one in made}) == 4
        assert [str(one) for one in lint(text, config=ManualArgs(regions=["eu-west-1"]))] == []

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "cannot be read as JSON"),
            ("[]", "is not what `ecsync permissions` prints"),
            ('{"Statement": []}', "is not what `ecsync permissions` prints"),
            (json.dumps([{"Statement": [1]}] * 11), "11 policies, and a role has 10 at most"),
        ],
        ids=["empty", "no policy", "no statement", "too many"],
    )
    def test_a_file_that_cannot_be_used_is_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
    ) -> None:
        """With the reason, and nothing is printed that could be deployed."""
        file = tmp_path / "observe.json"
        file.write_text(text)
        assert permissions.main(["--installation", "production", *[str(file)] * 3]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert f"{file}: {why}" in err
