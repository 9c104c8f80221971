"""The soak: a life in simulated time repairs each drift once, and what must not be is found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.fleet import Fleet
from benchmarks.load.client import LoadAws
from benchmarks.soak import MIB, MOST_GROWTH, computed, faults, growth, soak
from benchmarks.soak_life import DRIFTS, EDIT_AT, Hour, edited
from ecsync.awsmodel import shapes
from ecsync.core.ports import Snapshot
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import load

SMALL, LARGE = Fleet(services=6, applications=2), Fleet(services=500, applications=10)


@pytest.fixture(scope="module")
def aws() -> Iterator[LoadAws]:
    """A load AWS for all lives."""
    kept = dict(os.environ)
    with LoadAws() as running:
        yield running
    os.environ.clear()
    os.environ.update(kept)


def hour(
    number: int, *, calls: float = 1.0, memory: float = 100.0, writes: int = DRIFTS, repairs: int = DRIFTS
) -> Hour:
    """Return an hour of the large fleet: eight hours are a life, `calls` is the ratio to what is computed."""
    made = Hour(
        number=number,
        first=number % 8 == 0,
        calls={},
        throttles=0,
        writes=writes,
        repairs=repairs,
        drifts=DRIFTS,
        errors={},
        events={},
        steady=True,
        memory=round(memory * MIB),
        blocks=1,
        cpu=1.0,
    )
    return replace(made, calls={"ecs.DescribeServices": round(calls * computed(made, LARGE))})


class TestLives:
    """Real processes against the load AWS. What they leak and write too much is found."""

    def test_a_life_repairs_each_drift_once_and_a_leak_is_growth(self, aws: LoadAws) -> None:
        """Three hours, with 2 MiB more in each."""
        hours = list(soak(aws, SMALL, lives=1, hours=3, leak=2 * MIB))
        assert [one.first for one in hours] == [True, False, False]
        for one in hours:
            assert (one.repairs, one.writes, one.errors, one.steady) == (DRIFTS, DRIFTS, {}, True)
            assert one.throttles
        assert growth(hours) >= MOST_GROWTH
        assert any(text.startswith("life 1: the memory grows") for text in faults(hours, SMALL))

    def test_a_write_that_repairs_no_drift_is_found(self, aws: LoadAws) -> None:
        """The manifests have another image than the load AWS: the daemon wants to write, and is refused."""
        hours = list(soak(aws, replace(SMALL, image="1.28"), lives=1, hours=1))
        assert hours[0].writes > hours[0].repairs
        assert any("writes that repair no drift" in text for text in faults(hours, SMALL))


class TestVerdict:
    """What is a fault, by hours of the size that is run."""

    def test_a_day_as_computed_has_no_fault(self) -> None:
        """Three lives, with memory that rises in the first hour of each and is level then."""
        hours = [hour(number, memory=90 + min(1, number % 8) * 20) for number in range(24)]
        assert faults(hours, LARGE) == []

    def test_memory_that_grows_after_the_first_hour_of_one_life_is_a_fault(self) -> None:
        """One MiB in each hour of the second life."""
        hours = [hour(number, memory=100 + (number if 8 <= number < 16 else 0)) for number in range(24)]
        assert faults(hours, LARGE) == ["life 2: the memory grows by 1.00 MiB an hour"]

    def test_more_calls_than_computed_are_a_fault(self) -> None:
        """Each hour counts for itself."""
        hours = [hour(number, calls=1.2 if number == 3 else 1.0) for number in range(8)]
        assert [text.partition(":")[0] for text in faults(hours, LARGE)] == ["hour 4"]

    def test_another_write_and_a_drift_that_stays_are_faults(self) -> None:
        """The first hour has a write too many, the second a repair too few."""
        hours = [hour(0, writes=DRIFTS + 1), hour(1, writes=DRIFTS - 1, repairs=DRIFTS - 1)]
        assert faults(hours, LARGE) == [
            "hour 1: 1 writes that repair no drift",
            f"hour 2: {DRIFTS} drifts, {DRIFTS - 1} repairs",
        ]


def test_an_edit_changes_files_and_declares_the_same() -> None:
    """Each edit of an hour but the last, which is the plain manifests; one of them leaves out a service."""
    files = SMALL.files()

    def resources(of: dict[str, bytes]) -> dict[str, object]:
        loaded = load(
            Snapshot(revision="1", files=of), kinds=BY_NAME, shape_of=shapes.load, environment={}, root_name="bench"
        )
        assert loaded.problems == ()
        return {str(one.key): one.body for application in loaded.applications for one in application.resources}

    plain = resources(files)
    edits = [edited(files, 0, index) for index in range(len(EDIT_AT))]
    assert [len(plain) - len(resources(edit)) for edit in edits] == [0, 0, 0, 7, 0, 0]
    assert [edit != files for edit in edits] == [True, True, True, True, True, False]
