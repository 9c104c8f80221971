"""The files of a snapshot: the selection of manifests, and the documents of each file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ecsync.core.model import Origin, Problem, Snapshot
from ecsync.core.wording import printable
from ecsync.language import documents, yaml12
from ecsync.language.documents import Document

LARGEST_SNAPSHOT = 10 * 1000 * 1000
_MANIFEST = (".yaml", ".yml", ".json")
_INDEX = "ecsync.index.json"  # written by `publish`: the list of the manifests, not a manifest
_TEMPORARY = re.compile(r"(?:.*~|#.*#|.*\.(?:swp|swo|swx|tmp|bak|orig|part))", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """The documents of one file. They depend on its name and content only, not on the application."""

    name: str
    content: bytes
    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    whole: bool = True  # False: part of the file is unreadable, so it may declare more than this
    application: str = ""  # of an unreadable file: the name of the Application that it seems to contain

    @property
    def applications(self) -> tuple[Document, ...]:
        """The Application documents."""
        return tuple(document for document in self.documents if document.kind == "Application")


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
    if size <= LARGEST_SNAPSHOT:
        return None
    limit = f"at most {LARGEST_SNAPSHOT // 10**6} MB are read"
    message = f"the manifests have {size / 1e6:.1f} MB in total; {limit}: remove files from the source"
    return Problem(Origin(snapshot.source or "."), message)


def parse_file(name: str, content: bytes) -> ParsedFile:
    """Return the documents and problems of the file. Never raises."""
    parsed = yaml12.parse(name, content)
    problems = list(parsed.problems)
    found: list[Document] = []
    for node in parsed.documents:
        reading = documents.read(node)
        found += reading.documents
        problems += reading.problems
    readable = any(document.kind == "Application" for document in found)
    return ParsedFile(
        name=name,
        content=content,
        documents=tuple(found),
        problems=tuple(problems),
        whole=parsed.whole and not problems,
        application="" if readable or not problems else _lost_application(content),
    )


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
