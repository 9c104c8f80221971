"""Fits the output of a describe call to AWS's shapes: members outside the shapes are removed, scalars are coerced.

This is the counterpart of `check` for a body that comes from AWS. AWS may return an enum value, a length or a duplicate
that the installed botocore does not list. Only a value of the wrong type is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecsync.core.rules import CommaList, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Json, Path, dotted, matches
from ecsync.language.coerce import coerced, pair_members

_UNCHANGED_TYPES = ("any", "timestamp", "blob")


class TypeMismatch(ValueError):
    """A value does not have the type of its shape."""


def fitted(tree: Json, *shapes: Shape, rules: Rules = (), tags: str = "", strict: bool = True) -> Json:
    """Return the tree reduced to the members of the shapes; each value has the type of the first shape that accepts it.

    `tags` is the member that holds tags, in any style. If no shape accepts a value, `strict` raises TypeMismatch.
    Without `strict`, such a value stays unchanged, and so does a top-level member that is in no shape.
    """
    commas = tuple(row.segments for row in rules if isinstance(row, CommaList))
    return _Fitter(commas, tags, strict).value(tree, shapes, ())


class _Fitter:
    def __init__(self, commas: Sequence[Sequence[str]], tags: str, strict: bool) -> None:
        self._commas = commas
        self._tags = tags
        self._strict = strict

    def value(self, value: Json, shapes: Sequence[Shape], path: Path) -> Json:
        for shape in shapes:
            if value is None or shape.type in _UNCHANGED_TYPES:
                return value
        structures = [shape for shape in shapes if shape.type == "structure"]
        lists = [shape for shape in shapes if shape.type == "list"]
        maps = [shape for shape in shapes if shape.type == "map"]
        if isinstance(value, Mapping):
            if structures:
                return self._structure(value, structures, path)
            if maps:
                return {str(key): self.value(below, _elements(maps), (*path, key)) for key, below in value.items()}
            value = _as_pairs(value, lists, tags=path == (self._tags,))
        if isinstance(value, (list, tuple)):
            if lists:
                return [self.value(below, _elements(lists), (*path, index)) for index, below in enumerate(value)]
            if path == (self._tags,):
                return list(value)
            if any(len(path) == len(comma) and matches(path, comma) for comma in self._commas):
                return ",".join(map(str, value))
        return self._scalar(value, shapes, path)

    def _structure(self, value: Mapping[str, Json], shapes: Sequence[Shape], path: Path) -> dict[str, Json]:
        done = {}
        for name, below in value.items():
            inner = [shape.members[name] for shape in shapes if name in shape.members]
            if inner:
                done[name] = self.value(below, inner, (*path, name))
            elif not path and not self._strict:
                done[name] = below
        return done

    def _scalar(self, value: Json, shapes: Sequence[Shape], path: Path) -> Json:
        for shape in shapes:
            typed = coerced(value, shape.type) if isinstance(value, (str, int, float)) else None
            if typed is not None:
                return typed
        if not self._strict:
            return value
        wanted = " or ".join(dict.fromkeys(shape.type for shape in shapes))
        raise TypeMismatch(f"{dotted(path) or 'the document'} must be of type {wanted}, not {type(value).__name__}")


def _elements(shapes: Sequence[Shape]) -> list[Shape]:
    return [shape.element for shape in shapes if shape.element is not None]


def _as_pairs(value: Mapping[str, Json], lists: Sequence[Shape], *, tags: bool) -> Json:
    """Return the map as AWS's list of pairs; unchanged if the elements of the lists are not pairs."""
    for element in _elements(lists):
        pair = pair_members(element, tags=tags)
        if pair is not None:
            return [{pair[0]: key, pair[1]: below} for key, below in value.items()]
    return value
