"""Checks a body against its shape, and coerces the values to the types that AWS requires.

A number or boolean becomes text where AWS requires text, in its written form (`1.10` stays `1.10`). Digits become a
number, and "true" becomes a boolean. No other conversion is made. `null` is allowed everywhere. At the top level it
stays in the body, because there it means AWS's default. Below the top level it is removed: it means the same as an
absent field. For plain AWS documents in JSON, `plain_aws/aws_types.py` adds a stricter check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import is_

from ecsync.core.marks import user_tags
from ecsync.core.model import Origin, Ref, Text
from ecsync.core.rules import CommaList, Keyed, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json, Path, matches
from ecsync.core.wording import MOST_PROBLEMS, listed, nearest, quoted, suggestion
from ecsync.language.coerce import coerced, comma_list, list_to_map, map_to_list, pair_members
from ecsync.language.labels import is_hidden, named, numbered, of_compose, shown, type_name
from ecsync.language.nodes import Node, plain, to_nodes

_NO_BOUNDS = (None, None)
TOKENS = frozenset(("clienttoken", "clientrequesttoken", "idempotencytoken"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem or a note about one place of a body."""

    path: Path
    message: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The body in AWS's types, its problems, and a note for each field that was left out."""

    node: Node
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def body(self) -> Body:
        """The body as a plain tree."""
        body: Body = plain(self.node)
        return body


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a kind's rules that a check uses."""

    comma_lists: tuple[tuple[str, ...], ...] = ()
    keyed: tuple[Keyed, ...] = ()


def rows_of(rules: Rules) -> Rows:
    """Return the rows that a check uses. A kind has a hundred rows, so many checks of one kind share the result."""
    return Rows(
        tuple(row.segments for row in rules if isinstance(row, CommaList)),
        tuple(row for row in rules if isinstance(row, Keyed)),
    )


def _never(_: Ref) -> bool:
    return False


def check(
    body: Body | Node,
    shape: Shape,
    *,
    name: str,
    rules: Rules = (),
    rows: Rows | None = None,
    describe: Shape | None = None,
    tags: str = "",
    lists: Callable[[Ref], bool] = _never,
    partial: bool = False,
    unread: bool = False,
    closed: bool = True,
    by_number: bool = False,
    who: str = "AWS",
) -> Checked:
    """Check and coerce a body. Messages call it `name`.

    `rows`: `rows_of(rules)`, if it is known.
    `describe`: the shape of the describe output; its members that the input lacks are left out with a note.
    `tags`: the member that holds tags.
    `lists`: returns True for a reference with a list as its value.
    `partial`: required members may be absent.
    `unread`: references are not resolved yet, so text with `${` in it is accepted for any type.
    `closed`: values and sizes must be among those that the shape lists.
    `by_number`: messages call elements of a list by their index, as AWS does, and not by their name.
    `who`: the owner of the shape, for messages.
    """
    node = to_nodes(body, Origin(""))
    rows = rows if rows is not None else rows_of(rules)
    checker = _Checker(
        root=node,
        name=name,
        rules=rules,
        comma_lists=rows.comma_lists,
        keyed=rows.keyed,
        tags=tags,
        lists=lists,
        partial=partial,
        unread=unread,
        closed=closed,
        by_number=by_number,
        who=who,
    )
    checked = checker.value(node, shape, (), describe)
    return Checked(node=checked or Node({}, node.origin), problems=tuple(checker.problems), notes=tuple(checker.notes))


@dataclass(slots=True, kw_only=True)
class _Checker:
    """Checks one body. Each method returns the checked node; problems and notes are collected."""

    root: Node
    name: str
    rules: Rules
    comma_lists: tuple[tuple[str, ...], ...]
    keyed: tuple[Keyed, ...]
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
        """Return the value in AWS's type; None if no value is sent."""
        if node.value is None:
            return None
        wanted = shape.type
        if wanted == "any":
            return node
        if self.comma_lists and self._is_comma_list(path):
            node = comma_list(node)
        written = node.value
        if self.unread and isinstance(written, str) and "${" in written:
            return node
        if wanted == "string" and type(written) is str and not shape.enum and shape.bounds == _NO_BOUNDS:
            return node  # most values
        if isinstance(written, Text):
            return self._reference(node, written, shape, path)
        if wanted == "structure":
            return self._structure(node, shape, path, describe)
        if wanted == "list":
            return self._list(node, shape, path, describe)
        if wanted == "map":
            return self._map(node, shape, path)
        return self._scalar(node, shape, path)

    # ------------------------------------------------------------ blocks

    def _structure(self, node: Node, shape: Shape, path: Path, describe: Shape | None) -> Node:
        if not isinstance(node.value, dict):
            return self._wrong_type(node, shape, path)
        members = shape.members
        checked: dict[str, Node] = {}
        same = True
        for key, below in node.value.items():
            if len(self.problems) > MOST_PROBLEMS:
                same = False
                break
            if key not in members or key.lower() in TOKENS:
                self._unknown(key, below, shape, path, describe)
                same = False
                continue
            inner = describe.members.get(key) if describe is not None else None
            value = self.value(below, members[key], (*path, key), inner)
            same = same and value is below
            if value is not None:
                checked[key] = value
            elif below.value is None and not path:
                checked[key] = below
        if not self.partial:
            self._required(node, shape, path)
        return node if same else Node(checked, node.origin)

    def _required(self, node: Node, shape: Shape, path: Path) -> None:
        required = shape.required
        missing = [name for name in required if name not in node.value or node.value[name].value is None]
        for name in sorted(missing):
            self._problem(path, node.origin, f"missing required field {quoted(name)} in {self._label(path)}")

    def _unknown(self, key: str, node: Node, shape: Shape, path: Path, describe: Shape | None) -> None:
        if key.lower() in TOKENS:
            self._note((*path, key), node.origin, f"ignored {quoted(key)}: ecsync generates its own")
        elif describe is not None and key in describe.members:
            self._note((*path, key), node.origin, f"ignored {quoted(key)}: AWS sets it")
        else:
            hint = of_compose(key, shape.members) or suggestion(key, shape.members)
            self._problem((*path, key), node.origin, f"unknown field {quoted(key)} in {self._label(path)}{hint}")

    # ------------------------------------------------------------ lists

    def _list(self, node: Node, shape: Shape, path: Path, describe: Shape | None) -> Node:
        element = shape.element
        assert element is not None, shape.name
        pair = pair_members(element, tags=path == (self.tags,))
        written = self._as_list(node, pair, path)
        if not isinstance(written.value, list):
            return self._wrong_type(node, shape, path)
        inner = describe.element if describe is not None else None
        checked = self._elements(written.value, element, pair, path, inner)
        self._unique(checked, self._element_key(pair, path), path)
        self._identified(checked, element, path)
        # ecsync adds tags of its own, so an empty list of tags is never sent.
        if not any(isinstance(below.value, Text) for below in checked) and (checked or path != (self.tags,)):
            self._bounds(len(checked), " elements", shape, node.origin, path)
        same = len(checked) == len(written.value) and all(map(is_, checked, written.value))
        return written if same and written.origin is node.origin else Node(checked, node.origin)

    def _as_list(self, node: Node, pair: tuple[str, str] | None, path: Path) -> Node:
        """Return a map as AWS's list of pairs, and tags without the reserved ones; any other node unchanged."""
        if pair is not None and isinstance(node.value, dict):
            node = map_to_list(node, *pair)
        if pair is not None and path == (self.tags,) and isinstance(node.value, list):
            return Node([tag for tag in node.value if self._is_writable(tag.get(pair[0]))], node.origin)
        return node

    def _elements(
        self, nodes: Sequence[Node], element: Shape, pair: tuple[str, str] | None, path: Path, describe: Shape | None
    ) -> list[Node]:
        """Return the checked elements. A pair with a null value is left out: the variable or tag is not declared."""
        checked: list[Node] = []
        for index, node in enumerate(nodes):
            value_node = node.get(pair[1]) if pair is not None else None
            if value_node is not None and value_node.value is None:
                continue
            value = self.value(node, element, (*path, index), describe)
            if value is not None:
                checked.append(value)
        return checked

    def _element_key(self, pair: tuple[str, str] | None, path: Path) -> tuple[str, ...]:
        """Return the members that identify an element of the list; empty if elements may be equal."""
        keyed = next((row.key for row in self.keyed if _is_at(row.segments, path)), ())
        return keyed or (pair[:1] if pair is not None else ())

    def _unique(self, elements: Sequence[Node], key: tuple[str, ...], path: Path) -> None:
        first: dict[tuple[Json, ...], Node] = {}
        for element in elements if key else ():
            parts = tuple(element.get(member) for member in key)
            values = tuple(part.value if part is not None else None for part in parts)
            if not any(values) or any(isinstance(value, (list, dict)) for value in values):
                continue
            if values in first:
                text = " ".join(str(value) for value in values if value is not None)
                where = f"already declared on line {first[values].origin.line}"
                message = f"duplicate {quoted(text)} in {self._label(path)}: {where}; remove one of them"
                self._problem(path, element.origin, message)
            first.setdefault(values, element)

    def _identified(self, elements: Sequence[Node], shape: Shape, path: Path) -> None:
        """Refuse an element without the one member that identifies it: AWS's model does not always require it."""
        key = next((row.key for row in self.keyed if _is_at(row.segments, path)), ())
        if len(key) != 1 or key[0] in shape.required or self.partial or not self.closed:
            return
        for index, element in enumerate(elements):
            at = (*path, index)
            if isinstance(element.value, dict) and element.value and key[0] not in element.value:
                self._problem(at, element.origin, f"missing required field {quoted(key[0])} in {self._label(at)}")

    # ------------------------------------------------------------ maps

    def _map(self, node: Node, shape: Shape, path: Path) -> Node:
        element = shape.element
        assert element is not None, shape.name
        is_tags = path == (self.tags,)
        if is_tags and isinstance(node.value, list):
            node, repeated = list_to_map(node)
            for key, origin in repeated:
                self._problem(path, origin, f"duplicate {quoted(key)} in {self._label(path)}; remove one of them")
        if not isinstance(node.value, dict):
            return self._wrong_type(node, shape, path)
        if element.type == "any":
            return node  # keep nulls: in `resources`, a key without a value (`Cluster/main:`) is a document
        members = list(node.value.items())
        if is_tags:
            members = [(key, below) for key, below in members if self._is_writable(Node(key, below.origin))]
        checked = {key: self.value(below, element, (*path, key)) for key, below in members}
        return Node({key: below for key, below in checked.items() if below is not None}, node.origin)

    def _is_writable(self, key: Node | None) -> bool:
        """Return whether a manifest may declare a tag with this key; if not, note that it is ignored."""
        if key is None or not isinstance(key.value, str) or user_tags({key.value: ""}):
            return True
        message = f"ignored tag {quoted(key.value)}: it is reserved for AWS or ecsync"
        self._note((self.tags, key.value), key.origin, message)
        return False

    # ------------------------------------------------------------ scalars

    def _scalar(self, node: Node, shape: Shape, path: Path) -> Node | None:
        if node.value == "" and shape.enum and "" not in shape.enum and not isinstance(path[-1], int):
            return None  # templates and other tools write "" for a value that is not set
        value = coerced(node.value, shape.type)
        if value is None:
            return self._wrong_type(node, shape, path)
        if isinstance(value, str):
            if self.closed and shape.enum and value not in shape.enum:
                self._not_in_enum(value, shape, node, path)
            else:
                self._bounds(len(value), " characters", shape, node.origin, path)
        elif not isinstance(value, bool):
            self._bounds(value, "", shape, node.origin, path)
        return node if value is node.value else Node(value, node.origin)

    def _not_in_enum(self, value: str, shape: Shape, node: Node, path: Path) -> None:
        close = nearest(value, shape.enum)
        hint = f"did you mean {quoted(close)}? " if close is not None else ""
        allowed = f"{self.who} accepts {listed(shape.enum)}"
        self._problem(path, node.origin, f"{self._label(path)} cannot be {self._shown(node, path)}; {hint}{allowed}")

    def _bounds(self, size: float, unit: str, shape: Shape, origin: Origin, path: Path) -> None:
        least, most = shape.bounds if self.closed else (None, None)
        if least is None and most is None:
            return
        limit = ""
        if least is not None and size < least:
            limit = f"at least {least:.15g}"
        elif most is not None and size > most:
            limit = f"at most {most:.15g}"
        if limit:
            verb = "has" if unit else "is"
            message = f"{self._label(path)} {verb} {size:g}{unit}; {self.who} accepts {limit}"
            self._problem(path, origin, message)

    def _reference(self, node: Node, text: Text, shape: Shape, path: Path) -> Node:
        """Check a text with references: whether its value can be of the shape's type."""
        if shape.type in ("structure", "map"):
            return self._wrong_type(node, shape, path)
        is_list = text.sole is not None and self.lists(text.sole)
        if shape.type == "list" and not is_list:
            message = f'{self._label(path)} must be a list, but {text} is one value; write ["{text}"]'
            self._problem(path, node.origin, message)
        if shape.type != "list" and is_list and not isinstance(path[-1], int) and not self._is_comma_list(path):
            message = f"{self._label(path)} must be one value, but {text} is a list; use an output that is one value"
            self._problem(path, node.origin, message)
        return node

    # ------------------------------------------------------------ problems and notes

    def _problem(self, path: Path, origin: Origin, message: str) -> None:
        self.problems.append(Finding(path=path, message=message, origin=origin))

    def _note(self, path: Path, origin: Origin, message: str) -> None:
        self.notes.append(Finding(path=path, message=message, origin=origin))

    def _wrong_type(self, node: Node, shape: Shape, path: Path) -> Node:
        hint = ""
        if shape.type == "list" and not isinstance(node.value, (dict, list)):
            hint = "; write it as a list: [" + ("…" if is_hidden(path, self.rules) else self._shown(node, path)) + "]"
        elif shape.type == "structure" and path[-2:-1] == ("environment",) and "=" in str(node.value):
            hint = "; write the variables as a map, environment: {NAME: value}, or each as {name: NAME, value: value}"
        message = f"{self._label(path)} must be {type_name(shape)}, not {self._shown(node, path)}{hint}"
        self._problem(path, node.origin, message)
        return node

    def _shown(self, node: Node, path: Path) -> str:
        return shown(node, is_hidden(path, self.rules))

    def _label(self, path: Path) -> str:
        return numbered(self.name, path) if self.by_number else named(self.name, self.root, path)

    def _is_comma_list(self, path: Path) -> bool:
        return any(_is_at(segments, path) for segments in self.comma_lists)


def _is_at(segments: Sequence[str], path: Path) -> bool:
    return len(path) == len(segments) and matches(path, segments)
