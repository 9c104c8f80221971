"""`ecsync demo | python -m docs.generate.recording`: keep its chapters, drift, repairs and table in docs/demo.txt."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

RECORDING = Path(__file__).resolve().parents[1] / "demo.txt"
_STATE = re.compile(r"  [A-Z]\w+/\S+ ")  # the state of one resource: too many for a picture


def kept(output: str) -> Iterator[str]:
    """Yield the lines of the demo that are in the picture."""
    yield from (line.rstrip() for line in output.strip().splitlines() if not _STATE.match(line))


def main() -> int:
    """Read the output of the demo from stdin, and write the recording."""
    lines = ["$ ecsync demo", "", *kept(sys.stdin.read())]
    RECORDING.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
