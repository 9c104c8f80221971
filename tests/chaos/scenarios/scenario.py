"""What a scenario is: manifests, a start, and one act of a person, a file or a rival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.chaos.stage import Stage

Act = Callable[[Stage], None]


def nothing(_: Stage) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class Scenario:
    """`prepare` edits manifests and account before the base, `act` after it; with `empty`, there is no base."""

    name: str
    act: Act = nothing
    example: str = "quickstart"
    prepare: Act = nothing
    empty: bool = False
    deletes: bool = True  # whether a run may delete; False: what moves stays
    wrongs: bool = False  # the clean run may report drift: another client makes it


def by_name(*scenarios: Scenario) -> Mapping[str, Scenario]:
    """Return scenarios by name; a name occurs once."""
    found = {one.name: one for one in scenarios}
    assert len(found) == len(scenarios)
    return found


def may_prune(stage: Stage) -> None:
    """Let the application delete what is not declared any more, however much."""
    stage.edit("  sync:\n", "  sync:\n    prune: true\n    pruneLimit: 100\n", "application.yaml")
