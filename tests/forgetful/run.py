"""An application in a simulated AWS that forgets or rewrites one value of each write: a copied process for each."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ecsim import Simulator, VirtualClock
from ecsim.account.ledger import is_mutating
from ecsync.core.model import Key
from ecsync.core.outcome import Outcome
from ecsync.core.trees import canonical
from ecsync.engine.step_state import StepState
from tests.chaos import wire
from tests.chaos.forks import PROCESSES, Broken, Copy, handing_over
from tests.forgetful.places import FORGOTTEN, Place, at_place, is_allowed, others, places, without
from tests.whole.support.environment import REGION, Controller, Environment, is_converged

PASSES, QUIET, TRIES = 50, 10, 3
MOST = 60  # passes of a converge


@dataclass(frozen=True)
class Case:
    """What AWS makes of one value."""

    application: str
    interval: float
    operation: str  # that first sends the value
    place: Place
    value: Any = FORGOTTEN

    def __str__(self) -> str:
        made = "forgotten" if self.value is FORGOTTEN else f"kept as {self.value!r}"
        return f"{self.application} {self.interval:g} s: {self.operation} {self.place} {made}"


@dataclass
class Found:
    """What a case did."""

    refused: bool = False  # AWS does not accept a write with this value
    written: list[int] = field(default_factory=list)  # writes of the value, by process
    same: int = 0  # the most times that one call was sent in one process
    late: int = 0  # writes in the last passes of a process
    held: tuple[str, ...] = ()  # resources that do not converge
    unlike: tuple[str, ...] = ()  # resources that neither are in sync nor wait for one that is held
    lifted: str = ""  # what is not in sync after a retry, when AWS keeps the value; empty: nothing

    def problems(self) -> Iterator[str]:
        """Yield what is wrong."""
        if any(one > TRIES for one in self.written):
            yield f"the value was written {self.written} times"
        if self.same > TRIES:
            yield f"one call was sent {self.same} times"
        if self.late:
            yield f"{self.late} writes in the last {QUIET} passes"
        if self.unlike:
            yield f"not in sync beside it: {', '.join(self.unlike)}"
        if self.lifted:
            yield f"not in sync after a retry: {self.lifted}"


@dataclass
class Stage:
    """The simulated AWS of this process, and the hooks in the calls of the controller."""

    simulator: Simulator
    environment: Environment
    active: bool = False
    case: Case | None = None
    altered: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    own: list[Copy] = field(default_factory=list)  # in a copy: the copy that this process is
    visit: Callable[[str, Any, dict[str, Any]], None] = lambda *_: None
    _changed: bool = False

    @classmethod
    def make(cls, folder: Path) -> Stage:
        """Make the one of this process."""
        simulator = Simulator(clock=VirtualClock())
        clients = wire.connected(simulator, REGION)
        stage = cls(simulator, Environment(simulator, clients, folder))
        events = wire.emitter(clients)
        events.register("provide-client-params", stage._before)
        events.register("after-call", stage._after)
        wire.warm(clients, REGION)
        return stage

    def _before(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        if not self.active or not is_mutating(model.name):
            return params
        name = f"{model.service_model.service_name}.{model.name}"
        self.visit(name, model, params)
        self.sent[f"{name} {canonical(params)}"] += 1
        changed = without(params, self.case.place, self.case.value) if self.case else None
        self._changed = changed is not None
        if changed is None:
            return params
        if not is_allowed(changed, model):
            self.own[0].end(Found(refused=True))
        self.altered += 1
        return changed

    def _after(self, http_response: Any, **_: Any) -> None:
        if self._changed and http_response.status_code >= 400:
            self.own[0].end(Found(refused=True))
        self._changed = False

    def pass_(self, controller: Controller, interval: float) -> None:
        """Make a pass, and wait for the interval."""
        for name in controller.catalogue.applications:
            controller.step_states.setdefault(name, StepState())
        self.active = True
        controller.run_pass()
        self.active = False
        self.simulator.advance(interval)


def controller_of(stage: Stage, interval: float) -> Controller:
    """Return a controller that has just started."""
    controller = stage.environment.controller()
    controller.patient = True
    assert not controller.catalogue.problems, controller.catalogue.problems
    applications = {
        name: replace(one, manage=("all",), sync=replace(one.sync, interval=interval))
        for name, one in controller.catalogue.applications.items()
    }
    controller.catalogue = replace(controller.catalogue, applications=applications)
    return controller


def sweep(stage: Stage, interval: float, choose: Callable[[Case], bool]) -> Iterator[tuple[Case, Found | Broken]]:
    """Create the application; at each write, a copy of the process goes on for each value, without it."""
    stage.environment.reset()
    controller = controller_of(stage, interval)
    (name,) = controller.catalogue.applications
    seen: list[Place] = []
    running: list[tuple[Case, Copy]] = []
    done: list[tuple[Case, Any]] = []

    def wait(most: int) -> None:
        while len(running) > most:
            case, copy = running.pop(0)
            done.append((case, copy.result()))

    def begin(case: Case) -> bool:
        wait(PROCESSES - 1)
        copy = Copy.start()
        if copy.inside:
            stage.own, stage.case = [copy], case
            stage.sent.clear()
            return True
        running.append((case, copy))
        return False

    def visit(operation: str, model: Any, params: dict[str, Any]) -> None:
        if stage.own:
            return
        for place in places(params):
            if any(place.is_same(one) for one in seen):
                continue
            seen.append(place)
            made = [FORGOTTEN, *others(at_place(params, place), model, place.names)]
            for case in (Case(name, interval, operation, place, one) for one in made):
                if choose(case) and begin(case):
                    return

    stage.visit = visit
    gc.collect()
    gc.freeze()
    with handing_over(stage.own):
        for _ in range(MOST):
            stage.pass_(controller, interval)
            if stage.own:
                stage.own[0].end(_go_on(stage, controller, interval))
            if all(map(is_converged, controller.outcomes.values())):
                break
        else:
            raise AssertionError("\n".join(controller.explain()))
    wait(0)
    gc.unfreeze()
    yield from done


def _go_on(stage: Stage, controller: Controller, interval: float) -> Found:
    """Make the passes of a case, of this process and of two that are started after it; then keep the value."""
    found = Found()
    for process in range(3 if interval == 60.0 else 1):
        if process:
            controller = controller_of(stage, interval)
        for number in range(PASSES):
            if number == PASSES - QUIET:
                before = stage.sent.total()
            stage.pass_(controller, interval)
        found.late += stage.sent.total() - before
        found.same = max([found.same, *stage.sent.values()])
        found.written.append(stage.altered)
        stage.altered = 0
        stage.sent.clear()
    (outcome,) = controller.outcomes.values()
    found.held = tuple(str(one.step.id) for one in outcome.plan.withheld if one.obstacle == "not_converging")
    found.unlike = tuple(_unlike(controller, outcome))
    if found.held:
        stage.case = None
        for state in controller.step_states.values():
            state.retry()
        for _ in range(MOST):
            stage.pass_(controller, interval)
            if all(map(is_converged, controller.outcomes.values())):
                break
        else:
            found.lifted = "; ".join(
                f"{one.key}: {one.sync} {one.message or one.health.why}"
                for one in controller.statuses()
                if one.sync != "Synced" or one.health.status != "Healthy"
            )
    return found


def _unlike(controller: Controller, outcome: Outcome) -> Iterator[str]:
    """Yield the resources that differ, and neither are held nor need one that is held."""
    held = {one.step.id.key for one in outcome.plan.withheld}
    (application,) = controller.catalogue.applications.values()
    behind: set[Key] = set(held)
    for _ in application.resources:
        behind |= {one.key for one in application.resources if any(ref.key in behind for ref in one.refs)}
    for one in outcome.statuses:
        if one.key not in behind and (one.sync != "Synced" or one.health.status != "Healthy"):
            yield f"{one.key} ({one.sync}, {one.health.status}: {one.message or one.health.why})"
