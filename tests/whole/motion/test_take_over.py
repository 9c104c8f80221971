"""A controller that only looked while another one worked takes over: what it kept from then is no reason to write."""

from __future__ import annotations

from ecsync.engine.reconciler import PassOptions
from tests.whole.support.after_writes import AfterWrites
from tests.whole.support.environment import Environment, is_converged, operations

LOOK = PassOptions(enforce=False)


def test_only_the_drift_is_repaired(environment: Environment) -> None:
    """It has looked between any two writes of the other one, so its answers are from different moments."""
    working, looking = environment.controller(), environment.controller()
    looking.patient = True

    def look() -> None:
        environment.simulator.advance(1)
        looking.run_pass(LOOK)

    working.wrap = lambda cloud: AfterWrites(cloud, look)
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
