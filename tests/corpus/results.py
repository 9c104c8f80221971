"""What became of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One document: `word` is the column of the table that it counts in."""

    file: str
    what: str
    word: str
    why: str = ""
    filled: tuple[str, ...] = ()
