"""What the sources declare, in the engine's form."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ecsync.core.model import Application, Desired, Key, Problem
from ecsync.core.outcome import WithheldReason
from ecsync.core.ports import PackedResources
from ecsync.engine import orphans

NO_WARRANT = WithheldReason(
    "stale_source", "not deleted: only a complete reading of a source may delete, and these manifests are not one"
)


def opened(application: Application) -> Application:
    """Return the application with its resources as objects that stay: for one pass."""
    packed = isinstance(application.resources, PackedResources)
    return replace(application, resources=tuple(application.resources)) if packed else application


def keys_of(application: Application) -> Collection[Key]:
    """Return the keys of the resources."""
    resources = application.resources
    return resources.keys() if isinstance(resources, PackedResources) else [one.key for one in resources]


def declares(application: Application, key: Key) -> bool:
    """Return whether a resource has this key."""
    resources = application.resources
    if isinstance(resources, PackedResources):
        return resources.has(key)
    return application.documents.get(key) is not None


def declared_as(application: Application, keys: Collection[Key]) -> Mapping[Key, Desired]:
    """Return the resources of these keys that are declared."""
    resources = application.resources
    if isinstance(resources, PackedResources):
        return resources.of(keys)
    return {key: found for key in keys if (found := application.documents.get(key)) is not None}


class Reading:
    """One reading of the documents: the catalogues of it differ only in what may be pruned.

    `claims` are by application, of its last pass.
    """

    def __init__(self) -> None:
        self.claims: dict[str, orphans.Claims] = {}


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All applications of the last good snapshot.

    `pruning` is the reason why nothing may be pruned now. Only who has a complete reading of a source may clear it.
    `sources` has, of several sources, the same catalogue with the revision and the reason of each one.
    """

    applications: Mapping[str, Application]
    problems: tuple[Problem, ...] = ()
    revision: str = ""
    pruning: str = NO_WARRANT
    reading: Reading = field(default_factory=Reading, compare=False, repr=False)
    sources: Mapping[str, Catalogue] = field(default_factory=dict)

    def of(self, name: str) -> Catalogue:
        """Return the catalogue with what its source has for an application."""
        application = self.applications.get(name)
        return self.sources.get(application.source, self) if application is not None else self

    def held(self, reasons: Mapping[str, str]) -> Catalogue:
        """Return the catalogue with these reasons, by source: itself if it has them."""
        sources = {name: one.held({"": reasons[name]}) for name, one in self.sources.items()}
        pruning = reasons.get("", self.pruning)
        same = pruning == self.pruning and all(one is self.sources[name] for name, one in sources.items())
        return self if same else replace(self, pruning=pruning, sources=sources)

    def holds(self, name: str) -> tuple[Problem, ...]:
        """Return the problems that keep an application from being reconciled."""
        application = self.applications.get(name)
        source = application.source if application is not None else ""
        return tuple(one for one in self.problems if one.application == name or _is_of(one, source))

    def with_sources(self, revisions: Mapping[str, str]) -> Catalogue:
        """Return the catalogue of several sources, of which these are the revisions."""
        return replace(self, sources={name: replace(self, revision=one) for name, one in revisions.items()})

    def documents(self) -> Iterator[Desired]:
        """Yield the resources of all applications."""
        for application in self.applications.values():
            yield from application.resources

    def warranted(self) -> Catalogue:
        """Return the catalogue as one complete reading of a source, which may prune unless a manifest is invalid."""
        if not self.problems:
            return replace(self, pruning="")
        reason = f"nothing will be deleted: {self.problems[0].origin} is not valid"
        return replace(self, pruning=WithheldReason("invalid_manifest", reason))

    def __contains__(self, key: object) -> bool:
        """Return whether a document has this key."""
        application = self.applications.get(key.application) if isinstance(key, Key) else None
        return application is not None and isinstance(key, Key) and declares(application, key)

    def lookups(self, application: Application) -> tuple[Desired, ...]:
        """Return the resources of other applications that this one refers to, and what those refer to."""
        found: dict[Key, Desired] = {}
        own = frozenset(keys_of(application))
        new: Iterable[Desired] = application.resources
        while new:
            wanted = dict.fromkeys(ref.key for one in new for ref in one.refs)
            by_name: dict[str, list[Key]] = {}
            for key in wanted:
                if key not in own and key not in found and key.application in self.applications:
                    by_name.setdefault(key.application, []).append(key)
            others: dict[Key, Desired] = {}
            for name, keys in by_name.items():
                others |= declared_as(self.applications[name], keys)
            found |= others
            new = others.values()
        return tuple(found.values())


def _is_of(problem: Problem, source: str) -> bool:
    """Return whether a problem holds all applications of a source."""
    return not problem.application and (not source or problem.origin.file.partition("/")[0] in (source, "--var"))
