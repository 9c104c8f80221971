"""A change of a field, as people read it: `path: before → after [drift] (rolls tasks) api.yaml:9`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecsync.core.model import Effect, FieldChange, Text
from ecsync.core.outcome import Event
from ecsync.core.redact import Redacted
from ecsync.core.trees import Json, Path, canonical, dotted, plain, pointer

WIDTH = 100  # characters of a value in a line
LONGEST = 500  # characters of a value in an event

EFFECTS: Mapping[Effect, str] = {
    "in-place": "",
    "new-tasks": "new tasks only; running ones after a forced deployment",
    "rolls-tasks": "rolls tasks",
    "needs-force": "needs a forced deployment",
    "revise": "new revision",
    "replace": "replaces the resource",
}

_REDACTED = re.compile(r"\(sensitive\)(?: #(?P<fingerprint>[0-9a-f]+))?")  # `str` of a Redacted


def change_line(change: FieldChange, origin: str = "", *, tag: bool = True, note: str = "") -> str:
    """Return the one line that every output prints for a change.

    `tag` is False where the reason is not known. `note` is printed in front of the effect.
    """
    effect = "; ".join(text for text in (note, EFFECTS[change.effect]) if text)
    parts = (
        _values(change),
        f"[{change.reason}]" if tag else "",
        f"({effect})" if effect else "",
        origin,
    )
    return " ".join(part for part in parts if part)


def event_lines(event: Event) -> list[str]:
    """Return the line of each change of an event."""
    return [change_line(change, event.origins.get(pointer(change.path), "")) for change in event.fields]


def _values(change: FieldChange) -> str:
    if not change.path:  # the resource itself: `drift.GONE`
        return "(resource): missing → declared"
    return f"{dotted(change.path)}: {shown(change.before)} → {shown(change.after)}"


def shown(value: Json) -> str:
    """Return a value for one line: as JSON, cut, without control characters."""
    if value is None:
        return "(not set)"
    if isinstance(value, Text):
        return f"(known after apply: {value})"
    if isinstance(value, Redacted):
        return str(value)
    text = json.dumps(plain(value), ensure_ascii=False, default=str)
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def from_json(field: Mapping[str, Any]) -> FieldChange:
    """Return the change that a member of `fields` in the HTTP API states."""
    return FieldChange(
        path=_path(field["path"]),
        before=_value(field["before"]),
        after=_value(field["after"]),
        effect=field["effect"],
        reason=field["reason"],
    )


def _path(text: str) -> Path:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _value(value: Json) -> Json:
    redacted = _REDACTED.fullmatch(value) if isinstance(value, str) else None
    return value if redacted is None else Redacted(redacted["fingerprint"] or "")


def short(value: Json) -> Json:
    """Return the value, or its beginning and its length where it is too long for an event."""
    text = value if isinstance(value, str) else canonical(value)
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def short_change(change: FieldChange) -> FieldChange:
    """Return the change with both values short."""
    return replace(change, before=short(change.before), after=short(change.after))
