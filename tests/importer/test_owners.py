"""What an import makes of what others keep, of what is shared, and of what cannot be written."""

from __future__ import annotations

import pytest

from ecsync.core.model import Options
from ecsync.importer.survey import NoCluster
from tests.importer.builder import Builder, forward
from tests.importer.recipes import BREAKER, RECIPES, served
from tests.importer.stage import Kept, changes


def _kept(built: Builder) -> Kept:
    built.stage.simulator.advance(300)
    return Kept(built.stage, dict(built.stage.imported().files))


def _options(kept: Kept) -> dict[str, Options]:
    return {str(one.key): one.options for one in kept.application().resources}


def _mark(built: Builder, owner: str) -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:service/prod/api"
    tags = [{"key": "ecsync:owner", "value": owner}, {"key": "ecsync:id", "value": "0"}]
    built.ecs.tag_resource(resourceArn=arn, tags=tags)


def test_what_another_tool_made_is_only_looked_up(built: Builder) -> None:
    """Another tool's resource is written in full, never managed, and the comment names the tool."""
    built.service("api", tags=[{"key": "terraform:workspace", "value": "prod"}])
    built.stage.simulator.advance(300)
    drawn = built.stage.imported()
    kept = Kept(built.stage, dict(drawn.files))
    assert not _options(kept)["Service/api"].manage
    assert "  # Terraform manages it.\n  Service/api:\n" in drawn.files["services/api.yaml"]
    assert "Service/api is only looked up: Terraform manages it" in drawn.notes
    assert changes(kept.plan()) == []


def test_what_another_installation_keeps_is_only_looked_up(built: Builder) -> None:
    """Marks of another installation are named in the comment."""
    built.service("api")
    _mark(built, "v1/other/shop/Service/api")
    kept = _kept(built)
    assert not _options(kept)["Service/api"].manage
    assert "# Installation other manages it as Service/shop/api.\n" in kept.files["services/api.yaml"]


def test_roles_are_looked_up_and_log_groups_wait_for_adopt(built: Builder) -> None:
    """A role is named and never written; nothing that would be adopted by itself is, until somebody says so."""
    task = built.task("api", container=built.group_of_logs("/ecs/api"), executionRoleArn=built.role("execution"))
    built.service("api", taskDefinition=task)
    options = _options(_kept(built))
    assert not options["Role/execution"].manage
    assert options["LogGroup/ecs-api"].adopt == "never"


def test_what_two_services_share_is_in_a_shared_file(built: Builder) -> None:
    """What several services share is in a file that they share."""
    one, other = built.group("one"), built.group("other")
    built.rule("both", forward(one, other, weights=(80, 20)))
    logs = built.group_of_logs("/ecs/shared")
    role = built.role("execution")
    for name, arn in (("one", one), ("other", other)):
        task = built.task(name, container=logs, executionRoleArn=role)
        built.service(name, taskDefinition=task, loadBalancers=[served(arn)])
    kept = _kept(built)
    assert "ListenerRule/web-1:" in kept.files["network.yaml"]
    assert "LogGroup/ecs-shared:" in kept.files["cluster.yaml"]
    assert "TargetGroup/one:" in kept.files["services/one.yaml"]
    assert changes(kept.plan()) == []


def test_of_a_shared_load_balancer_only_what_is_the_clusters_is_written(built: Builder) -> None:
    """Rules that forward to other people's target groups stay out, and the person is told."""
    built.service("api", loadBalancers=[built.behind("api")])
    built.rule("theirs", forward(built.group("theirs")))
    built.stage.simulator.advance(300)
    drawn = built.stage.imported()
    assert "theirs" not in "".join(drawn.files.values())
    assert any(note.startswith("LoadBalancer/web also forwards") for note in drawn.notes)


def test_blue_green_refers_to_its_rule(built: Builder) -> None:
    """The pair of target groups and the production rule are references, and weights are ECS's."""
    next(one for one in RECIPES if one.name == "bluegreen").make(built)
    kept = _kept(built)
    text = kept.files["services/bluegreen.yaml"]
    assert "productionListenerRule: ${ListenerRule/bluegreen-1}" in text
    assert "alternateTargetGroupArn: ${TargetGroup/bluegreen-green}" in text
    assert "Weight" not in text
    assert changes(kept.plan()) == []


def test_two_revisions_of_a_family_are_one_document(built: Builder) -> None:
    """The newest revision is written; the service that runs another one names it."""
    built.service("old", taskDefinition=built.task("app"))
    built.service("new", taskDefinition=built.task("app", container={"image": "nginx:2"}))
    kept = _kept(built)
    assert "taskDefinition: ${TaskDefinition/app}" in kept.files["services/new.yaml"]
    assert "task-definition/app:1" in kept.files["services/old.yaml"]
    assert changes(kept.plan()) == []


def test_a_deregistered_revision_is_named(built: Builder) -> None:
    """A service may run a revision that nobody can register again as it is: it is named, and the person told."""
    built.service("api")
    built.stage.simulator.advance(300)
    built.ecs.deregister_task_definition(taskDefinition="api:1")
    drawn = built.stage.imported()
    assert "TaskDefinition" not in drawn.files["services/api.yaml"]
    assert any("deregistered" in note for note in drawn.notes)
    assert changes(Kept(built.stage, dict(drawn.files)).plan()) == []


def test_defaults_are_left_out(built: Builder) -> None:
    """A plain service is as short as what made it."""
    built.service("api", deploymentConfiguration=BREAKER)
    assert _kept(built).files["services/api.yaml"].split("  TaskDefinition/api:")[0] == (
        "# A service of cluster prod in eu-west-1, and what only it uses.\n"
        "# What is not written is AWS's default, and held to it.\n"
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
        f"          - {built.subnets[0]}\n"
        f"          - {built.subnets[1]}\n"
        "\n"
    )


def test_shell_variables_and_references_survive(built: Builder) -> None:
    """Text that looks like a reference of ours is escaped, and a shell's is left alone."""
    command = ["sh", "-c", "echo ${HOME} ${Cluster/prod} $${x}"]
    built.service("api", taskDefinition=built.task("api", container={"command": command}))
    kept = _kept(built)
    (task,) = (one for one in kept.application().resources if one.key.kind == "TaskDefinition")
    assert task.body["containerDefinitions"][0]["command"] == command
    assert changes(kept.plan()) == []


def test_no_cluster_is_an_error(built: Builder) -> None:
    """A name that AWS does not know is not an empty cluster."""
    built.ecs.delete_cluster(cluster="prod")
    with pytest.raises(NoCluster):
        built.stage.imported()
