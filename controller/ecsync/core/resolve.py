"""Resolve references: put their values into a body."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ecsync.core.model import Ref, Text
from ecsync.core.trees import Body, Json, Path, matches, pattern


def resolve(
    body: Body,
    values: Callable[[Ref], str | Sequence[str] | None],
    comma_lists: Sequence[str | Sequence[str]] = (),
    referring: Collection[str] | None = None,
) -> dict[str, Json]:
    """Return the body with every known reference replaced by its value; an unknown one stays `Text`.

    `referring` are the members that contain references, where they are known: the others are shared with the body. A
    value that is one reference alone gets the type of the output. A list is spliced into a list. It is joined with
    commas inside a longer text, and at the paths in `comma_lists`.
    """
    patterns = [pattern(path) if isinstance(path, str) else path for path in comma_lists]
    return {
        key: _resolve(value, (key,), values, patterns) if referring is None or key in referring else value
        for key, value in body.items()
    }


def _resolve(
    value: Json, path: Path, values: Callable[[Ref], str | Sequence[str] | None], patterns: Sequence[Sequence[str]]
) -> Json:
    """Return a value resolved; the path is followed only where there are patterns."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Text):
        return _resolved_text(value, path, values, patterns)
    if isinstance(value, (list, tuple)):
        elements: list[Json] = []
        for index, below in enumerate(value):
            done = _resolve(below, (*path, index) if patterns else path, values, patterns)
            elements += done if isinstance(below, Text) and isinstance(done, list) else [done]
        return elements
    if isinstance(value, (dict, Mapping)):  # the class first: the check of an abstract class is slow
        return {
            key: _resolve(below, (*path, key) if patterns else path, values, patterns) for key, below in value.items()
        }
    return value


def _resolved_text(
    value: Text, path: Path, values: Callable[[Ref], str | Sequence[str] | None], patterns: Sequence[Sequence[str]]
) -> Json:
    if value.sole is not None:
        found = values(value.sole)
        if found is None or isinstance(found, str):
            return value if found is None else found
        one_text = any(len(path) == len(segments) and matches(path, segments) for segments in patterns)
        return ",".join(found) if one_text else list(found)
    parts: list[str | Ref] = []
    for part in value.parts:
        found = values(part) if isinstance(part, Ref) else part
        parts.append(part if found is None else found if isinstance(found, str) else ",".join(found))
    return joined(parts)


def joined(parts: Sequence[str | Ref]) -> str | Text:
    """Return the parts as one text: a plain string if it contains no reference."""
    merged: list[str | Ref] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    if any(isinstance(part, Ref) for part in merged):
        return Text(tuple(merged))
    return "".join(str(part) for part in merged)
