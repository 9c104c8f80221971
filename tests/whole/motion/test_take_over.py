"""A controller that only looked while another one worked takes over: what it kept from then is no reason to write."""

from __future__ import annotations

from typing import Any

from ecsync.core.ports import Cloud
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.environment import Controller, Environment, is_converged, operations

LOOK = PassOptions(enforce=False)


class WatchedCloud:
    """A cloud of which another controller looks at the account after each write."""

    def __init__(self, cloud: Cloud, looking: Controller) -> None:
        self._cloud = cloud
        self._looking = looking

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def write(self, service: str, operation: str, /, **params: Any) -> Any:
        response = self._cloud.write(service, operation, **params)
        self._looking.environment.simulator.advance(1)
        self._looking.run_pass(LOOK)
        return response


def test_only_the_drift_is_repaired(environment: Environment) -> None:
    """It has looked between any two writes of the other one, so its answers are from different moments."""
    working, looking = environment.controller(), environment.controller()
    looking.patient = True
    working.wrap = lambda cloud: WatchedCloud(cloud, looking)
    working.converge()
    environment.simulator.advance(5)
    looking.run_pass(LOOK)
    assert all(map(is_converged, looking.outcomes.values())), "\n".join(looking.explain())
    before = len(looking.events)
    environment.aws("ecs").update_service(cluster="quickstart", service="web", desiredCount=0)
    with environment.writes() as writes:
        for _ in range(20):
            environment.simulator.advance(5)
            looking.run_pass()
    assert operations(writes) == ["ecs.UpdateService"]
    drifted = {str(event.key) for event in looking.events[before:] if event.type.startswith("drift.")}
    assert drifted == {"Service/web"}
