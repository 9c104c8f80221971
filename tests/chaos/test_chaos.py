"""A small slice of `make chaos`, the same in every run. It has a process of its own: it copies itself for each case."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.stage import ROOT


@pytest.mark.parametrize(
    "arguments",
    [
        ("--scenario", "image", "--stride", "12"),
        ("--scenario", "target group port", "--fault", "killed-after", "--stride", "60"),
        ("--scenario", "first converge of the quickstart", "--stale", "5"),
        ("--walks", "1"),
        ("--schedules", "4"),
    ],
    ids=["faults", "killed", "stale", "walk", "schedules"],
)
def test_a_slice(arguments: tuple[str, ...]) -> None:
    """No case fails."""
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 failures, seed 1" in done.stdout
