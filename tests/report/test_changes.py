"""A change is one line, the same from a plan, an event, and the HTTP API."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from ecsync.core.model import Effect, FieldChange, Key, Ref, Text
from ecsync.core.redact import Redacted
from ecsync.core.trees import plain, pointer
from ecsync.report.changes import EFFECTS, change_line, from_json
from ecsync.report.drift import GONE

ARN = Text((Ref(Key(application="shop", kind="TargetGroup", name="web"), "arn"),))


def change(before: Any, after: Any, path: tuple[str | int, ...] = ("cpu",), **fields: Any) -> FieldChange:
    """Return a change."""
    return FieldChange(path=path, before=before, after=after, **fields)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (change("256", "512"), 'cpu: "256" → "512" [drift]'),
        (change(None, 5, reason="pending"), "cpu: (not set) → 5 [pending]"),
        (change(5, None, reason="lookup"), "cpu: 5 → (not set) [lookup]"),
        (change(1, 2, effect="replace"), "cpu: 1 → 2 [drift] (replaces the resource)"),
        (change(1, 2, ("containerDefinitions", "web", "port", 0)), "containerDefinitions.web.port[0]: 1 → 2 [drift]"),
        (change({"a": True}, []), 'cpu: {"a": true} → [] [drift]'),
        (change(Redacted("a1"), Redacted("")), "cpu: (sensitive) #a1 → (sensitive) [drift]"),
        (change(None, ARN), "cpu: (not set) → (known after apply: ${TargetGroup/web.arn}) [drift]"),
        (change("\x1b[31m\n", "x" * 200), 'cpu: "\\u001b[31m\\n" → "' + "x" * 98 + "… [drift]"),
        (GONE, "(resource): missing → declared [drift]"),
    ],
)
def test_a_change_is_one_line(changed: FieldChange, line: str) -> None:
    """Path, value before, value after, reason, effect; never a control character."""
    assert change_line(changed) == line
    assert change_line(changed, "api.yaml:4") == f"{line} api.yaml:4"


def test_the_reason_is_left_out_where_it_is_not_known() -> None:
    """Two files have no history; a note is printed with the effect."""
    assert change_line(change(1, 2), "a.yaml:1", tag=False) == "cpu: 1 → 2 a.yaml:1"
    assert change_line(change(1, 2, effect="revise"), tag=False, note="held") == "cpu: 1 → 2 (held; new revision)"


def test_every_effect_has_a_text() -> None:
    """Only a change in place has none to print."""
    assert set(EFFECTS) == set(get_args(Effect))
    assert [effect for effect, text in EFFECTS.items() if not text] == ["in-place"]


@pytest.mark.parametrize(
    "changed",
    [
        change("256", None, effect="rolls-tasks", reason="pending"),
        change(Redacted("a1"), Redacted(""), ("a/b", "c~d", 0)),
        GONE,
    ],
)
def test_the_line_of_the_api_is_the_line_of_the_engine(changed: FieldChange) -> None:
    """The JSON of a change has all that the line needs; a redacted value stays unquoted."""
    field = {
        "path": pointer(changed.path),
        "before": plain(changed.before),
        "after": plain(changed.after),
        "effect": changed.effect,
        "reason": changed.reason,
    }
    assert change_line(from_json(json.loads(json.dumps(field)))) == change_line(changed)
