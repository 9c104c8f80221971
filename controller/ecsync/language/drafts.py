"""Drafts: the files of each application, and its documents while they are compiled."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ecsync.core.model import Application, Desired, Key, Origin, Problem
from ecsync.core.wording import quoted, suggestion
from ecsync.language.documents import Document
from ecsync.language.expand import included
from ecsync.language.files import ParsedFile
from ecsync.language.settings import Settings, settings


@dataclass(slots=True, kw_only=True)
class Draft:
    """One application while it is compiled."""

    settings: Settings
    files: list[ParsedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    resources: list[Desired] = field(default_factory=list)
    after_places: dict[Key, Origin] = field(default_factory=dict)
    incomplete: bool = False  # True: some of its documents may be unreadable, so it may declare more than this

    def declared(self) -> frozenset[tuple[str, str]]:
        """Return the kind and name of every document."""
        return frozenset((document.kind, document.name) for document in self.documents)

    def keys(self) -> frozenset[Key]:
        """Return the key of every document."""
        return frozenset(Key(application=self.settings.name, kind=kind, name=name) for kind, name in self.declared())

    def set_documents(self, expanded: Sequence[Document]) -> None:
        """Store the documents of single resources. Of two with the same name, the first is kept; report the second."""
        first: dict[str, Document] = {}
        for document in expanded:
            known = first.setdefault(str(document), document)
            if known is not document:
                message = f"duplicate name: {document} is already declared at {known.origin}; rename one of them"
                self.problems.append(Problem(document.origin, message))
        self.documents = list(first.values())

    def afters(self) -> Mapping[str, Origin]:
        """Return the applications that this one waits for, each with the origin of its entry in `after`."""
        return {str(node.value): node.origin for node in self.settings.after}

    def unknown_applications(self, names: Sequence[str]) -> Iterator[Problem]:
        """Yield a problem for every `after` that names no application."""
        for name, origin in self.afters().items():
            if name not in names:
                hint = suggestion(name, [other for other in names if other != self.settings.name])
                yield Problem(origin, f"unknown application {quoted(name)} in after{hint}", self.settings.name)

    def owned_problems(self) -> Iterator[Problem]:
        """Yield the problems of the application and of its files, with the name of the application."""
        for problem in (*self.problems, *(problem for file in self.files for problem in file.problems)):
            yield replace(problem, application=self.settings.name)

    def application(self) -> Application:
        """Return the application with the resources compiled so far."""
        own = self.settings
        return Application(
            name=own.name,
            account=own.account,
            region=own.region,
            declared=own.declared,
            sync=own.sync,
            manage=own.manage,
            after=tuple(self.afters()),
            formerly=own.formerly,
            resources=tuple(self.resources),
            origin=own.origin,
        )


def group(
    parsed: Mapping[str, ParsedFile],
    root_name: str,
    *,
    kinds: Sequence[str],
    composites: Sequence[str],
    environment: Mapping[str, str],
) -> list[Draft]:
    """Return one draft for each application, with its files, its documents and the problems of its settings."""
    by_directory = _declared(parsed, kinds, environment)
    owners = {name: _owner(name, by_directory) for name in parsed}
    for draft in by_directory.values():
        draft.files += [parsed[name] for name, owner in owners.items() if owner == draft.settings.directory]
    shared = {name for draft in by_directory.values() for name in _include(draft, parsed, owners)}
    alone = [parsed[name] for name, owner in owners.items() if owner is None and name not in shared]
    rest = [file for file in alone if file.documents or file.problems]
    drafts = list(by_directory.values())
    if rest:
        root = Settings(name=_safe(root_name), origin=Origin(rest[0].name), declared=False)
        drafts.append(Draft(settings=root, files=rest))
    known = (*kinds, *composites)
    for draft in drafts:
        _collect(draft, known)
    return _unique(drafts)


def _declared(
    parsed: Mapping[str, ParsedFile], kinds: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Draft]:
    """Return a draft for every directory with an Application document, also if that document is unreadable."""
    drafts: dict[str, Draft] = {}
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        for document in (document for document in file.documents if document.kind == "Application"):
            made, problems = settings(document, directory, kinds, environment)
            draft = drafts.setdefault(directory, Draft(settings=made))
            draft.problems += problems
            if draft.settings.origin != document.origin:
                first = f"this directory already has an Application document, at {draft.settings.origin}"
                message = f"{first}; only one is allowed: move one of them to another directory"
                draft.problems.append(Problem(document.origin, message))
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        if file.application and directory not in drafts:
            label = file.application if file.application != "?" else _safe(posixpath.basename(directory))
            drafts[directory] = Draft(settings=Settings(name=label, origin=Origin(name), directory=directory))
    return drafts


def _owner(name: str, by_directory: Mapping[str, Draft]) -> str | None:
    """Return the nearest directory above the file that has an Application; None if none has."""
    directory = posixpath.dirname(name)
    while directory not in by_directory:
        above = posixpath.dirname(directory)
        if above == directory:
            return None
        directory = above
    return directory


def _include(draft: Draft, parsed: Mapping[str, ParsedFile], owners: Mapping[str, str | None]) -> set[str]:
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
    own = {file.name for file in draft.files}
    draft.files += [parsed[name] for name in sorted(names - own)]
    return names


def _collect(draft: Draft, known: Sequence[str]) -> None:
    """Add the documents of the files to the draft, and report those of unknown kinds."""
    for file in draft.files:
        draft.incomplete = draft.incomplete or not file.whole
        for document in (document for document in file.documents if document.kind != "Application"):
            if document.kind in known:
                draft.documents.append(document)
            else:
                hint = suggestion(document.kind, (*known, "Application"))
                draft.problems.append(Problem(document.origin, f"unknown kind {quoted(document.kind)}{hint}"))
                draft.incomplete = True


def _unique(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts with different names. Two drafts with the same name are merged into one that has a problem."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        known = first.setdefault(draft.settings.name, draft)
        if known is not draft:
            for one, other in ((known, draft), (draft, known)):
                where = f"is also declared at {other.settings.origin}"
                message = f"application {quoted(one.settings.name)} {where}; rename one of them"
                known.problems.append(Problem(one.settings.origin, message))
            known.problems += draft.problems
    return list(first.values())


def _safe(name: str) -> str:
    """Return a valid application name that is made from the name of a directory."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[:63] or "root"
