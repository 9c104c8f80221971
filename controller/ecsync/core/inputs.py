"""The input of a plan: the documents, the observed resources, and the values of references between them."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import chain

from ecsync.core.kind import Kind, Owned, World
from ecsync.core.marks import key_of
from ecsync.core.model import (
    Absent,
    Application,
    Applied,
    Desired,
    Documents,
    FieldChange,
    Key,
    PhysicalId,
    Present,
    Ref,
    Target,
    Unreadable,
    Update,
)
from ecsync.core.normalise import table_of
from ecsync.core.outcome import Settled, Step
from ecsync.core.resolve import resolve
from ecsync.core.trees import Json

Policy = Callable[[Step, "Inputs"], str]  # the reason why a step is withheld; empty: it is admitted
Value = str | tuple[str, ...] | None  # of a reference; None: unknown
LookupValues = Mapping[Ref, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class InVain:
    """The part of an update that was written often enough without an effect, where the rest of it is written."""

    fields: tuple[FieldChange, ...] = ()
    why: str = ""  # of the fields
    why_marks: str = ""  # empty: the marks are written with the rest


PartInVain = Callable[[Update, "Inputs"], InVain]  # empty also if no rest is left: then it is for the policies
CHECKED_WITHIN = 128  # passes in which each settled resource is compared in full once


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
    doubts: Mapping[Key, str] = field(default_factory=dict)  # why some are not removed yet, by the key of their mark
    others: Container[str] = frozenset()  # the owner marks of every document of this installation
    # Created by this process and not observed complete yet: a field that they lack is pending, not drift.
    newly_created: frozenset[Key] = frozenset()
    # Per resource that has no tags: what was applied when it was last in sync.
    last_applied: Mapping[Key, Applied] = field(default_factory=dict)
    # Per resource: the values of its lookups when it was last in sync.
    last_lookups: Mapping[Key, LookupValues] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    in_vain: PartInVain = lambda *_: InVain()
    retried: frozenset[Key] = frozenset()  # what a gate gave up is tried again: a person asked for it
    # Of the last pass: the resources with nothing to do. `turn` is the number of this pass, `turns` is how many of the
    # last turns it stands for: in those before it, nothing was decided.
    settled: Mapping[Key, Settled] = field(default_factory=dict)
    turn: int = 0
    turns: int = 1
    checked_within: int = CHECKED_WITHIN
    order: tuple[Desired, ...] = ()  # the documents in the order in which they are decided; empty: not known yet

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

    @cached_property
    def world_of_gates(self) -> World:
        """The observed resources, and the orphans that are to be deleted: they still use others until they are gone."""
        if not self.application.sync.prune:
            return self.world
        owners = ((key_of(orphan.marks.owner), orphan.present) for orphan in self.orphans)
        return {**{owner[1]: present for owner, present in owners if owner is not None}, **self.world}

    def only_removes(self, step: Step) -> bool:
        """Return whether a step only takes away what nothing needs any more: no other step waits for it."""
        of = self.kind(step.id.key).only_removes
        return of is not None and isinstance(step.change, Update) and of(step.change)

    def looks_up(self, ref: Ref) -> bool:
        """Return whether a reference is to a lookup."""
        found = self.desired(ref.key)
        return found is not None and not self.writable(found)

    def physical(self, kind: str, natural: str) -> PhysicalId:
        """Return the identity of a resource in the target."""
        return self.kinds[kind].physical(self.target, natural)

    def value_of(self, ref: Ref) -> Value:
        """Return the live value of an output, or the value that follows from the body alone; None if it is unknown."""
        observed = self.world.get(ref.key)
        if isinstance(observed, Present):
            if ref.output in observed.outputs:
                return observed.outputs[ref.output]
            if derive := self.kind(ref.key).derived.get(ref.output):
                return derive(observed.outputs)
        desired = self.desired(ref.key)
        if desired is None:
            return None
        known = self.kind(ref.key).known(desired.body).get(ref.output)
        return known if isinstance(known, str) else None

    def asked_of(self, kind: Kind) -> Mapping[Key, frozenset[str]]:
        """Return the outputs of `Kind.asked` that documents refer to, by the resource that has them."""
        found: dict[Key, frozenset[str]] = {}
        documents = self.application.documents
        for output in kind.asked:
            using = (one for name in self.kinds for one in documents.find(name, outputs_used, (kind.name, output)))
            for ref in (ref for desired in chain(self.lookups, using) for ref in desired.refs):
                if ref.output == output and ref.key.kind == kind.name:
                    found[ref.key] = found.get(ref.key, frozenset()) | {output}
        return found

    def read_outputs(self, key: Key) -> Iterator[str]:
        """Return the outputs that a read returns: none that follow from others, and of the asked ones those in use."""
        kind = self.kind(key)
        asked = self.asked_of(kind).get(key, frozenset())
        return (one for one in kind.outputs if one not in kind.derived and (one not in kind.asked or one in asked))

    def is_without_parent(self, key: Key) -> bool:
        """Return whether a resource cannot be identified, because what it refers to is not known."""
        desired = self.desired(key)
        return desired is None or self.kind(key).natural(self.resolved(desired).body) is None

    def resolved(self, desired: Desired, invalid: Collection[tuple[Key, str]] = ()) -> Desired:
        """Return the document with its references resolved, except unknown values and those about to change."""
        if not desired.refs:
            return desired

        def value(ref: Ref) -> Value:
            return None if (ref.key, ref.output) in invalid else self.value_of(ref)

        commas = table_of(self.kind(desired.key).rules).comma_lists
        return replace(desired, body=resolve(desired.body, value, commas, desired.referring))


def outputs_used(desired: Desired, _: Documents) -> Iterator[tuple[str, str]]:
    """Yield the outputs that a document refers to, as (kind, output): for `Documents.find`."""
    yield from ((ref.key.kind, ref.output) for ref in desired.refs)


def blocked(inputs: Inputs, desired: Desired, behind: Mapping[Key, Key]) -> Key | None:
    """Return the unreadable resource or missing lookup that a document waits for; None if there is none.

    `behind` has it for each resource that is known to wait.
    """
    for ref in desired.refs:
        observed = inputs.world.get(ref.key)
        if ref.key in behind:
            return behind[ref.key]
        if isinstance(observed, Unreadable):
            return observed.behind or ref.key
        if isinstance(observed, Absent) and inputs.looks_up(ref):
            return ref.key
    return None


def waits_for(inputs: Inputs, key: Key) -> str:
    """Return the text about what waits for a resource. That resource has the reason, where the plan shows it."""
    if inputs.application.documents.get(key) is not None:
        return f"waits for {key}"
    return f"waits for {key} of {key.application}: {_why_unreadable(inputs, key)}"


def why_unknown(inputs: Inputs, ref: Ref) -> str:
    """Return why the value of a reference is not known: a live resource need not have every output of its kind."""
    lacks = isinstance(inputs.world.get(ref.key), Present) and inputs.value_of(ref) is None
    return f"{ref.key} has no {ref.output} in AWS" if lacks else f"{ref} is not known yet"


def _why_unreadable(inputs: Inputs, key: Key) -> str:
    observed, desired = inputs.world.get(key), inputs.desired(key)
    if isinstance(observed, Unreadable):
        return observed.error
    return not_found(inputs, desired) if desired is not None else "not declared"


def not_found(inputs: Inputs, lookup: Desired) -> str:
    """Return the text about a lookup that found nothing: what it looks for, and where."""
    kind, body = inputs.kind(lookup.key), inputs.resolved(lookup).body
    what = kind.looks_for(body) if kind.looks_for else f"{kind.name} {kind.natural(body)}"
    return f"no {what} in {inputs.target.region}; a lookup is not created"


# ---------------------------------------------------------------- what moved since the last pass


def basis(inputs: Inputs, written: Desired, observed: Present) -> tuple[bytes, bytes] | None:
    """Return digests of what the decision about a live resource depends on: (values of its references, the rest).

    This is all that `plan` reads of a resource that we may write and that is declared present:

    the document                        compared by `unmoved`, not part of the digests
    the values of its references        and whether each one is a lookup
    the live resource                   each member of Present but `read_at` and `revision`
    our identity                        installation, account, Region
    the owner in its mark               whether a document with that mark is declared
    newly created                       its create may have a part that is still to come

    These are not part of it. What was last applied and last looked up: they decide the reason of a difference, and
    there is none. Whether a referenced resource is unreadable or changes in the same plan, and which other live
    resources still use a superseded one: `plan` looks at that each time. Gates, and what they see of other live
    resources: they are asked about a difference, and a resource with one is not settled, even if nothing is to do.
    Policies: they are asked about a step. Rules, kinds and AWS's model: they are constant in a process.

    None where a value is not plain data: such a resource is compared in full each time.
    """
    marks, applied = observed.marks, observed.marks.applied if observed.marks else None
    rest = digest(
        observed.body,
        observed.outputs,
        observed.facts,
        observed.foreign,
        (marks.owner, marks.id, marks.owner in inputs.others) if marks else None,
        _plain(applied),
        inputs.installation,
        inputs.target.account,
        inputs.target.region,
        written.key in inputs.newly_created,
    )
    values = _values(inputs, written)
    return None if rest is None or values is None else (values, rest)


def _values(inputs: Inputs, written: Desired) -> bytes | None:
    refs = written.refs
    return digest([(inputs.value_of(ref), inputs.looks_up(ref)) for ref in refs]) if refs else b""


def known_revision(inputs: Inputs, written: Desired) -> str:
    """Return the revision that the last pass settled with the content of this same body; empty if there is none."""
    last = inputs.settled.get(written.key)
    if last is None or not last.revision or last.values != _values(inputs, written) or last.content != written.content:
        return ""
    return last.revision


def _plain(applied: Applied | None) -> Json:
    return (applied.members, applied.retain, applied.adopted, applied.form) if applied else None


def digest(*parts: Json) -> bytes | None:
    """Return 16 bytes that are equal for equal plain data of equal types, in equal order; None for other data."""
    try:
        plain = marshal.dumps(parts, 2)  # version 2 writes values only: no references between objects
    except ValueError:
        return None
    return blake2b(plain, digest_size=16).digest()


def unmoved(inputs: Inputs, written: Desired, made_from: tuple[bytes, bytes] | None) -> Settled | None:
    """Return what the last pass settled of a resource, where the document and the basis are those of that pass."""
    last = inputs.settled.get(written.key)
    if last is None or made_from != (last.values, last.rest) or last.content != written.content:
        return None
    return last


def due(inputs: Inputs, key: Key) -> bool:
    """Return whether a settled resource is compared in full in this pass, as a check on the shortcut."""
    return (inputs.turn - hash(key)) % inputs.checked_within < inputs.turns
