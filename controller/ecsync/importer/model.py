"""The nouns of an import: its settings, the live resources that it finds, and what a person should review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Key, Present, Target
from ecsync.core.ports import Reader
from ecsync.core.schema import Shape
from ecsync.importer.gaps import Gap


class ClusterNotFound(Exception):
    """The cluster does not exist; the text names the account, the Region and the clusters that exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResource:
    """A live resource that becomes a document.

    Its key holds AWS's own identifier in place of a document name. `managed` is False for a read-only document;
    `reason` is then why, empty where every resource of the kind is read-only. An `identity_only` document holds just
    what the resource is found by.
    """

    key: Key
    present: Present
    managed: bool = True
    reason: str = ""
    identity_only: bool = False


@dataclass(frozen=True, slots=True)
class ReviewNote:
    """Something that a person should review: a resource, and text that follows its name."""

    key: Key
    text: str


@dataclass(slots=True, kw_only=True)
class Survey:
    """The result of reading a cluster: its resources in the order of the reads, review notes, and gaps."""

    resources: dict[Key, LiveResource] = field(default_factory=dict)
    notes: list[ReviewNote] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    reader: Reader | None = None  # returns the same responses again, without new calls

    def of_kind(self, kind: str) -> list[LiveResource]:
        """Return the resources of a kind."""
        return [resource for key, resource in self.resources.items() if key.kind == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportContext:
    """The settings of an import: kinds, AWS's shapes, the application to write, the target, the installation."""

    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]
    application: str
    target: Target
    installation: str = ""  # a resource that carries this installation's marks is managed

    def shape(self, kind: Kind) -> Shape | None:
        """Return the shape of a kind's body; None for a document that is ecsync's own (Network)."""
        return self.shape_of(kind.shape) if kind.shape else None
