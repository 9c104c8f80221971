"""Bodies that AWS might return of an operation: made from its output shape, with everything that a parser may meet."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel, Shape

TEXTS = ("", "web", "ü € 💡", "\"quoted\" 'too' \\ / \u2028", "<a>&amp;</a>", "line\n\ttab", "null", "a\u0000b", "{x}")
XML_TEXTS = tuple(text for text in TEXTS if "\u0000" not in text)
DEEPEST = 12


class Bodies:
    """Makes bodies from a seed. `faults` is the share of values that are not of their shape."""

    def __init__(self, seed: object, faults: float = 0.0) -> None:
        self._random = Random(str(seed))  # noqa: S311 - not cryptography
        self._faults = faults

    def of(self, operation: OperationModel) -> bytes:
        """Return a body in the protocol of the operation."""
        protocol = operation.service_model.resolved_protocol
        if protocol == "json":
            return json.dumps(self._json(operation.output_shape, 0), ensure_ascii=self._one_in(2)).encode()
        assert protocol in ("query", "ec2")
        return self._document(operation).encode()

    def _one_in(self, many: int) -> bool:
        return self._random.randrange(many) == 0

    def _count(self, depth: int) -> int:
        return 0 if depth > DEEPEST else self._random.choice((0, 1, 1, 2, 3))

    def _members(self, shape: Shape, depth: int) -> list[str]:
        names = list(shape.members)
        self._random.shuffle(names)
        if shape.is_tagged_union:
            return names[:1]
        return names[: 0 if depth > DEEPEST else self._random.randint(0, len(names))]

    # ------------------------------------------------------------ JSON

    def _json(self, shape: Shape, depth: int) -> Any:
        if self._random.random() < self._faults:
            return self._random.choice((None, [], {}, "x", 7, [None], {"x": None}, [["x"]], True))
        if shape.type_name == "structure":
            return self._json_structure(shape, depth)
        if shape.type_name == "list":
            return [None if self._one_in(9) else self._json(shape.member, depth + 1) for _ in range(self._count(depth))]
        if shape.type_name == "map":
            values = [
                (self._random.choice(TEXTS), self._json(shape.value, depth + 1)) for _ in range(self._count(depth))
            ]
            return dict(values)
        return self._json_scalar(shape)

    def _json_structure(self, shape: Shape, depth: int) -> Any:
        if shape.is_document_type:
            return {"any": [1, None, {"thing": "is kept"}], "events": None}
        found = {}
        for name in self._members(shape, depth):
            member = shape.members[name]
            found[member.serialization.get("name", name)] = (
                None if self._one_in(8) and not shape.is_tagged_union else self._json(member, depth + 1)
            )
        if shape.is_tagged_union:
            if self._one_in(4):
                found = {"newMember": {"a": 1}}
            if self._one_in(3):
                found["__type"] = "x"
        elif self._one_in(4):
            found["newMember"] = self._random.choice((None, 1, {"a": []}))
        return found

    def _json_scalar(self, shape: Shape) -> Any:
        match shape.type_name:
            case "timestamp":
                return self._random.choice(
                    (1767225600, 1767225600.5, 1767225600.123456, 0, "2026-01-01T00:00:00Z", -1.5)
                )
            case "blob":
                return base64.b64encode(self._random.randbytes(self._random.randrange(9))).decode()
            case "boolean":
                return self._one_in(2)
            case "integer" | "long":
                return self._random.choice((0, 1, -7, 2**53 + 1))
            case "float" | "double":
                return self._random.choice((0.0, 60.0, 1e-9, 70))
        return self._random.choice(TEXTS)

    # ------------------------------------------------------------ XML

    def _document(self, operation: OperationModel) -> str:
        name, shape = operation.name, operation.output_shape
        space = operation.service_model.metadata.get("xmlNamespace", "") if self._one_in(2) else ""
        inside = self._xml(shape, 0)
        if wrapper := shape.serialization.get("resultWrapper"):
            inside = f"<{wrapper}>{inside}</{wrapper}>{self._gap()}"
            inside += "<ResponseMetadata><RequestId>a&lt;b</RequestId></ResponseMetadata>"
        else:
            inside += "<requestId>a&lt;b</requestId>"
        start = '<?xml version="1.0" encoding="UTF-8"?>\n' if self._one_in(2) else ""
        return f'{start}<{name}Response xmlns="{space}">{self._gap()}{inside}{self._gap()}</{name}Response>'

    def _gap(self) -> str:
        return self._random.choice(("", "\n  ", "<!-- a comment -->", "<?a processing instruction?>"))

    def _element(self, tag: str, content: str) -> str:
        return f"<{tag}/>" if not content and self._one_in(2) else f"<{tag}>{content}</{tag}>{self._gap()}"

    def _xml(self, shape: Shape, depth: int) -> str:
        if self._random.random() < self._faults:
            return self._random.choice(("", "x", "<x/>", "<x>1</x><x>2</x>", "<member>1</member>text", "1<x/>"))
        if shape.type_name == "structure":
            return (
                self._gap()
                + "".join(
                    self._element(
                        shape.members[name].serialization.get("name", name), self._xml(shape.members[name], depth + 1)
                    )
                    for name in self._members(shape, depth)
                )
                + ("<NewMember><x>1</x></NewMember>" if self._one_in(4) and not shape.is_tagged_union else "")
            )
        if shape.type_name == "list":
            tag = shape.member.serialization.get("name", "member")
            return self._gap() + "".join(
                self._element(tag, self._xml(shape.member, depth + 1)) for _ in range(self._count(depth))
            )
        if shape.type_name == "map":
            key, value = (
                one.serialization.get("name") or default
                for one, default in ((shape.key, "key"), (shape.value, "value"))
            )
            return "".join(
                self._element(
                    "entry",
                    self._element(key, self._xml(shape.key, depth + 1))
                    + self._element(value, self._xml(shape.value, depth + 1)),
                )
                for _ in range(self._count(depth))
            )
        return self._xml_scalar(shape)

    def _xml_scalar(self, shape: Shape) -> str:
        match shape.type_name:
            case "timestamp":
                return "2026-01-01T00:00:00.123Z"
            case "blob":
                return base64.b64encode(self._random.randbytes(self._random.randrange(9))).decode()
            case "boolean":
                return self._random.choice(("true", "false", "", "True"))
            case "integer" | "long":
                return self._random.choice(("0", "-7", "9007199254740993", " 8 "))
            case "float" | "double":
                return self._random.choice(("0.0", "60", "1e-9"))
        text = self._random.choice(XML_TEXTS)
        return f"<![CDATA[{text}]]>" if self._one_in(9) else escape(text)
