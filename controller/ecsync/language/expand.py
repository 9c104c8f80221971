"""Expansion of the documents of an application into documents of single resources: includes, patches, composites."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Problem
from ecsync.core.rules import Keyed, Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Path, matches
from ecsync.core.wording import quoted
from ecsync.language.check import check
from ecsync.language.coerce import map_to_list, pair_members
from ecsync.language.documents import Document, Held
from ecsync.language.nodes import Node
from ecsync.language.references import Scope, fill_values
from ecsync.language.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A kind of document that expands to several others. `expand` is pure.

    `expand` receives the document, and all documents of its application. In the spec of the document, `${var:}`,
    `${image:}` and `${env:}` are filled in, and other references are still text. The documents that it returns may
    contain references of every form. Build nodes with `nodes.to_nodes`, so that each field keeps its origin.
    """

    name: str
    shape: Shape
    expand: Callable[[Document, Sequence[Document]], tuple[Sequence[Document], Sequence[Problem]]]


def included(settings: Settings, path: Node, files: Collection[str]) -> tuple[tuple[str, ...], str]:
    """Return the files of an `include`, and the reason if it has none. A file outside the source is never included."""
    text = str(path.value)
    if "://" in text or text.startswith("/") or "\\" in text:
        return (), f"include {quoted(text)} must be a path relative to this file's directory"
    target = posixpath.normpath(posixpath.join(settings.directory, text))
    inside = not settings.source or target == settings.source or target.startswith(settings.source + "/")
    if target == ".." or target.startswith("../") or not inside:
        return (), f"include {quoted(text)} is outside the source; name a file or directory inside it"
    found = tuple(name for name in files if name == target or target == "." or name.startswith(target + "/"))
    return (
        found,
        ""
        if found
        else f"include {quoted(text)} matches no manifest; check the path, relative to this file's directory",
    )


@dataclass(slots=True, kw_only=True)
class Expansion:
    """Expands the documents of one application, and adds problems to `problems`."""

    settings: Settings
    scope: Scope
    kinds: Mapping[str, Kind]
    composites: Mapping[str, Composite]
    shape_of: Callable[[ShapeOf], Shape]
    problems: list[Problem]

    def run(self, documents: Iterable[Document]) -> tuple[list[Document], list[Document]]:
        """Return the documents as written, patched, and the documents of single resources, patched and expanded."""
        written = [self._patch(document) for document in documents]
        single: list[Document] = []
        for document in written:
            if document.kind in self.composites:
                single += [self._patch(child) for child in self._expand(document, written)]
            else:
                single.append(document)
        return written, single

    def _patch(self, document: Document) -> Document:
        patch = self.settings.patches.get(str(document))
        if patch is None:
            return document
        kind = self.kinds.get(document.kind)
        shape = self.composites[document.kind].shape if document.kind in self.composites else None
        if kind is not None and kind.shape is not None:
            shape = self.shape_of(kind.shape)
        spec = patched(document.spec, patch, shape=shape, rules=kind.rules if kind else ())
        return replace(document, held=Held(spec))

    def _expand(self, document: Document, documents: Sequence[Document]) -> Sequence[Document]:
        composite = self.composites[document.kind]
        spec, wrong = fill_values(document.spec, self.scope)
        checked = check(spec, composite.shape, name=document.kind, unread=True, who="ecsync")
        self.problems += wrong
        self.problems += [Problem(finding.origin, finding.message) for finding in checked.problems]
        if wrong or checked.problems:
            return ()
        children, problems = composite.expand(replace(document, held=Held(checked.node)), documents)
        self.problems += problems
        return [replace(child, annotations={**document.annotations, **child.annotations}) for child in children]


# ---------------------------------------------------------------- patches: a JSON merge patch over nodes


def patched(base: Node, patch: Node, *, shape: Shape | None = None, rules: Rules = ()) -> Node:
    """Return the base with the patch applied.

    A null removes, a map merges, any other value replaces. A list with keyed elements (containers, environment, tags)
    merges by the key. Its patch may be a map from the key: `containerDefinitions: {web: {cpu: 512}}`.
    A patched field has the origin of the patch. Every other field keeps its origin.
    """
    return _merge(base, patch, shape, rules, ())


def _merge(base: Node | None, patch: Node, shape: Shape | None, rules: Rules, path: Path) -> Node:
    if shape is not None and shape.type == "list":
        return _merge_list(base, patch, shape, rules, path)
    if not isinstance(patch.value, dict):
        return patch
    merged: dict[str, Node] = dict(base.value) if base is not None and isinstance(base.value, dict) else {}
    for key, value in patch.value.items():
        if value.value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value, _below(shape, key), rules, (*path, key))
    return Node(merged, base.origin if base is not None else patch.origin)


def _below(shape: Shape | None, key: str) -> Shape | None:
    if shape is None:
        return None
    return shape.members.get(key) if shape.type == "structure" else shape.element


def _merge_list(base: Node | None, patch: Node, shape: Shape, rules: Rules, path: Path) -> Node:
    pair = pair_members(shape.element, tags=len(path) == 1) if shape.element is not None else None
    key = _key(rules, path) or (pair[:1] if pair is not None else ())
    if base is None or not key or not isinstance(patch.value, (dict, list)):
        return patch if base is None or not isinstance(patch.value, dict) else _merge(base, patch, None, rules, path)
    if isinstance(base.value, dict):
        if isinstance(patch.value, dict) or pair is None:
            return _merge(base, patch, None, rules, path)
        base = map_to_list(base, *pair)
    if not isinstance(base.value, list):
        return patch
    if isinstance(patch.value, list):
        changes = [(_values(element, key), element) for element in patch.value]
    else:
        changes = [((name,), _named(name, value, key[0], pair)) for name, value in patch.value.items()]
    merged: list[Node] = list(base.value)
    for values, change in changes:
        _change(merged, values, change, key, shape.element, rules, path)
    return Node(merged, base.origin)


def _change(
    merged: list[Node],
    values: tuple[object, ...],
    change: Node,
    key: tuple[str, ...],
    shape: Shape | None,
    rules: Rules,
    path: Path,
) -> None:
    """Apply a change to the element with these key values; append the change if no element has them."""
    found = next((i for i, element in enumerate(merged) if _values(element, key)[: len(values)] == values), None)
    if change.value is None:
        if found is not None:
            del merged[found]
    elif found is None or not isinstance(change.value, dict):
        merged.append(change)
    else:
        rest = {member: below for member, below in change.value.items() if member not in key}
        merged[found] = _merge(merged[found], Node(rest, change.origin), shape, rules, (*path, found))


def _key(rules: Rules, path: Path) -> tuple[str, ...]:
    rows = (row for row in rules if isinstance(row, Keyed))
    return next((row.key for row in rows if len(path) == len(row.segments) and matches(path, row.segments)), ())


def _values(element: Node, key: Sequence[str]) -> tuple[object, ...]:
    parts = (element.get(member) for member in key)
    return tuple(part.value if part is not None else None for part in parts)


def _named(name: str, value: Node, key: str, pair: tuple[str, str] | None) -> Node:
    """Return an entry of a map as an element of the list. A null stays null: it removes the element."""
    if value.value is None:
        return value
    if isinstance(value.value, dict):
        return Node({key: Node(name, value.origin), **value.value}, value.origin)
    return Node({key: Node(name, value.origin), (pair[1] if pair else "value"): value}, value.origin)
