"""Hypothesis strategies for bodies that AWS's shapes allow. Few texts, so that names are equal often; no pair twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from ecsync.core.rules import Keyed, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Path, canonical, matches
from ecsync.language.coerce import pair_members

_TEXTS = ("a", "b", "web", "Web", "", "default", "LATEST", "none", "10", "0.5 GB", "arn:aws:ecs:x:1:cluster/a")
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(_TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_TEXTS), inner, max_size=2),
    max_leaves=4,
)
_MOST_MEMBERS, _DEEPEST = 5, 7
_TOKENS = ("clienttoken", "clientrequesttoken", "idempotencytoken")  # not declared in manifests


def bodies(shape: Shape, rules: Rules = (), tags: str = "") -> st.SearchStrategy[Any]:
    """Return a strategy for bodies of the shape; a list that the rules key has no key twice."""
    return _Bodies(rules, tags).of(shape, ())


class _Bodies:
    def __init__(self, rules: Rules, tags: str) -> None:
        self._keys = [(row.segments, row.key) for row in rules if isinstance(row, Keyed)]
        self._tags = tags

    def of(self, shape: Shape, path: Path) -> st.SearchStrategy[Any]:
        if shape.type == "structure":
            return self._structure(shape, path)
        if shape.type == "list":
            return self._list(shape, path)
        if shape.type == "map":
            assert shape.element is not None
            return st.dictionaries(st.sampled_from(_TEXTS[:6]), self.of(shape.element, (*path, "*")), max_size=2)
        return _scalar(shape)

    def _structure(self, shape: Shape, path: Path) -> st.SearchStrategy[Any]:
        @st.composite
        def some(draw: st.DrawFn) -> dict[str, Any]:
            names = [name for name in shape.members if name.lower() not in _TOKENS]
            deep = len(path) >= _DEEPEST
            chosen = draw(st.lists(st.sampled_from(names), max_size=1 if deep else _MOST_MEMBERS, unique=True))
            needed = shape.required | {"key", "Key"} if path[:1] == (self._tags,) else shape.required
            wanted = dict.fromkeys((*sorted(needed & {*names}), *chosen)) if path else dict.fromkeys(chosen)
            return {name: draw(self.of(shape.members[name], (*path, name))) for name in wanted}

        return some() if shape.members else st.just({})

    def _list(self, shape: Shape, path: Path) -> st.SearchStrategy[Any]:
        assert shape.element is not None
        if len(path) >= _DEEPEST:
            return st.just([])
        elements = self.of(shape.element, (*path, 0))
        key = self._key(shape.element, path)
        if not key:
            return st.lists(elements, max_size=3)
        return st.lists(elements, max_size=3, unique_by=lambda one: canonical([one.get(part) for part in key]))

    def _key(self, element: Shape, path: Path) -> Sequence[str]:
        """Return the members that are the key of an element of the list; empty if it has no key."""
        if element.type != "structure":
            return ()
        pair = pair_members(element, tags=path == (self._tags,))
        of_row = next((key for row, key in self._keys if len(row) == len(path) and matches(path, row)), ())
        return of_row or (pair[:1] if pair else ())


def _scalar(shape: Shape) -> st.SearchStrategy[Any]:
    least, most = shape.bounds
    if shape.type in ("integer", "long"):
        low = int(least) if least is not None else -1
        return st.integers(low, min(int(most), low + 5000) if most is not None else low + 5000)
    if shape.type in ("float", "double"):
        first = int(least or 0)
        return st.integers(first, min(int(most), first + 100) if most is not None else first + 100).map(float)
    if shape.type == "boolean":
        return st.booleans()
    if shape.type == "timestamp":
        return st.sampled_from(("2026-01-01T00:00:00Z", "2026-01-01T09:00:00+09:00"))
    if shape.type == "any":
        return _TREES
    if shape.enum:
        return st.sampled_from(shape.enum)
    short, long = int(least or 0), int(most) if most is not None else 99
    return st.sampled_from([text for text in _TEXTS if short <= len(text) <= long] or ["x" * short])
