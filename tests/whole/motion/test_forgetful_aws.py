"""An AWS that forgets or rewrites one value after each write: leaves of every resource of the tutorial's stack.

`make chaos` has each leaf at each pace, and more stacks.
"""

from __future__ import annotations

from tests.whole.support.environment import SETTLE_SECONDS, Environment
from tests.whole.support.forgetful import PACES, Forgetful, Stack, halves
from tests.whole.test_tilog import TILOG, prepare


def test_no_value_is_written_more_than_three_times_and_the_rest_converges(environment: Environment) -> None:
    """Half of the resources have a value that AWS does not keep, the others one that a person changed."""
    prepare(environment)
    controller = environment.controller(TILOG)
    controller.converge(pause=SETTLE_SECONDS)
    stack, writes = Stack.of(controller), 0
    for number, wave in enumerate(stack.waves()):
        forgotten, drifted = halves(wave)[number % 2]
        account = Forgetful(stack, forgotten, drifted)
        account.live(PACES[number // 2 % len(PACES)], processes=1)
        assert account.problems == [], f"wave {number}"
        writes += account.cloud.count
    assert writes > 500
