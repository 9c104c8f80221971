"""A pass that waits for rate limits: it waits for all of them at the same time, and reads nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any

from ecsync.core.ports import Allowance, Deferred
from ecsync.engine.ahead import CountingThreads
from ecsync.engine.views import ReadAt, at_cadence
from tests.engine.harness import Harness
from tests.engine.passes import document, shop

INTERVAL = 60.0
AT_ONCE = 10.0  # real seconds within which two reads must be under way together


def test_a_pass_alone_reads_different_kinds_at_the_same_time() -> None:
    """Each kind of the application is asked for while the answer to the other one is not there."""
    harness = Harness(readers=partial(ThreadPoolExecutor, 8))
    harness.declare(shop(document("Base/base", size=3), document("Leaf/alone")))
    together = threading.Barrier(2)
    put_off: list[str] = []

    def hook(operation: str, _: Mapping[str, Any]) -> None:
        if not put_off:
            put_off.append(operation)
            raise Deferred("bucket", 4.0, operation)
        if operation in ("DescribeBase", "DescribeLeaf") and not together.broken:
            together.wait(AT_ONCE)
            harness.account.cloud.before = lambda *_: None

    harness.account.cloud.before = hook
    harness.work()
    assert not together.broken
    assert harness.account.there() == {"Base": ["base"], "Leaf": ["alone"]}
    assert harness.recorded.internal_errors == []


def test_what_was_new_enough_when_a_pass_began_is_taken_until_its_end() -> None:
    """Else a pass that takes longer than its interval would read it again and again. The next pass reads it."""
    began = 1000.0
    view = at_cadence(INTERVAL, began=began)
    for read, taken in ((began - INTERVAL, False), (began - 1, True), (began + 1, True)):
        assert view.takes("fast", ReadAt(read, 1), began + 10 * INTERVAL, "key") is taken
    assert not at_cadence(INTERVAL).takes("fast", ReadAt(began + 1, 1), began + 10 * INTERVAL, "key")


def test_a_slow_answer_that_was_read_in_a_pass_is_taken_by_it() -> None:
    """Also where its period ended between the beginning of the pass and the read."""
    for began in range(0, 4000, 100):
        view = at_cadence(INTERVAL, began=float(began))
        assert view.takes("slow", ReadAt(began + 90.0, 1), began + 95.0, "key")


def test_the_longest_wait_of_the_threads_is_counted() -> None:
    """By it the daemon knows that the rate limit is still used up."""
    waits = iter((2.0, 7.0, 3.0))
    with ThreadPoolExecutor(1) as executor:
        threads = CountingThreads(executor, lambda: nullcontext(Allowance(waited=next(waits))))
        for number in range(3):
            assert threads.submit(lambda one: one, number).result() == number
    assert threads.waited == 7.0
