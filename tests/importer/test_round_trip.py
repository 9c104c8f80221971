"""A cluster that boto3 created: the plan of its import is empty, and shows every later manual change."""

from __future__ import annotations

import pytest

from ecsync.core.model import Adopt
from ecsync.core.outcome import Done
from tests.importer.account import ImportedApplication, changes
from tests.importer.account_builder import AccountBuilder
from tests.importer.recipes.all import RECIPES

THIRTY = 30


@pytest.fixture
def imported(builder: AccountBuilder) -> ImportedApplication:
    """The import of thirty steady services."""
    for one in RECIPES:
        one.make(builder)
    builder.account.simulator.advance(600)
    return ImportedApplication(builder.account, dict(builder.account.import_cluster().files))


def _edited(builder: AccountBuilder) -> set[str]:
    """Change every service; return the paths at which the plan must show it."""
    for one in RECIPES:
        one.edit(builder)
    return {one.path.format_map(builder.pointers()) for one in RECIPES}


def test_there_are_thirty_services() -> None:
    """Each recipe creates another service."""
    assert len({one.name for one in RECIPES}) == THIRTY


def test_the_plan_of_an_import_is_empty(imported: ImportedApplication) -> None:
    """It contains only adoptions without a changed field."""
    plan = imported.plan()
    assert changes(plan) == []
    assert plan.empty
    assert {step.id.key.name for step in plan.steps if step.id.key.kind == "Service"} == {one.name for one in RECIPES}


def test_every_manual_change_is_one_path_of_the_plan(imported: ImportedApplication, builder: AccountBuilder) -> None:
    """One change of each service gives one path each, and nothing else."""
    edited = _edited(builder)
    assert len(edited) == THIRTY
    seen = set(changes(imported.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])


def test_after_adopt_the_plan_is_empty_and_shows_every_manual_change(
    imported: ImportedApplication, builder: AccountBuilder
) -> None:
    """Adoption changes no field, and fields that the files leave out are enforced at AWS's default."""
    outcome = imported.adopt()
    assert {type(result) for result in outcome.results.values()} == {Done}
    plan = imported.plan()
    assert (changes(plan), [step for step in plan.steps if isinstance(step.change, Adopt)]) == ([], [])
    assert dict(builder.account.import_cluster().files) == imported.files
    edited = _edited(builder)
    seen = set(changes(imported.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])
