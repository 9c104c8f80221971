"""How verbs print: data to stdout, messages to stderr, colour only on a terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable
from typing import Any, TextIO

COMMAND = "command"  # the style of a command to copy
NARROWEST = 40  # columns; a narrower terminal wraps by itself
_COLOURS = {"good": "32", "change": "33", "danger": "31", "dim": "2", "title": "1"}


def coloured(stream: TextIO) -> bool:
    """Return whether a stream shows colour."""
    if not stream.isatty():
        return False
    from ecsync.config import no_colour

    return not no_colour()


def styled(text: str, style: str, stream: TextIO = sys.stdout) -> str:
    """Return the text in a style, plain if the stream shows no colour; control characters become visible."""
    safe = visible(text)
    return f"\x1b[{_COLOURS[style]}m{safe}\x1b[0m" if style in _COLOURS and coloured(stream) else safe


def visible(text: str) -> str:
    """Return the text with control characters as escapes: a value cannot control the terminal."""
    return "".join(char if char.isprintable() or char == "\t" else f"\\u{ord(char):04x}" for char in text)


def width() -> int | None:
    """Return the columns of the terminal; None where stdout is none: lines are whole there."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def message(text: str, style: str = "") -> None:
    """Print a message to stderr. It may end with a command to copy, so it stays one line."""
    print(styled(text, style, sys.stderr), file=sys.stderr)


def put(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines of data with their styles. On a terminal a longer line goes on below, four columns further in.

    A line in the style `command` stays whole, so that it can be copied.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for text, style in lines:
        for line in wrapped(text, 0 if style == COMMAND else columns):
            print(styled(line, style), flush=True)


def wrapped(text: str, columns: int) -> list[str]:
    """Return a line as lines of so many columns at most, broken at spaces; with 0, as it is."""
    if columns < NARROWEST:
        return [text]
    from rich.cells import cell_len, chop_cells  # a Korean syllable takes two columns

    if cell_len(text) <= columns:
        return [text]
    start = len(text) - len(text.lstrip())
    front = " " * (start + 4)
    lines, line = [], " " * start
    for word in re.findall(r"\S+\s*", text):
        if line.strip() and cell_len(line) + cell_len(word.rstrip()) > columns:
            lines.append(line.rstrip())
            line = front
        *whole, rest = chop_cells(word, columns - len(front)) if cell_len(word) > columns - len(front) else [word]
        lines += [front + part for part in whole]
        line += rest
    return [*lines, line.rstrip()]


def in_line(parts: Iterable[tuple[str, str]]) -> str:
    """Return a line of data from its parts, each in its style."""
    return "".join(styled(text, style, sys.stdout) if text.strip() else text for text, style in parts)


def put_lines(lines: Iterable[Iterable[tuple[str, str]]]) -> None:
    """Print lines of data, each of parts with their styles."""
    for line in lines:
        print(in_line(line))


def joined(*reasons: str) -> str:
    """Return the reasons as one line, each once."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def change(field: dict[str, Any]) -> list[str]:
    """Return the lines for a changed field of the API."""
    from ecsync.report.changes import change_lines, from_json

    return change_lines(from_json(field), field["origin"] or "")


def left(value: dict[str, Any]) -> str:
    """Return the line for a value of the API that another controller decides in place of the manifest."""
    from ecsync.report.changes import left_to, shown

    return f"≈ {value['shown']}: {shown(value['value'])}, {left_to(value['owner'], value['declared'])}"


def put_json(document: Any) -> None:
    """Print a document as JSON."""
    print(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def problems(found: Iterable[object]) -> None:
    """Print the problems of manifests to stderr, one a line, as `file:line:col: message`."""
    for one in found:
        print(styled(str(one), "danger", sys.stderr), file=sys.stderr)


def counted(number: int, noun: str) -> str:
    """Return `1 problem`, `2 problems`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
