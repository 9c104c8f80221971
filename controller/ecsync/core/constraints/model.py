"""The patterns of AWS's model as constraints, for the members that have no row of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ecsync.core.constraints.rows import Constraint, Constraints, Pattern
from ecsync.core.rules import Characters, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH

_DEEPEST = 10


_EXTENDED: dict[tuple[int, int, int], tuple[Constraints, Shape, Rules, Constraints]] = {}  # by identity
_MOST = 500  # kinds are few; tests make rows of their own


def with_patterns(constraints: Constraints, shape: Shape, rules: Rules) -> Constraints:
    """Return the rows of a kind, plus one for each pattern of its shape at a place without a row for text.

    They are made once for the same rows and shape.
    """
    key = id(constraints), id(shape), id(rules)
    if key not in _EXTENDED:
        if len(_EXTENDED) >= _MOST:
            _EXTENDED.clear()
        _EXTENDED[key] = constraints, shape, rules, _extended(constraints, shape, rules)
    return _EXTENDED[key][3]


def _extended(constraints: Constraints, shape: Shape, rules: Rules) -> Constraints:
    own = {row.segments for row in rules if isinstance(row, Characters)}
    own |= {row.segments for row in constraints if isinstance(row, Constraint)}
    return (*constraints, *_rows(shape, (), own, ()))


def _rows(
    shape: Shape, path: tuple[str, ...], own: Collection[tuple[str, ...]], above: tuple[str, ...]
) -> Iterator[Constraint]:
    if len(path) > _DEEPEST or (shape.name and shape.name in above):
        return
    above = (*above, shape.name)
    if shape.type == "structure":
        for name, member in shape.members.items():
            yield from _rows(member, (*path, name), own, above)
    elif shape.type in ("list", "map") and shape.element is not None:
        yield from _rows(shape.element, (*path, EACH if shape.type == "list" else ANY), own, above)
    elif shape.type == "string" and shape.pattern and path not in own:
        text = f"text that matches {shape.pattern}"
        yield Constraint(
            path=".".join(path).replace(".[]", "[]"),
            rule=text,
            test=Pattern(allowed=shape.pattern, text=text),
            source=f"botocore: the pattern of {shape.name}",
            answer="Member must satisfy regular expression pattern",
        )
