"""Drafts: the settings and the files of each application. They depend on the Application documents and file names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ecsync.core.model import Origin, Problem
from ecsync.core.wording import quoted
from ecsync.language.documents import Document
from ecsync.language.expand import included
from ecsync.language.files import ParsedFile
from ecsync.language.settings import Settings

MakeSettings = Callable[[Document, str], tuple[Settings, tuple[Problem, ...]]]  # (Application document, directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One application before its documents are compiled: its settings, the names of its files, and the problems."""

    settings: Settings
    files: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    incomplete: bool = False  # True: an `include` failed, so it may declare more than this
    twins: tuple[str, ...] = ()  # files of other Applications with the same name: only unknown kinds are reported


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A draft while it is made."""

    settings: Settings
    files: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    incomplete: bool = False
    twins: list[str] = field(default_factory=list)


def group(
    parsed: Mapping[str, ParsedFile], root_name: str, make: MakeSettings, sources: Mapping[str, str]
) -> list[Draft]:
    """Return one draft for each application, with its files and the problems of its settings.

    `root_name` is the name of the application for files that have none; with several sources, `sources` has one each.
    """
    by_directory = _declared(parsed, make, sources)
    owners = {name: _owner(name, by_directory) for name in parsed}
    for name, owner in owners.items():
        if owner is not None:
            by_directory[owner].files.append(name)
    shared = {name for draft in by_directory.values() for name in _include(draft, parsed, owners)}
    alone = [parsed[name] for name, owner in owners.items() if owner is None and name not in shared]
    rest = [file.name for file in alone if file.named or file.problems]
    drafts = list(by_directory.values())
    for source, name in (sources or {"": root_name}).items():
        files = [file for file in rest if source_of(file, sources) == source]
        if files:
            root = Settings(name=_safe(name), origin=Origin(files[0]), directory=source, declared=False, source=source)
            drafts.append(_Draft(settings=root, files=files))
    return [
        Draft(
            settings=draft.settings,
            files=tuple(draft.files),
            problems=tuple(draft.problems),
            incomplete=draft.incomplete,
            twins=tuple(draft.twins),
        )
        for draft in _unique(drafts)
    ]


def same_group(one: ParsedFile, other: ParsedFile) -> bool:
    """Return whether `group` returns the same for two contents of a file."""
    return (
        one.application == other.application
        and bool(one.named or one.problems) == bool(other.named or other.problems)
        and one.applications == other.applications
    )


def source_of(path: str, sources: Mapping[str, str]) -> str:
    """Return the name of the source of a file or a directory; empty where there is only one."""
    return path.partition("/")[0] if sources else ""


def _declared(parsed: Mapping[str, ParsedFile], make: MakeSettings, sources: Mapping[str, str]) -> dict[str, _Draft]:
    """Return a draft for every directory with an Application document, also if that document is unreadable."""
    drafts: dict[str, _Draft] = {}
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        for document in file.applications:
            made, problems = make(document, directory)
            draft = drafts.setdefault(directory, _Draft(settings=made))
            draft.problems += problems
            if draft.settings.origin != document.origin:
                first = f"this directory already has an Application document, at {draft.settings.origin}"
                message = f"{first}; only one is allowed: move one of them to another directory"
                draft.problems.append(Problem(document.origin, message))
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        if file.application and directory not in drafts:
            label = file.application if file.application != "?" else _safe(posixpath.basename(directory))
            source = source_of(directory, sources)
            lost = Settings(name=label, origin=Origin(name), directory=directory, source=source)
            drafts[directory] = _Draft(settings=lost)
    return drafts


def _owner(name: str, by_directory: Mapping[str, _Draft]) -> str | None:
    """Return the nearest directory above the file that has an Application; None if none has."""
    directory = posixpath.dirname(name)
    while directory not in by_directory:
        above = posixpath.dirname(directory)
        if above == directory:
            return None
        directory = above
    return directory


def _include(draft: _Draft, parsed: Mapping[str, ParsedFile], owners: Mapping[str, str | None]) -> set[str]:
    """Add the included files, and return their names. Files of an application below an included directory stay out."""
    names: set[str] = set()
    for path in draft.settings.include:
        found, wrong = included(draft.settings, path, parsed.keys())
        if wrong:
            draft.problems.append(Problem(path.origin, wrong))
            draft.incomplete = True
            continue
        outermost = min((owners[name] or "" for name in found), key=len)
        names |= {name for name in found if (owners[name] or "") == outermost}
    draft.files += sorted(names - set(draft.files))
    return names


def _unique(drafts: Sequence[_Draft]) -> list[_Draft]:
    """Return the drafts with different names. Two drafts with the same name are merged into one that has a problem."""
    first: dict[str, _Draft] = {}
    for draft in drafts:
        known = first.setdefault(draft.settings.name, draft)
        if known is not draft:
            for one, other in ((known, draft), (draft, known)):
                where = f"is also declared at {other.settings.origin}"
                message = f"application {quoted(one.settings.name)} {where}; rename one of them"
                known.problems.append(Problem(one.settings.origin, message))
            known.problems += draft.problems
            known.twins += draft.files
    return list(first.values())


def _safe(name: str) -> str:
    """Return a valid application name that is made from the name of a directory."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[:63] or "root"
