"""A change of a field, as people read it: `path: before → after [drift] (rolls tasks) api.yaml:9`.

A block is printed by the members that differ, a list by its elements. A text is cut around the first difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ecsync.core.diff import LINE, parts, place, readable
from ecsync.core.model import Effect, FieldChange, Text
from ecsync.core.outcome import Event
from ecsync.core.redact import Redacted
from ecsync.core.trees import Json, Name, Path, canonical, dotted, plain, transform

WIDTH = LINE
LONGEST = 500  # characters of a value in an event
CONTEXT = 20  # characters that stay in front of the first difference

EFFECTS: Mapping[Effect, str] = {
    "in-place": "",
    "new-tasks": "tasks started from now on; a forced deployment rolls the others",
    "rolls-tasks": "rolls tasks",
    "needs-force": "needs a forced deployment",
    "revise": "new revision",
    "replace": "replaces the resource",
}

_REDACTED = re.compile(r"\(sensitive\)(?: #(?P<fingerprint>[0-9a-f]+))?")  # `str` of a Redacted


def change_lines(
    change: FieldChange, origin: str = "", *, tag: bool = True, note: str = "", fingerprints: bool = True
) -> list[str]:
    """Return the lines that every output prints for a change: one, or one for each member that differs.

    `tag` is False where the reason is not known. `note` is printed in front of the effect. Without `fingerprints`, two
    processes print the same lines: the key of a fingerprint is that of its process.
    """
    effect = "; ".join(text for text in (note, change.note, EFFECTS[change.effect]) if text)
    end = (f"[{change.reason}]" if tag else "", f"({effect})" if effect else "", origin)
    found = parts(change, WIDTH)
    shown = found if fingerprints else map(_without_fingerprints, found)
    return [" ".join(text for text in (_values(part), *end) if text) for part in shown]


def _without_fingerprints(change: FieldChange) -> FieldChange:
    before, after = (transform(side, _bare) for side in (change.before, change.after))
    return replace(change, before=before, after=after)


def _bare(leaf: Json) -> Json:
    return Redacted("") if isinstance(leaf, Redacted) else leaf


def event_lines(event: Event) -> list[str]:
    """Return the lines of each change of an event."""
    return [line for change in event.fields for line in change_lines(change, place(event.origins, change.path))]


def _values(change: FieldChange) -> str:
    if not change.path:  # the resource itself: `drift.GONE`
        return "(resource): missing → declared"
    before, after = _cut(_text(change.before), _text(change.after), WIDTH)
    return f"{dotted(change.path)}: {before} → {after}"


def left_to(owner: str, declared: Json) -> str:
    """Return who decides a value in place of the manifest, and what the manifest has."""
    return f"left to {owner}; declared: {shown(declared)}"


def shown(value: Json) -> str:
    """Return a value for one line: as JSON, cut, without control characters."""
    text = _text(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _text(value: Json) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, Text):
        return f"(known after apply: {value})"
    if isinstance(value, Redacted):
        return str(value)
    text = json.dumps(plain(value), ensure_ascii=False, default=str)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _cut(before: str, after: str, longest: int) -> tuple[str, str]:
    """Return both texts, each one that is longer than the limit cut around the first difference."""
    start = max(0, _first_difference(before, after) - CONTEXT)
    return _window(before, start, longest), _window(after, start, longest)


def _first_difference(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _window(text: str, start: int, longest: int) -> str:
    if len(text) <= longest:
        return text
    start = min(start, len(text) - longest + 1) if start > 1 else 0
    head = f"…{text[start:]}" if start else text
    return head if len(head) <= longest else f"{head[: longest - 1]}…"


def from_json(field: Mapping[str, Any]) -> FieldChange:
    """Return the change that a member of `fields` in the HTTP API states."""
    return FieldChange(
        path=_path(field["path"], field.get("shown", "")),
        before=_value(field["before"]),
        after=_value(field["after"]),
        effect=field["effect"],
        reason=field["reason"],
        note=field.get("note", ""),  # a daemon of an earlier release has none
    )


def _path(text: str, shown: str) -> Path:
    """Return the path of a JSON pointer. `shown` is the same for people: it shows which parts are names of elements."""
    path: list[str] = []
    for part in (one.replace("~1", "/").replace("~0", "~") for one in text.split("/")[1:]):
        named = shown.startswith(dotted((*path, Name(part))))
        path.append(Name(part) if named else part)
    return tuple(path)


def _value(value: Json) -> Json:
    redacted = _REDACTED.fullmatch(value) if isinstance(value, str) else None
    return value if redacted is None else Redacted(redacted["fingerprint"] or "")


def short(value: Json) -> Json:
    """Return the value, or its beginning and its length where it is too long for an event."""
    text = _plain_text(value)
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def short_changes(changes: Iterable[FieldChange]) -> Iterator[FieldChange]:
    """Yield the changes as an event has them: by the members that differ, and long texts cut."""
    for part in readable(changes, LONGEST):
        before, after = _plain_text(part.before), _plain_text(part.after)
        cut = _cut(before, after, LONGEST)
        yield replace(
            part,
            before=part.before if cut[0] == before else f"{cut[0]} ({len(before)} characters)",
            after=part.after if cut[1] == after else f"{cut[1]} ({len(after)} characters)",
        )


def _plain_text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value)
