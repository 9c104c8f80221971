"""Conversion between a map in a manifest and the list of pairs of AWS (tags, environment, attributes, secrets)."""

from __future__ import annotations

from ecsync.core.model import Origin
from ecsync.core.schema import Shape
from ecsync.language.nodes import Node

_PAIRS = (("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value"), ("name", "valueFrom"))


def pair_members(element: Shape, *, tags: bool) -> tuple[str, str] | None:
    """Return the names of the key member and the value member; None if an element of the list is not such a pair.

    A tag may have further members (those of an Auto Scaling group have), and can still be written as a map.
    """
    if element.type != "structure":
        return None
    members = set(element.members)
    for pair in _PAIRS:
        if members == set(pair) or (tags and members >= set(pair)):
            return pair
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
