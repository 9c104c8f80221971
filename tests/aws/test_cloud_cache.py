"""The cache of task definitions: what it keeps, for how long, and in how many bytes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from benchmarks.compare import task
from ecsync.aws.cloud_cache import KEEP_SECONDS, Cache
from ecsync.testing import FakeClock


class Account:
    """Task definitions by number, and which of them were read."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.cache = Cache(self.clock.monotonic, **settings)
        self.reads: list[int] = []

    def ask(self, numbers: Iterable[int]) -> list[Any]:
        """Ask the cache for task definitions."""
        return [self.cache.get(number, partial(self._read, number)) for number in numbers]

    def _read(self, number: int) -> dict[str, Any]:
        self.reads.append(number)
        return {"taskDefinition": task(number)[1], "tags": [{"key": "ü", "value": "é 💡 \ud800"}]}


def test_a_cached_response_is_the_response() -> None:
    """Every value is the same after it was compressed."""
    account = Account()
    assert account.ask([1]) == account.ask([1])
    assert account.reads == [1]


def test_a_pass_over_ten_thousand_does_not_read_them_again() -> None:
    """Each is asked for in each pass: none is lost, and all are small."""
    account = Account()
    account.ask(range(10_000))
    account.clock.sleep(30)
    account.ask(range(10_000))
    assert account.reads == list(range(10_000))
    assert account.cache.size < 10_000 * 1000


def test_responses_that_are_alike_take_a_quarter_of_one_alone() -> None:
    """The first one is the dictionary for the others, and each is the response."""
    alone, alike = Account(), Account()
    alone.cache.get(0, partial(alone._read, 0))
    first = len(zlib.compress(json.dumps(alone.ask([0])[0]).encode(), 1))
    alike.ask(range(100))
    assert alike.cache.size < 100 * first / 4
    assert alike.ask(range(100)) == [Account()._read(number) for number in range(100)]


def test_what_is_asked_for_every_hour_is_kept() -> None:
    """However long the process runs."""
    account = Account()
    for _ in range(50):
        account.ask([1])
        account.clock.sleep(KEEP_SECONDS)
    assert account.reads == [1]


def test_what_is_no_longer_asked_for_is_dropped() -> None:
    """Old revisions do not stay."""
    account = Account()
    account.ask([1, 2])
    kept = account.cache.size
    for _ in range(2):
        account.clock.sleep(KEEP_SECONDS)
        account.ask([1])
    assert account.cache.size == pytest.approx(kept / 2, rel=0.1)
    account.ask([2])
    assert account.reads == [1, 2, 2]


def test_a_deployment_every_pass_does_not_make_it_grow() -> None:
    """Five services, each with a new revision every ten minutes for two days: the size is that of two hours."""
    account = Account()
    sizes = []
    for revision in range(6 * 24 * 2):
        account.ask(range(revision * 5, revision * 5 + 5))
        account.clock.sleep(600)
        sizes.append(account.cache.size)
    assert max(sizes[24:]) <= max(sizes[:24]) * 1.05


def test_a_full_cache_keeps_what_it_has() -> None:
    """A pass over more than there is room for reads only the rest again."""
    account = Account(room=20_000)
    account.ask(range(100))
    account.reads.clear()
    account.ask(range(100))
    kept = 100 - len(account.reads)
    assert kept > 15
    assert account.reads == list(range(kept, 100))
    assert account.cache.size <= 20_000
