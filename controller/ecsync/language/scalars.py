"""Values of plain YAML 1.2 scalars (the core schema), and of scalars with a core tag."""

from __future__ import annotations

import re
from typing import TypeAlias

from ecsync.language.nodes import WrittenFloat

Scalar: TypeAlias = str | int | float | bool | None

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
# The core schema reads 012 as twelve. But account ids, versions and file modes are text, so a number with a leading
# zero stays text. A number that is too long for any AWS field also stays text.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_LONGEST_NUMBER = 40
_MAYBE_NUMBER = frozenset("0123456789+-.")

CORE_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "map", "seq")}


def resolve_plain(text: str) -> Scalar:
    """Return the value of a plain (unquoted) scalar."""
    if text in _NULL:
        return None
    if text[0] in _MAYBE_NUMBER and len(text) <= _LONGEST_NUMBER:
        number = _number(text)
        return text if number is None else number
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return text


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Return the value of a scalar with a core tag. Raises ValueError if the text is not a value of that type."""
    value = text if tag == "str" else resolve_plain(text)
    if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
        return WrittenFloat(value, text)
    wanted: dict[str, type | tuple[type, ...]] = {
        "str": str,
        "int": int,
        "float": float,
        "bool": bool,
        "null": type(None),
    }
    if not isinstance(value, wanted.get(tag, ())) or (tag == "int" and isinstance(value, bool)):
        raise ValueError(tag)
    return value


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return WrittenFloat(float(text), text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _INFINITE.fullmatch(text):
        return WrittenFloat(float(text.lower().replace(".", "")), text)
    return WrittenFloat(float("nan"), text) if text in _NAN else None
