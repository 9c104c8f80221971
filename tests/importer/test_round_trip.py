"""A cluster that somebody made with boto3 alone: the import of it plans nothing, and sees every edit."""

from __future__ import annotations

import pytest

from ecsync.core.model import Adopt, Done
from tests.importer.builder import Builder
from tests.importer.recipes import RECIPES
from tests.importer.stage import Kept, changes

THIRTY = 30


@pytest.fixture
def kept(built: Builder) -> Kept:
    """Thirty services at rest, and the import of them."""
    for one in RECIPES:
        one.make(built)
    built.stage.simulator.advance(600)
    return Kept(built.stage, dict(built.stage.imported().files))


def _edited(built: Builder) -> set[str]:
    """Edit every service by hand; where that is to be seen."""
    for one in RECIPES:
        one.edit(built)
    return {one.path.format_map(built.pointers()) for one in RECIPES}


def test_there_are_thirty_services() -> None:
    """Each recipe makes a service of its own."""
    assert len({one.name for one in RECIPES}) == THIRTY


def test_the_plan_of_an_import_is_empty(kept: Kept) -> None:
    """Nothing is planned but adoptions, none of which would change a field."""
    plan = kept.plan()
    assert changes(plan) == []
    assert plan.empty
    assert {step.id.key.name for step in plan.steps if step.id.key.kind == "Service"} == {one.name for one in RECIPES}


def test_thirty_edits_are_thirty_paths(kept: Kept, built: Builder) -> None:
    """One edit of each service by hand is seen at one path of each, and nothing else is."""
    edited = _edited(built)
    assert len(edited) == THIRTY
    seen = set(changes(kept.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])


def test_adopted_it_still_plans_nothing_and_sees_every_edit(kept: Kept, built: Builder) -> None:
    """`adopt` tags all of it and changes nothing; what the files leave out as AWS's default is held to it."""
    outcome = kept.adopt()
    assert {type(result) for result in outcome.results.values()} == {Done}
    plan = kept.plan()
    assert (changes(plan), [step for step in plan.steps if isinstance(step.change, Adopt)]) == ([], [])
    assert dict(built.stage.imported().files) == kept.files
    edited = _edited(built)
    seen = set(changes(kept.plan()))
    assert (sorted(seen - edited), sorted(edited - seen)) == ([], [])
