"""Generated schedules of two controllers: never two writers, and the writes are those of one."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.engine.passes import Account, document, ref, shop, stack
from tests.lease.two_controllers import of_the_engine, play, simple

SCHEDULES = 2_000
PARTS = 4  # of the schedules, each a test
OF_THE_ENGINE = 12
NAMES = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_has_two_writers(part: int) -> None:
    """Nothing is created twice and nothing is left out, also if processes are paused, killed or stopped."""
    for seed in range(part, SCHEDULES, PARTS):
        world = play(seed, simple(*NAMES), simple(*NAMES))
        assert world.violations == [], f"seed {seed}"
        assert sorted(world.made) == sorted(NAMES), f"seed {seed}"


@pytest.mark.parametrize("same", [True, False], ids=["the same manifests", "different manifests"])
def test_no_schedule_of_the_engine_has_two_writers(same: bool) -> None:
    """The creates are those of one controller; with different manifests, nothing of either is created twice."""
    one = shop(*stack())
    other = one if same else shop(*stack(), document("Leaf/more", app=ref("App/app")))
    clean = Account()
    clean.settle(other)
    for seed in range(OF_THE_ENGINE):
        world = play(seed, of_the_engine(one), of_the_engine(other))
        assert world.violations == [], f"seed {seed}"
        surplus = Counter(world.account.made()) - Counter(clean.made())
        assert not surplus, f"seed {seed}: {surplus}"
        if same:
            assert world.account.there() == clean.there(), f"seed {seed}"


def test_a_schedule_without_a_lease_has_two_writers() -> None:
    """The schedules find what the lease prevents."""
    found = 0
    for seed in range(20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ecsync.lease.records.RecordLease._other", lambda *_: None)
            found += bool(play(seed, simple(*NAMES), simple(*NAMES)).violations)
    assert found > 10
