"""What `aws … describe-…` prints, pasted as manifests: it is valid, and a plan of it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from ecsync.core.model import Adopt, Mark
from ecsync.kinds import ALL
from ecsync.kinds._common import without
from ecsync.language.manifest import Loaded
from tests.importer.account import CLUSTER, ImportedApplication, SimulatedAccount
from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.recipes.all import RECIPES
from tests.language.cases import load_files, messages

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
CONTAINER = {"name": "web", "image": "nginx", "memory": 64}
OUTPUTS = {kind.shape.describe.partition(":")[2].removesuffix("[]"): kind.name for kind in ALL if kind.shape}


def fill(builder: AccountBuilder) -> None:
    """Create each kind, in several states, beside thirty steady services."""
    account, ecs, elb = builder.account, builder.ecs, builder.elb
    for one in RECIPES:
        one.make(builder)
    ecs.create_service(cluster=CLUSTER, serviceName="ext", desiredCount=1, deploymentController={"type": "EXTERNAL"})
    balancer = builder.routed_target_group("cd")
    builder.service("cd", deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[balancer])
    sticky = builder.target_group("sticky", HealthCheckPath="/health", Matcher={"HttpCode": "200-299"})
    attributes = [{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.type", "Value": "lb_cookie"}]
    elb.modify_target_group_attributes(TargetGroupArn=sticky, Attributes=attributes)
    redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    builder.listener(port=8081, DefaultActions=[redirect])
    builder.rule("sticky", forward(sticky), port=8081)
    account.aws("ecr").create_repository(repositoryName="shop/web", imageTagMutability="IMMUTABLE")
    account.aws("ec2").create_security_group(GroupName="web", Description="web", VpcId=builder.vpc)
    account.aws("ec2").create_launch_template_version(
        LaunchTemplateName="provided", SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.medium"}
    )
    account.aws("cloudwatch").put_metric_alarm(
        AlarmName="high",
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=80,
        ComparisonOperator="GreaterThanThreshold",
    )
    iam = account.aws("iam")
    for role in iam.list_roles()["Roles"]:
        iam.update_assume_role_policy(RoleName=role["RoleName"], PolicyDocument=json.dumps(TRUST))
    account.simulator.advance(600)
    ecs.update_service(cluster=CLUSTER, service=RECIPES[0].name, forceNewDeployment=True)  # a deployment in progress


def described(account: SimulatedAccount) -> Iterator[dict[str, Any]]:
    """Yield what each command prints, as the AWS CLI does: JSON, with times as text."""
    for answer in _answers(account):
        answer.pop("ResponseMetadata")
        yield json.loads(json.dumps(answer, default=datetime.isoformat))


def _answers(account: SimulatedAccount) -> Iterator[dict[str, Any]]:
    ecs, elb, iam = account.aws("ecs"), account.aws("elbv2"), account.aws("iam")
    included = ["CONFIGURATIONS", "SETTINGS", "STATISTICS", "ATTACHMENTS", "TAGS"]
    yield ecs.describe_clusters(clusters=[CLUSTER], include=included)
    pages = ecs.get_paginator("list_services").paginate(cluster=CLUSTER)
    for page in pages:
        yield ecs.describe_services(cluster=CLUSTER, services=page["serviceArns"], include=["TAGS"])
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        yield ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    yield ecs.describe_capacity_providers(include=["TAGS"])
    yield elb.describe_target_groups()
    balancers = elb.describe_load_balancers()
    yield balancers
    for balancer in balancers["LoadBalancers"]:
        listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        yield listeners
        for listener in listeners["Listeners"]:
            yield elb.describe_rules(ListenerArn=listener["ListenerArn"])
    yield account.aws("autoscaling").describe_auto_scaling_groups()
    yield account.aws("ec2").describe_launch_template_versions(LaunchTemplateName="provided")
    yield account.aws("ec2").describe_security_groups()
    scaling = account.aws("application-autoscaling")
    yield scaling.describe_scalable_targets(ServiceNamespace="ecs")
    yield scaling.describe_scaling_policies(ServiceNamespace="ecs")
    yield scaling.describe_scheduled_actions(ServiceNamespace="ecs")
    yield account.aws("logs").describe_log_groups()
    yield account.aws("ecr").describe_repositories()
    for role in iam.list_roles()["Roles"]:
        yield iam.get_role(RoleName=role["RoleName"])
    yield account.aws("cloudwatch").describe_alarms(AlarmNames=["high"])


def elements(output: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the kind and the content of each element of an output."""
    for member, content in output.items():
        if member in OUTPUTS and isinstance(content, (list, dict)):
            for one in content if isinstance(content, list) else [content]:
                yield OUTPUTS[member], one


def as_files(outputs: list[dict[str, Any]]) -> dict[str, str]:
    """Return each output as a file."""
    return {f"{number}.json": json.dumps(output) for number, output in enumerate(outputs)}


def test_what_describe_prints_is_a_manifest_and_its_plan_changes_nothing(builder: AccountBuilder) -> None:
    """Whole outputs, and each element alone. Only tags of ours are to be written."""
    fill(builder)
    outputs = list(described(builder.account))
    files = as_files(outputs)
    loaded = load_files({name: text.encode() for name, text in files.items()})
    assert messages(loaded) == []
    application = ImportedApplication(builder.account, files)
    plan = application.plan()
    steps = [*plan.steps, *(one.step for one in plan.withheld)]
    assert plan.unreadable == {}
    assert {type(step.change) for step in steps} <= {Adopt, Mark}
    assert [(str(step.id), one) for step in steps for one in step.fields] == []
    assert {step.id.key.kind for step in steps} == {kind.name for kind in ALL if kind.shape}

    alone = [one for output in outputs for kind, one in elements(output) if one.get("VersionNumber") != 2]
    by_itself = load_files({f"{number}.json": json.dumps(one).encode() for number, one in enumerate(alone)})
    assert messages(by_itself) == []
    assert bodies(by_itself) == bodies(loaded)


def bodies(loaded: Loaded) -> dict[str, Any]:
    """Return the bodies of the documents, without the tags that `describe-task-definition` prints beside them."""
    (application,) = loaded.applications
    return {
        str(one.key): without(one.body, "tags" if one.key.kind == "TaskDefinition" else "")
        for one in application.resources
    }


def test_the_output_of_a_query_and_of_yaml_is_a_manifest() -> None:
    """`--query 'services[]'` prints a list."""
    arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"
    services = [{"serviceName": name, "clusterArn": arn, "taskDefinition": "web"} for name in "ab"]
    loaded = load_files({"a.json": json.dumps(services).encode()})
    assert [(str(one.key), one.body["cluster"]) for app in loaded.applications for one in app.resources] == [
        ("Service/a", arn),
        ("Service/b", arn),
    ]


def test_a_described_body_below_resources_keeps_what_aws_prints_elsewhere() -> None:
    """The cluster, the name in AWS, the subnets, the listener; a DAEMON service has no count."""
    zones = [{"ZoneName": "eu-west-1a", "SubnetId": "subnet-1"}, {"ZoneName": "eu-west-1b", "SubnetId": "subnet-2"}]
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/web/0123/4567/89ab"
    path = {"Field": "path-pattern", "Values": ["/a"]}
    found = resources(
        {
            "Service/web": {**DAEMON, "desiredCount": 3},
            "LoadBalancer/web": {"LoadBalancerName": "shop", "AvailabilityZones": zones},
            "TargetGroup/web": {"TargetGroupName": "shop-web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"},
            "ListenerRule/web": {"RuleArn": arn, "Priority": "5", "Conditions": [path], "Actions": [FIXED]},
        }
    )
    assert found["Service/web"]["cluster"] == "prod"
    assert "desiredCount" not in found["Service/web"]
    assert found["LoadBalancer/web"] == {"Name": "shop", "Subnets": ["subnet-1", "subnet-2"]}
    assert found["TargetGroup/web"]["Name"] == "shop-web"
    assert found["ListenerRule/web"]["ListenerArn"] == arn.replace("listener-rule", "listener").removesuffix("/89ab")
    assert found["ListenerRule/web"]["Priority"] == 5


DAEMON = {
    "serviceName": "web",
    "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/prod/web",
    "clusterArn": "prod",
    "taskDefinition": "web",
    "schedulingStrategy": "DAEMON",
}
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


def resources(bodies: dict[str, Any]) -> dict[str, Any]:
    """Return the bodies of documents."""
    loaded = load_files({"a.json": json.dumps({"resources": bodies}).encode()})
    assert messages(loaded) == []
    return {str(one.key): one.body for app in loaded.applications for one in app.resources}


def test_what_no_manifest_declares_is_left_out_with_the_reason_and_its_line() -> None:
    """AWS's own capacity providers, the default rule, the default group, older versions of a launch template."""
    rule = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/web/0123/4567/89ab"
    versions = [
        {"LaunchTemplateName": "nodes", "VersionNumber": number, "LaunchTemplateData": {"InstanceType": "t3.small"}}
        for number in (2, 1)
    ]
    outputs = [
        {"capacityProviders": [{"name": "FARGATE", "capacityProviderArn": "arn:x", "status": "ACTIVE"}]},
        {"Rules": [{"RuleArn": rule, "Priority": "default", "IsDefault": True}]},
        {"SecurityGroups": [{"GroupName": "default", "VpcId": "vpc-1", "GroupId": "sg-1"}]},
        {"LaunchTemplateVersions": versions},
        {"logGroups": []},
    ]
    loaded = load_files({f"{n}.json": json.dumps(output, indent=1).encode() for n, output in enumerate(outputs)})
    assert messages(loaded) == []
    assert [str(note) for note in loaded.notes if "AWS sets it" not in note.message] == [
        "0.json:3:3: left out: FARGATE is AWS's own capacity provider",
        "1.json:3:3: left out: the default rule is the DefaultActions of its listener",
        "2.json:3:3: left out: AWS makes the default group of a VPC",
        '3.json:10:3: left out: version 1 of "nodes": version 2 is declared',
    ]


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        ({"tasks": [{"taskArn": "arn:x"}]}, "paste the output of describe-services"),
        ({"LaunchTemplates": [{"LaunchTemplateName": "a"}]}, "paste the output of describe-launch-template-versions"),
        ({"serviceArns": ["arn:x"]}, "ARNs alone; paste the output of describe-services"),
        ({"Vpcs": [{"VpcId": "vpc-1"}]}, "declare a lookup"),
    ],
)
def test_what_no_manifest_can_be_made_of_has_a_fix(content: dict[str, Any], fix: str) -> None:
    """One line, with the file."""
    (message,) = messages(load_files({"a.json": json.dumps(content).encode()}))
    assert message.startswith("a.json:1:1: not an ecsync document: it has ")
    assert fix in message


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (
            {"services": [{"serviceName": "web", "taskDefinition": "web", "status": "DRAINING"}]},
            "the Service is DRAINING in AWS",
        ),
        ({"clusters": [{"clusterName": "web", "clusterArn": "arn:x", "status": "INACTIVE"}]}, "Cluster is INACTIVE"),
        (
            {"taskDefinition": {"family": "web", "containerDefinitions": [CONTAINER], "status": "INACTIVE"}},
            "the TaskDefinition is INACTIVE in AWS: declared, ecsync registers it again",
        ),
    ],
)
def test_what_aws_has_deleted_is_valid_with_a_note(content: dict[str, Any], note: str) -> None:
    """To paste it is a way to have it again."""
    loaded = load_files({"a.json": json.dumps(content).encode()})
    assert messages(loaded) == []
    assert any(note in one.message for one in loaded.notes)


def test_a_name_of_aws_that_is_no_name_of_a_document_is_made_one() -> None:
    """A family may have 255 characters, and begin with a hyphen. In AWS it stays as it is, and two stay apart."""
    families = ["s" * 255, "s" * 254, "-3"]
    files = {
        f"{number}.json": json.dumps({"family": family, "containerDefinitions": [CONTAINER]}).encode()
        for number, family in enumerate(families)
    }
    loaded = load_files(files)
    assert messages(loaded) == []
    (application,) = loaded.applications
    assert [one.body["family"] for one in application.resources] == families
    names = [one.key.name for one in application.resources]
    assert (len(set(names)), max(map(len, names)), names[2]) == (3, 63, "3")
