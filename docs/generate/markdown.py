"""What the generators share: tables as Markdown, and the rows of a table that is written in a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

HEAD = "<!-- Made by `make reference` from the code. Do not edit this page: change {source}. -->"
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def cell(text: str) -> str:
    """Return a text as the content of a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code, in a cell."""
    return f"`{cell(text)}`" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table. The cells must be safe (`cell`)."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (re.sub(r" +\|", " |", f"| {' | '.join(row)} |") for row in rows)


def rows_in(page: Path) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in a page, with its links as they are in a page of docs/reference."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            yield [_moved(one.strip(), page.name) for one in cells]


def _moved(text: str, page: str) -> str:
    text = _LINK.sub(lambda found: f"](../{found[1] or page}{found[2] or ''})", text)
    return re.sub(r"\[(below|above)\]", "[more]", text)
