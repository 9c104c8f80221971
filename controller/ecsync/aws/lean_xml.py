"""Reads XML bodies of the protocols query and ec2 as botocore does, by the output shape of an operation."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from botocore.model import Shape, StructureShape

from ecsync.aws.lean_json import NotUnderstood, Time
from ecsync.core.trees import shared

_NAMESPACE = re.compile("{.*}")
_PARSED_OTHERWISE = frozenset({"location", "eventheader", "xmlAttribute", "flattened"})


class Names(dict[str, str]):
    """The names of the tags of one body, without their namespace."""

    def __missing__(self, tag: str) -> str:
        self[tag] = name = _NAMESPACE.sub("", tag)
        return name


Read = Callable[[ET.Element, Names], Any]


def body_reader(
    shape: StructureShape, time: Time, structures: dict[str, Read]
) -> Callable[[bytes], tuple[dict[str, Any], bytes]]:
    """Return a function that reads a body. `structures` are the readers of this service that are known already.

    It returns the members of the output, and a body without them: botocore takes the rest from it. It raises
    ValueError or ParseError for what it does not understand.
    """
    wrapper: str = shape.serialization.get("resultWrapper", "")
    read = _reader(shape, time, structures)
    assert read is not None  # it is a structure

    def read_body(body: bytes) -> tuple[dict[str, Any], bytes]:
        parser = ET.XMLParser(target=ET.TreeBuilder(), encoding="utf-8")  # noqa: S314 - the answer of AWS, as botocore
        parser.feed(body)
        root = parser.close()
        names = Names()
        children = _children(root, names)
        if wrapper not in children and wrapper:
            raise NotUnderstood(wrapper)
        return read(children[wrapper] if wrapper else root, names), _rest(wrapper, children, names)

    return read_body


def _rest(wrapper: str, children: Mapping[str, ET.Element], names: Names) -> bytes:
    """Return an answer without a result: only the id of the request."""
    kept = [_written(name, children[name].text) for name in ("requestId",) if name in children]
    if "ResponseMetadata" in children:
        inside = _children(children["ResponseMetadata"], names)
        kept += [
            "<ResponseMetadata>",
            *(_written(name, one.text) for name, one in inside.items()),
            "</ResponseMetadata>",
        ]
    return f"<r>{f'<{wrapper}/>' if wrapper else ''}{''.join(kept)}</r>".encode()


def _written(name: str, text: str | None) -> str:
    return f"<{name}>{escape(text or '', {chr(13): '&#13;'})}</{name}>"


def _children(node: ET.Element, names: Names) -> dict[str, ET.Element]:
    found = {names[child.tag]: child for child in node}
    if len(found) != len(node):
        raise NotUnderstood("a repeated element")
    return found


def _reader(shape: Shape, time: Time, structures: dict[str, Read]) -> Read | None:
    """Return the reader of a shape; None for a text."""
    if not _PARSED_OTHERWISE.isdisjoint(shape.serialization) or shape.metadata.get("exception"):
        raise NotUnderstood(shape.name)
    match shape.type_name:
        case "string" | "character":
            return None
        case "structure":
            if shape.name not in structures:
                structures[shape.name] = _structure(shape, time, structures)
            return structures[shape.name]
        case "list":
            return _list(_reader(shape.member, time, structures))
        case "map":
            return _map(shape, _reader(shape.key, time, structures), _reader(shape.value, time, structures))
        case "boolean":
            return lambda node, _: node.text == "true"
        case "integer" | "long":
            return lambda node, _: int(node.text or "")
        case "float" | "double":
            return lambda node, _: float(node.text or "")
        case "timestamp":
            return lambda node, _: time(node.text or "")
        case "blob":
            return lambda node, _: base64.b64decode(node.text or "")
    raise NotUnderstood(shape.name)


def _structure(shape: StructureShape, time: Time, structures: dict[str, Read]) -> Read:
    members: list[tuple[str, str, Read | None]] | None = None  # tag, name, reader

    def read(node: ET.Element, names: Names) -> dict[str, Any]:
        nonlocal members
        if members is None:  # when first needed: shapes may contain themselves, and most are never returned
            members = [
                (member.serialization.get("name", name), name, _reader(member, time, structures))
                for name, member in shape.members.items()
            ]
        children = {names[child.tag]: child for child in node}
        if len(children) != len(node):
            raise NotUnderstood("a repeated element")
        found = {}
        for tag, name, read_value in members:
            child = children.get(tag)
            if child is not None:
                found[name] = shared(child.text or "") if read_value is None else read_value(child, names)
        return found

    return _union(shape, read) if shape.is_tagged_union else read


def _union(shape: StructureShape, read: Read) -> Read:
    known = frozenset(member.serialization.get("name", name) for name, member in shape.members.items())

    def read_union(node: ET.Element, names: Names) -> dict[str, Any]:
        given = [name for name in _children(node, names) if name != "__type"]
        if len(given) != 1:
            raise NotUnderstood(shape.name)
        # botocore's own answer for a member that it does not know
        return read(node, names) if given[0] in known else {"SDK_UNKNOWN_MEMBER": {"name": given[0]}}

    return read_union


def _list(read_item: Read | None) -> Read:
    if read_item is None:
        return lambda node, _: [shared(child.text or "") for child in node]
    return lambda node, names: [read_item(child, names) for child in node]


def _map(shape: Shape, read_key: Read | None, read_value: Read | None) -> Read:
    key_tag = shape.key.serialization.get("name") or "key"
    value_tag = shape.value.serialization.get("name") or "value"

    def read(node: ET.Element, names: Names) -> dict[Any, Any]:
        found = {}
        for entry in node:
            pair = _children(entry, names)
            if pair.keys() != {key_tag, value_tag}:
                raise NotUnderstood(shape.name)
            key, value = pair[key_tag], pair[value_tag]
            found[key.text or "" if read_key is None else read_key(key, names)] = (
                value.text or "" if read_value is None else read_value(value, names)
            )
        return found

    return read
