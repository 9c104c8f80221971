"""Rules about the project's language that a machine can check: plain words, no citation of a page that is not here."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".json", ".expected", ".html"}
# CONTRIBUTING.md lists the words, and this file has them as a pattern.
EXEMPT = {"CONTRIBUTING.md", "tests/test_prose.py"}
NO_SUFFIX = {"Dockerfile", "Makefile", ".ci/run", ".dockerignore", ".gitignore"}
RECORDED = ("tests/cases/equivalence/", "tests/cases/forms.json")  # data, and the ids of data

# A plain word serves in place of each: report, return, declare, value, owner, results in, another client.
LITERARY = re.compile(
    r"\b(tells?|told|untold|says?|said|unsaid|speaks? of|spoken|whose|comes? to nothing|came to|nobody|nobodys|somebody"
    r"|whoever|by hand)\b",
    re.IGNORECASE,
)
PAGES = re.compile(r"normalization\.md|core[-]rules|observability\.md|engine\.md|\(rules? [0-9]")
MACHINES = re.compile(r"(?<![\w.])/(?:home|mnt|root|Users|work)/[\w.]")


@cache
def lines() -> tuple[tuple[str, str], ...]:
    """Return every line of every text file of the project, as `file:line` and text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in listed.split("\0"):
        path = ROOT / name
        if path.suffix not in TEXT and name not in NO_SUFFIX:
            continue
        if name in EXEMPT or name.startswith(RECORDED) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [(f"{name}:{number}", line) for number, line in enumerate(text.splitlines(), start=1)]
    return tuple(found)


@pytest.fixture(scope="module", autouse=True)
def checkout() -> None:
    """The files are those that git tracks: an unpacked archive has no list of them."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: the list of files is git's")


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        (LITERARY, "write it in plain words, see CONTRIBUTING.md"),
        (PAGES, "cite docs/rules.md, or state the fact"),
        (MACHINES, "name no path of a machine"),
    ],
    ids=["literary words", "pages that are not here", "paths of a machine"],
)
def test_no_line_has(pattern: re.Pattern[str], advice: str) -> None:
    """In code, comments, messages, manifests and docs; names are read as words."""
    found = [f"{place}: {line.strip()[:100]}" for place, line in lines() if pattern.search(line.replace("_", " "))]
    assert found == [], advice
