"""Expansion of the documents of an application into documents of single resources: includes, patches, composites."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Problem
from ecsync.core.schema import Shape
from ecsync.core.wording import quoted
from ecsync.language.check import check
from ecsync.language.documents import Document, Held
from ecsync.language.nodes import Node
from ecsync.language.patching import patched
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
