"""The files of a snapshot: the selection of manifests, and the documents of each file."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise, zip_longest

from ecsync.core.model import Origin, Problem
from ecsync.core.ports import Snapshot
from ecsync.core.wording import printable
from ecsync.language import documents, yaml12
from ecsync.language.documents import Document
from ecsync.language.nodes import Node
from ecsync.language.yaml12 import Extent

LARGEST_SNAPSHOT = 25 * 1000 * 1000  # about 12,000 services with seven documents each
Name = tuple[str, str]  # kind and name of a document
_MANIFEST = (".yaml", ".yml", ".json")
_INDEX = "ecsync.index.json"  # written by `publish`: the list of the manifests, not a manifest
_TEMPORARY = re.compile(r"(?:.*~|#.*#|.*\.(?:swp|swo|swx|tmp|bak|orig|part))", re.DOTALL)
_OTHER_BREAK = re.compile("[\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(slots=True)
class Nodes:
    """The nodes of the documents of a file, parsed again when they are asked for."""

    name: str
    content: bytes
    parsed: tuple[Document, ...] | None = None

    def spec(self, number: int) -> Node:
        """Return the body of a document."""
        if self.parsed is None:
            self.parsed = tuple(parse_file(self.name, self.content).there)
        return self.parsed[number].spec


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """What one file declares. It depends on its name and content only, not on the application."""

    name: str
    content: bytes
    nodes: Nodes
    there: list[Document]  # its documents, until `close`
    named: bytes = b""  # the names of its documents, packed; empty: it has none
    kinds: frozenset[str] = frozenset()  # of its documents
    applications: tuple[Document, ...] = ()  # the Application documents
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    whole: bool = True  # False: part of the file is unreadable, so it may declare more than this
    application: str = ""  # of an unreadable file: the name of the Application that it seems to contain

    @property
    def names(self) -> tuple[Name, ...]:
        """The names of its documents."""
        return tuple((kind, name) for kind, name in json.loads(zlib.decompress(self.named))) if self.named else ()

    @property
    def documents(self) -> Sequence[Document]:
        """The documents. After `close` the file is parsed again."""
        if self.named and not self.there:
            self.there.extend(parse_file(self.name, self.content).there)
        return self.there

    def let_go(self) -> None:
        """Let the nodes of its documents go: it is parsed again where one of them must be compiled again.

        Those of an Application and of plain AWS documents in JSON stay.
        """
        self.nodes.parsed = None
        for document in self.there:
            if document.kind != "Application" and document.written is None:
                document.held.let_go()

    def close(self) -> None:
        """Let the documents go too, at the end of a load."""
        self.let_go()
        self.there.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The names of the manifests in a snapshot."""

    names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def select(files: Iterable[str]) -> Selected:
    """Return the YAML and JSON files, without hidden files and temporary files of editors."""
    names: list[str] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    for name in sorted(files):
        parts = name.split("/")
        if any(part.startswith(".") for part in parts) or _TEMPORARY.fullmatch(parts[-1]) or parts[-1] == _INDEX:
            continue
        if _UNPRINTABLE.search(name):
            shown = printable(name, 200)
            problems.append(Problem(Origin(shown), "the file name contains control characters; rename the file"))
        elif name.endswith(_MANIFEST):
            names.append(name)
        else:
            notes.append(Problem(Origin(name), "ignored: not .yaml, .yml or .json"))
    return Selected(names=tuple(names), problems=tuple(problems), notes=tuple(notes))


def refused(snapshot: Snapshot, names: Iterable[str]) -> Problem | None:
    """Return why the whole snapshot is rejected: these manifests are too large; None if they are not."""
    size = sum(len(snapshot.files[name]) for name in names)
    if size <= LARGEST_SNAPSHOT or snapshot.revisions:  # of several sources, each has checked its own files
        return None
    limit = f"at most {LARGEST_SNAPSHOT // 10**6} MB are read"
    message = f"the manifests have {size / 1e6:.1f} MB in total; {limit}: remove files from the source"
    return Problem(Origin(snapshot.source or "."), message)


def parse_file(name: str, content: bytes) -> ParsedFile:
    """Return the documents and problems of the file. Never raises."""
    parsed = yaml12.parse(name, content)
    problems = list(parsed.problems)
    notes: list[Problem] = []
    found: list[Document] = []
    nodes = Nodes(name, content)
    for node, extent in zip_longest(parsed.documents, parsed.extents):
        reading = documents.read(node)
        if extent is not None:
            digests = _digests(parsed.text, extent, node, reading.documents)
            for number, (document, digest) in enumerate(zip(reading.documents, digests, strict=True), len(found)):
                document.held.written_as(digest, nodes, number)
        found += reading.documents
        problems += reading.problems
        notes += reading.notes
    applications = tuple(document for document in found if document.kind == "Application")
    return ParsedFile(
        name=name,
        content=content,
        nodes=nodes,
        there=found,
        named=_packed([(document.kind, document.name) for document in found]),
        kinds=frozenset(document.kind for document in found),
        applications=applications,
        problems=tuple(problems),
        notes=tuple(notes),
        whole=parsed.whole and not problems,
        application="" if applications or not problems else _lost_application(content),
    )


def _packed(names: Sequence[Name]) -> bytes:
    return zlib.compress(json.dumps(names).encode(), 1) if names else b""


def _digests(text: str, extent: Extent, node: Node, declared: Sequence[Document]) -> Iterator[bytes]:
    """Yield a digest for each document of a YAML document. If two are equal, so are the specs but for their first line.

    It is of the text of the whole YAML document. In a map of resources with one below the other, it is of the text
    before the first one, without comments, and of the lines of the resource. An anchor could carry a value into it.
    """
    whole = text[extent.start : extent.end]
    resources = node.get("resources")
    entries = list(resources.value.values()) if resources is not None and isinstance(resources.value, dict) else []
    lines = whole.split("\n")
    starts = [one.origin.line - 1 - extent.line for one in entries]
    if not entries or extent.anchors or _OTHER_BREAK.search(whole) or not _apart(lines, starts, entries):
        yield from [_digest(whole)] * len(declared)
        return
    ends = dict(zip(starts, [*starts[1:], len(lines)], strict=True))
    head = "\n".join(line for line in lines[: starts[0]] if not _COMMENT.match(line))
    for document in declared:
        start = document.origin.line - 1 - extent.line
        own = "\n".join(lines[start : ends[start]]) if start in ends else whole
        yield _digest(head, own)


_COMMENT = re.compile(r"\s*(#|$)")


def _apart(lines: Sequence[str], starts: Sequence[int], entries: Sequence[Node]) -> bool:
    """Return whether each entry begins on a line of its own, below the one before."""
    in_order = starts[0] >= 0 and all(one < other for one, other in pairwise(starts))
    return in_order and not any(
        lines[start][: one.origin.column - 1].strip() for start, one in zip(starts, entries, strict=True)
    )


def _digest(*parts: object) -> bytes:
    return blake2b("\n\n".join(map(str, parts)).encode(), digest_size=16).digest()


_LOST = re.compile(rb"""^["']?kind["']?\s*:\s*["']?Application\b""", re.MULTILINE)
_LOST_NAME = re.compile(rb"""\bname["']?\s*:\s*["']?([A-Za-z0-9][A-Za-z0-9_.-]{0,62})""")


def _lost_application(content: bytes) -> str:
    """Return the name of the Application in an unreadable file; `?` if the name is not found, empty if none is in it.

    The name keeps the directory an application. Otherwise its files would move to the application above, and a typing
    error in one application would change another.
    """
    head = content[: yaml12.LONGEST_FILE]
    found = _LOST.search(head)
    if found is None:
        return ""
    name = _LOST_NAME.search(head, found.end())
    return name[1].decode() if name is not None else "?"
