"""Two applications in one source: a problem in one does not affect the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.whole.support.account_contents import contents
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

NEIGHBOUR = """
apiVersion: ecsync/v1
kind: Application
metadata: {name: neighbour}
spec:
  target: {region: eu-west-1}
  sync: {mode: enforce, prune: true}
---
apiVersion: ecsync/v1
resources:
  Cluster/main: {clusterName: neighbour}
  LogGroup/main: {logGroupName: /neighbour, retentionInDays: 14}
"""


@pytest.fixture
def both(environment: Environment) -> Controller:
    """The quickstart and a small second application in one source, converged."""
    source = environment.manifests.parent / "source"
    (source / "neighbour").mkdir(parents=True)
    environment.manifests.rename(source / "quickstart")
    environment.manifests = source / "quickstart"
    (source / "neighbour" / "all.yaml").write_text(NEIGHBOUR)
    controller = environment.controller(source)
    controller.converge(pause=SETTLE_SECONDS)
    assert set(controller.outcomes) == {"neighbour", "quickstart"}
    return controller


def bad_yaml(manifests: Path) -> None:
    """Leave a bracket open."""
    (manifests / "service.yaml").write_text("resources: [\n")


def bad_field(manifests: Path) -> None:
    """Misspell a field."""
    path = manifests / "service.yaml"
    path.write_text(path.read_text().replace("desiredCount", "desiredCuont"))


def bad_reference(manifests: Path) -> None:
    """Refer to a document that does not exist."""
    path = manifests / "service.yaml"
    path.write_text(path.read_text().replace("${LogGroup/web}", "${LogGroup/nowhere}"))


@pytest.mark.parametrize("break_manifest", [bad_yaml, bad_field, bad_reference])
def test_an_invalid_application_is_not_reconciled_and_the_other_is(
    both: Controller, break_manifest: Callable[[Path], None]
) -> None:
    """Nothing of the invalid one is written, although it prunes; a change of the other is applied."""
    environment = both.environment
    environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    both.read()
    both.converge(pause=SETTLE_SECONDS)
    before = contents(environment)
    break_manifest(environment.manifests)
    neighbour = Path(both.where) / "neighbour" / "all.yaml"
    neighbour.write_text(NEIGHBOUR.replace("retentionInDays: 14", "retentionInDays: 30"))
    both.outcomes.clear()
    assert both.read().holds("quickstart")
    assert not both.catalogue.holds("neighbour")
    with environment.writes() as writes:
        both.converge(pause=SETTLE_SECONDS)
        both.run_passes(3)
    assert set(both.outcomes) == {"neighbour"}
    assert [name for name in operations(writes) if "Tag" not in name] == ["logs.PutRetentionPolicy"]
    assert contents(environment).replace('"retentionInDays": 30', '"retentionInDays": 14') == before


def test_the_plan_command_reports_the_problem_and_plans_the_other_application(
    both: Controller, ecsync: Command
) -> None:
    """`plan` exits 3 with `file:line:column` of the problem, and prints the plan of the valid application."""
    bad_field(both.environment.manifests)
    answer = ecsync("plan", both.where, "-o", "json")
    assert answer.code == 3
    assert [one["name"] for one in answer.json["applications"]] == ["neighbour"]
    (problem,) = answer.json["problems"]
    assert problem["file"] == "quickstart/service.yaml"
    assert "desiredCount" in problem["message"]


def test_two_applications_that_declare_one_service_are_both_held(both: Controller) -> None:
    """Neither of them writes."""
    neighbour = Path(both.where) / "neighbour" / "all.yaml"
    text = both.environment.manifests.joinpath("service.yaml").read_text()
    service = text[text.index("  Service/web:") :]
    for kind in ("Cluster/main", "TaskDefinition/web", "SecurityGroup/web", "TargetGroup/web"):
        service = service.replace(f"${{{kind}}}", f"${{app:quickstart/{kind}}}")
    network = "  Network/main: {default: true}\n"
    neighbour.write_text(NEIGHBOUR + network + service.replace("desiredCount: 2", "desiredCount: 5"))
    catalogue = both.read()
    for name in ("neighbour", "quickstart"):
        assert any("Service/web" in problem.message for problem in catalogue.holds(name)), catalogue.problems
    with both.environment.writes() as writes:
        both.run_passes(3)
    assert operations(writes) == []
    assert both.environment.service()["desiredCount"] == 2
