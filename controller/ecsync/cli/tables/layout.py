"""Columns of text that fit a terminal: plain lines, the same for the same rows.

Widths count what a terminal draws: a Korean syllable takes two columns. A pipe gets whole lines: no width is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ecsync.cli._show import COMMAND, visible

Cell: TypeAlias = tuple[str, str]  # a text and its style
Line: TypeAlias = tuple[Cell, ...]

_GAP = 2  # between two columns
_LAST = 16  # the last column wraps; other columns are cut until it has this width
_LEAST = 6  # no column is cut below it
_FIRM = ("SYNC", "HEALTH", "LAST PASS", "AGE", "TIME")  # titles of columns that are cut last
_INDENT = "  "
_NARROWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `below` are lines under it, indented; `mark` is how a row is found again in the next screen."""

    cells: tuple[Cell, ...]
    below: tuple[Cell, ...] = ()
    mark: str = ""


def table(
    titles: Sequence[str],
    rows: Sequence[Row],
    width: int | None,
    extra: Sequence[str] = (),
    least: Sequence[int] = (),
) -> Iterator[Line]:
    """Yield the lines of a table: the titles, and each row. The last column wraps within the width, if one is given.

    The columns with the titles in `extra` are lines under each row where the width is too small for them. `least` are
    the smallest widths of the columns.
    """
    rows = [replace(row, cells=tuple((_clean(text), style) for text, style in row.cells)) for row in rows]
    if width is not None:
        width = max(width, _NARROWEST)
        if extra and _needs(_widths(titles, rows)) > width:
            titles, rows = _without(titles, rows, extra)
    soft = [column for column, title in enumerate(titles[:-1]) if title not in _FIRM]
    widths = _fitting(grown(least, titles, rows), width, soft)
    for row in (Row(cells=tuple((title, "title") for title in titles)), *rows):
        yield from _row(row, widths, width)


def grown(before: Sequence[int], titles: Sequence[str], rows: Sequence[Row]) -> list[int]:
    """Return the widths of the columns, at least those before."""
    found = _widths(titles, rows)
    return [max(pair) for pair in zip(found, before, strict=True)] if before else found


def wrapped(text: str, width: int | None) -> Iterator[str]:
    """Yield the lines of a text: words on lines of a width; the text as it is without one."""
    if width is None:
        yield text
        return
    from rich.cells import cell_len, chop_cells

    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) > width:
            yield line
            line = ""
        if cell_len(word) > width:
            *whole, word = chop_cells(word, width)
            yield from whole
        line = f"{line} {word}" if line else word
    yield line


def indented(cell: Cell, width: int | None) -> Iterator[Line]:
    """Yield a text as indented lines; those after the first are indented once more. A command stays one line."""
    text, style = cell
    width = None if style == COMMAND else width
    stripped = visible(text).strip()
    front = " " * (len(text) - len(text.lstrip())) + _INDENT
    for number, line in enumerate(wrapped(stripped, width and max(width - len(front) - 2, _LEAST))):
        yield ((front + (_INDENT if number else "") + line, style),)


def _clean(text: str) -> str:
    return visible(" ".join(text.split()))


def _widths(titles: Sequence[str], rows: Sequence[Row]) -> list[int]:
    from rich.cells import cell_len

    return [
        max(len(title), *(cell_len(row.cells[column][0]) for row in rows), 0) for column, title in enumerate(titles)
    ]


def _needs(widths: Sequence[int]) -> int:
    return sum(widths[:-1]) + _GAP * (len(widths) - 1) + min(widths[-1], _LAST)


def _fitting(widths: list[int], width: int | None, soft: Sequence[int]) -> list[int]:
    """Return the widths that fit: the widest soft columns are cut, then any, and the last one takes the rest."""
    if width is None:
        return widths
    for columns in (soft, range(len(widths) - 1)):
        while _needs(widths) > width and (widest := max(columns, key=widths.__getitem__, default=-1)) >= 0:
            if widths[widest] <= _LEAST:
                break
            widths[widest] -= 1
    return [*widths[:-1], max(_LEAST, width - sum(widths[:-1]) - _GAP * (len(widths) - 1))]


def _without(titles: Sequence[str], rows: Sequence[Row], extra: Sequence[str]) -> tuple[Sequence[str], list[Row]]:
    """Return the table without some columns; each row has them as lines under it."""
    kept = [column for column, title in enumerate(titles) if title not in extra]
    moved = [column for column, title in enumerate(titles) if title in extra]
    return [titles[column] for column in kept], [
        replace(
            row,
            cells=tuple(row.cells[column] for column in kept),
            below=(
                *((f"{_named(titles[one])}: {row.cells[one][0]}", "dim") for one in moved if row.cells[one][0] != "-"),
                *row.below,
            ),
        )
        for row in rows
    ]


def _named(title: str) -> str:
    return title.lower().replace("aws", "AWS")


def _row(row: Row, widths: Sequence[int], width: int | None) -> Iterator[Line]:
    from rich.cells import cell_len

    *front, (text, style) = row.cells
    lines = list(wrapped(text, None if width is None else widths[-1]))
    line: list[Cell] = []
    for (content, its_style), size in zip(front, widths, strict=False):
        shown = _cut(content, size)
        line += [(shown, its_style), (" " * (size - cell_len(shown) + _GAP), "")]
    yield _stripped((*line, (lines[0], style)))
    margin = " " * (sum(widths[:-1]) + _GAP * len(front))
    yield from (((margin, ""), (more, style)) for more in lines[1:])
    for below in row.below:
        yield from indented(below, width)


def _cut(text: str, size: int) -> str:
    from rich.cells import cell_len, chop_cells

    return text if cell_len(text) <= size else f"{chop_cells(text, size - 1)[0]}…"


def _stripped(line: Sequence[Cell]) -> Line:
    """Return the line without blanks at its end."""
    kept = list(line)
    while kept and not kept[-1][0].strip():
        kept.pop()
    return tuple(kept)
