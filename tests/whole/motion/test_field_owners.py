"""Fields and revisions that another client decides: which of them are drift (docs/rules.md R17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsim import Simulator
from ecsync.aws.clients import Clients
from ecsync.core.outcome import Event
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.environment import Controller, Environment, operations
from tests.whole.support.left_out import LeavesOut

APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {name: two}
spec:
  manage: [all]
  sync: {mode: enforce, interval: 30s}
"""
IGNORE = "  ignore: [{kind: TaskDefinition, name: web, paths: [/containerDefinitions/web/image]}]\n"
RESOURCES = """\
---
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: two, capacityProviders: [FARGATE, FARGATE_SPOT]}
  TaskDefinition/web:
    family: two-web
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    containerDefinitions:
      - name: web
        image: nginx:1
        portMappings: [{containerPort: 80}]
        environment: {A: "1"}
      - {name: side, image: busybox:1}
  Service/web:
    serviceName: web
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    launchType: FARGATE
    desiredCount: 1
    networkConfiguration: {awsvpcConfiguration: {subnets: "${Network/main.subnetIds}", assignPublicIp: ENABLED}}
"""
MEMBERS = ("family", "networkMode", "cpu", "memory", "requiresCompatibilities", "containerDefinitions")


@pytest.fixture
def account(simulator: Simulator, clients: Clients, tmp_path: Path) -> Environment:
    """An empty account, and an empty folder for manifests."""
    return Environment(simulator, clients, tmp_path)


def declare(account: Environment, text: str) -> None:
    """Write the only manifest."""
    (account.manifests / "app.yaml").write_text(text)


def converge(account: Environment, text: str) -> Controller:
    """Converge a manifest with a new process."""
    declare(account, text)
    controller = account.controller()
    controller.converge(pause=60)
    return controller


def deploy(account: Environment, image: str, *, with_tags: bool = False) -> str:
    """Deploy another image from a pipeline: register a copy of what runs, and move the service to it."""
    ecs = account.aws("ecs")
    described = ecs.describe_task_definition(taskDefinition=running(account), include=["TAGS"])
    copy = {member: described["taskDefinition"][member] for member in MEMBERS}
    copy["containerDefinitions"][0]["image"] = image
    tags = {"tags": described["tags"]} if with_tags else {}
    arn: str = ecs.register_task_definition(**copy, **tags)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="two", service="web", taskDefinition=arn)
    account.simulator.advance(120)
    return arn


def running(account: Environment) -> str:
    """Return the revision that the service runs."""
    found: str = account.aws("ecs").describe_services(cluster="two", services=["web"])["services"][0]["taskDefinition"]
    return found


def content(account: Environment) -> list[dict[str, Any]]:
    """Return the containers of the revision that the service runs."""
    described = account.aws("ecs").describe_task_definition(taskDefinition=running(account))
    found: list[dict[str, Any]] = described["taskDefinition"]["containerDefinitions"]
    return found


def drift(controller: Controller) -> list[Event]:
    """Return the drift that was reported."""
    return controller.events_of_type("drift.detected")


@pytest.mark.parametrize("with_tags", [False, True], ids=["without our tags", "with our tags copied"])
def test_an_ignored_image_that_a_pipeline_deploys_is_in_sync(account: Environment, with_tags: bool) -> None:
    """The revision of the pipeline is the live one: nothing is written, by this process and by a new one."""
    controller = converge(account, APPLICATION + IGNORE + RESOURCES)
    deployed = deploy(account, "nginx:2", with_tags=with_tags)
    fresh = account.controller()
    with account.writes() as writes:
        controller.run_passes(3)
        fresh.run_passes(3)
    assert operations(writes) == []
    assert running(account) == deployed
    assert drift(controller) == drift(fresh) == []
    assert {one.sync for one in fresh.statuses()} == {"Synced"}


def test_the_mark_of_the_family_is_found_behind_many_revisions_of_a_pipeline(account: Environment) -> None:
    """After a dozen deployments of the pipeline, the family is still ours."""
    converge(account, APPLICATION + IGNORE + RESOURCES)
    for number in range(2, 14):
        deploy(account, f"nginx:{number}")
    fresh = account.controller()
    with account.writes() as writes:
        fresh.run_passes(2)
    assert operations(writes) == []
    assert {one.sync for one in fresh.statuses()} == {"Synced"}


def test_a_new_revision_keeps_the_ignored_image_that_runs(account: Environment) -> None:
    """Another field of the document changes: the revision has it, and the image of the pipeline."""
    controller = converge(account, APPLICATION + IGNORE + RESOURCES)
    deploy(account, "nginx:2")
    declare(account, APPLICATION + IGNORE + RESOURCES.replace('A: "1"', 'A: "2"'))
    controller.read()
    with account.writes() as writes:
        controller.converge(pause=60)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    web, side = content(account)
    assert (web["image"], web["environment"], side["image"]) == (
        "nginx:2",
        [{"name": "A", "value": "2"}],
        "busybox:1",
    )
    assert drift(controller) == []


def test_an_ignored_image_that_the_manifest_changes_is_not_deployed(account: Environment) -> None:
    """The mark alone is written, once, to the revision that has it: the revision of the pipeline stays as it is."""
    converge(account, APPLICATION + IGNORE + RESOURCES)
    deployed = deploy(account, "nginx:2")
    changed = RESOURCES.replace("nginx:1", "nginx:9")
    with account.writes() as writes:
        converge(account, APPLICATION + IGNORE + changed).run_passes(2)
    assert operations(writes) == ["ecs.TagResource"]
    assert running(account) == deployed
    assert account.aws("ecs").list_tags_for_resource(resourceArn=deployed)["tags"] == []


def test_what_the_pipeline_changes_beside_the_image_is_drift(account: Environment) -> None:
    """The revision of a pipeline with another field changed is replaced, with the image that it runs."""
    controller = converge(account, APPLICATION + IGNORE + RESOURCES)
    ecs = account.aws("ecs")
    copy = {
        member: ecs.describe_task_definition(taskDefinition="two-web")["taskDefinition"][member] for member in MEMBERS
    }
    copy["containerDefinitions"][0] |= {"image": "nginx:2", "environment": []}
    arn = ecs.register_task_definition(**copy)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="two", service="web", taskDefinition=arn)
    account.simulator.advance(120)
    controller.converge(pause=60)
    web, _ = content(account)
    assert (web["image"], web["environment"]) == ("nginx:2", [{"name": "A", "value": "1"}])
    assert drift(controller) != []


def test_a_document_that_goes_back_keeps_the_ignored_image_that_runs(account: Environment) -> None:
    """An older revision has the content again, but an older image: it is not deployed."""
    controller = converge(account, APPLICATION + IGNORE + RESOURCES)
    deploy(account, "nginx:2")
    for value, image in (("2", "nginx:3"), ("1", "nginx:3")):
        declare(account, APPLICATION + IGNORE + RESOURCES.replace('A: "1"', f'A: "{value}"'))
        controller.read()
        controller.converge(pause=60)
        if value == "2":
            deploy(account, image)
    web, _ = content(account)
    assert (web["image"], web["environment"]) == ("nginx:3", [{"name": "A", "value": "1"}])


def test_a_role_that_a_person_moved_to_another_path_is_no_drift_of_the_revision(account: Environment) -> None:
    """The role has another ARN: a new revision refers to it, and no client changed the old one."""
    tasks = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    trust = {"Version": "2012-10-17", "Statement": [tasks]}
    role = f"  Role/app: {{RoleName: app, AssumeRolePolicyDocument: {json.dumps(trust)}}}\n"
    body = RESOURCES.replace("    cpu: 256\n", "    cpu: 256\n    taskRoleArn: ${Role/app.arn}\n")
    controller = converge(account, APPLICATION + body + role)
    iam = account.aws("iam")
    tags = iam.list_role_tags(RoleName="app")["Tags"]
    iam.delete_role(RoleName="app")
    iam.create_role(RoleName="app", Path="/moved/", AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)
    with account.writes() as writes:
        controller.converge(pause=60)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    described = account.aws("ecs").describe_task_definition(taskDefinition=running(account))
    assert described["taskDefinition"]["taskRoleArn"].endswith(":role/moved/app")
    assert drift(controller) == []


def test_a_service_of_express_mode_is_never_written(account: Environment) -> None:
    """Enforcing and adopting hold it, and a document that is gone deletes nothing, although it has our tags."""
    controller = converge(account, APPLICATION + RESOURCES)
    account.simulator.make_express("two", "web")
    account.aws("ecs").update_service(cluster="two", service="web", desiredCount=2)
    with account.writes() as writes:
        controller.run_passes(2)
        controller.run_pass(PassOptions(adopt=frozenset()))
    assert operations(writes) == []
    held = [one for one in controller.outcomes["two"].plan.withheld if str(one.step.id.key) == "Service/web"]
    assert [one.reason.partition(";")[0] for one in held] == ["managed by ECS Express Mode"]
    declare(
        account,
        APPLICATION.replace("interval", "prune: true, pruneLimit: 9, interval") + RESOURCES.split("  Service/")[0],
    )
    controller.read()
    with account.writes() as writes:
        controller.run_passes(3)
    assert [one for one in operations(writes) if "Service" in one] == []


@pytest.mark.parametrize("with_tags", [False, True], ids=["without our tags", "with our tags copied"])
def test_the_deploy_of_a_rival_is_drift(account: Environment, with_tags: bool) -> None:
    """No field is ignored: the service goes back to the declared revision, and the event is drift."""
    controller = converge(account, APPLICATION + RESOURCES)
    declared = running(account)
    deploy(account, "nginx:2", with_tags=with_tags)
    controller.converge(pause=60)
    assert running(account) == declared
    assert [str(one.key) for one in drift(controller)] == ["Service/web"]


def test_one_listing_without_our_revision_registers_no_other_one(account: Environment) -> None:
    """It has the revision of a rival with our tags alone. Like a resource that is not there, ours is read twice."""
    converge(account, APPLICATION + RESOURCES)
    declared = running(account)
    deploy(account, "nginx:2", with_tags=True)
    listings: list[str] = []
    controller = account.controller()
    controller.wrap = lambda cloud: LeavesOut(cloud, "ecs.ListTaskDefinitions", listings)
    with account.writes() as writes:
        controller.converge(pause=60)
    assert listings[:2] == ["first item only", "whole"]
    assert operations(writes) == ["ecs.UpdateService"]
    assert running(account) == declared


def test_an_older_revision_of_ours_is_no_drift(account: Environment) -> None:
    """A new process finds a service that does not run the new revision yet: the change is pending."""
    converge(account, APPLICATION + RESOURCES)
    old = running(account)
    converge(account, APPLICATION + RESOURCES.replace("nginx:1", "nginx:2"))
    account.aws("ecs").update_service(cluster="two", service="web", taskDefinition=old)
    account.simulator.advance(120)
    fresh = account.controller()
    fresh.converge(pause=60)
    assert running(account).endswith(":2")
    assert drift(fresh) == []
