"""Old revisions are deregistered only with `ecsync/keep-revisions`, and never while in use (docs/rules.md R17)."""

from __future__ import annotations

import pytest

from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

pytestmark = pytest.mark.usefixtures("both_readings")

FAMILY = "quickstart-web"


def annotate_task_definition(environment: Environment, annotations: str) -> None:
    """Give the task definition annotations: move it to a file with the full envelope."""
    path = environment.manifests / "service.yaml"
    before, rest = path.read_text().split("  TaskDefinition/web:\n")
    body, after = rest.split("  Service/web:\n")
    path.write_text(f"{before}  Service/web:\n{after}")
    envelope = f"kind: TaskDefinition\nmetadata: {{name: web, annotations: {annotations}}}\nspec:\n"
    (environment.manifests / "task.yaml").write_text(envelope + body)


def deploy(converged: Controller, number: int) -> None:
    """Declare the next image and converge."""
    converged.environment.edit(f"nginx:1.{26 + number - 1}", f"nginx:1.{26 + number}", "application.yaml")
    converged.read()
    converged.converge(pause=SETTLE_SECONDS)


def active(environment: Environment) -> list[int]:
    """Return the numbers of the ACTIVE revisions."""
    listed = environment.aws("ecs").list_task_definitions(familyPrefix=FAMILY, status="ACTIVE")["taskDefinitionArns"]
    return [int(arn.rsplit(":", 1)[-1]) for arn in listed]


def run_elsewhere(environment: Environment, number: int) -> None:
    """Run a revision in a service of another cluster."""
    aws = environment.aws("ecs")
    aws.create_cluster(clusterName="theirs")
    network = environment.service()["networkConfiguration"]
    aws.create_service(
        cluster="theirs",
        serviceName="old",
        taskDefinition=f"{FAMILY}:{number}",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    environment.simulator.advance(SETTLE_SECONDS)


def test_the_newest_revisions_and_those_in_use_stay(converged: Controller) -> None:
    """Of six revisions, the newest two stay, and one that another service uses, until it is no longer used."""
    annotate_task_definition(converged.environment, '{ecsync/keep-revisions: "2"}')
    for number in range(2, 7):
        deploy(converged, number)
        if number == 2:
            run_elsewhere(converged.environment, 2)
    assert active(converged.environment) == [2, 5, 6]
    with converged.environment.writes() as writes:
        converged.run_passes(10)
    assert operations(writes) == []
    converged.environment.aws("ecs").delete_service(cluster="theirs", service="old", force=True)
    converged.environment.simulator.advance(SETTLE_SECONDS)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.DeregisterTaskDefinition"]
    assert active(converged.environment) == [5, 6]
    assert converged.environment.service()["taskDefinition"].endswith(":6")
    assert converged.events_of_type("drift.detected") == []


def test_the_revision_that_ecs_rolls_back_to_is_not_deregistered(converged: Controller) -> None:
    """During a deployment none is deregistered; afterwards the revision that runs is in use, so it stays."""
    annotate_task_definition(converged.environment, "{ecsync/keep-revisions: 1}")
    deploy(converged, 2)
    assert active(converged.environment) == [2]
    converged.environment.edit("nginx:1.28", "nginx:1.29-bad", "application.yaml")
    converged.read()
    converged.run_passes(40)
    assert converged.environment.service()["taskDefinition"].endswith(":2")
    assert active(converged.environment) == [2, 3]
    assert converged.outcomes["quickstart"].plan.stopped


def test_without_the_annotation_no_revision_is_deregistered(converged: Controller) -> None:
    """All revisions stay."""
    with converged.environment.writes() as writes:
        for number in range(2, 7):
            deploy(converged, number)
        converged.run_passes(3)
    assert active(converged.environment) == [1, 2, 3, 4, 5, 6]
    assert "ecs.DeregisterTaskDefinition" not in operations(writes)
