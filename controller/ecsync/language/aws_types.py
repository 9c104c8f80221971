"""AWS's own types: what a plain AWS document in JSON is held to, as the AWS CLI would hold it.

`check` takes more: digits for a number, a number for text, a map for a list of pairs, null for nothing. That is how a
manifest may be written. A file in AWS's own form says what AWS takes, and other tools read it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ecsync.core.rules import Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Path
from ecsync.core.wording import MOST_PROBLEMS, quoted
from ecsync.language.check import Finding, is_hidden, numbered, shown, wanted
from ecsync.language.coerce import coerced, has_type
from ecsync.language.nodes import Node
from ecsync.language.pairs import pair_members
from ecsync.language.references import holds_reference

_Place = tuple[Node, Shape, Path, bool]  # the last: AWS needs a value there
_TOO_LARGE = 10**15  # from there on digits are lost, and no field of AWS's holds as much


def mistyped(spec: Node, shape: Shape, *, name: str, rules: Rules = ()) -> Sequence[Finding]:
    """Return every place of a body, as it was written, that has another type than AWS's; `name` is what to call it.

    Text with a reference in it may become anything. What is not in the shape is not judged: describe prints more.
    """
    found = (_finding(*one, name, rules) for one in _mistyped(spec, shape, (), needed=False))
    return tuple(islice(found, MOST_PROBLEMS))


def _mistyped(node: Node, shape: Shape, path: Path, *, needed: bool) -> Iterator[_Place]:
    if isinstance(node.value, str) and holds_reference(node.value):
        return
    if not has_type(node.value, shape.type):
        yield node, shape, path, needed
        return
    for part, below, inner in _below(node, shape):
        yield from _mistyped(below, inner, (*path, part), needed=part in shape.required)


def _below(node: Node, shape: Shape) -> Iterator[tuple[str | int, Node, Shape]]:
    if shape.type == "structure":
        members = shape.members
        yield from ((key, below, members[key]) for key, below in node.value.items() if key in members)
    elif shape.element is not None:
        parts = node.value.items() if shape.type == "map" else enumerate(node.value)
        yield from ((part, below, shape.element) for part, below in parts)


def _finding(node: Node, shape: Shape, path: Path, needed: bool, name: str, rules: Rules) -> Finding:
    hidden = is_hidden(path, rules)
    told = f"{numbered(name, path)} must be {wanted(shape)}, not {shown(node, hidden)}"
    fix = _fix(node, shape, needed, hidden)
    return Finding(path=path, message=f"{told}; {fix}" if fix else told, origin=node.origin)


def _fix(node: Node, shape: Shape, needed: bool, hidden: bool) -> str:
    """Return what to write instead, where that is no guess."""
    if node.value is None:
        return "give it a value" if needed else "leave it out"
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
