"""The work of a controller is linear in the services: counted, not timed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.controller import Controller, EngineClock, use
from benchmarks.fleet import sites
from benchmarks.load.client import LoadAws
from ecsync.engine.orphans import RELIST
from ecsync.engine.packing import unpacked

FEW, MANY = 30, 120


@pytest.fixture(scope="module")
def aws() -> Iterator[LoadAws]:
    """A load AWS, as the AWS of this process."""
    kept = dict(os.environ)
    with LoadAws() as found:
        use(found.url)
        yield found
    os.environ.clear()
    os.environ.update(kept)


def bytes_unpacked(aws: LoadAws, monkeypatch: pytest.MonkeyPatch, services: int) -> list[int]:
    """Return the bytes of kept answers that are unpacked in the first pass, in one in full, and in one of each kind."""
    fleets, clock, total = sites(services, 1, 1), EngineClock(), 0
    aws.set(fleets, buckets=False, others=0.0, latency=0.0, throttled=[])

    def counted(kept: Any, example: bytes = b"") -> Any:
        nonlocal total
        total += len(kept) if isinstance(kept, bytes) else 0
        return unpacked(kept, example)

    for module in ("answers", "packing"):
        monkeypatch.setattr(f"ecsync.engine.{module}.unpacked", counted)
    controller, found = Controller(fleets, clock), []
    for after in (0.0, 60.0, 60.0, RELIST, RELIST):
        clock.advance(after)
        total = 0
        controller.steady_round()
        found.append(total)
    monkeypatch.undo()
    return found


def test_no_pass_unpacks_more_than_in_proportion(aws: LoadAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the services: a quiet pass, one in full, and one that lists what is ours."""
    few, many = (bytes_unpacked(aws, monkeypatch, services) for services in (FEW, MANY))
    for less, more in zip(few, many, strict=True):
        assert more <= 1.1 * MANY / FEW * less
    first, quiet, *_ = many
    assert quiet <= first / 4, "it needs the content of most answers, not the answers"
