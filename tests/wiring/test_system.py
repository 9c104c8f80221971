"""What this process asks of the system."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from ecsync.wiring.system import give_back


def resident() -> int:
    """Return the resident memory of this process in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(
    not Path("/proc/self/status").exists() or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc keeps free memory between what is in use",
)
def test_free_memory_between_what_is_in_use_goes_back() -> None:
    texts = [b"x" * 2000 + str(number).encode() for number in range(30_000)]
    kept = texts[::50]
    del texts
    before = resident()
    give_back()
    assert resident() < before - 20_000
    assert len(kept) == 600
