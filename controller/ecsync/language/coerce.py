"""Coercion of written values to the types that AWS requires, only where the meaning is certain.

Scalars; and a map in a manifest to the list of pairs of AWS (tags, environment, attributes, secrets), and back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ecsync.core.model import Origin, Ref, Text
from ecsync.core.resolve import joined
from ecsync.core.schema import Shape, Type
from ecsync.core.trees import Json
from ecsync.language.nodes import Node, WrittenFloat

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")
_PAIRS = (("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value"), ("name", "valueFrom"))
_JSON_TYPES: Mapping[Type, tuple[type, ...]] = {
    "structure": (dict,), "list": (list,), "map": (dict,), "string": (str,), "integer": (int,), "long": (int,),
    "float": (int, float), "double": (int, float), "boolean": (bool,), "timestamp": (str, int, float), "blob": (str,),
}  # fmt: skip


def coerced(value: Json, wanted: Type) -> str | int | float | bool | None:
    """Return the scalar in the wanted type; None if it is not a value of that type."""
    if isinstance(value, (dict, list)):
        return None
    if wanted in ("string", "blob"):
        return _text(value)
    if wanted in ("integer", "long"):
        return _integer(value)
    if wanted in ("float", "double"):
        return _number(value)
    if wanted == "boolean":
        return _boolean(value)
    if wanted == "timestamp":
        return None if isinstance(value, bool) else _text(value)
    return None


def has_type(value: Json, wanted: Type) -> bool:
    """Return whether the value already has the wanted JSON type, without coercion. Null has no type."""
    if wanted == "any":
        return True
    return isinstance(value, _JSON_TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, WrittenFloat) else str(value)


def _integer(value: Json) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    return value if isinstance(value, int) else None


def _number(value: Json) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return float(value) if math.isfinite(value) else None


def _boolean(value: Json) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return value if isinstance(value, bool) else None


def comma_list(node: Node) -> Node:
    """Return a list as one comma-separated text, which AWS requires in its place; return any other node unchanged."""
    if not isinstance(node.value, list):
        return node
    parts: list[str | Ref] = []
    for index, element in enumerate(node.value):
        if isinstance(element.value, (dict, list)):
            return node
        parts += [","] if index else []
        parts += element.value.parts if isinstance(element.value, Text) else [_text(element.value)]
    return Node(joined(parts), node.origin)


# ---------------------------------------------------------------- lists of pairs


def pair_members(element: Shape, *, tags: bool) -> tuple[str, str] | None:
    """Return the names of the key member and the value member; None if an element of the list is not such a pair.

    A tag may have further members (those of an Auto Scaling group have), and can still be written as a map.
    """
    if element.type != "structure":
        return None
    members = element.members
    for key, value in _PAIRS:
        if key in members and value in members and (tags or len(members) == 2):
            return key, value
    return None


def map_to_list(node: Node, key: str, value: str) -> Node:
    """Return the map as AWS's list of pairs; the origin of each element is that of its key."""
    elements = [Node({key: Node(name, below.origin), value: below}, below.origin) for name, below in node.value.items()]
    return Node(elements, node.origin)


def list_to_map(node: Node) -> tuple[Node, list[tuple[str, Origin]]]:
    """Return a list of pairs as the map that AWS requires, and each key that occurs again, with its origin."""
    done: dict[str, Node] = {}
    repeated: list[tuple[str, Origin]] = []
    for element in node.value:
        key = element.get("key") or element.get("Key")
        value = element.get("value") or element.get("Value")
        if key is None or value is None or not isinstance(key.value, str):
            return node, []
        if key.value in done:
            repeated.append((key.value, element.origin))
        done[key.value] = value
    return Node(done, node.origin), repeated
