"""The strict check of a plain AWS document in JSON: each value must have AWS's own type, as the AWS CLI requires.

`check` is more lenient, for manifests: it accepts digits for a number, a number for text, a map for a list of pairs,
and null for an absent field. A plain AWS document must stay valid input for AWS, because other tools read it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ecsync.core.rules import Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Path
from ecsync.core.wording import MOST_PROBLEMS, quoted
from ecsync.language.check import Finding
from ecsync.language.coerce import coerced, has_type, pair_members
from ecsync.language.labels import is_hidden, numbered, shown, type_name
from ecsync.language.nodes import Node
from ecsync.language.references import holds_reference

_Mismatch = tuple[Node, Shape, Path, bool]  # the last: AWS requires a value
_TOO_LARGE = 10**15  # a float loses digits from here on, and no field of AWS is as large


def mistyped(spec: Node, shape: Shape, *, name: str, rules: Rules = ()) -> Sequence[Finding]:
    """Return a finding for every value of the written body that does not have AWS's type. Messages call it `name`.

    Text with a reference is accepted for any type. A field outside the shape is skipped: describe calls return more
    fields than the input has.
    """
    found = (_finding(*one, name, rules) for one in _mismatches(spec, shape, (), required=False))
    return tuple(islice(found, MOST_PROBLEMS))


def _mismatches(node: Node, shape: Shape, path: Path, *, required: bool) -> Iterator[_Mismatch]:
    if isinstance(node.value, str) and holds_reference(node.value):
        return
    if not has_type(node.value, shape.type):
        yield node, shape, path, required
        return
    for part, below, inner in _below(node, shape):
        yield from _mismatches(below, inner, (*path, part), required=part in shape.required)


def _below(node: Node, shape: Shape) -> Iterator[tuple[str | int, Node, Shape]]:
    if shape.type == "structure":
        members = shape.members
        yield from ((key, below, members[key]) for key, below in node.value.items() if key in members)
    elif shape.element is not None:
        parts = node.value.items() if shape.type == "map" else enumerate(node.value)
        yield from ((part, below, shape.element) for part, below in parts)


def _finding(node: Node, shape: Shape, path: Path, required: bool, name: str, rules: Rules) -> Finding:
    hidden = is_hidden(path, rules)
    message = f"{numbered(name, path)} must be {type_name(shape)}, not {shown(node, hidden)}"
    fix = _fix(node, shape, required, hidden)
    return Finding(path=path, message=f"{message}; {fix}" if fix else message, origin=node.origin)


def _fix(node: Node, shape: Shape, required: bool, hidden: bool) -> str:
    """Return what to write instead; empty if that is not certain."""
    if node.value is None:
        return "set a value" if required else "leave it out"
    if shape.type == "list":
        return _as_list(node, shape, hidden)
    value = coerced(node.value, shape.type)
    if isinstance(value, str):
        return "put quotes around it" if hidden else f"put quotes around it: {quoted(value)}"
    if value is None or abs(value) >= _TOO_LARGE:
        return ""
    number = ("true" if value else "false") if isinstance(value, bool) else f"{value:.15g}"
    if not isinstance(node.value, str):
        return f"write {number}"
    return "write it without quotes" if hidden else f"write {number} without quotes"


def _as_list(node: Node, shape: Shape, hidden: bool) -> str:
    if not isinstance(node.value, dict):
        return "write it as a list: [" + ("…" if hidden else shown(node, hidden)) + "]"
    element = shape.element
    assert element is not None, shape.name
    pair = pair_members(element, tags=False)
    if pair is None or node.value.keys() <= element.members.keys():
        return "put it into a list: [{…}]"
    return f'write it as a list: [{{"{pair[0]}": …, "{pair[1]}": …}}]'
