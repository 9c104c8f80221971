"""What the expressions of dashboards and rules name: metrics, labels and values, held against the registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ecsync.wiring import metrics_page

_METRIC = re.compile(r"\b((?:ecsync|process)_\w+)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
_RECORDED = re.compile(r"\b\w+:\w+:\w+\b")
_OF_PROMETHEUS = {"job", "instance", "le", "alertname", "alertstate"}
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def recorded(expr: str) -> set[str]:
    """Return the series of recording rules that an expression names."""
    return set(_RECORDED.findall(expr))


def mistakes(expr: str) -> Iterator[str]:
    """Yield what an expression names and no daemon has: a metric, a label of it, or a value of a label."""
    known = _series()
    expr = _RECORDED.sub("recorded", expr)
    labels = set(_OF_PROMETHEUS)
    for name, matchers in _METRIC.findall(expr):
        family = known.get(name)
        if family is None:
            yield f"there is no metric {name}"
            continue
        labels |= set(family.labels)
        for label, operator, value in _MATCHER.findall(matchers):
            yield from _mistakes_of_matcher(family, label, operator, value)
    if "recorded" not in expr:
        for group in _GROUPING.findall(expr):
            named = {one.strip() for one in group.split(",") if one.strip()}
            yield from (f"no metric of the expression has the label {one}" for one in sorted(named - labels))


def _mistakes_of_matcher(family: metrics_page.Family, label: str, operator: str, value: str) -> Iterator[str]:
    if label in _OF_PROMETHEUS:
        return
    if label not in family.labels:
        yield f"{family.name} has no label {label}"
        return
    allowed = family.values(label)
    if "$" in value or isinstance(allowed, str):
        return
    for one in value.split("|") if "~" in operator else (value,):
        if one not in allowed:
            yield f"{family.name}{{{label}}} is never {one!r}"


@cache
def _series() -> dict[str, metrics_page.Family]:
    """Return the families by the names of their series."""
    return {
        family.name + suffix: family
        for family in metrics_page.families()
        for suffix in _SUFFIXES.get(family.kind, ("",))
    }
