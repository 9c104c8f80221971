"""The import of resources with another owner, of shared resources, and of unregistered revisions."""

from __future__ import annotations

import pytest

from ecsync.core.model import Options
from ecsync.importer.survey import ClusterNotFound
from tests.importer.account import ImportedApplication, changes
from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.recipes.all import RECIPES
from tests.importer.recipes.fargate import BREAKER
from tests.importer.recipes.recipe import load_balancer


def _imported(builder: AccountBuilder) -> ImportedApplication:
    builder.account.simulator.advance(300)
    return ImportedApplication(builder.account, dict(builder.account.import_cluster().files))


def _options(imported: ImportedApplication) -> dict[str, Options]:
    return {str(one.key): one.options for one in imported.application().resources}


def _mark(builder: AccountBuilder, owner: str) -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:service/prod/api"
    tags = [{"key": "ecsync:owner", "value": owner}, {"key": "ecsync:id", "value": "0"}]
    builder.ecs.tag_resource(resourceArn=arn, tags=tags)


def test_a_resource_of_another_tool_is_read_only(builder: AccountBuilder) -> None:
    """It is written in full, not managed, and the comment names the tool."""
    builder.service("api", tags=[{"key": "terraform:workspace", "value": "prod"}])
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    imported = ImportedApplication(builder.account, dict(generated.files))
    assert not _options(imported)["Service/api"].manage
    assert "  # Read-only: Terraform manages it.\n  Service/api:\n" in generated.files["services/api.yaml"]
    assert "Service/api is read-only: Terraform manages it" in generated.notes
    assert changes(imported.plan()) == []


def test_a_resource_of_another_installation_is_read_only(builder: AccountBuilder) -> None:
    """The comment names the installation."""
    builder.service("api")
    _mark(builder, "v1/other/shop/Service/api")
    imported = _imported(builder)
    assert not _options(imported)["Service/api"].manage
    assert "# Read-only: installation other manages it as Service/shop/api.\n" in imported.files["services/api.yaml"]


def test_roles_are_read_only_and_log_groups_are_not_adopted(builder: AccountBuilder) -> None:
    """A kind that is adopted automatically is not adopted before `ecsync adopt`."""
    task = builder.task("api", container=builder.log_group("/ecs/api"), executionRoleArn=builder.role("execution"))
    builder.service("api", taskDefinition=task)
    options = _options(_imported(builder))
    assert not options["Role/execution"].manage
    assert options["LogGroup/ecs-api"].adopt == "never"


def test_a_resource_that_two_services_use_is_in_a_shared_file(builder: AccountBuilder) -> None:
    """A resource that one service uses is in the file of that service."""
    one, other = builder.target_group("one"), builder.target_group("other")
    builder.rule("both", forward(one, other, weights=(80, 20)))
    logs = builder.log_group("/ecs/shared")
    role = builder.role("execution")
    for name, arn in (("one", one), ("other", other)):
        task = builder.task(name, container=logs, executionRoleArn=role)
        builder.service(name, taskDefinition=task, loadBalancers=[load_balancer(arn)])
    imported = _imported(builder)
    assert "ListenerRule/web-1:" in imported.files["network.yaml"]
    assert "LogGroup/ecs-shared:" in imported.files["cluster.yaml"]
    assert "TargetGroup/one:" in imported.files["services/one.yaml"]
    assert changes(imported.plan()) == []


def test_of_a_shared_load_balancer_only_the_clusters_rules_are_written(builder: AccountBuilder) -> None:
    """Rules that forward to target groups outside the cluster are left out, with a review note."""
    builder.service("api", loadBalancers=[builder.routed_target_group("api")])
    builder.rule("theirs", forward(builder.target_group("theirs")))
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    assert "theirs" not in "".join(generated.files.values())
    assert any(note.startswith("LoadBalancer/web is shared") for note in generated.notes)


def test_a_blue_green_service_refers_to_its_rule(builder: AccountBuilder) -> None:
    """Both target groups and the production rule are references; weights are left to ECS."""
    next(one for one in RECIPES if one.name == "bluegreen").make(builder)
    imported = _imported(builder)
    text = imported.files["services/bluegreen.yaml"]
    assert "productionListenerRule: ${ListenerRule/bluegreen-1}" in text
    assert "alternateTargetGroupArn: ${TargetGroup/bluegreen-green}" in text
    assert "Weight" not in text
    assert changes(imported.plan()) == []


def test_a_blue_green_service_without_a_rule_refers_to_the_default_rule(builder: AccountBuilder) -> None:
    """It is an output of the listener, and no document."""
    blue, green = builder.target_group("blue"), builder.target_group("green")
    listener, weights = builder.listener(), (100, 0)
    builder.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward(blue, green, weights=weights)])
    (rule,) = builder.elb.describe_rules(ListenerArn=listener)["Rules"]
    advanced = {
        "alternateTargetGroupArn": green,
        "productionListenerRule": rule["RuleArn"],
        "roleArn": builder.role("infrastructure"),
    }
    balanced = {"targetGroupArn": blue, "containerName": "app", "containerPort": 80, "advancedConfiguration": advanced}
    strategy = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
    builder.service("api", loadBalancers=[balanced], deploymentConfiguration=strategy)
    builder.account.simulator.advance(600)
    imported = _imported(builder)
    text = imported.files["services/api.yaml"]
    assert "productionListenerRule: ${Listener/" in text
    assert ".defaultRule}" in text
    assert changes(imported.plan()) == []


def test_two_revisions_of_a_family_are_one_document(builder: AccountBuilder) -> None:
    """The newest revision is written; a service on an older one refers to it by ARN."""
    builder.service("old", taskDefinition=builder.task("app"))
    builder.service("new", taskDefinition=builder.task("app", container={"image": "nginx:2"}))
    imported = _imported(builder)
    assert "taskDefinition: ${TaskDefinition/app}" in imported.files["services/new.yaml"]
    assert "task-definition/app:1" in imported.files["services/old.yaml"]
    assert changes(imported.plan()) == []


def test_a_deregistered_revision_is_not_written(builder: AccountBuilder) -> None:
    """The service refers to it by ARN, and a note reports it."""
    builder.service("api")
    builder.account.simulator.advance(300)
    builder.ecs.deregister_task_definition(taskDefinition="api:1")
    generated = builder.account.import_cluster()
    assert "TaskDefinition" not in generated.files["services/api.yaml"]
    assert any("deregistered" in note for note in generated.notes)
    assert changes(ImportedApplication(builder.account, dict(generated.files)).plan()) == []


def test_aws_defaults_are_left_out(builder: AccountBuilder) -> None:
    """The manifest of a service is as short as the request that created it."""
    builder.service("api", deploymentConfiguration=BREAKER)
    assert _imported(builder).files["services/api.yaml"].split("  TaskDefinition/api:")[0] == (
        "# A service of cluster prod in eu-west-1 and the resources that only it uses.\n"
        "# Undeclared fields are enforced at AWS's default.\n"
        "apiVersion: ecsync/v1\n"
        "metadata:\n"
        "  annotations:\n"
        "    ecsync/undeclared: default\n"
        "resources:\n"
        "  Service/api:\n"
        "    cluster: ${Cluster/prod}\n"
        "    taskDefinition: ${TaskDefinition/api}\n"
        "    desiredCount: 1\n"
        "    launchType: FARGATE\n"
        "    deploymentConfiguration:\n"
        "      deploymentCircuitBreaker:\n"
        "        enable: true\n"
        "        rollback: true\n"
        "    networkConfiguration:\n"
        "      awsvpcConfiguration:\n"
        "        subnets:\n"
        f"          - {builder.subnets[0]}\n"
        f"          - {builder.subnets[1]}\n"
        "\n"
    )


def test_text_that_looks_like_a_reference_is_escaped(builder: AccountBuilder) -> None:
    """A shell variable is not: it stays as it is."""
    command = ["sh", "-c", "echo ${HOME} ${Cluster/prod} $${x}"]
    builder.service("api", taskDefinition=builder.task("api", container={"command": command}))
    imported = _imported(builder)
    (task,) = (one for one in imported.application().resources if one.key.kind == "TaskDefinition")
    assert task.body["containerDefinitions"][0]["command"] == command
    assert changes(imported.plan()) == []


def test_a_missing_cluster_is_an_error(builder: AccountBuilder) -> None:
    """A cluster that does not exist is not an empty one."""
    builder.ecs.delete_cluster(cluster="prod")
    with pytest.raises(ClusterNotFound):
        builder.account.import_cluster()
