"""A simulated account in which ecsync reconciles the documents of one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecsim import Settings, Simulator, VirtualClock
from ecsync import wiring
from ecsync.aws.clients import Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.limits import Limiter
from ecsync.awsmodel import shapes
from ecsync.core.model import Adopt, Application, Target
from ecsync.core.outcome import Failed, Plan
from ecsync.core.ports import Snapshot
from ecsync.core.trees import dotted
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import Destination, ObservedPlan, PassOptions, look, reconcile
from ecsync.engine.step_state import StepState
from ecsync.language.manifest import Loaded, load
from tests.whole.support.environment import SimulatedTime

REGION, ACCOUNT = "eu-west-1", "123456789012"
_PASSES = 12  # more than any single document requires
_PAUSE = 60.0

Body = dict[str, Any]


def loaded(text: str, name: str = "definition.json") -> Loaded:
    """Return the documents of one file."""
    return load(
        Snapshot(revision="r1", files={name: text.encode()}),
        kinds=wiring.all_kinds(),
        shape_of=shapes.load,
        environment={},
        root_name="corpus",
    )


@dataclass
class Account:
    """The account, its clients, and the state of the reconciler."""

    simulator: Simulator
    clients: Clients
    memory: StepState = field(default_factory=StepState)

    def empty(self) -> None:
        """Remove all resources and all state."""
        self.memory = StepState()
        self.clients._on_attempt.clear()  # each pass had a cloud of its own
        self.simulator.settings = Settings(region=REGION, account=ACCOUNT, settling=False)
        self.simulator.reset()

    def aws(self, service: str) -> Any:
        """Return a client of another tool."""
        return self.clients.get(service, REGION, once=True)

    def keep(self, document: Mapping[str, Any]) -> str:
        """Make passes until no change is left. Return the reason if that fails; empty on success."""
        catalogue, application = _catalogue(document)
        for _ in range(_PASSES):
            outcome = reconcile(application, catalogue, self._post(), self.memory, PassOptions(enforce=True))
            failed = [f"{step}: {one.error}" for step, one in outcome.results.items() if isinstance(one, Failed)]
            if failed or outcome.plan.unreadable:
                return "; ".join([*failed, *outcome.plan.unreadable.values()])
            if not outcome.results:
                return "; ".join(left(outcome.plan))
            self.simulator.advance(_PAUSE)
        return f"not settled after {_PASSES} passes: {'; '.join(map(str, outcome.results.values()))}"

    def plan(self, document: Mapping[str, Any]) -> Plan:
        """Return the plan of a pass."""
        return self.look(document).plan

    def look(self, document: Mapping[str, Any]) -> ObservedPlan:
        """Return the plan of a pass, with what it was made from."""
        catalogue, application = _catalogue(document)
        return look(application, catalogue, self._post(), self.memory)

    def registered(self) -> int:
        """Return the number of revisions registered since the account was empty."""
        made = self.simulator.ledger.mutations()
        return sum(one.ok and one.operation == "RegisterTaskDefinition" for one in made)

    @property
    def _clock(self) -> SimulatedTime:
        assert isinstance(self.simulator.clock, VirtualClock)
        return SimulatedTime(self.simulator.clock)

    def _post(self) -> Destination:
        limiter = Limiter(monotonic=lambda: 0.0, wait=lambda _: None)
        reads = wiring.all_reads()
        return Destination(
            cloud=BotoCloud(self.clients, region=REGION, reads=reads, limiter=limiter, account=ACCOUNT),
            target=Target(account=ACCOUNT, region=REGION),
            installation="test",
            kinds={name: wiring.all_kinds()[name] for name in ("Service", "TaskDefinition")},
            clock=self._clock,
        )


def simulator() -> Simulator:
    """Return a running simulator."""
    served = Simulator(clock=VirtualClock())
    served.start()
    return served


def left(plan: Plan) -> list[str]:
    """Return the changes of a plan: `Service/api desiredCount: 2 → 1`. Empty if it has none."""
    found = []
    for step in [*plan.steps, *(held.step for held in plan.withheld)]:
        if isinstance(step.change, Adopt):
            continue
        fields = [f"{step.id} {dotted(one.path)}: {one.before} → {one.after}" for one in step.fields]
        found += fields or [f"{step.id} {type(step.change).__name__.lower()}"]
    return [*found, *(f"{key} is unreadable: {why}" for key, why in plan.unreadable.items())]


def _catalogue(document: Mapping[str, Any]) -> tuple[Catalogue, Application]:
    text = json.dumps(document, default=str)
    found = loaded(text)
    assert not found.problems, found.problems
    (application,) = found.applications
    # Orphans are searched once per revision, so each document is a new revision.
    return Catalogue(applications={application.name: application}, revision=text), application
