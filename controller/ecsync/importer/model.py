"""What an import finds, in words: live resources, what to look at, what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Key, Present, Target
from ecsync.core.ports import Reader
from ecsync.core.schema import Shape
from ecsync.importer.gaps import Gap


class NoCluster(Exception):
    """There is no such cluster; the text says where, and which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A live resource that becomes a document. Its key has what AWS calls it in place of a name.

    `managed`: the document may write it; else `why` says why not, where that is not so for all of its kind. Not
    `whole`: the document only names it.
    """

    key: Key
    present: Present
    managed: bool = True
    why: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person should look at: of one resource, in words that follow its name."""

    key: Key
    text: str


@dataclass(slots=True, kw_only=True)
class Survey:
    """What was found, in the order in which it was read, and what a person should look at."""

    items: dict[Key, Item] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    reader: Reader | None = None  # which answers from what was read

    def of(self, kind: str) -> list[Item]:
        """Return what was found of a kind."""
        return [item for key, item in self.items.items() if key.kind == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an import is given: the kinds and AWS's shapes, the application it makes, where and as whom."""

    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]
    application: str
    target: Target
    installation: str = ""  # whose marks are ours

    def shape(self, kind: Kind) -> Shape | None:
        """Return the shape of a kind's body; None where it is a document of our own."""
        return self.shape_of(kind.shape) if kind.shape else None
