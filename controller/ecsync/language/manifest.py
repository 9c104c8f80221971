"""Manifests: a snapshot of files to checked applications, with every problem at once and where each field is written.

    files ──parse_file──▶ documents ──group──▶ drafts (one per application) ──expand──▶ single resources
          ──references, check──▶ Desired ──crosscheck──▶ Loaded

Pure: no file, environment or AWS is read here, and nothing raises on what a file holds. A problem holds the
application it belongs to and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Application, Key, Origin, Problem, Snapshot
from ecsync.core.schema import Shape
from ecsync.language import crosscheck, files
from ecsync.language.drafts import Draft, group
from ecsync.language.expand import Composite, Expansion
from ecsync.language.files import ParsedFile, parse_file
from ecsync.language.references import Scope
from ecsync.language.resources import Compiler

__all__ = ["Loaded", "ParseCache", "ParsedFile", "load", "parse_file"]

ParseCache = MutableMapping[str, ParsedFile]  # by file name; an entry is used while the content is the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a snapshot declares. An application with a problem is held whole, whatever resources it has here."""

    applications: tuple[Application, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  # nothing wrong, but worth saying: ignored files, fields that AWS sets

    def problems_of(self, application: str) -> tuple[Problem, ...]:
        """Return what holds the application: its own problems, and those of the whole snapshot."""
        return tuple(problem for problem in self.problems if problem.application in ("", application))


def load(
    snapshot: Snapshot,
    *,
    kinds: Mapping[str, Kind],
    shape_of: Callable[[ShapeOf], Shape],
    environment: Mapping[str, str],
    root_name: str,
    composites: Mapping[str, Composite] | None = None,
    cache: ParseCache | None = None,
) -> Loaded:
    """Return the applications of the snapshot and every problem, by file and line.

    `environment` is what `${env:NAME}` may read, without the prefix ECSYNC_VAR_. `root_name` names the application
    of the files that no Application document covers. `cache` is read and brought up to date.
    """
    stands_for = composites or {}
    selected = files.select(snapshot)
    if selected.refused is not None:
        return Loaded(problems=(selected.refused,))
    parsed = _parse(selected.names, snapshot, cache if cache is not None else {})
    drafts = group(parsed, root_name, kinds=tuple(kinds), composites=tuple(stands_for), environment=environment)
    scopes = _expand(drafts, kinds, stands_for, shape_of, environment)
    for draft, scope in zip(drafts, scopes, strict=True):
        Compiler(draft=draft, scope=scope, kinds=kinds, shape_of=shape_of).run()
    applications = tuple(draft.application() for draft in drafts)
    together = _together(drafts, applications, kinds)
    problems = {*selected.problems, *together, *(problem for draft in drafts for problem in draft.owned_problems())}
    notes = {*selected.notes, *(note for draft in drafts for note in draft.notes)}
    return Loaded(applications=applications, problems=tuple(sorted(problems)), notes=tuple(sorted(notes)))


def _parse(names: Sequence[str], snapshot: Snapshot, cache: ParseCache) -> dict[str, ParsedFile]:
    for gone in cache.keys() - snapshot.files.keys():
        del cache[gone]
    for name in names:
        known = cache.get(name)
        if known is None or known.content != snapshot.files[name]:
            cache[name] = parse_file(name, snapshot.files[name])
    return {name: cache[name] for name in names}


def _expand(
    drafts: Sequence[Draft],
    kinds: Mapping[str, Kind],
    composites: Mapping[str, Composite],
    shape_of: Callable[[ShapeOf], Shape],
    environment: Mapping[str, str],
) -> list[Scope]:
    """Expand the documents of every application, and return what references in each may mean."""
    scopes = [
        Scope(
            application=draft.settings.name,
            kinds=kinds,
            variables=draft.settings.variables,
            images=draft.settings.images,
            environment=environment,
            composites=frozenset(composites),
        )
        for draft in drafts
    ]
    for draft, scope in zip(drafts, scopes, strict=True):
        expansion = Expansion(
            settings=draft.settings,
            scope=scope,
            kinds=kinds,
            composites=composites,
            shape_of=shape_of,
            problems=draft.problems,
        )
        draft.settle(expansion.run(draft.documents))
    declared = {draft.settings.name: draft.declared() for draft in drafts}
    incomplete = frozenset(draft.settings.name for draft in drafts if draft.incomplete)
    return [replace(scope, declared=declared, incomplete=incomplete) for scope in scopes]


def _together(drafts: Sequence[Draft], applications: Sequence[Application], kinds: Mapping[str, Kind]) -> list[Problem]:
    after_places: dict[Key, Origin] = {key: origin for draft in drafts for key, origin in draft.after_places.items()}
    problems: list[Problem] = []
    for draft, application in zip(drafts, applications, strict=True):
        if not draft.incomplete:
            problems += crosscheck.unknown_after_keys(application, draft.keys(), after_places)
    problems += crosscheck.reference_cycles(applications, kinds, after_places)
    problems += crosscheck.duplicate_claims(applications, kinds)
    problems += crosscheck.kind_cross_checks(applications, kinds)
    names = [draft.settings.name for draft in drafts]
    problems += (problem for draft in drafts for problem in draft.unknown_applications(names))
    problems += crosscheck.application_cycles({draft.settings.name: draft.afters() for draft in drafts})
    return problems
