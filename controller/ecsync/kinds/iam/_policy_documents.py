"""Policy documents (IAM, ECR): declared as a map or as text, stored by AWS as text, compared by what they grant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ecsync.core.model import Ref, Text
from ecsync.core.trees import Json, canonical, thaw, transform

_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_OLDEST = "2008-10-17"  # IAM User Guide, Version: the default of a document without a Version


def parsed(document: Json) -> Json:
    """Return a document as a tree; accepts a tree, JSON text, or IAM's percent-encoded JSON text.

    Returns text that is not JSON unchanged, so that a comparison never raises.
    """
    if not isinstance(document, str):
        return document
    text = unquote(document) if document.lstrip()[:1] == "%" else document
    try:
        return json.loads(text)
    except ValueError:
        return document


def policy(document: Json) -> Json:
    """Return the canonical form of a policy document: equal for documents that grant the same permissions."""
    tree = parsed(document)
    if not isinstance(tree, Mapping):
        return tree
    statements = tree.get("Statement", [])
    if not isinstance(statements, (list, tuple)):
        statements = [statements]
    return {
        **tree,
        "Version": tree.get("Version", _OLDEST),
        "Statement": sorted((_statement(statement) for statement in statements), key=canonical),
    }


def _statement(statement: Json) -> Json:
    if not isinstance(statement, Mapping):
        return statement
    result: dict[str, Json] = dict(thaw(statement))
    for member in _LISTS:
        if member in result:
            result[member] = _set(result[member])
    for member in ("Principal", "NotPrincipal"):
        if member in result:
            result[member] = _principals(result[member])
    if isinstance(result.get("Condition"), Mapping):
        result["Condition"] = {
            operator: {key: _set(value) for key, value in tests.items()} if isinstance(tests, Mapping) else tests
            for operator, tests in result["Condition"].items()
        }
    return result


def _set(value: Json) -> list[Json]:
    values = value if isinstance(value, list) else [value]
    return sorted({canonical(one): one for one in map(_scalar_text, values)}.values(), key=canonical)


def _scalar_text(value: Json) -> Json:
    """Return booleans and numbers as text: to IAM, `true` and `"true"` are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _principals(value: Json) -> Json:
    """Return principals by type, each a set: IAM returns an account id as the ARN of the account's root."""
    if not isinstance(value, Mapping):
        return {"AWS": _set(value)}
    return {kind: _set([_account(name) for name in _set(names)]) for kind, names in value.items()}


def _account(name: Json) -> Json:
    root = _ROOT.fullmatch(name) if isinstance(name, str) else None
    return root[1] if root else name


def as_text(document: Json) -> str | Text:
    """Return the JSON text of a document as AWS accepts it; a `Text` while it contains an unresolved reference."""
    if isinstance(document, (str, Text)):
        return document
    unresolved: list[Text] = []

    def placeholder(leaf: Json) -> Json:
        if not isinstance(leaf, Text):
            return leaf
        unresolved.append(leaf)
        return f"\ue000{len(unresolved) - 1}\ue001"

    text = json.dumps(transform(document, placeholder), ensure_ascii=False, separators=(",", ":"))
    if not unresolved:
        return text
    parts: list[str | Ref] = []
    for index, piece in enumerate(re.split("\ue000(\\d+)\ue001", text)):  # odd pieces are indexes of placeholders
        parts += [_escaped(part) for part in unresolved[int(piece)].parts] if index % 2 else [piece]
    return Text(tuple(parts))


def _escaped(part: str | Ref) -> Any:
    """Return text as it is inside a JSON string, without the quotes; a reference unchanged."""
    return json.dumps(part, ensure_ascii=False)[1:-1] if isinstance(part, str) else part
