"""The mistakes of tests/cases/mistakes: each one changes a line of a good manifest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ecsync.awsmodel import shapes
from ecsync.core.model import Problem
from ecsync.core.ports import Snapshot
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import LoadCache, load

FOLDER = Path(__file__).parent.parent / "cases" / "mistakes"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A changed line of a good manifest, and what the message about it must have."""

    name: str
    base: str
    text: str  # the manifest with the mistake
    line: int  # of the message
    has: tuple[str, ...]
    has_fix: bool

    def found(self) -> list[Problem]:
        """Return the problems and notes at the line that have the expected words."""
        return [
            one
            for one in everything(self)
            if one.origin.line == self.line and all(part in one.message for part in self.has)
        ]


@cache
def everything(mistake: Mistake) -> tuple[Problem, ...]:
    """Return every problem and note of the manifest with the mistake."""
    snapshot = Snapshot(revision="test", files={f"{mistake.base}.yaml": mistake.text.encode()})
    loaded = load(
        snapshot, kinds=BY_NAME, shape_of=shapes.load, environment={}, root_name="here", cache=_last(mistake.base)
    )
    return *loaded.problems, *loaded.notes


@cache
def _last(_: str) -> LoadCache:
    """Return the cache of the loads of a manifest: a load repeats only what the changed line can alter."""
    return LoadCache()


@cache
def good(name: str) -> str:
    """Return a good manifest."""
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@cache
def mistakes() -> tuple[Mistake, ...]:
    """Return every mistake."""
    entries = yaml.safe_load((FOLDER / "mistakes.yaml").read_text(encoding="utf-8"))
    return tuple(_mistake(number, entry) for number, entry in enumerate(entries, start=1))


def _mistake(number: int, entry: dict[str, Any]) -> Mistake:
    lines = good(entry["in"]).splitlines()
    index = _only(lines, entry["line"], entry.get("which", 0))
    lines[index] = entry["now"]
    where = _only(lines, entry["at"], entry.get("at_which", 0)) if "at" in entry else index
    return Mistake(
        name=f"{number}: {entry['now'].strip()}",
        base=entry["in"],
        text="\n".join(lines) + "\n",
        line=where + 1,
        has=tuple(str(entry[name]) for name in ("has", "or") if name in entry),
        has_fix=entry.get("fix", True),
    )


def _only(lines: list[str], line: str, which: int) -> int:
    """Return the index of a line; `which` of several."""
    places = [index for index, one in enumerate(lines) if one == line]
    assert which or len(places) == 1, f"{line!r} is there {len(places)} times"
    return places[max(which, 1) - 1]
