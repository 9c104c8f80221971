"""What a piece of work costs: its calls as the load AWS counted them, and the time and memory of this process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.client import Remote


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Calls by operation, and seconds. `thread_cpu` is of the thread that works, `process_cpu` of all threads."""

    calls: Mapping[str, int]
    writes: int
    throttles: int
    errors: Mapping[str, int]
    thread_cpu: float
    process_cpu: float
    wall: float

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())


def measured(aws: Remote, work: Callable[[], object]) -> Cost:
    """Do the work and return its cost."""
    gc.collect()
    aws.set()  # the counts begin again
    wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
    work()
    thread, process, wall = time.thread_time() - thread, time.process_time() - process, time.perf_counter() - wall
    received = aws.received()
    return Cost(
        calls=dict(received.operations()),
        writes=sum(received.writes.values()),
        throttles=sum(received.throttles.values()),
        errors=received.errors,
        thread_cpu=thread,
        process_cpu=process,
        wall=wall,
    )


def resident() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not show it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) * 1024
