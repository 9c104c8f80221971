"""Manifests: from a snapshot of files to checked applications, with every problem and the origin of every field.

    files ──parse_file──▶ documents ──group──▶ drafts (one per application) ──outline──▶ single resources
          ──references, check──▶ parts (Desired) ──links──▶ Loaded

Pure: it reads no file, no environment and no AWS, and no content of a file raises an exception. A problem blocks the
application that it belongs to, and no other application.

With a `LoadCache`, a load repeats only what a change of the files can alter, and returns the same `Application` object
where nothing changed. Its result is equal to that of a load without a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ecsync.core.constraints.find import ConstraintTable
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Application, Key, Problem, Sync
from ecsync.core.ports import Snapshot
from ecsync.core.schema import Shape
from ecsync.language import crosscheck, files
from ecsync.language.documents import Document
from ecsync.language.drafts import Draft, group, same_group, source_of
from ecsync.language.expand import Composite
from ecsync.language.files import ParsedFile, Selected, parse_file
from ecsync.language.links import Links
from ecsync.language.nodes import Pool, hashes
from ecsync.language.outline import Declared, Outline, Outliner
from ecsync.language.parts import Part, Resources, Shelf
from ecsync.language.references import Asked
from ecsync.language.resources import Compiled, Compiler, moved
from ecsync.language.settings import Settings, settings

_DOCUMENTS = 1_000_000  # bytes of new files that keep their documents until they are compiled; others are parsed again

__all__ = ["LoadCache", "Loaded", "ParsedFile", "load", "parse_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The applications of a snapshot. An application with a problem is blocked as a whole, with all its resources."""

    applications: tuple[Application, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  # for information: ignored files, fields that AWS sets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a load depends on beside the files."""

    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]
    environment: Mapping[str, str]
    root_name: str
    composites: Mapping[str, Composite]
    variables: Mapping[str, str]
    sources: Mapping[str, str]
    interval: float


@dataclass(slots=True, kw_only=True)
class LoadCache:
    """What the load before has made. A load uses and updates it; one thread at a time."""

    given: _Given | None = None
    names: tuple[str, ...] = ()
    selected: Selected = field(default_factory=Selected)
    parsed: dict[str, ParsedFile] = field(default_factory=dict)
    settings: dict[int, tuple[Document, Settings, tuple[Problem, ...]]] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    outlines: dict[str, Outline] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()
    parts: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)
    links: Links = field(default_factory=lambda: Links({}))
    tables: dict[str, ConstraintTable] = field(default_factory=dict)
    built: dict[str, tuple[Settings, tuple[Part, ...], Application]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything."""
        empty = LoadCache()
        for name in self.__slots__:
            setattr(self, name, getattr(empty, name))


def load(
    snapshot: Snapshot,
    *,
    kinds: Mapping[str, Kind],
    shape_of: Callable[[ShapeOf], Shape],
    environment: Mapping[str, str],
    root_name: str,
    composites: Mapping[str, Composite] | None = None,
    variables: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    interval: float = Sync().interval,
    cache: LoadCache | None = None,
) -> Loaded:
    """Return the applications of the snapshot and every problem, by file and line.

    `environment` has the values of `${env:NAME}`, by name without the prefix ECSYNC_VAR_. `root_name` is the name of
    the application for files without an Application document. `variables` replace `vars` of Applications. `sources`
    has such a name for each source of a snapshot of several. `interval` is the time between two passes, in seconds,
    where an Application has none. `cache` is used and updated.
    """
    given = _Given(
        kinds=kinds,
        shape_of=shape_of,
        environment=dict(environment),
        root_name=root_name,
        composites=composites or {},
        variables=dict(variables or {}),
        sources=dict(sources or {}),
        interval=interval,
    )
    cache = cache if cache is not None else LoadCache()
    try:
        return _load(snapshot, given, cache)
    except BaseException:
        cache.clear()  # it may be half updated
        raise


def _load(snapshot: Snapshot, given: _Given, cache: LoadCache) -> Loaded:
    if cache.given != given:
        cache.clear()
        cache.given, cache.links = given, Links(given.kinds)
    _select(snapshot, cache)
    refused = files.refused(snapshot, cache.selected.names)
    if refused is not None:
        return Loaded(problems=(refused,))
    _group(_parse(snapshot, cache), given, cache)
    _compile(given, cache)
    cache.links.update(cache.parts)
    cache.built = {draft.settings.name: _built(draft.settings, cache) for draft in cache.drafts}
    problems = {*cache.selected.problems, *_problems(cache)}
    cache.shelf.clear()
    for file in cache.parsed.values():
        file.close()
    for outline in cache.outlines.values():
        outline.declared.close()
    notes = {*cache.selected.notes, *(note for own in cache.parts.values() for part in own for note in part.notes)}
    notes.update(note for file in cache.parsed.values() for note in file.notes)
    notes.update(cache.links.notes())
    return Loaded(
        applications=tuple(application for _, _, application in cache.built.values()),
        problems=tuple(sorted(problems)),
        notes=tuple(sorted(notes)),
    )


# ---------------------------------------------------------------- files, and the application of each


def _select(snapshot: Snapshot, cache: LoadCache) -> None:
    names = tuple(snapshot.files)
    if names != cache.names:
        cache.names, cache.selected = names, files.select(names)


def _parse(snapshot: Snapshot, cache: LoadCache) -> bool:
    """Parse the files that changed. Return whether the files of each application, and its settings, are the same."""
    before = cache.parsed
    parsed: dict[str, ParsedFile] = {}
    same, size = before.keys() == set(cache.selected.names), 0
    for name in cache.selected.names:
        known = before.get(name)
        if known is None or known.content != snapshot.files[name]:
            fresh = parse_file(name, snapshot.files[name])
            size += len(fresh.content)
            if size > _DOCUMENTS:
                fresh.close()
            same = same and known is not None and same_group(known, fresh)
            known = fresh
        parsed[name] = known
    cache.parsed = parsed
    return same and bool(cache.drafts)


def _group(same: bool, given: _Given, cache: LoadCache) -> None:
    """Set the drafts. A draft or settings that are equal to those before stay the same objects."""
    if same:
        return
    made: dict[int, tuple[Document, Settings, tuple[Problem, ...]]] = {}
    before = {draft.settings.name: draft for draft in cache.drafts}

    def make(document: Document, directory: str) -> tuple[Settings, tuple[Problem, ...]]:
        known = cache.settings.get(id(document))
        if known is None or known[1].directory != directory:
            fresh, problems = settings(document, directory, tuple(given.kinds), given.environment, given.variables)
            fresh = replace(fresh, source=source_of(directory, given.sources)) if given.sources else fresh
            old = before.get(fresh.name)
            known = (document, old.settings if old is not None and old.settings == fresh else fresh, problems)
        made[id(document)] = known
        return known[1:]

    drafts = group(cache.parsed, given.root_name, make, given.sources)
    cache.settings = made
    cache.drafts = [before[new.settings.name] if before.get(new.settings.name) == new else new for new in drafts]


# ---------------------------------------------------------------- documents to resources


def _compile(given: _Given, cache: LoadCache) -> None:
    """Set outlines and parts.

    A part stays if its section does, and if its references still mean the same.
    """
    outliner = Outliner(
        kinds=given.kinds,
        composites=given.composites,
        shape_of=given.shape_of,
        environment=given.environment,
    )
    before, cache.outlines = (
        cache.outlines,
        {
            draft.settings.name: outliner.outline(draft, cache.parsed, cache.outlines.get(draft.settings.name))
            for draft in cache.drafts
        },
    )
    incomplete = frozenset(name for name, outline in cache.outlines.items() if outline.incomplete)
    changed = _changed(before, cache.outlines)
    unsure = (before.keys() ^ cache.outlines.keys()) | (incomplete ^ cache.incomplete)
    cache.incomplete = incomplete
    if all(outline is before.get(name) for name, outline in cache.outlines.items()) and not unsure:
        return
    declared = {name: outline.declared for name, outline in cache.outlines.items()}
    parts: dict[str, tuple[Part, ...]] = {}
    pool = Pool()
    for name, outline in cache.outlines.items():
        own = cache.parts.get(name, ())
        if outline is before.get(name) and not changed and not unsure:
            parts[name] = own
            continue
        scope = replace(outliner.scope(outline.draft.settings), declared=declared, incomplete=incomplete, asked=set())
        compiler = Compiler(outline.draft.settings, scope, given.kinds, given.shape_of, pool, cache.tables)
        found = tuple(_parts(outline, own, compiler, _Stale(changed, unsure), cache.shelf))
        parts[name] = own if own == found else found
        outline.declared.close()
    cache.parts = parts


class _Stale:
    """What may mean something else now, or have another message: what asked for one of the names that changed."""

    def __init__(self, changed: set[Asked], unsure: set[str]) -> None:
        self._changed = changed
        self._unsure = unsure
        self._hashes = set(hashes(changed))

    def part(self, part: Part) -> bool:
        """Return whether a document of a part may be stale."""
        if not self._changed and not self._unsure:
            return False
        if part.problems or not self._hashes.isdisjoint(part.asked):
            return True
        return not self._unsure.isdisjoint(part.applications)

    def document(self, one: Compiled) -> bool:
        """Return whether a compiled document is stale."""
        if not self._changed and not self._unsure:
            return False
        if one.problems or not self._changed.isdisjoint(one.asked):
            return True
        return any(application in self._unsure for application, _, _ in one.asked)


def _parts(outline: Outline, before: Sequence[Part], compiler: Compiler, stale: _Stale, shelf: Shelf) -> Iterator[Part]:
    """Yield the parts of an application; of those before, each part and each compiled document that is not stale."""
    known = {part.section: part for part in before}
    gone = known.keys() - set(outline.sections)
    usable = [known[section] for section in gone if section.settings is compiler.settings]
    of_gone = _by_name(one for part in usable for one in part.compiled)
    for index, section in enumerate(outline.sections):
        repeated = outline.repeated.get(index, frozenset())
        part = known.get(section)
        if part is None or part.repeated != repeated or stale.part(part):
            compiled = of_gone if part is None else _by_name(part.compiled)
            ones: list[Compiled] = []
            for number, document in enumerate(section.documents):
                if number not in repeated:
                    one = compiled.get((document.kind, document.name))
                    one = moved(one, document) if one is not None else None
                    ones.append(compiler.compile(document) if one is None or stale.document(one) else one)
            part = Part(section, repeated, ones, compiler.pool, shelf)
            compiler.pool.end_part()
            for file in section.files:
                file.close()
        yield part


def _by_name(compiled: Iterable[Compiled]) -> dict[tuple[str, str], Compiled]:
    return {(one.key.kind, one.key.name): one for one in compiled}


def _changed(before: Mapping[str, Outline], after: Mapping[str, Outline]) -> set[Asked]:
    """Return the documents that are declared in one of the two only."""
    nothing = Declared()
    changed: set[Asked] = set()
    for name in before.keys() | after.keys():
        old = before[name].declared if name in before else nothing
        new = after[name].declared if name in after else nothing
        if old is not new:
            changed.update(Key(name, kind, resource) for kind, resource in new.differing(old))
    return changed


# ---------------------------------------------------------------- the result


def _built(own: Settings, cache: LoadCache) -> tuple[Settings, tuple[Part, ...], Application]:
    """Return the application with the resources that are compiled; the object before if nothing in it changed."""
    parts = cache.parts[own.name]
    known = cache.built.get(own.name)
    if known is not None and known[0] is own and known[1] is parts:
        return known
    assert cache.given is not None
    application = Application(
        name=own.name,
        account=own.account,
        region=own.region,
        declared=own.declared,
        sync=replace(own.sync, interval=own.sync.interval or cache.given.interval),
        manage=own.manage,
        after=tuple(crosscheck.afters(own)),
        formerly=own.formerly,
        suspend=own.suspend,
        resources=Resources(parts, cache.links.parts_by_key(own.name)),
        origin=own.origin,
        source=own.source,
    )
    return own, parts, application


def _problems(cache: LoadCache) -> Iterator[Problem]:
    for name, outline in cache.outlines.items():
        yield from outline.problems
        parts = cache.parts[name]
        yield from chain.from_iterable(part.problems for part in parts)
        if not outline.incomplete:
            yield from crosscheck.unknown_after_keys(parts, outline.declared)
    yield from cache.links.problems()
    every: Sequence[Settings] = [draft.settings for draft in cache.drafts]
    assert cache.given is not None
    yield from crosscheck.unknown_variables(cache.given.variables, every)
    if any(one.after for one in every):
        names = [one.name for one in every]
        for one in every:
            yield from crosscheck.unknown_applications(one, names)
        yield from crosscheck.application_cycles({one.name: crosscheck.afters(one) for one in every})
