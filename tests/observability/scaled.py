"""The rules with shorter times, for a real Prometheus in a test: durations are divided, and nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RANGE = re.compile(r"\[(\d+)([smhd])\]")  # `[5m]` in an expression
_FIELDS = ("for", "keep_firing_for")


def scaled(rules: Mapping[str, Any], by: float, least: float) -> dict[str, Any]:
    """Return the rules with `for` and the ranges of selectors divided by `by`.

    A range is not shorter than `least` seconds: a rate needs some scrapes. Numbers in expressions stay.
    """

    def divided(match: re.Match[str]) -> str:
        return f"[{_text(max(int(match[1]) * _UNITS[match[2]] / by, least))}]"

    def rule(one: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(one) | {"expr": _RANGE.sub(divided, one["expr"])}
        for field in _FIELDS:
            if field in made:
                number, unit = int(made[field][:-1]), made[field][-1]
                made[field] = _text(number * _UNITS[unit] / by)
        return made

    groups = [dict(group) | {"rules": [rule(one) for one in group["rules"]]} for group in rules["groups"]]
    return {"groups": groups}


def _text(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
