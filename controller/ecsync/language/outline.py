"""Outlines: the documents that each application declares, patched and expanded, before their bodies are compiled.

A `Section` holds the documents of one file in one application. It is kept while the file and the settings stay the
same, so a change of one file costs little. An application with a composite has one section for all of its files,
because a composite sees all documents of its application.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
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
from ecsync.language.nodes import ByHash
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
    problems: tuple[Problem, ...]
    incomplete: bool  # True: part of it is unreadable or of an unknown kind, so it may declare more than this

    @property
    def names(self) -> tuple[Name, ...]:
        """The names of `documents`."""
        if self.expanded is not None:
            return tuple((document.kind, document.name) for document in self.expanded)
        return tuple(name for file in self.files for name in file.names if name[0] not in self.skipped)

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of single resources. Files that are closed are parsed again."""
        if self.expanded is not None:
            return self.expanded
        return tuple(one for file in self.files for one in file.documents if one.kind not in self.skipped)


class Declared(Set[Name]):
    """Every name that an application declares: a table of hashes. The names are opened for the load that asks."""

    __slots__ = ("_open", "_seen", "_size", "_table")

    def __init__(self, table: ByHash[Section] | None = None) -> None:
        self._table = table if table is not None else ByHash[Section](lambda section: section.names)
        self._size = -1  # not counted
        self._open: dict[Section, frozenset[Name]] = {}  # until `close`
        self._seen: set[Name] = set()  # the names of all that are open

    def __contains__(self, name: object) -> bool:
        return name in self._seen or any(name in self._names(section) for section in self._table.of(name))

    def __iter__(self) -> Iterator[Name]:
        return iter(frozenset[Name]().union(*map(self._names, self._table.owners)))

    def __len__(self) -> int:
        if self._size < 0:
            self._size = sum(1 for _ in self)
        return self._size

    def changed(self, gone: Collection[Section], added: Collection[Section]) -> Declared:
        """Return the names without those of some sections, and with those of others."""
        return Declared(self._table.changed(gone, added))

    def taken(self, other: Declared) -> Declared:
        """Return itself, with the sections of another object that has the same names."""
        self._table, self._open, self._seen = other._table, other._open, other._seen
        return self

    def differing(self, other: Declared) -> Iterator[Name]:
        """Yield the names that are in one of the two only."""
        names = _names({*self._table.owners} ^ {*other._table.owners})
        yield from (name for name in dict.fromkeys(names) if (name in self) != (name in other))

    def times(self, name: Name) -> int:
        """Return how many sections declare a name."""
        return sum(name in self._names(section) for section in self._table.of(name))

    def close(self) -> None:
        """Let the opened names go, at the end of a load."""
        self._open.clear()
        self._seen.clear()

    def _names(self, section: Section) -> frozenset[Name]:
        if section not in self._open:
            self._open[section] = frozenset(section.names)
            self._seen |= self._open[section]
        return self._open[section]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """What an application declares. `repeated` has, by section, the indexes of documents with a name that is taken."""

    draft: Draft
    files: tuple[ParsedFile, ...]
    sections: tuple[Section, ...]
    repeated: Mapping[int, frozenset[int]]
    declared: Declared
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
        return Section(
            settings=settings,
            files=files,
            expanded=expanded,
            skipped=skipped,
            written=written,
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

    def _unmatched(self, ignore: Ignore, declared: Declared, incomplete: bool) -> Iterator[Problem]:
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


def _declared(sections: Sequence[Section], before: Outline | None) -> tuple[Declared, Mapping[int, frozenset[int]]]:
    """Return every name, and the documents with a name that an earlier one has: by section, their indexes.

    The names of the outline before are the same object if they are equal, so that this is found by identity.
    """
    known = before.sections if before is not None else ()
    gone, kept = set(known).difference(sections), set(known).intersection(sections)
    added = [section for section in sections if section not in kept]
    old, fresh = _names(gone), _names(added)
    declared = (before.declared if before is not None else Declared()).changed(gone, added)
    same = before is not None and set(old) == set(fresh)
    if before is None or before.repeated:
        every = _names(sections)
        once = len(set(every)) == len(every)
    else:  # what is repeated now is in a section that is new
        once = len(set(fresh)) == len(fresh) and (same or all(declared.times(name) == 1 for name in fresh))
    if before is not None and (
        same or ((before.repeated or not once) and frozenset(declared) == frozenset(before.declared))
    ):
        declared = before.declared.taken(declared)
    if once:
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


def _names(sections: Iterable[Section]) -> list[Name]:
    return [name for section in sections for name in section.names]


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
