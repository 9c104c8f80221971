"""`ecsync demo` as a new user runs it.

At its own speed: at 200, stopped tasks were replaced before a slow machine made the next pass.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable

from docs.generate.recording import RECORDING, kept


def test_every_chapter_of_the_demo_is_as_expected() -> None:
    """It exits with 0, each chapter of its table is as expected, and the picture of the README shows the same lines."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECSYNC_"))}
    command = [sys.executable, "-c", "from ecsync.cli import main; main(['demo'])"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    table = done.stdout.partition("AS EXPECTED")[2]
    assert (done.returncode, table.count("  yes"), "  NO" in table) == (0, 6, False), done.stdout + done.stderr
    recorded = RECORDING.read_text(encoding="utf-8").splitlines()[2:]
    assert _without_figures(kept(done.stdout)) == _without_figures(recorded), (
        "record it again: ecsync demo | python -m docs.generate.recording, and make reference"
    )


def _without_figures(lines: Iterable[str]) -> list[str]:
    """Return the lines without order and without times and counts, which differ from run to run."""
    return sorted(re.sub(r" *[\d.]+ *", " N ", line) for line in lines)
