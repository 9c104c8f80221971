"""Reads JSON bodies as botocore does, by the output shape of an operation: without a second walk over its model."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from botocore.model import Shape, StructureShape

from ecsync.core.trees import shared

Read = Callable[[Any], Any]
Time = Callable[[Any], str]


class NotUnderstood(ValueError):
    """A body, or a shape, that only botocore's own parser reads."""


def body_reader(
    shape: StructureShape, time: Time, structures: dict[str, Read | None], lighten: Callable[[Any], None] | None = None
) -> Callable[[bytes], tuple[dict[str, Any], bytes]]:
    """Return a function that reads a body. `structures` are the readers of this service that are known already.

    It returns the members of the output, and a body without them. It raises an error for what it does not understand.
    `lighten` removes what is not needed from the decoded body.
    """
    read = _reader(shape, time, structures)
    if read is None:
        raise NotUnderstood(shape.name)

    def read_body(body: bytes) -> tuple[dict[str, Any], bytes]:
        decoded = json.loads(body.decode())
        if lighten:
            lighten(decoded)
        return read(decoded), b""

    return read_body


def _reader(shape: Shape, time: Time, structures: dict[str, Read | None]) -> Read | None:
    """Return the reader of a shape; None if json.loads returns what botocore does."""
    if shape.type_name == "structure":
        if shape.name not in structures:
            structures[shape.name] = None if shape.is_document_type else _structure(shape, time, structures)
        return structures[shape.name]
    if shape.type_name == "list":
        return _list(_reader(shape.member, time, structures))
    if shape.type_name == "map":
        if shape.key.type_name != "string":
            raise NotUnderstood(shape.name)
        return _map(_reader(shape.value, time, structures), shape.value.type_name)
    if shape.type_name == "timestamp":
        return time
    if shape.type_name == "string":
        return shared
    return base64.b64decode if shape.type_name == "blob" else None


def _structure(shape: StructureShape, time: Time, structures: dict[str, Read | None]) -> Read:
    members: list[tuple[str, str, Read | None]] | None = None  # name in the body, name, reader

    def read(node: Any) -> dict[str, Any]:
        nonlocal members
        if type(node) is not dict:
            raise NotUnderstood(shape.name)
        if members is None:  # when first needed: shapes may contain themselves, and most are never returned
            members = [
                (member.serialization.get("name", name), name, _reader(member, time, structures))
                for name, member in shape.members.items()
            ]
        found = {}
        get = node.get
        for wire, name, read_value in members:
            value = get(wire)
            if value is not None:
                found[name] = value if read_value is None else read_value(value)
        return found

    return _union(shape, read) if shape.is_tagged_union else read


def _union(shape: StructureShape, read: Read) -> Read:
    known = frozenset(member.serialization.get("name", name) for name, member in shape.members.items())

    def read_union(node: Any) -> dict[str, Any]:
        if type(node) is not dict:
            raise NotUnderstood(shape.name)
        given = [name for name, value in node.items() if value is not None and name != "__type"]
        if len(given) != 1:
            raise NotUnderstood(shape.name)
        return read(node) if given[0] in known else {"SDK_UNKNOWN_MEMBER": {"name": given[0]}}  # as botocore has it

    return read_union


def _list(read_item: Read | None) -> Read:
    def read(node: Any) -> list[Any]:
        if type(node) is not list:
            raise NotUnderstood("a list")
        if read_item is None:
            return node
        return [None if item is None else read_item(item) for item in node]

    return read


def _map(read_value: Read | None, type_name: str) -> Read:
    def read(node: Any) -> dict[str, Any]:
        if type(node) is not dict:
            raise NotUnderstood("a map")
        if read_value is None:
            return node
        if None in node.values() and type_name != "structure":
            raise NotUnderstood("a map with a null")
        return {shared(key): None if value is None else read_value(value) for key, value in node.items()}

    return read
