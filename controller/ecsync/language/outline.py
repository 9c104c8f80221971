"""Outlines: the documents that each application declares, patched and expanded, before their bodies are compiled.

A `Section` holds the documents of one file in one application. It is kept while the file and the settings stay the
same, so a change of one file costs little. An application with a composite has one section for all of its files,
because a composite sees all documents of its application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Problem
from ecsync.core.schema import Shape
from ecsync.core.wording import nearest, quoted, suggestion
from ecsync.language.documents import Document
from ecsync.language.drafts import Draft
from ecsync.language.expand import Composite, Expansion
from ecsync.language.files import Name, ParsedFile
from ecsync.language.references import Scope
from ecsync.language.settings import Ignore, Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """The documents of a file in an application: as they are written, and as documents of single resources."""

    settings: Settings
    files: tuple[ParsedFile, ...]
    expanded: tuple[Document, ...] | None  # None: the documents of the files, as they are
    skipped: frozenset[str]  # kinds that are no resources
    written: frozenset[str]  # names in the files, where patches are for them
    names: tuple[Name, ...]  # of `documents`
    problems: tuple[Problem, ...]
    incomplete: bool  # True: part of it is unreadable or of an unknown kind, so it may declare more than this

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of single resources. Files that are closed are parsed again."""
        if self.expanded is not None:
            return self.expanded
        return tuple(one for file in self.files for one in file.documents if one.kind not in self.skipped)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """What an application declares. `repeated` has, by section, the indexes of documents with a name that is taken."""

    draft: Draft
    files: tuple[ParsedFile, ...]
    sections: tuple[Section, ...]
    repeated: Mapping[int, frozenset[int]]
    declared: frozenset[Name]
    problems: tuple[Problem, ...]
    incomplete: bool

    @property
    def name(self) -> str:
        """The name of the application."""
        return self.draft.settings.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliner:
    """Makes outlines, and keeps what has not changed since the outline before."""

    kinds: Mapping[str, Kind]
    composites: Mapping[str, Composite]
    shape_of: Callable[[ShapeOf], Shape]
    environment: Mapping[str, str]

    def outline(self, draft: Draft, parsed: Mapping[str, ParsedFile], before: Outline | None) -> Outline:
        """Return the outline of an application; `before` itself, if nothing in it has changed."""
        files = tuple(map(parsed.__getitem__, draft.files))
        if before is not None and before.draft is draft and not draft.twins and _same(files, before.files):
            return before
        sections = self._sections(draft.settings, files, before)
        declared, repeated = _declared(sections, before)
        problems = [*draft.problems, *(problem for file in files for problem in file.problems)]
        problems += (problem for name in draft.twins for problem in self._unknown(parsed[name]))
        problems += (problem for section in sections for problem in section.problems)
        problems += _repeated_names(sections, repeated)
        problems += _unused_patches(draft.settings, sections)
        incomplete = draft.incomplete or any(section.incomplete for section in sections)
        for ignore in draft.settings.ignore:
            problems += self._unmatched(ignore, declared, incomplete)
        return Outline(
            draft=draft,
            files=files,
            sections=sections,
            repeated=repeated,
            declared=declared,
            problems=tuple(replace(problem, application=draft.settings.name) for problem in problems),
            incomplete=incomplete,
        )

    def _sections(
        self, settings: Settings, files: tuple[ParsedFile, ...], before: Outline | None
    ) -> tuple[Section, ...]:
        known = {_identity(section.files): section for section in before.sections} if before is not None else {}
        whole = any(not file.kinds.isdisjoint(self.composites) for file in files)
        parts = [files] if whole else [(file,) for file in files]
        sections: list[Section] = []
        for part in parts:
            section = known.get(_identity(part))
            if section is None or section.settings is not settings:
                section = self._section(settings, part)
            sections.append(section)
        return tuple(sections)

    def _section(self, settings: Settings, files: tuple[ParsedFile, ...]) -> Section:
        problems = [problem for file in files for problem in self._unknown(file)]
        unreadable = bool(problems) or not all(file.whole for file in files)
        skipped = frozenset(kind for file in files for kind in file.kinds if not self._is_resource(kind))
        names = tuple(name for file in files for name in file.names if name[0] not in skipped)
        written, expanded = frozenset[str](), None
        if self.composites or settings.patches:
            expansion = Expansion(
                settings=settings,
                scope=self.scope(settings),
                kinds=self.kinds,
                composites=self.composites,
                shape_of=self.shape_of,
                problems=problems,
            )
            documents = (one for file in files for one in file.documents if one.kind not in skipped)
            before, single = expansion.run(documents)
            written, expanded = frozenset(map(str, before)), tuple(single)
            names = tuple((document.kind, document.name) for document in single)
        return Section(
            settings=settings,
            files=files,
            expanded=expanded,
            skipped=skipped,
            written=written,
            names=names,
            problems=tuple(problems),
            incomplete=unreadable,
        )

    def _is_resource(self, kind: str) -> bool:
        return kind in self.kinds or kind in self.composites

    def _unknown(self, file: ParsedFile) -> list[Problem]:
        """Return a problem for each document of an unknown kind."""
        return [
            Problem(document.origin, f"unknown kind {quoted(document.kind)}{self._hint(document.kind)}")
            for document in (file.documents if any(not self._is_known(kind) for kind in file.kinds) else ())
            if not self._is_known(document.kind)
        ]

    def _is_known(self, kind: str) -> bool:
        return kind == "Application" or self._is_resource(kind)

    def _hint(self, kind: str) -> str:
        return suggestion(kind, (*self.kinds, *self.composites, "Application"))

    def _unmatched(self, ignore: Ignore, declared: frozenset[Name], incomplete: bool) -> Iterator[Problem]:
        """Yield a problem if an `ignore` matches no document, or if one of its fields does not exist."""
        names = [name for kind, name in declared if kind == ignore.kind]
        if not names or ignore.name not in ("", *names):
            if not incomplete:
                what = f"{ignore.kind}/{ignore.name}" if ignore.name else ignore.kind
                yield Problem(
                    ignore.origin, f"ignore matches no document: {quoted(what)}{suggestion(ignore.name, names)}"
                )
            return
        whole = self.kinds[ignore.kind].shape
        for path in ignore.paths:
            shape: Shape | None = self.shape_of(whole) if whole is not None else None
            for segment in segments(str(path.value)):
                if shape is None:
                    break
                if shape.type == "structure" and segment not in shape.members:
                    hint = suggestion(segment, shape.members)
                    yield Problem(path.origin, f"unknown field {quoted(segment)} in {quoted(path.value)}{hint}")
                    break
                shape = shape.members[segment] if shape.type == "structure" else shape.element

    def scope(self, settings: Settings) -> Scope:
        """Return the scope of references in an application, without the resources that are declared."""
        return Scope(
            application=settings.name,
            kinds=self.kinds,
            variables=settings.variables,
            images=settings.images,
            environment=self.environment,
            composites=frozenset(self.composites),
        )


def _identity(files: tuple[ParsedFile, ...]) -> tuple[int, ...]:
    return tuple(map(id, files))


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _declared(
    sections: Sequence[Section], before: Outline | None
) -> tuple[frozenset[Name], Mapping[int, frozenset[int]]]:
    """Return every name, and the documents with a name that an earlier one has: by section, their indexes.

    The set of the outline before is returned if it is equal, so that an unchanged set is found by its identity.
    """
    if before is not None and not before.repeated and len(sections) == len(before.sections):
        pairs = zip(sections, before.sections, strict=True)
        if all(new is old or (set(new.names) == set(old.names) and _each_once(new)) for new, old in pairs):
            return before.declared, {}
    declared = frozenset[Name]().union(*(section.names for section in sections))
    if before is not None and declared == before.declared:
        declared = before.declared
    if len(declared) == sum(len(section.names) for section in sections):
        return declared, {}
    taken: set[Name] = set()
    repeated: dict[int, frozenset[int]] = {}
    for index, section in enumerate(sections):
        again: set[int] = set()
        for number, name in enumerate(section.names):
            if name in taken:
                again.add(number)
            taken.add(name)
        if again:
            repeated[index] = frozenset(again)
    return declared, repeated


def _each_once(section: Section) -> bool:
    return len(section.names) == len(set(section.names))


def _repeated_names(sections: Sequence[Section], repeated: Mapping[int, frozenset[int]]) -> list[Problem]:
    """Return a problem for each document with a name that an earlier one has."""
    if not repeated:
        return []
    first: dict[str, Document] = {}
    problems: list[Problem] = []
    for document in (document for section in sections for document in section.documents):
        known = first.setdefault(str(document), document)
        if known is not document:
            message = f"duplicate name: {document} is already declared at {known.origin}; rename one of them"
            problems.append(Problem(document.origin, message))
    return problems


def _unused_patches(settings: Settings, sections: Sequence[Section]) -> list[Problem]:
    """Return a problem for each patch that matches no document."""
    if not settings.patches:
        return []
    declared = [name for section in sections for name in section.written]
    declared += [f"{kind}/{name}" for section in sections for kind, name in section.names]
    unused = settings.patches.keys() - set(declared)
    problems: list[Problem] = []
    for key in unused:
        close = nearest(key, declared)
        hint = f"; did you mean {quoted(close)}?" if close else ""
        message = f"the patch of {quoted(key)} matches no document{hint}"
        problems.append(Problem(settings.patches[key].origin, message))
    return problems


def segments(pointer: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
