"""What an import makes of what others keep, of what is shared, and of what cannot be written."""

from __future__ import annotations

import pytest

from ecsync.core.model import Options
from ecsync.importer.survey import ClusterNotFound
from tests.importer.account import ImportedApplication, changes
from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.recipes import BREAKER, RECIPES, served


def _imported(builder: AccountBuilder) -> ImportedApplication:
    builder.account.simulator.advance(300)
    return ImportedApplication(builder.account, dict(builder.account.import_cluster().files))


def _options(imported: ImportedApplication) -> dict[str, Options]:
    return {str(one.key): one.options for one in imported.application().resources}


def _mark(builder: AccountBuilder, owner: str) -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:service/prod/api"
    tags = [{"key": "ecsync:owner", "value": owner}, {"key": "ecsync:id", "value": "0"}]
    builder.ecs.tag_resource(resourceArn=arn, tags=tags)


def test_what_another_tool_made_is_only_looked_up(builder: AccountBuilder) -> None:
    """Another tool's resource is written in full, never managed, and the comment names the tool."""
    builder.service("api", tags=[{"key": "terraform:workspace", "value": "prod"}])
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    imported = ImportedApplication(builder.account, dict(generated.files))
    assert not _options(imported)["Service/api"].manage
    assert "  # Read-only: Terraform manages it.\n  Service/api:\n" in generated.files["services/api.yaml"]
    assert "Service/api is read-only: Terraform manages it" in generated.notes
    assert changes(imported.plan()) == []


def test_what_another_installation_keeps_is_only_looked_up(builder: AccountBuilder) -> None:
    """Marks of another installation are named in the comment."""
    builder.service("api")
    _mark(builder, "v1/other/shop/Service/api")
    imported = _imported(builder)
    assert not _options(imported)["Service/api"].manage
    assert "# Read-only: installation other manages it as Service/shop/api.\n" in imported.files["services/api.yaml"]


def test_roles_are_looked_up_and_log_groups_wait_for_adopt(builder: AccountBuilder) -> None:
    """A role is named and never written; nothing that would be adopted by itself is, until somebody says so."""
    task = builder.task("api", container=builder.log_group("/ecs/api"), executionRoleArn=builder.role("execution"))
    builder.service("api", taskDefinition=task)
    options = _options(_imported(builder))
    assert not options["Role/execution"].manage
    assert options["LogGroup/ecs-api"].adopt == "never"


def test_what_two_services_share_is_in_a_shared_file(builder: AccountBuilder) -> None:
    """What several services share is in a file that they share."""
    one, other = builder.target_group("one"), builder.target_group("other")
    builder.rule("both", forward(one, other, weights=(80, 20)))
    logs = builder.log_group("/ecs/shared")
    role = builder.role("execution")
    for name, arn in (("one", one), ("other", other)):
        task = builder.task(name, container=logs, executionRoleArn=role)
        builder.service(name, taskDefinition=task, loadBalancers=[served(arn)])
    imported = _imported(builder)
    assert "ListenerRule/web-1:" in imported.files["network.yaml"]
    assert "LogGroup/ecs-shared:" in imported.files["cluster.yaml"]
    assert "TargetGroup/one:" in imported.files["services/one.yaml"]
    assert changes(imported.plan()) == []


def test_of_a_shared_load_balancer_only_what_is_the_clusters_is_written(builder: AccountBuilder) -> None:
    """Rules that forward to other people's target groups stay out, and the person is told."""
    builder.service("api", loadBalancers=[builder.routed_target_group("api")])
    builder.rule("theirs", forward(builder.target_group("theirs")))
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    assert "theirs" not in "".join(generated.files.values())
    assert any(note.startswith("LoadBalancer/web is shared") for note in generated.notes)


def test_blue_green_refers_to_its_rule(builder: AccountBuilder) -> None:
    """The pair of target groups and the production rule are references, and weights are ECS's."""
    next(one for one in RECIPES if one.name == "bluegreen").make(builder)
    imported = _imported(builder)
    text = imported.files["services/bluegreen.yaml"]
    assert "productionListenerRule: ${ListenerRule/bluegreen-1}" in text
    assert "alternateTargetGroupArn: ${TargetGroup/bluegreen-green}" in text
    assert "Weight" not in text
    assert changes(imported.plan()) == []


def test_two_revisions_of_a_family_are_one_document(builder: AccountBuilder) -> None:
    """The newest revision is written; the service that runs another one names it."""
    builder.service("old", taskDefinition=builder.task("app"))
    builder.service("new", taskDefinition=builder.task("app", container={"image": "nginx:2"}))
    imported = _imported(builder)
    assert "taskDefinition: ${TaskDefinition/app}" in imported.files["services/new.yaml"]
    assert "task-definition/app:1" in imported.files["services/old.yaml"]
    assert changes(imported.plan()) == []


def test_a_deregistered_revision_is_named(builder: AccountBuilder) -> None:
    """A service may run a revision that nobody can register again as it is: it is named, and the person told."""
    builder.service("api")
    builder.account.simulator.advance(300)
    builder.ecs.deregister_task_definition(taskDefinition="api:1")
    generated = builder.account.import_cluster()
    assert "TaskDefinition" not in generated.files["services/api.yaml"]
    assert any("deregistered" in note for note in generated.notes)
    assert changes(ImportedApplication(builder.account, dict(generated.files)).plan()) == []


def test_defaults_are_left_out(builder: AccountBuilder) -> None:
    """A plain service is as short as what made it."""
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


def test_shell_variables_and_references_survive(builder: AccountBuilder) -> None:
    """Text that looks like a reference of ours is escaped, and a shell's is left alone."""
    command = ["sh", "-c", "echo ${HOME} ${Cluster/prod} $${x}"]
    builder.service("api", taskDefinition=builder.task("api", container={"command": command}))
    imported = _imported(builder)
    (task,) = (one for one in imported.application().resources if one.key.kind == "TaskDefinition")
    assert task.body["containerDefinitions"][0]["command"] == command
    assert changes(imported.plan()) == []


def test_no_cluster_is_an_error(builder: AccountBuilder) -> None:
    """A name that AWS does not know is not an empty cluster."""
    builder.ecs.delete_cluster(cluster="prod")
    with pytest.raises(ClusterNotFound):
        builder.account.import_cluster()
