"""Shapes of botocore's service models, with the interface of `core/schema.py`.

A service's model is loaded when one of its shapes is first needed: about 30 ms for ECS, 60 ms for EC2. Importing this
module loads nothing. `beyond_the_model.json` has the values that AWS accepts although its model does not list them, by
service, shape and value, each with its source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ecsync.awsmodel import models
from ecsync.core.kind import ShapeOf
from ecsync.core.schema import ANY, BOOLEAN, STRING, Shape, Type, listing, mapping

_SIMPLE_SHAPES: Mapping[str, Shape] = {
    "any": ANY,
    "boolean": BOOLEAN,
    "string": STRING,
    "strings": listing(STRING),
    "map": mapping(STRING),
}
_TYPES: Mapping[str, Type] = {"bigdecimal": "double", "bigint": "long", "short": "integer", "character": "string"}
_ONLY_JAVA = (r"\p{", r"\uD800")  # classes of characters, and halves of characters
_MEMBER = re.compile(r"[^.\[\]{}]+|\[\]|\{\}")

FILE = Path(__file__).with_name("beyond_the_model.json")

Model = Mapping[str, Any]
Values = Mapping[str, Mapping[str, str]]  # shape -> value -> source


@dataclass(frozen=True)
class ModelShape:
    """One shape of a service model. Its members are built on first use, and cached."""

    shape_name: str
    model: Model = field(repr=False, compare=False)
    service: str = field(repr=False, compare=False)
    member_of: tuple[str, str] = field(default=("", ""), repr=False, compare=False)  # a shape, and its member

    @cached_property
    def _raw(self) -> Model:
        raw: Model = self.model["shapes"][self.shape_name]
        return raw

    @property
    def name(self) -> str:
        """AWS's name of the shape."""
        return self.shape_name

    @cached_property
    def type(self) -> Type:
        """The type of the value."""
        if self._raw.get("document"):
            return "any"
        raw: Type = self._raw["type"]
        return _TYPES.get(raw, raw)

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        """A structure's members by name."""
        return {name: self._below(raw, name) for name, raw in self._raw.get("members", {}).items()}

    @cached_property
    def element(self) -> Shape | None:
        """A list's element, or a map's value."""
        raw = self._raw.get("member") or self._raw.get("value")
        return self._below(raw) if raw is not None and self.type in ("list", "map") else None

    @cached_property
    def required(self) -> frozenset[str]:
        """The required members of a structure."""
        return frozenset(self._raw.get("required", ()))

    @cached_property
    def enum(self) -> tuple[str, ...]:
        """The allowed values of a string; empty if AWS lists none."""
        return tuple(self._raw.get("enum", ()))

    @cached_property
    def bounds(self) -> tuple[float | None, float | None]:
        """Least and greatest value of a number, or length of a string or list; None if AWS states no limit."""
        return self._raw.get("min"), self._raw.get("max")

    @cached_property
    def pattern(self) -> str:
        """The pattern of a string; empty where it is written for Java alone, or where AWS does not check it (tags)."""
        found: str = self._raw.get("pattern", "")
        known = not any(part in found for part in _ONLY_JAVA) and not self.shape_name.lower().startswith("tag")
        return found if known else ""

    @property
    def documentation(self) -> str:
        """AWS's documentation of the member; of the shape if the member has none."""
        shapes = _documented_shapes(self.service)
        parent, member = self.member_of
        note = shapes[parent]["members"][member].get("documentation", "") if member else ""
        return str(note or shapes[self.shape_name].get("documentation", ""))

    def _below(self, raw: Model, member: str = "") -> ModelShape:
        return ModelShape(raw["shape"], self.model, self.service, (self.shape_name, member))


@dataclass(frozen=True, kw_only=True)
class BodyShape:
    """The shape of a kind's body: an operation's input without omitted members, plus those that other calls set."""

    base: Shape
    shape_of: ShapeOf

    type: Type = "structure"
    element: Shape | None = None
    enum: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    pattern: str = ""

    @property
    def name(self) -> str:
        """AWS's name of the input."""
        return self.base.name

    @property
    def documentation(self) -> str:
        """AWS's documentation of the operation's input."""
        return self.base.documentation

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        """The members of the input and the additions. An addition replaces a member with the same name."""
        kept = {name: shape for name, shape in self.base.members.items() if name not in self.shape_of.omit}
        return kept | {name: _extra(path) for name, path in self.shape_of.extra.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """The members that AWS requires, without those that ecsync fills in, plus those that the kind requires."""
        ours = {*self.shape_of.optional, *self.shape_of.omit}
        return (self.base.required - ours) | frozenset(self.shape_of.required)


def load(shape_of: ShapeOf) -> Shape:
    """Return the shape of a kind's body; without an operation, the shape of the describe output."""
    return _load(
        shape_of.operation,
        shape_of.omit,
        tuple(shape_of.extra.items()),
        shape_of.describe,
        shape_of.required,
        shape_of.optional,
    )


@cache
def _load(
    operation: str,
    omit: tuple[str, ...],
    extra: tuple[tuple[str, str], ...],
    describe: str,
    required: tuple[str, ...],
    optional: tuple[str, ...],
) -> Shape:
    if not operation:
        return at_path(describe, side="output")
    shape_of = ShapeOf(operation=operation, omit=omit, extra=dict(extra), required=required, optional=optional)
    return BodyShape(base=at_path(operation, side="input"), shape_of=shape_of)


def _extra(path: str) -> Shape:
    return _SIMPLE_SHAPES[path] if path in _SIMPLE_SHAPES else at_path(path, side="input")


def at_path(path: str, *, side: str) -> Shape:
    """Return the shape at `service.Operation` or `service.Operation:member.list[].member`.

    `side` is `input` or `output`. A member that is not in the input is taken from the output.
    """
    operation, _, members = path.partition(":")
    service, _, name = operation.rpartition(".")
    model = service_model(service)
    raw = model["operations"][name]
    steps = _MEMBER.findall(members)
    root = ModelShape(raw[side]["shape"], model, service)
    if steps and steps[0] not in root.members and "output" in raw:
        root = ModelShape(raw["output"]["shape"], model, service)
    shape: Shape = root
    for step in steps:
        below = shape.element if step in ("[]", "{}") else shape.members[step]
        assert below is not None, path
        shape = below
    return shape


@cache
def service_model(service: str) -> Model:
    """Return botocore's model of the service, plus the values of `beyond_the_model.json`."""
    model: Model = models.shared_loader().load_service_model(service, "service-2")
    more = dict(_with_more(model["shapes"], beyond_the_model().get(service, {})))
    return {**model, "shapes": models.Used(model["shapes"], more)}


@cache
def _documented_shapes(service: str) -> Model:
    shapes: Model = models.documented(service)["shapes"]
    return shapes


def _with_more(shapes: Model, more: Values) -> Iterator[tuple[str, Model]]:
    for name, values in more.items():
        raw = shapes.get(name, {})
        if "enum" in raw:  # without an enum any value is allowed; adding one would forbid the others
            yield name, {**raw, "enum": list(dict.fromkeys([*raw["enum"], *values]))}


@cache
def beyond_the_model() -> Mapping[str, Values]:
    """Return the values that AWS accepts but its model does not list: service -> shape -> value -> source."""
    found: Mapping[str, Values] = json.loads(FILE.read_text())
    return found
