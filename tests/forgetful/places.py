"""The values in the parameters of a write, and the same write without one of them, or with another value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel
from botocore.validate import ParamValidator

from ecsync.core.trees import canonical, thaw

FORGOTTEN = "(forgotten)"  # instead of another value: AWS keeps none
_LABELS = ("Key", "key", "name", "Name", "capacityProvider", "Field", "Metric", "DeviceName", "Id")


@dataclass(frozen=True)
class Place:
    """A value of a write. An update has it under the same names as a create, or below or above other members."""

    names: tuple[str, ...]  # of members, without the indexes of lists
    label: str  # the name of the element of a list that it is in: the key of a tag
    value: str  # canonical

    def is_same(self, other: Place) -> bool:
        """Return whether another write has this value. A tag, an attribute and a mark are known by their name."""
        shorter, longer = sorted((self.names, other.names), key=len)
        if longer[len(longer) - len(shorter) :] != shorter or self.label != other.label:
            return False
        named = (self.label and self.names[-1].lower() == "value") or self.names[-1].startswith("ecsync:")
        return bool(named) or self.value == other.value

    def __str__(self) -> str:
        label = f"[{self.label}]" if self.label else ""
        return f"{'.'.join(self.names)}{label} = {self.value[:60]}"


def places(params: Mapping[str, Any]) -> list[Place]:
    """Return every value: leaves, blocks, and elements of lists."""
    return list(dict.fromkeys(place for _, _, place in _nodes(params, (), "")))


def without(params: Mapping[str, Any], place: Place, value: Any = FORGOTTEN) -> dict[str, Any] | None:
    """Return the parameters with another value at every place of this one; None if they do not have it."""
    copy: dict[str, Any] = thaw(params)
    found = [(container, key) for container, key, one in _nodes(copy, (), "") if place.is_same(one)]
    for container, key in reversed(found):
        if value is FORGOTTEN:
            del container[key]
        else:
            container[key] = value
    return copy if found else None


def others(value: Any, model: OperationModel, names: tuple[str, ...]) -> list[Any]:
    """Return the values that AWS could make of a value; the first one that it accepts is taken."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [one for one in (value + 1, value - 1, value * 2, 30) if one != value]
        case str():
            enum = [one for one in _enum(model, names) if one != value]
            number = [str(int(value) + 1)] if value.isdigit() else []
            flag = [{"true": "false", "false": "true"}[value]] if value in ("true", "false") else []
            policy = [value.replace("Allow", "Deny")] if value.startswith("{") and "Allow" in value else []
            return enum[:3] or number or flag or policy or [f"{value}x", value[:-1]]
    return []


def is_allowed(params: Mapping[str, Any], model: OperationModel) -> bool:
    """Return whether AWS's model allows the parameters."""
    return not ParamValidator().validate(params, model.input_shape).has_errors()


def at_place(params: Mapping[str, Any], place: Place) -> Any:
    """Return the value at a place."""
    return next(container[key] for container, key, one in _nodes(params, (), "") if one == place)


def _nodes(tree: Any, names: tuple[str, ...], label: str) -> Iterator[tuple[Any, Any, Place]]:
    if isinstance(tree, Mapping):
        own = next((str(tree[one]) for one in _LABELS if isinstance(tree.get(one), str)), "") if label else ""
        for key, value in tree.items():
            yield tree, key, Place((*names, str(key)), own, canonical(value))
            yield from _nodes(value, (*names, str(key)), "")
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield tree, index, Place((*names, "[]"), "", canonical(value))
            yield from _nodes(value, names, "element")


def _enum(model: OperationModel, names: tuple[str, ...]) -> tuple[str, ...]:
    shape = model.input_shape
    for name in names:
        while shape.type_name == "list":
            shape = shape.member
        if name == "[]":
            continue
        if shape.type_name == "map":
            shape = shape.value
        elif shape.type_name == "structure" and name in shape.members:
            shape = shape.members[name]
        else:
            return ()
    while shape.type_name == "list":
        shape = shape.member
    return tuple(getattr(shape, "enum", ()) or ())
