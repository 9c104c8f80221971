"""Policy documents (IAM, ECR): written as a map or as text, stored by AWS as text, compared by what they mean."""

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
_OLDEST = "2008-10-17"  # the version of a policy that does not name one


def parsed(document: Json) -> Json:
    """Return a document as a tree, whatever it came as: a tree, JSON, or IAM's percent-encoded JSON.

    Text that is no JSON comes back as it is, so that comparing never raises.
    """
    if not isinstance(document, str):
        return document
    text = unquote(document) if document.lstrip()[:1] == "%" else document
    try:
        return json.loads(text)
    except ValueError:
        return document


def policy(document: Json) -> Json:
    """Return the canonical form of a policy document: what two of them that grant the same have in common."""
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
    return sorted({canonical(one): one for one in map(_word, values)}.values(), key=canonical)


def _word(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _principals(value: Json) -> Json:
    """Return principals by type, each a set: IAM answers an account's number with the ARN of its root."""
    if not isinstance(value, Mapping):
        return {"AWS": _set(value)}
    return {kind: _set([_account(one) for one in _set(names)]) for kind, names in value.items()}


def _account(name: Json) -> Json:
    root = _ROOT.fullmatch(name) if isinstance(name, str) else None
    return root[1] if root else name


def as_text(document: Json) -> str | Text:
    """Return the JSON text of a document as AWS takes it; a Text where references in it are still unknown."""
    if isinstance(document, (str, Text)):
        return document
    held: list[Text] = []

    def stand_in(leaf: Json) -> Json:
        if not isinstance(leaf, Text):
            return leaf
        held.append(leaf)
        return f"\ue000{len(held) - 1}\ue001"

    text = json.dumps(transform(document, stand_in), ensure_ascii=False, separators=(",", ":"))
    if not held:
        return text
    parts: list[str | Ref] = []
    for index, piece in enumerate(re.split("\ue000(\\d+)\ue001", text)):
        parts += [_escaped(part) for part in held[int(piece)].parts] if index % 2 else [piece]
    return Text(tuple(parts))


def _escaped(part: str | Ref) -> Any:
    return json.dumps(part, ensure_ascii=False)[1:-1] if isinstance(part, str) else part
