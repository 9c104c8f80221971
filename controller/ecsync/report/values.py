"""Values of fields as they are told: plain trees, and short."""

from __future__ import annotations

from dataclasses import replace

from ecsync.core.model import FieldChange
from ecsync.core.trees import Json, canonical

LONGEST = 500  # characters of one value in an event or a log line


def short(value: Json) -> Json:
    """Return the value, or its beginning and its length where it is too long for people."""
    text = value if isinstance(value, str) else canonical(value)
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def short_change(change: FieldChange) -> FieldChange:
    """Return the change with both values short."""
    return replace(change, before=short(change.before), after=short(change.after))
