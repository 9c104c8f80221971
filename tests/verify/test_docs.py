"""The rights in docs/cli.md are those of the calls."""

from __future__ import annotations

import re
from pathlib import Path

from ecsync.verify.checks import CHECKS
from ecsync.verify.rights import RIGHTS

CLI = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
SOURCES = Path(__file__).resolve().parents[2] / "controller" / "ecsync" / "verify"


def test_the_table_has_each_check_and_each_right() -> None:
    """And no other one."""
    section = CLI.read_text().partition("\n## Verify\n")[2].partition("\n## ")[0]
    table = section.partition("| check | right |")[2]
    rows = re.findall(r"^\| (\w+) \| (.*) \|$", table, re.MULTILINE)
    assert [name for name, _ in rows] == [check.__name__ for check in CHECKS]
    named = [right for _, cell in rows for right in re.findall(r"`([\w:]+)`", cell)]
    assert sorted(named) == sorted(RIGHTS.values())


def test_each_right_is_of_a_call_that_some_check_makes() -> None:
    """A call that is made no more leaves the table; the client refuses a call that is not in it."""
    text = "".join(path.read_text() for path in SOURCES.glob("*.py") if path.name != "rights.py")
    made = set(re.findall(r'"([A-Z][A-Za-z]+)"', text))
    assert {operation.partition(".")[2] for operation in RIGHTS} <= made
