"""`ecsync demo` as a new user runs it.

At its own speed: at 200, stopped tasks were replaced before a slow machine made the next pass.
"""

from __future__ import annotations

import os
import subprocess
import sys


def test_every_chapter_of_the_demo_is_as_expected() -> None:
    """It exits with 0, and each chapter of its table is as expected."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECSYNC_"))}
    command = [sys.executable, "-c", "from ecsync.cli import main; main(['demo'])"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    table = done.stdout.partition("as expected")[2]
    assert (done.returncode, table.count("  yes  "), "NO (" in table) == (0, 6, False), done.stdout + done.stderr
