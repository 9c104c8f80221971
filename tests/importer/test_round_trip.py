"""A cluster that somebody made with boto3 alone: the import of it plans nothing, and sees every edit."""

from __future__ import annotations

import pytest

from ecsync.core.model import Adopt, Done
from tests.importer.account import ImportedApplication, changes
from tests.importer.account_builder import AccountBuilder
from tests.importer.recipes import RECIPES

THIRTY = 30


@pytest.fixture
def imported(builder: AccountBuilder) -> ImportedApplication:
    """Thirty services at rest, and the import of them."""
    for one in RECIPES:
        one.make(builder)
    builder.account.simulator.advance(600)
    return ImportedApplication(builder.account, dict(builder.account.import_cluster().files))


def _edited(builder: AccountBuilder) -> set[str]:
    """Edit every service by hand; where that is to be seen."""
    for one in RECIPES:
        one.edit(builder)
    return {one.path.format_map(builder.pointers()) for one in RECIPES}


def test_there_are_thirty_services() -> None:
    """Each recipe makes a service of its own."""
    assert len({one.name for one in RECIPES}) == THIRTY


def test_the_plan_of_an_import_is_empty(imported: ImportedApplication) -> None:
    """Nothing is planned but adoptions, none of which would change a field."""
    plan = imported.plan()
    assert changes(plan) == []
    assert plan.empty
    assert {step.id.key.name for step in plan.steps if step.id.key.kind == "Service"} == {one.name for one in RECIPES}


def test_thirty_edits_are_thirty_paths(imported: ImportedApplication, builder: AccountBuilder) -> None:
    """One edit of each service by hand is seen at one path of each, and nothing else is."""
    edited = _edited(builder)
    assert len(edited) == THIRTY
    seen = set(changes(imported.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])


def test_adopted_it_still_plans_nothing_and_sees_every_edit(
    imported: ImportedApplication, builder: AccountBuilder
) -> None:
    """`adopt` tags all of it and changes nothing; what the files leave out as AWS's default is held to it."""
    outcome = imported.adopt()
    assert {type(result) for result in outcome.results.values()} == {Done}
    plan = imported.plan()
    assert (changes(plan), [step for step in plan.steps if isinstance(step.change, Adopt)]) == ([], [])
    assert dict(builder.account.import_cluster().files) == imported.files
    edited = _edited(builder)
    seen = set(changes(imported.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])
