"""Images of the quickstart, and the end of a deployment that ECS does not complete."""

from __future__ import annotations

from tests.whole.support.environment import Controller

GOOD, BAD, BETTER = "nginx:1.27", "nginx:1.28-bad", "nginx:1.29"  # ECS cannot pull the bad one


def until_stopped(controller: Controller) -> None:
    """Make passes at the daemon's interval until the controller gives the deployment up."""
    for _ in range(40):
        controller.run_pass()
        if controller.outcomes["quickstart"].plan.stopped:
            return
        controller.environment.simulator.advance(30)
    raise AssertionError("\n".join(controller.explain()))
