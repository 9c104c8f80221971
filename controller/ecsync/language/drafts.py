"""Drafts: which files make up which application, while its documents are still being worked on."""

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
    """One application in the making."""

    settings: Settings
    files: list[ParsedFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    resources: list[Desired] = field(default_factory=list)
    after_places: dict[Key, Origin] = field(default_factory=dict)
    incomplete: bool = False  # there may be documents that could not be read

    def declared(self) -> frozenset[tuple[str, str]]:
        """Return the kind and name of every document."""
        return frozenset((document.kind, document.name) for document in self.documents)

    def keys(self) -> frozenset[Key]:
        """Return the key of every document."""
        return frozenset(Key(application=self.settings.name, kind=kind, name=name) for kind, name in self.declared())

    def settle(self, expanded: Sequence[Document]) -> None:
        """Take the documents of single resources; of two with one name, the first stays and the second is told."""
        first: dict[str, Document] = {}
        for document in expanded:
            known = first.setdefault(str(document), document)
            if known is not document:
                message = f"duplicate name: {document} is already declared at {known.origin}; rename one of them"
                self.problems.append(Problem(document.origin, message))
        self.documents = list(first.values())

    def afters(self) -> Mapping[str, Origin]:
        """Return the applications that this one waits for, and where that is written."""
        return {str(node.value): node.origin for node in self.settings.after}

    def unknown_applications(self, names: Sequence[str]) -> Iterator[Problem]:
        """Yield a problem for every `after` that names no application."""
        for name, origin in self.afters().items():
            if name not in names:
                hint = suggestion(name, [other for other in names if other != self.settings.name])
                yield Problem(origin, f"unknown application {quoted(name)} in after{hint}", self.settings.name)

    def owned_problems(self) -> Iterator[Problem]:
        """Yield the problems with the name of the application that they hold."""
        for problem in (*self.problems, *(problem for file in self.files for problem in file.problems)):
            yield replace(problem, application=self.settings.name)

    def application(self) -> Application:
        """Return the application as it is now."""
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
    """Return one draft for each application, with its files, documents and what is wrong with its settings."""
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
    """Return a draft for every directory with an Application document, also one that could not be read."""
    drafts: dict[str, Draft] = {}
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        for document in (document for document in file.documents if document.kind == "Application"):
            made, problems = settings(document, directory, kinds, environment)
            draft = drafts.setdefault(directory, Draft(settings=made))
            draft.problems += problems
            if draft.settings.origin != document.origin:
                where = f"is already at {draft.settings.origin}"
                message = f"a directory has one Application document, and that {where}; put one of them elsewhere"
                draft.problems.append(Problem(document.origin, message))
    for name, file in parsed.items():
        directory = posixpath.dirname(name)
        if file.application and directory not in drafts:
            label = file.application if file.application != "?" else _safe(posixpath.basename(directory))
            drafts[directory] = Draft(settings=Settings(name=label, origin=Origin(name), directory=directory))
    return drafts


def _owner(name: str, by_directory: Mapping[str, Draft]) -> str | None:
    """Return the nearest directory above the file that is an application."""
    directory = posixpath.dirname(name)
    while directory not in by_directory:
        above = posixpath.dirname(directory)
        if above == directory:
            return None
        directory = above
    return directory


def _include(draft: Draft, parsed: Mapping[str, ParsedFile], owners: Mapping[str, str | None]) -> set[str]:
    """Add the files that the application shares with others; of a directory, not what another application below has."""
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
    """Take the documents out of the files, except of kinds that there are not."""
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
    """Return the drafts of different names; two of one name hold each other."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        known = first.setdefault(draft.settings.name, draft)
        if known is not draft:
            for one, other in ((known, draft), (draft, known)):
                message = (
                    f"application {quoted(one.settings.name)} is also declared at {other.settings.origin}; rename one"
                )
                known.problems.append(Problem(one.settings.origin, message))
            known.problems += draft.problems
    return list(first.values())


def _safe(name: str) -> str:
    """Return a directory's name as one of an application."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("_.-")[:63] or "root"
