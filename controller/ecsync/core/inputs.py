"""The input of a plan: the documents, the observed resources, and the values of references between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ecsync.core import graph
from ecsync.core.kind import Kind, Owned, World
from ecsync.core.model import Application, Applied, Desired, Key, PhysicalId, Present, Ref, Target, Unreadable
from ecsync.core.outcome import Step
from ecsync.core.resolve import resolve
from ecsync.core.rules import CommaList

Policy = Callable[[Step, "Inputs"], str]  # the reason why a step is withheld; empty: it is admitted
LookupValues = Mapping[Ref, str | tuple[str, ...] | None]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The documents, the observed resources, and the identity of this installation."""

    application: Application
    kinds: Mapping[str, Kind]
    world: World
    target: Target
    installation: str
    revision: str = ""
    lookups: tuple[Desired, ...] = ()  # resources of other applications that this one refers to
    orphans: tuple[Owned, ...] = ()  # owned by us, and declared in no application of the latest complete snapshot
    others: frozenset[str] = frozenset()  # the owner marks of every document of this installation
    # Created by this process and not observed complete yet: a field that they lack is pending, not drift.
    newly_created: frozenset[Key] = frozenset()
    # Per resource that has no tags: what was applied when it was last in sync.
    last_applied: Mapping[Key, Applied] = field(default_factory=dict)
    # Per resource: the values of its lookups when it was last in sync.
    last_lookups: Mapping[Key, LookupValues] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()

    @cached_property
    def _lookups(self) -> Mapping[Key, Desired]:
        return {desired.key: desired for desired in self.lookups}

    def desired(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        return self.application.documents.get(key) or self._lookups.get(key)

    def kind(self, key: Key) -> Kind:
        """Return the kind of a key."""
        return self.kinds[key.kind]

    def writable(self, desired: Desired) -> bool:
        """Return whether the resource is ever written; a lookup is read-only."""
        return desired.options.manage and self.kind(desired.key).calls is not None

    def looks_up(self, ref: Ref) -> bool:
        """Return whether a reference is to a lookup."""
        found = self.desired(ref.key)
        return found is not None and not self.writable(found)

    def physical(self, kind: str, natural: str) -> PhysicalId:
        """Return the identity of a resource in the target."""
        return PhysicalId(account=self.target.account, region=self.target.region, kind=kind, natural=natural)

    def value_of(self, ref: Ref) -> str | tuple[str, ...] | None:
        """Return the live value of an output, or the value that follows from the body alone; None if it is unknown."""
        observed = self.world.get(ref.key)
        if isinstance(observed, Present) and ref.output in observed.outputs:
            return observed.outputs[ref.output]
        desired = self.desired(ref.key)
        if desired is None:
            return None
        known = self.kind(ref.key).known(desired.body).get(ref.output)
        return known if isinstance(known, str) else None

    def is_without_parent(self, key: Key) -> bool:
        """Return whether a resource cannot be identified, because what it refers to is not known."""
        desired = self.desired(key)
        return desired is None or self.kind(key).natural(self.resolved(desired).body) is None

    def resolved(self, desired: Desired, invalid: Collection[tuple[Key, str]] = ()) -> Desired:
        """Return the document with its references resolved, except unknown values and those about to change."""

        def value(ref: Ref) -> str | tuple[str, ...] | None:
            return None if (ref.key, ref.output) in invalid else self.value_of(ref)

        commas = tuple(rule.segments for rule in self.kind(desired.key).rules if isinstance(rule, CommaList))
        return replace(desired, body=resolve(desired.body, value, commas))


def blocked(inputs: Inputs, desired: Desired, unreadable: Mapping[Key, str]) -> str:
    """Return which reference is unknown because its resource is unreadable, and why; empty if none is."""
    for _, ref in graph.references(desired.body):
        observed = inputs.world.get(ref.key)
        why = observed.error if isinstance(observed, Unreadable) else unreadable.get(ref.key)
        if why:
            return f"{ref} is not known: {why}"
    return ""
