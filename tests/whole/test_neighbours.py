"""Two applications in one source: what is wrong with one is no matter of the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.whole.support.account import contents
from tests.whole.support.command import Command
from tests.whole.support.stage import LONG, Controller, Stage, names

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
def both(stage: Stage) -> Controller:
    """The quickstart and a small neighbour, in one source, converged."""
    whole = stage.manifests.parent / "source"
    (whole / "neighbour").mkdir(parents=True)
    stage.manifests.rename(whole / "quickstart")
    stage.manifests = whole / "quickstart"
    (whole / "neighbour" / "all.yaml").write_text(NEIGHBOUR)
    controller = stage.controller(whole)
    controller.converge(pause=LONG)
    assert set(controller.outcomes) == {"neighbour", "quickstart"}
    return controller


def bad_yaml(manifests: Path) -> None:
    """A bracket is never closed."""
    (manifests / "service.yaml").write_text("resources: [\n")


def bad_field(manifests: Path) -> None:
    """A name is misspelt."""
    path = manifests / "service.yaml"
    path.write_text(path.read_text().replace("desiredCount", "desiredCuont"))


def bad_reference(manifests: Path) -> None:
    """A reference leads nowhere."""
    path = manifests / "service.yaml"
    path.write_text(path.read_text().replace("${LogGroup/web}", "${LogGroup/nowhere}"))


@pytest.mark.parametrize("breaks", [bad_yaml, bad_field, bad_reference])
def test_a_broken_application_is_left_as_it_is_and_the_other_goes_on(
    both: Controller, breaks: Callable[[Path], None]
) -> None:
    """Nothing of the broken one is touched, although it prunes; a change of the other is made at once."""
    stage = both.stage
    stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    both.read()
    both.converge(pause=LONG)
    before = contents(stage)
    breaks(stage.manifests)
    neighbour = Path(both.where) / "neighbour" / "all.yaml"
    neighbour.write_text(NEIGHBOUR.replace("retentionInDays: 14", "retentionInDays: 30"))
    both.outcomes.clear()
    assert both.read().holds("quickstart")
    assert not both.catalogue.holds("neighbour")
    with stage.writes() as writes:
        both.converge(pause=LONG)
        both.passes(3)
    assert set(both.outcomes) == {"neighbour"}
    assert [name for name in names(writes) if "Tag" not in name] == ["logs.PutRetentionPolicy"]
    assert contents(stage).replace('"retentionInDays": 30', '"retentionInDays": 14') == before


def test_the_command_names_the_place_and_plans_the_other(both: Controller, ecsync: Command) -> None:
    """`plan` exits 3 with file:line:column of what is wrong, and has the plan of the one that is right."""
    bad_field(both.stage.manifests)
    answer = ecsync("plan", both.where, "-o", "json")
    assert answer.code == 3
    assert [one["name"] for one in answer.json["applications"]] == ["neighbour"]
    (problem,) = answer.json["problems"]
    assert problem["file"] == "quickstart/service.yaml"
    assert "desiredCount" in problem["message"]


def test_two_claims_of_one_service_hold_both(both: Controller) -> None:
    """Two applications that declare the same service are both held, and neither writes."""
    neighbour = Path(both.where) / "neighbour" / "all.yaml"
    text = both.stage.manifests.joinpath("service.yaml").read_text()
    service = text[text.index("  Service/web:") :]
    for kind in ("Cluster/main", "TaskDefinition/web", "SecurityGroup/web", "TargetGroup/web"):
        service = service.replace(f"${{{kind}}}", f"${{app:quickstart/{kind}}}")
    network = "  Network/main: {default: true}\n"
    neighbour.write_text(NEIGHBOUR + network + service.replace("desiredCount: 2", "desiredCount: 5"))
    catalogue = both.read()
    for name in ("neighbour", "quickstart"):
        assert any("Service/web" in problem.message for problem in catalogue.holds(name)), catalogue.problems
    with both.stage.writes() as writes:
        both.passes(3)
    assert names(writes) == []
    assert both.stage.service()["desiredCount"] == 2
