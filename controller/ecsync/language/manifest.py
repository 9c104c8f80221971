"""Manifests: from a snapshot of files to checked applications, with every problem and the origin of every field.

    files ──parse_file──▶ documents ──group──▶ drafts (one per application) ──expand──▶ single resources
          ──references, check──▶ Desired ──crosscheck──▶ Loaded

Pure: it reads no file, no environment and no AWS, and no content of a file raises an exception. A problem blocks the
application that it belongs to, and no other application.
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
    """The applications of a snapshot. An application with a problem is blocked as a whole, with all its resources."""

    applications: tuple[Application, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  # for information: ignored files, fields that AWS sets


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

    `environment` has the values of `${env:NAME}`, by name without the prefix ECSYNC_VAR_. `root_name` is the name of
    the application for files without an Application document. `cache` is used and updated.
    """
    known_composites = composites or {}
    selected = files.select(snapshot)
    if selected.refused is not None:
        return Loaded(problems=(selected.refused,))
    parsed = _parse(selected.names, snapshot, cache if cache is not None else {})
    drafts = group(parsed, root_name, kinds=tuple(kinds), composites=tuple(known_composites), environment=environment)
    scopes = _expand(drafts, kinds, known_composites, shape_of, environment)
    for draft, scope in zip(drafts, scopes, strict=True):
        Compiler(draft=draft, scope=scope, kinds=kinds, shape_of=shape_of).run()
    applications = tuple(draft.application() for draft in drafts)
    across = _across_documents(drafts, applications, kinds)
    problems = {*selected.problems, *across, *(problem for draft in drafts for problem in draft.owned_problems())}
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
    """Expand the documents of every application, and return the scope of references of each."""
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
        draft.set_documents(expansion.run(draft.documents))
    declared = {draft.settings.name: draft.declared() for draft in drafts}
    incomplete = frozenset(draft.settings.name for draft in drafts if draft.incomplete)
    return [replace(scope, declared=declared, incomplete=incomplete) for scope in scopes]


def _across_documents(
    drafts: Sequence[Draft], applications: Sequence[Application], kinds: Mapping[str, Kind]
) -> list[Problem]:
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
