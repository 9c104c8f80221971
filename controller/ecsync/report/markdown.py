"""Markdown that foreign text cannot leave: fenced blocks of lines, each cut to the room that is left.

Names, values, tags, error texts and file names come from AWS and from manifests. They stand in fenced blocks and in
`<code>` alone: there GitHub and GitLab see no link, image, HTML, heading, table, mention, reference or quick action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, TypeAlias

Fold: TypeAlias = Literal["no", "open", "closed"]
LONGEST = 400  # characters of a line
_FINGERPRINT = re.compile(r"(\(sensitive\)) #[0-9a-f]{4}")  # of one process: another run prints another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines under a title. The title is ours: foreign text in it is `inline`. Each line begins with a sign of ours.

    `fold` is whether a reader has to open it: `no` has no switch.
    """

    title: str
    lines: Sequence[str]
    fold: Fold = "no"
    language: Literal["diff", "text"] = "text"


def visible(text: str, longest: int = LONGEST) -> str:
    """Return the text for one line: cut, without what is not printed (line breaks, controls, bidi, surrogates)."""
    bare = _FINGERPRINT.sub(r"\1", text)
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in bare[:longest])
    return shown if len(shown) <= longest and len(bare) <= longest else f"{shown[: longest - 1]}…"


def inline(text: str) -> str:
    """Return the text as code inside a line of HTML."""
    return f"<code>{escape(visible(text, 80))}</code>"


def rendered(section: Section, room: int) -> tuple[str, int]:
    """Return the section in at most `room` characters, and how many of its lines are left out.

    It is empty if not even one line has room. The folds and fences of what is cut are closed.
    """
    lines = [visible(line) for line in section.lines]
    opening, closing = _frame(section, lines)
    left = room - len(opening) - len(closing) - len(_left_out(len(lines)))
    kept = list(_fitting(lines, left))
    if not kept:
        return "", len(lines)
    missing = len(lines) - len(kept)
    if missing:
        kept.append(_left_out(missing))
    return opening + "".join(kept) + closing, missing


def _frame(section: Section, lines: Sequence[str]) -> tuple[str, str]:
    """Return what stands before and after the lines. The fence is longer than any row of backticks in them."""
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    opening, closing = f"{fence}{section.language}\n", f"{fence}\n\n"
    if section.fold == "no":
        return f"**{section.title}**\n\n{opening}", closing
    switch = "<details open>" if section.fold == "open" else "<details>"
    return f"{switch}\n<summary>{section.title}</summary>\n\n{opening}", f"{closing}</details>\n\n"


def _fitting(lines: Sequence[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield f"{line}\n"


def _left_out(lines: int) -> str:
    return f"… {lines} more lines are left out\n"
