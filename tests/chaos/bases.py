"""Where scenarios begin: a converged account, which scenarios with the same manifests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ecsync.engine.reconciler import PassOptions
from tests.chaos.account import add_look_alikes, add_network, contents
from tests.chaos.forks import Broken, in_copies
from tests.chaos.scenarios.scenario import Scenario, nothing
from tests.chaos.stage import REGIONS, Stage, World, copy_of
from tests.whole.support.environment import SETTLE_SECONDS, Controller

Made = TypeVar("Made")
Make = Callable[[Stage, Controller, Scenario], Made]


def of_each(world: World, scenarios: Sequence[Scenario], make: Make[Made]) -> Iterator[tuple[Scenario, Made | Broken]]:
    """Yield what is made of each scenario after its act, in a copy of the process; in no order."""

    def alone(one: Scenario) -> Made:
        with tempfile.TemporaryDirectory() as folder:
            return make(*_acted(*base(world, one, Path(folder)), one), one)

    shared = [[one for one in scenarios if _shares(one) and one.example == example] for example in REGIONS]
    for group in shared:
        if len(group) > 1:
            yield from _of_group(world, group, make)
    yield from in_copies(alone, [*(one for one in scenarios if not _shares(one)), *_only(shared)])


def _only(groups: Sequence[Sequence[Scenario]]) -> Iterator[Scenario]:
    for group in groups:
        if len(group) == 1:
            yield group[0]


def _shares(scenario: Scenario) -> bool:
    return scenario.prepare is nothing and not scenario.empty


def _of_group(world: World, group: Sequence[Scenario], make: Make[Made]) -> Iterator[tuple[Scenario, Made | Broken]]:
    """Yield what is made of each scenario of a group with one base."""
    with tempfile.TemporaryDirectory() as folder:
        stage, controller = base(world, group[0], Path(folder))

        def from_base(one: Scenario) -> Made:
            with tempfile.TemporaryDirectory() as own:
                stage.move(controller, Path(shutil.copytree(stage.manifests, Path(own) / "manifests")))
                return make(*_acted(stage, controller, one), one)

        yield from in_copies(from_base, group)


def base(world: World, scenario: Scenario, folder: Path) -> tuple[Stage, Controller]:
    """Return the stage and the controller of a scenario before its act."""
    stage = Stage(world, copy_of(scenario.example, folder), REGIONS[scenario.example])
    if scenario.example == "tilog":
        add_network(stage.aws("ec2"), stage.region)
    add_look_alikes(stage.aws)
    stage.foreign = frozenset(contents(stage.aws).splitlines())
    scenario.prepare(stage)
    controller = stage.controller()
    if not scenario.empty:
        controller.converge(pause=SETTLE_SECONDS)
    return stage, controller


def _acted(stage: Stage, controller: Controller, scenario: Scenario) -> tuple[Stage, Controller]:
    """Let the act of a scenario happen."""
    scenario.act(stage)
    controller.read()
    assert controller.catalogue.applications
    assert not controller.catalogue.problems, controller.catalogue.problems
    contents(stage.aws)  # loads what the copies need
    stage.controller().run_pass(PassOptions(enforce=False))  # the copies know what it reads
    return stage, controller
