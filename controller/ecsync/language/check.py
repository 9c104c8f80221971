"""Check a body against its shape, and coerce what was written to the types that AWS wants.

A number or boolean becomes text where AWS wants text, as it was spelled (`1.10` stays `1.10`); digits become a
number, "true" a boolean. Nothing is guessed beyond that. `null` is allowed anywhere: at the top it stays as None,
because it says "AWS's default" there; below it is left out, where absence says the same.
A plain AWS document in JSON is held to more than this (`aws_types.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ecsync.core.marks import theirs
from ecsync.core.model import Origin, Ref, Text
from ecsync.core.rules import CommaList, Keyed, Rules, Sensitive
from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json, Path, matches
from ecsync.core.wording import MOST_PROBLEMS, listed, nearest, printable, quoted, suggestion
from ecsync.language.coerce import coerced, comma_list
from ecsync.language.nodes import Node, WrittenFloat, plain, to_nodes
from ecsync.language.pairs import list_to_map, map_to_list, pair_members

_WANTED = {
    "string": "text", "integer": "an integer", "long": "an integer", "float": "a number", "double": "a number",
    "boolean": "true or false", "timestamp": "a time", "blob": "text", "structure": "a block of fields",
    "list": "a list", "map": "a map",
}  # fmt: skip
TOKENS = frozenset(("clienttoken", "clientrequesttoken", "idempotencytoken"))
_HIDDEN = frozenset(("environment", "secrets", "secretoptions", "tags", "options"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to say about one place of a body."""

    path: Path
    message: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The body in AWS's types, what is wrong with it, and what was left out of it and why."""

    node: Node
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def body(self) -> Body:
        """The body as a plain tree."""
        body: Body = plain(self.node)
        return body


def _never(_: Ref) -> bool:
    return False


def check(
    body: Body | Node,
    shape: Shape,
    *,
    name: str,
    rules: Rules = (),
    describe: Shape | None = None,
    tags: str = "",
    lists: Callable[[Ref], bool] = _never,
    partial: bool = False,
    unread: bool = False,
    closed: bool = True,
    by_number: bool = False,
    who: str = "AWS",
) -> Checked:
    """Check and coerce a body; `name` is what messages call it.

    `describe` is the shape that describe prints: what it has beyond the input is left out with a note. `tags` is the
    member that holds tags. `lists` tells which references are lists. A `partial` body may lack what is required.
    With `unread`, text with `${` in it may be anything, because references have not been read yet. Unless `closed`,
    values and sizes may be others than AWS lists. Messages call elements of a list by their names, or `by_number` as
    AWS's do. `who` is whose shape it is.
    """
    node = to_nodes(body, Origin(""))
    commas = tuple(row.segments for row in rules if isinstance(row, CommaList))
    task = _Check(node, name, rules, commas, tags, lists, partial, unread, closed, by_number, who)
    done = task.value(node, shape, (), describe)
    return Checked(node=done or Node({}, node.origin), problems=tuple(task.problems), notes=tuple(task.notes))


@dataclass(slots=True)
class _Check:
    root: Node
    name: str
    rules: Rules
    commas: tuple[tuple[str, ...], ...]
    tags: str
    lists: Callable[[Ref], bool]
    partial: bool
    unread: bool
    closed: bool
    by_number: bool
    who: str
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    def value(self, node: Node, shape: Shape, path: Path, describe: Shape | None = None) -> Node | None:
        """Return the value in AWS's type, or None when there is nothing to send."""
        if node.value is None:
            return None
        if shape.type == "any":
            return node
        if self._comma_list(path):
            node = comma_list(node)
        if isinstance(node.value, Text) or (self.unread and isinstance(node.value, str) and "${" in node.value):
            return self._text(node, shape, path)
        if shape.type == "structure":
            return self._structure(node, shape, path, describe)
        if shape.type == "list":
            return self._list(node, shape, path, describe)
        if shape.type == "map":
            return self._map(node, shape, path)
        return self._scalar(node, shape, path)

    # ------------------------------------------------------------ blocks, lists, maps

    def _structure(self, node: Node, shape: Shape, path: Path, describe: Shape | None) -> Node:
        if not isinstance(node.value, dict):
            return self._wrong(node, shape, path)
        members = shape.members
        done: dict[str, Node] = {}
        for key, below in node.value.items():
            here = (*path, key)
            if len(self.problems) > MOST_PROBLEMS:
                break
            if key not in members or key.lower() in TOKENS:
                self._unknown(key, below, shape, path, describe)
                continue
            inner = describe.members.get(key) if describe is not None else None
            value = self.value(below, members[key], here, inner)
            if value is not None:
                done[key] = value
            elif below.value is None and not path:
                done[key] = below
        for name in sorted(shape.required):
            if not self.partial and (name not in node.value or node.value[name].value is None):
                self._complain(path, node.origin, f"{self._label(path)} needs {quoted(name)}")
        return Node(done, node.origin)

    def _unknown(self, key: str, node: Node, shape: Shape, path: Path, describe: Shape | None) -> None:
        here = (*path, key)
        if key.lower() in TOKENS:
            self.notes.append(Finding(path=here, message=f"ignored {quoted(key)}: we make our own", origin=node.origin))
        elif describe is not None and key in describe.members:
            self.notes.append(Finding(path=here, message=f"ignored {quoted(key)}: AWS sets it", origin=node.origin))
        else:
            hint = suggestion(key, shape.members)
            self._complain(here, node.origin, f"unknown field {quoted(key)} in {self._label(path)}{hint}")

    def _list(self, node: Node, shape: Shape, path: Path, describe: Shape | None) -> Node:
        element = shape.element
        assert element is not None, shape.name
        pair = pair_members(element, tags=path == (self.tags,))
        if pair is not None and isinstance(node.value, dict):
            node = map_to_list(node, *pair)
        if not isinstance(node.value, list):
            return self._wrong(node, shape, path)
        if path == (self.tags,) and pair is not None:
            node = self._theirs(node, pair[0])
        inner = describe.element if describe is not None else None
        done: list[Node] = []
        for index, below in enumerate(node.value):
            if pair is not None and isinstance(below.value, dict) and below.value.get(pair[1], below).value is None:
                continue  # a variable, tag or attribute that is null is not there
            value = self.value(below, element, (*path, index), inner)
            if value is not None:
                done.append(value)
        keyed = next((row.key for row in self.rules if isinstance(row, Keyed) and self._exact(row.segments, path)), ())
        self._unique(done, keyed or (pair[:1] if pair is not None else ()), path)
        if not any(isinstance(below.value, Text) for below in done):
            self._bounds(len(done), " elements", shape, node.origin, path)
        return Node(done, node.origin)

    def _theirs(self, tags: Node, key: str) -> Node:
        """Leave out the tags that describe prints and nobody can write: AWS's own and our marks."""
        kept = [below for below in tags.value if self._writable(below.get(key))]
        return Node(kept, tags.origin)

    def _writable(self, key: Node | None) -> bool:
        if key is None or not isinstance(key.value, str) or theirs({key.value: ""}):
            return True
        message = f"ignored tag {quoted(key.value)}: it is not for manifests"
        self.notes.append(Finding(path=(self.tags, key.value), message=message, origin=key.origin))
        return False

    def _unique(self, elements: Sequence[Node], key: tuple[str, ...], path: Path) -> None:
        first: dict[tuple[Json, ...], Node] = {}
        for element in elements if key else ():
            parts = tuple(element.get(member) for member in key)
            values = tuple(part.value if part is not None else None for part in parts)
            if not any(values) or any(isinstance(value, (list, dict)) for value in values):
                continue
            if values in first:
                words = " ".join(str(value) for value in values if value is not None)
                where = f"it is first on line {first[values].origin.line}"
                self._complain(path, element.origin, f"duplicate {quoted(words)} in {self._label(path)}; {where}")
            first.setdefault(values, element)

    def _map(self, node: Node, shape: Shape, path: Path) -> Node:
        element = shape.element
        assert element is not None, shape.name
        if isinstance(node.value, list) and path == (self.tags,):
            node, twice = list_to_map(node)
            for key, origin in twice:
                self._complain(path, origin, f"duplicate {quoted(key)} in {self._label(path)}")
        if not isinstance(node.value, dict):
            return self._wrong(node, shape, path)
        if element.type == "any":
            return node  # a null in it is its own affair: `Cluster/main:` with nothing behind it is a document
        members = list(node.value.items())
        if path == (self.tags,):
            members = [(key, below) for key, below in members if self._writable(Node(key, below.origin))]
        done = {key: self.value(below, element, (*path, key)) for key, below in members}
        return Node({key: below for key, below in done.items() if below is not None}, node.origin)

    # ------------------------------------------------------------ scalars

    def _scalar(self, node: Node, shape: Shape, path: Path) -> Node | None:
        if node.value == "" and shape.enum and "" not in shape.enum and not isinstance(path[-1], int):
            return None  # how templates and other tools write that it is not set
        value = coerced(node.value, shape.type)
        if value is None:
            return self._wrong(node, shape, path)
        if isinstance(value, str):
            if self.closed and shape.enum and value not in shape.enum:
                self._enum(value, shape, node, path)
            else:
                self._bounds(len(value), " characters", shape, node.origin, path)
        elif not isinstance(value, bool):
            self._bounds(value, "", shape, node.origin, path)
        return Node(value, node.origin)

    def _enum(self, value: str, shape: Shape, node: Node, path: Path) -> None:
        close = nearest(value, shape.enum)
        hint = f"did you mean {quoted(close)}? " if close is not None else ""
        message = (
            f"{self._label(path)} cannot be {self._shown(node, path)}; {hint}{self.who} takes {listed(shape.enum)}"
        )
        self._complain(path, node.origin, message)

    def _bounds(self, size: float, unit: str, shape: Shape, origin: Origin, path: Path) -> None:
        least, most = shape.bounds if self.closed else (None, None)
        verb, shown = ("has", f"{size:g}{unit}") if unit else ("is", f"{size:g}")
        if least is not None and size < least:
            self._complain(path, origin, f"{self._label(path)} {verb} {shown}; {self.who} takes at least {least:.15g}")
        elif most is not None and size > most:
            self._complain(path, origin, f"{self._label(path)} {verb} {shown}; {self.who} takes at most {most:.15g}")

    def _text(self, node: Node, shape: Shape, path: Path) -> Node:
        """Check that a reference can stand here, as far as the outputs' types tell."""
        text = node.value
        sole = text.sole if isinstance(text, Text) else None
        is_list = sole is not None and self.lists(sole)
        if isinstance(text, str):
            return node
        if shape.type in ("structure", "map"):
            return self._wrong(node, shape, path)
        if shape.type == "list" and not is_list:
            message = f'{self._label(path)} must be a list, and {text} is one value; write ["{text}"]'
            self._complain(path, node.origin, message)
        if shape.type != "list" and is_list and not isinstance(path[-1], int) and not self._comma_list(path):
            self._complain(path, node.origin, f"{self._label(path)} must be one value, and {text} is a list")
        return node

    # ------------------------------------------------------------ words

    def _complain(self, path: Path, origin: Origin, message: str) -> None:
        self.problems.append(Finding(path=path, message=message, origin=origin))

    def _wrong(self, node: Node, shape: Shape, path: Path) -> Node:
        hint = ""
        if shape.type == "list" and not isinstance(node.value, (dict, list)):
            hint = "; write it as a list: [" + ("…" if is_hidden(path, self.rules) else self._shown(node, path)) + "]"
        self._complain(
            path, node.origin, f"{self._label(path)} must be {wanted(shape)}, not {self._shown(node, path)}{hint}"
        )
        return node

    def _shown(self, node: Node, path: Path) -> str:
        return shown(node, is_hidden(path, self.rules))

    def _comma_list(self, path: Path) -> bool:
        return any(self._exact(segments, path) for segments in self.commas)

    @staticmethod
    def _exact(segments: Sequence[str], path: Path) -> bool:
        return len(path) == len(segments) and matches(path, segments)

    def _label(self, path: Path) -> str:
        """Return the path for people: elements of a list by their name, where they have one."""
        if self.by_number:
            return numbered(self.name, path)
        label = self.name
        node: Node | None = self.root
        for part in path:
            node, name = _step(node, part)
            label += f"[{printable(name)}]" if isinstance(part, int) else f".{printable(part)}"
        return label


def wanted(shape: Shape) -> str:
    """Return what a value of the shape is called: `an integer`."""
    return _WANTED.get(shape.type, shape.type)


def shown(node: Node, hidden: bool) -> str:
    """Return the value in a few words; what may be secret is not repeated."""
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if hidden:
        return "text" if isinstance(value, (str, Text)) else "a number"
    if isinstance(value, (str, Text)):
        return quoted(printable(str(value), 40))
    return value.text if isinstance(value, WrittenFloat) else str(value)


def is_hidden(path: Path, rules: Rules) -> bool:
    """Tell whether what stands there may be secret, by its name or by a rule."""
    return any(isinstance(part, str) and part.lower() in _HIDDEN for part in path) or any(
        row.covers(path) for row in rules if isinstance(row, Sensitive)
    )


def numbered(name: str, path: Path) -> str:
    """Return the path as AWS's messages have it: `TaskDefinition.containerDefinitions[0].memory`."""
    return name + "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path)


def _step(node: Node | None, part: str | int) -> tuple[Node | None, str]:
    """Return what is below, and what to call it; a list may have been written as a map."""
    value = node.value if node is not None else None
    if isinstance(part, str):
        return (value.get(part) if isinstance(value, dict) else None), part
    if isinstance(value, dict):
        return None, list(value)[part]
    below: Node | None = value[part] if isinstance(value, list) and part < len(value) else None
    names = (below.get(member) for member in ("name", "Name", "key", "Key")) if below is not None else ()
    name = next((one.value for one in names if one is not None and isinstance(one.value, str)), str(part))
    return below, name
