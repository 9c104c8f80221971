"""What describe prints, taken as AWS's shapes have it: server-owned members go, scalars get their types.

The counterpart of `check` for a body that nobody wrote. AWS may print an enum value, a length or a duplicate that this
botocore does not know; only a value that cannot be what its shape says is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecsync.core.rules import CommaList, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Json, Path, dotted, matches
from ecsync.language.coerce import coerced
from ecsync.language.pairs import pair_members

_KEPT_AS_THEY_ARE = ("any", "timestamp", "blob")


class TypeMismatch(ValueError):
    """A value that is not what its shape says."""


def fitted(tree: Json, *shapes: Shape, rules: Rules = (), tags: str = "", strict: bool = True) -> Json:
    """Return the tree with the members that any of the shapes has, as the first shape that takes a value has it.

    Raises TypeMismatch at a value that none of them takes. `tags` is the member that holds tags, in any spelling. Unless
    `strict`, such a value stays as it is, and so does a member at the top that no shape has.
    """
    commas = tuple(row.segments for row in rules if isinstance(row, CommaList))
    return _Fit(commas, tags, strict).value(tree, shapes, ())


class _Fit:
    def __init__(self, commas: Sequence[Sequence[str]], tags: str, strict: bool) -> None:
        self._commas = commas
        self._tags = tags
        self._strict = strict

    def value(self, value: Json, shapes: Sequence[Shape], path: Path) -> Json:
        for shape in shapes:
            if value is None or shape.type in _KEPT_AS_THEY_ARE:
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
            fit = coerced(value, shape.type) if isinstance(value, (str, int, float)) else None
            if fit is not None:
                return fit
        if not self._strict:
            return value
        wanted = " or ".join(dict.fromkeys(shape.type for shape in shapes))
        raise TypeMismatch(f"{dotted(path) or 'the document'} must be of type {wanted}, not {type(value).__name__}")


def _elements(shapes: Sequence[Shape]) -> list[Shape]:
    return [shape.element for shape in shapes if shape.element is not None]


def _as_pairs(value: Mapping[str, Json], lists: Sequence[Shape], *, tags: bool) -> Json:
    """Return a map as the list of pairs that AWS has in its place, or as it is."""
    for element in _elements(lists):
        pair = pair_members(element, tags=tags)
        if pair is not None:
            return [{pair[0]: key, pair[1]: below} for key, below in value.items()]
    return value
