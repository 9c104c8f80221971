"""Rule 17: older revisions are deregistered only where the manifest says how many stay, and never one in use."""

from __future__ import annotations

from tests.whole.support.stage import LONG, Controller, Stage, names

FAMILY = "quickstart-web"


def keep(stage: Stage, annotations: str) -> None:
    """Give the task definition annotations: a document with the envelope."""
    path = stage.manifests / "service.yaml"
    before, rest = path.read_text().split("  TaskDefinition/web:\n")
    body, after = rest.split("  Service/web:\n")
    path.write_text(f"{before}  Service/web:\n{after}")
    envelope = f"kind: TaskDefinition\nmetadata: {{name: web, annotations: {annotations}}}\nspec:\n"
    (stage.manifests / "task.yaml").write_text(envelope + body)


def deploy(kept: Controller, number: int) -> None:
    """Declare the next image, and wait until all is well."""
    kept.stage.edit(f"nginx:1.{26 + number - 1}", f"nginx:1.{26 + number}", "application.yaml")
    kept.read()
    kept.converge(pause=LONG)


def active(stage: Stage) -> list[int]:
    """The numbers of the ACTIVE revisions."""
    listed = stage.aws("ecs").list_task_definitions(familyPrefix=FAMILY, status="ACTIVE")["taskDefinitionArns"]
    return [int(arn.rsplit(":", 1)[-1]) for arn in listed]


def run_elsewhere(stage: Stage, number: int) -> None:
    """Somebody runs a revision in a service and a cluster of their own."""
    aws = stage.aws("ecs")
    aws.create_cluster(clusterName="theirs")
    network = stage.service()["networkConfiguration"]
    aws.create_service(
        cluster="theirs",
        serviceName="old",
        taskDefinition=f"{FAMILY}:{number}",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    stage.simulator.advance(LONG)


def test_the_newest_stay_and_what_somebody_runs(kept: Controller) -> None:
    """Of six revisions the newest two are left and the one in use elsewhere; once it is not, it goes too."""
    keep(kept.stage, '{ecsync/keep-revisions: "2"}')
    for number in range(2, 7):
        deploy(kept, number)
        if number == 2:
            run_elsewhere(kept.stage, 2)
    assert active(kept.stage) == [2, 5, 6]
    with kept.stage.writes() as writes:
        kept.passes(10)
    assert names(writes) == []
    kept.stage.aws("ecs").delete_service(cluster="theirs", service="old", force=True)
    kept.stage.simulator.advance(LONG)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    assert names(writes) == ["ecs.DeregisterTaskDefinition"]
    assert active(kept.stage) == [5, 6]
    assert kept.stage.service()["taskDefinition"].endswith(":6")
    assert kept.told("drift.detected") == []


def test_a_bad_image_is_rolled_back_to_a_revision_that_is_still_there(kept: Controller) -> None:
    """While it is deployed nothing goes, and what ECS has gone back to is in use, even if one is all that stays."""
    keep(kept.stage, "{ecsync/keep-revisions: 1}")
    deploy(kept, 2)
    assert active(kept.stage) == [2]
    kept.stage.edit("nginx:1.28", "nginx:1.29-bad", "application.yaml")
    kept.read()
    kept.passes(40)
    assert kept.stage.service()["taskDefinition"].endswith(":2")
    assert active(kept.stage) == [2, 3]
    assert kept.outcomes["quickstart"].plan.stopped


def test_without_the_annotation_nothing_is_deregistered(kept: Controller) -> None:
    """Every revision stays."""
    with kept.stage.writes() as writes:
        for number in range(2, 7):
            deploy(kept, number)
        kept.passes(3)
    assert active(kept.stage) == [1, 2, 3, 4, 5, 6]
    assert "ecs.DeregisterTaskDefinition" not in names(writes)
