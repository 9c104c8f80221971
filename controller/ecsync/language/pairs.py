"""Maps where AWS has a list of pairs (tags, environment, attributes, secrets), and back."""

from __future__ import annotations

from ecsync.core.model import Origin
from ecsync.core.schema import Shape
from ecsync.language.nodes import Node

_PAIRS = (("name", "value"), ("Name", "Value"), ("key", "value"), ("Key", "Value"), ("name", "valueFrom"))


def pair_members(element: Shape, *, tags: bool) -> tuple[str, str] | None:
    """Return the members that are key and value, where an element of the list is nothing but a pair.

    Tags may have further members (an Auto Scaling group's do), and are still written as a map.
    """
    if element.type != "structure":
        return None
    members = set(element.members)
    for pair in _PAIRS:
        if members == set(pair) or (tags and members >= set(pair)):
            return pair
    return None


def map_to_list(node: Node, key: str, value: str) -> Node:
    """Return the map as AWS's list of pairs; each element comes from where its key was written."""
    elements = [Node({key: Node(name, below.origin), value: below}, below.origin) for name, below in node.value.items()]
    return Node(elements, node.origin)


def list_to_map(node: Node) -> tuple[Node, list[tuple[str, Origin]]]:
    """Return a list of key and value pairs as the map that AWS wants, and the keys that are in it twice."""
    done: dict[str, Node] = {}
    twice: list[tuple[str, Origin]] = []
    for element in node.value:
        key = element.get("key") or element.get("Key")
        value = element.get("value") or element.get("Value")
        if key is None or value is None or not isinstance(key.value, str):
            return node, []
        if key.value in done:
            twice.append((key.value, element.origin))
        done[key.value] = value
    return Node(done, node.origin), twice
