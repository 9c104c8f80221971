"""Parses YAML and JSON text to nodes, with the core types of YAML 1.2, in one pass over PyYAML's events.

PyYAML's composer and constructor are not used. The composer recurses as deep as the file is nested. The constructor
uses the types of YAML 1.1 (`NO` is false) and supports tags that run code. This parser never recurses, and it has fixed
limits for size and depth.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from ecsync.core.model import Origin, Problem
from ecsync.core.trees import shared
from ecsync.core.wording import printable, quoted
from ecsync.language.nodes import Node
from ecsync.language.scalars import CORE_TAGS, resolve_plain, resolve_tagged

LONGEST_FILE = 1024 * 1024
MOST_NODES = 100_000
DEEPEST = 64

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNWRITABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


class Extent(NamedTuple):
    """Where a document is in its text: character indexes, its first line from 0, and whether it has anchors."""

    start: int
    end: int
    line: int
    anchors: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The documents and problems of one file. `whole` is False if part of the file is unreadable."""

    documents: tuple[Node, ...] = ()
    problems: tuple[Problem, ...] = ()
    whole: bool = True
    text: str = ""
    extents: tuple[Extent, ...] = ()  # of the documents; fewer than those if the last one is not complete


def parse(file: str, content: bytes) -> Parsed:
    """Return every document of the file. Never raises. A `.json` file must be JSON, any other file is YAML."""
    text, problem = _decode(file, content)
    if problem is None and file.endswith(".json"):
        text, problem = _json(file, text)
    if problem is not None:
        return Parsed(problems=(problem,), whole=False)
    builder = _Builder(file)
    try:
        whole = builder.take_all(_LOADER(text))
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax(file, text, error))
        whole = False
    except yaml.YAMLError as error:
        builder.problems.append(Problem(Origin(file), f"not valid YAML: {printable(str(error), 200)}"))
        whole = False
    return Parsed(
        documents=tuple(builder.documents),
        problems=tuple(builder.problems),
        whole=whole,
        text=text,
        extents=tuple(builder.extents),
    )


# ---------------------------------------------------------------- from bytes to text


def _decode(file: str, content: bytes) -> tuple[str, Problem | None]:
    if len(content) > LONGEST_FILE:
        size = f"{len(content) / LONGEST_FILE:.1f} MiB"
        return "", Problem(Origin(file), f"the file has {size}; at most 1 MiB is read: split the file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        origin = _place(file, content[: error.start].decode("utf-8", "replace"))
        return "", Problem(origin, "binary file: not UTF-8 text; save it as UTF-8, or change its extension")
    stray = _UNWRITABLE.search(text)
    if stray is None:
        return text, None
    origin = _place(file, text[: stray.start()])
    return "", Problem(
        origin, f"binary file: character U+{ord(stray[0]):04X} is not allowed in YAML or JSON; remove it"
    )


def _place(file: str, before: str) -> Origin:
    lines = before.split("\n")
    return Origin(file, len(lines), len(lines[-1]) + 1)


def _json(file: str, text: str) -> tuple[str, Problem | None]:
    """Check that the text is JSON. Return it without surrogate pairs, because YAML does not support them."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg}"
        return "", Problem(Origin(file, error.lineno, error.colno), message)
    except RecursionError:
        pass  # the YAML events then report where it is too deep
    except ValueError as error:
        return "", Problem(Origin(file), f"not valid JSON: {printable(str(error), 200)}")
    return _SURROGATES.sub(_joined, text), None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[2], 16), int(pair[3], 16)
    return f"{pair[1]}\\U{0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00):08x}"


# ---------------------------------------------------------------- from events to nodes


@dataclass(slots=True)
class _Open:
    """A list or map that is not complete yet."""

    origin: Origin
    anchor: str | None
    items: Any
    before: int  # number of nodes when it started
    height: int = 1  # levels below and including it, with aliases expanded
    key: str | None = None  # None with a key_origin: a rejected key
    key_origin: Origin | None = None


@dataclass(slots=True)
class _Builder:
    """Builds nodes from events. A method returns False if the rest of the file must not be read."""

    file: str
    documents: list[Node] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    began: Any = None  # the mark of the document
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int, int] | None] = field(
        default_factory=dict
    )  # value, size, height; None: not complete
    nodes: int = 0  # so far, with aliases expanded

    def take_all(self, loader: Any) -> bool:
        """Take every event of the text. This is the inner loop of a load, so it looks up what it needs once."""
        takes = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
            yaml.DocumentStartEvent: self._document,
            yaml.DocumentEndEvent: self._document_end,
        }
        try:
            while (event := loader.get_event()) is not None:
                take = takes.get(type(event))
                if take is not None and not take(event):
                    return False
        finally:
            loader.dispose()
        return True

    def _document(self, event: Any) -> bool:
        self.anchors.clear()
        self.began = event.start_mark
        return True

    def _document_end(self, event: Any) -> bool:
        self.extents.append(Extent(self.began.index, event.end_mark.index, self.began.line, bool(self.anchors)))
        return True

    def _origin(self, event: Any) -> Origin:
        mark = event.start_mark
        return Origin(self.file, mark.line + 1, mark.column + 1)

    def _problem(self, origin: Origin, message: str) -> None:
        self.problems.append(Problem(origin, message))

    def _within(self, origin: Origin, more: int, height: int) -> bool:
        """Count new nodes, and return whether the limits are still kept."""
        self.nodes += more
        if self.nodes > MOST_NODES:
            self._problem(
                origin, f"more than {MOST_NODES} values with aliases expanded; use fewer aliases, or split the file"
            )
            return False
        if len(self.stack) + height > DEEPEST:
            self._problem(origin, f"nested deeper than {DEEPEST} levels; reduce the nesting")
            return False
        return True

    def _scalar(self, event: Any) -> bool:
        mark = event.start_mark
        origin = Origin(self.file, mark.line + 1, mark.column + 1)
        self.nodes += 1
        if (self.nodes > MOST_NODES or len(self.stack) > DEEPEST) and not self._within(origin, 0, 0):
            return False
        text: str = event.value
        tag = event.tag
        plain = tag is None and event.implicit[0]
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key_origin is None and tag is event.anchor is None and type(top.items) is dict:
            if text in top.items or (plain and text == "<<"):
                return self._odd_key(top, text, origin, plain=plain)
            top.key, top.key_origin = shared(text), origin  # the same few names in every document
            return True
        value = (resolve_plain(text) if plain else text) if tag is None else self._tagged(event, origin)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, 0)
            if plain and text == "<<" and self._wants_key():
                return self._odd_key(self.stack[-1], text, origin, plain=plain)
        return self._put(value, origin, 0, key=text)

    def _odd_key(self, top: _Open, text: str, origin: Origin, *, plain: bool) -> bool:
        """Reject a merge key, and a key that occurs again."""
        if plain and text == "<<":
            hint = "YAML 1.2 has no merge keys (<<); write all the fields, or use patches in the Application"
            self._problem(origin, hint)
            top.key_origin = origin
        else:
            self._key(top, origin, text)
        return True

    def _tagged(self, event: Any, origin: Origin) -> Any:
        if event.tag == "!":
            return event.value
        try:
            return resolve_tagged(event.value, CORE_TAGS.get(event.tag, ""))
        except ValueError:
            self._refuse_tag(event.tag, origin)
            return event.value

    def _refuse_tag(self, tag: str, origin: Origin) -> None:
        name = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
        if tag in CORE_TAGS:
            self._problem(origin, f"the value does not match its tag {name}; remove the tag")
        else:
            self._problem(origin, f"the YAML tag {name} is not supported; remove the tag")

    def _alias(self, event: Any) -> bool:
        origin = self._origin(event)
        found = self.anchors.get(event.anchor)
        if found is None:
            reason = "contains itself" if event.anchor in self.anchors else "is not defined above"
            self._problem(origin, f"the alias {quoted('*' + event.anchor)} {reason}; write the value instead")
            return False
        value, size, height = found
        if not self._within(origin, size, height):
            return False
        return self._put(value, origin, height, key=value if isinstance(value, str) else None)

    def _start(self, event: Any) -> bool:
        origin = self._origin(event)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!") and CORE_TAGS.get(event.tag) != ("map" if is_map else "seq"):
            self._refuse_tag(event.tag, origin)
        if not self._within(origin, 1, 1):
            return False
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(origin, event.anchor, {} if is_map else [], self.nodes - 1))
        return True

    def _end(self, _: Any) -> bool:
        done = self.stack.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.items, self.nodes - done.before, done.height)
        return self._put(done.items, done.origin, done.height)

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].items, dict) and self.stack[-1].key_origin is None

    def _put(self, value: Any, origin: Origin, height: int, *, key: str | None = None) -> bool:
        """Store a complete value as a document, an element, a key, or the value of the last key."""
        if not self.stack:
            self.documents.append(Node(value, origin))
            return True
        top = self.stack[-1]
        if height >= top.height:
            top.height = height + 1
        if isinstance(top.items, list):
            top.items.append(Node(value, origin))
        elif top.key_origin is None:
            self._key(top, origin, key)
        else:
            if top.key is not None:
                top.items[top.key] = Node(value, top.key_origin)
            top.key = top.key_origin = None
        return True

    def _key(self, top: _Open, origin: Origin, key: str | None) -> None:
        top.key_origin = origin
        if key is None:
            self._problem(origin, "a key must be plain text, not a list or a map")
        elif key in top.items:
            first = top.items[key].origin
            self._problem(
                origin, f"duplicate key {quoted(key)}: already declared on line {first.line}; remove one of them"
            )
        else:
            top.key = key


# ---------------------------------------------------------------- syntax errors


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """Return the syntax error of PyYAML as a problem, with the fix for frequent mistakes."""
    mark: Any = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(Origin(file), f"not valid YAML: {printable(str(error.problem), 200)}")
    origin = Origin(file, mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    here = line[mark.column : mark.column + 1]
    if here == "{" and line[: mark.column].endswith("$"):
        end = line.find("}", mark.column)
        reference = line[mark.column - 1 : end + 1] if end > 0 else "${Kind/name}"
        hint = f'YAML requires quotes around a reference inside {{…}} or […]; write "{printable(reference)}"'
        return Problem(Origin(file, mark.line + 1, mark.column), hint)
    if here == "\t" or "\\t" in str(error.problem):
        return Problem(origin, "a tab in the indentation; use spaces")
    context = f" {error.context}" if error.context else ""
    return Problem(origin, f"not valid YAML: {printable(str(error.problem), 200)}{printable(context, 200)}")
