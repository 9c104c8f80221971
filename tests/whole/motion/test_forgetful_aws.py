"""An AWS that forgets or rewrites one value after each write: every leaf of every resource of the tutorial's stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import pytest

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Wanted, World
from ecsync.core.model import Key, Observed, Present
from ecsync.core.plan import build
from ecsync.core.ports import Reader
from ecsync.core.trees import canonical, leaves
from ecsync.engine.inventory import Inventory
from ecsync.engine.reconciler import Destination, ObservedPlan, PassOptions, look, reconcile
from ecsync.engine.step_state import StepState
from ecsync.testing import FakeClock, MemoryCloud
from tests.corpus.shortcut import changed, others
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment
from tests.whole.test_tilog import TILOG, prepare

PASSES = {60.0: 9, 300.0: 9}  # by interval in seconds: after so many passes nothing is written


@dataclass
class Accepting(MemoryCloud):
    """An AWS that accepts every write, and keeps none."""

    sent: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__()

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Count the write."""
        self.sent[f"{service}.{operation} {canonical(params)}"] += 1
        return {}


@dataclass
class Forged:
    """The stack as it was read when it was in sync, with one leaf of each resource replaced."""

    observed: ObservedPlan
    leaf: dict[Key, tuple[Any, Any]] = field(default_factory=dict)  # path and value

    def kinds(self) -> dict[str, Kind]:
        """Return the kinds, which read this stack."""

        def read(_: Reader, wanted: Sequence[Wanted], __: World) -> Iterator[tuple[Key, Observed]]:
            for want in wanted:
                yield want.key, self.of(want.key)

        own = self.observed.inputs.kinds.values()
        return {kind.name: replace(kind, read=read, owned=None, tagged_as="", inquire=None) for kind in own}

    def of(self, key: Key) -> Observed:
        """Return one resource."""
        found = self.observed.inputs.world[key]
        if key not in self.leaf or not isinstance(found, Present):
            return found
        return replace(found, body=changed(found.body, *self.leaf[key]))


@pytest.fixture
def stack(environment: Environment) -> tuple[Controller, ObservedPlan]:
    """The tutorial's stack in sync, and what was read of it."""
    prepare(environment)
    controller = environment.controller(TILOG)
    controller.converge(pause=SETTLE_SECONDS)
    (application,) = controller.catalogue.applications.values()
    destination = controller.workspace.destination_for(application)
    observed = look(application, controller.catalogue, destination, StepState())
    assert observed.plan.empty
    return controller, observed


def differs(inputs: Inputs, key: Key, found: Present) -> bool:
    """Return whether the plan with this resource has a write. A body that AWS would never return has none."""
    try:
        planned = build(replace(inputs, world={**inputs.world, key: found}, settled={}))
    except (TypeError, ValueError, AttributeError, KeyError):
        return False
    return any(step.calls for step in planned.steps)


def values(value: Any) -> tuple[Any, ...]:
    """Return another value of the same type, and none."""
    return (others(value)[0], None) if isinstance(value, str | int | float) else (None,)


def waves(observed: ObservedPlan) -> list[dict[Key, tuple[Any, Any]]]:
    """Return the changes: in each wave another leaf of every resource, once with another value and once without it."""
    by_key = {
        key: [
            (path, other)
            for path, value in leaves(found.body)
            for other in values(value)
            if differs(observed.inputs, key, replace(found, body=changed(found.body, path, other)))
        ]
        for key, found in observed.inputs.world.items()
        if isinstance(found, Present)
    }
    rows = zip_longest(*by_key.values())
    return [{key: one for key, one in zip(by_key, row, strict=True) if one is not None} for row in rows]


def test_no_write_is_made_more_than_three_times(stack: tuple[Controller, ObservedPlan]) -> None:
    """At each interval, whatever AWS makes of it; and after some minutes nothing is written any more."""
    for interval, passes in PASSES.items():
        assert written(*stack, interval, passes) > 300


def written(controller: Controller, observed: ObservedPlan, interval: float, passes: int) -> int:
    """Return the number of writes to all forged stacks; each write is made at most three times."""
    (application,) = controller.catalogue.applications.values()
    application = replace(application, sync=replace(application.sync, interval=interval))
    catalogue = replace(controller.catalogue, applications={application.name: application})
    total = 0
    for wave in waves(observed):
        forged, cloud, clock, state = Forged(observed, wave), Accepting(), FakeClock(), StepState()
        kinds = forged.kinds()
        inventory = Inventory(cloud, clock.monotonic, kinds)
        destination = Destination(
            cloud=cloud,
            target=observed.inputs.target,
            installation=observed.inputs.installation,
            kinds=kinds,
            clock=clock,
            inventory=inventory,
        )
        for number in range(2 * passes):
            if number == passes:
                last = cloud.sent.total()
            inventory.expire()
            reconcile(application, catalogue, destination, state, PassOptions(enforce=True))
            clock.advance(interval)
        assert cloud.sent.total() == last
        assert [(one, times) for one, times in cloud.sent.items() if times > 3] == []
        total += cloud.sent.total()
    return total
