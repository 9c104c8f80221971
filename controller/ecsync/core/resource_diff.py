"""How a live resource differs from its document, and the reason per field: drift, pending or lookup."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import TypeAlias

from ecsync.core import graph, marks
from ecsync.core.diff import Difference, UnmanagedValue, differences, effect_of
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Decided, Kind
from ecsync.core.marks import declared_form, leaves_undeclared, reverted, with_released
from ecsync.core.model import Applied, Desired, FieldChange, Key, Present, Reason, Ref, Update
from ecsync.core.normalise import keyed, normalise
from ecsync.core.redact import masked
from ecsync.core.rules import Keyed, Rules, WriteOnly
from ecsync.core.trees import ANY, EACH, Body, Elements, Json, Path, at, locate, matches, same, thaw

NOT_RETURNED = "(not returned by AWS)"


def fields_of(inputs: Inputs, desired: Desired, observed: Present) -> tuple[FieldChange, ...]:
    """Return the fields in which a live resource differs from its document, without the rest of the plan."""
    return difference(inputs, inputs.resolved(desired), desired, observed).fields


def difference(
    inputs: Inputs, desired: Desired, written: Desired, observed: Present, changing: Collection[Key] = ()
) -> Difference:
    """Compare a document with its live resource.

    `desired` has its references resolved. `written` is the same document with its references unresolved: marks are made
    of it. `changing` are the resources that the same plan changes.
    """
    kind = inputs.kind(desired.key)
    found = between(
        kind,
        with_released(kind, desired, written, observed).body,
        observed,
        undeclared=not leaves_undeclared(desired, observed),
        enforced=frozenset(reverted(kind, written, observed)),
        ignore=desired.options.ignore,
        reason=lambda path: reason(inputs, written, observed, path, changing),
    )
    members = {one.path[0] for one in found.fields}
    unseen = tuple(one for one in _write_only(kind, written, observed) if one.path[0] not in members)
    return replace(found, fields=(*found.fields, *unseen))


def between(
    kind: Kind,
    desired: Body,
    observed: Present,
    *,
    undeclared: bool = True,
    enforced: Collection[str] = (),
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
) -> Difference:
    """Compare a body with a live resource by the rules of the kind; the parameters are those of `differences`."""
    body = kind.adjust(desired, observed) if kind.adjust else desired
    found = differences(
        body,
        observed.body,
        kind.rules,
        facts=observed.facts,
        undeclared=undeclared,
        enforced=enforced,
        newer=kind.unreviewed(),
        ignore=ignore,
        reason=reason,
        whole=kind.any_change,
    )
    found = _with_decisions(found, tuple(kind.decided(desired, observed)), desired, observed)
    if kind.tagging is None or kind.any_change is None:
        return found
    tags = kind.tagging.member  # a change of tags alone makes no new revision
    fields = tuple(replace(one, effect="in-place") if one.path[0] == tags else one for one in found.fields)
    return replace(found, fields=fields)


def _with_decisions(found: Difference, decided: Sequence[Decided], desired: Body, observed: Present) -> Difference:
    """Return the difference with what another controller decides: a note on a change, else a value left alone."""
    if not decided:
        return found
    notes = {one.path: one.note for one in decided}
    changed = {one.path for one in found.fields}
    fields = tuple(replace(one, note=notes.get(one.path, "")) for one in found.fields)
    unmanaged = [one for one in found.unmanaged if one.path not in notes]
    for one in decided:
        live, declared = at(observed.body, one.path), at(desired, one.path)
        if one.path not in changed:
            other = None if same(live, declared) else declared
            unmanaged.append(UnmanagedValue(path=one.path, value=live, owner=one.owner, declared=other))
    return replace(found, fields=fields, unmanaged=tuple(unmanaged))


def declares(desired: Desired, kind: Kind) -> Callable[[Path], bool]:
    """Return a test: True if the document itself declares the value at a canonical path."""
    written = normalise(desired.body, kind.rules, fill=False)

    def declared(path: Path) -> bool:
        tree: Json = written
        for part in path:
            if not isinstance(tree, Mapping):
                return True  # the document has one value for the whole of it
            if part not in tree:
                return False
            tree = tree[part]
        return True

    return declared


def _write_only(kind: Kind, written: Desired, observed: Present) -> Iterator[FieldChange]:
    """Yield the declared values that AWS never returns, where the mark records another value."""
    applied = observed.marks.applied if observed.marks else None
    rows = [row for row in kind.rules if isinstance(row, WriteOnly)]
    if not rows or applied is None or applied.form != marks.FORM:
        return
    form = declared_form(written.body, kind.rules)
    for row in rows:
        for container, name, path in locate(form, row.segments):
            if name not in container or any(matches(path, ignored) for ignored in written.options.ignore):
                continue
            member = str(path[0])
            if not marks.agrees(applied, kind.rules, written.body, member, form[member]):
                yield FieldChange(
                    path=path,
                    before=NOT_RETURNED,
                    after=masked(container[name], path, kind.rules),
                    effect=effect_of(path, kind.rules),
                    reason="pending",
                )


# ---------------------------------------------------------------- what the manifest ignores


def with_ignored(kind: Kind, desired: Desired, observed: Present) -> Desired:
    """Return the document with the live value at each path that it ignores: what is written there changes nothing."""
    if not desired.options.ignore:
        return desired
    return replace(desired, body=as_live(desired.body, observed.body, desired.options.ignore, kind.rules))


def without(kind: Kind, change: Update, fields: Collection[FieldChange]) -> Update:
    """Return an update without some of its fields: they have their live values in it."""
    rest = tuple(one for one in change.fields if one not in fields)
    paths = [tuple(map(str, one.path)) for one in fields]
    body = as_live(change.desired.body, change.observed.body, paths, kind.rules)
    return replace(change, desired=replace(change.desired, body=body), fields=rest)


def as_live(body: Body, live: Body, ignore: Sequence[tuple[str, ...]], rules: Rules) -> Body:
    """Return a body with the live values at the places of the patterns."""
    keys = {row.segments: row for row in rules if isinstance(row, Keyed)}
    for segments in ignore:
        body = _as_live(body, live, segments, (), keys)
    return body


_KeyedLists: TypeAlias = Mapping[tuple[str, ...], Keyed]  # by the pattern of the list


def _as_live(want: Json, have: Json, segments: Sequence[str], at: tuple[str, ...], keys: _KeyedLists) -> Json:
    """Return a value with the live value at the places of a pattern; None: absent. `at` is the pattern of the value."""
    if not segments:
        return thaw(have)
    first = have if want is None else want
    if isinstance(first, (list, tuple)) and isinstance(have, (list, tuple, NoneType)):
        return _elements_as_live(want or (), have or (), segments, at, keys) or want
    if not isinstance(first, Mapping) or not isinstance(have, (Mapping, NoneType)):
        return want
    head, rest = segments[0], segments[1:]
    block, live = dict(want or {}), have or {}
    for name in {**block, **live} if head in (EACH, ANY) else (head,):
        value = _as_live(block.get(name), live.get(name), rest, (*at, name), keys)
        if value is None:
            block.pop(name, None)
        else:
            block[name] = value
    return block or want


def _elements_as_live(
    want: Sequence[Json], have: Sequence[Json], segments: Sequence[str], at: tuple[str, ...], keys: _KeyedLists
) -> list[Json]:
    """Return a list, as `_as_live` does; one without a key stays as it is."""
    row, head, rest = keys.get(at), segments[0], segments[1:]
    if row is None:
        return list(want)
    elements, live = keyed(want, row.key), keyed(have, row.key)
    for name in {**elements, **live} if head in (EACH, ANY) else (head,):
        if rest and name in elements and name in live:
            elements[name] = _as_live(elements[name], live[name], rest, (*at, EACH), keys)
        elif not rest and name in live:
            elements[name] = thaw(live[name])
        elif not rest:
            elements.pop(name, None)
    return list(elements.values())


# ---------------------------------------------------------------- reasons


def reason(inputs: Inputs, written: Desired, observed: Present, path: Path, changing: Collection[Key]) -> Reason:
    """Return why a field differs; the first line that fits.

    pending   the resource changes in this plan already, or was just created
    pending   AWS is at work on the last change of the resource, or gave it up
    pending   the field has the present value of a resource that changes in this plan
    (kind)    the kind returns a reason
    pending   the field refers to a resource that changes in this plan
    drift     it is unknown what was last applied
    pending   the document changed since it was last applied
    lookup    the field refers to a lookup with a value that changed since the resource was last in sync
    pending   the field refers to another resource, and the live one is a revision, which no client can change
    drift     otherwise: another client changed the field
    """
    if written.key in changing or written.key in inputs.newly_created:
        return "pending"
    kind = inputs.kind(written.key)
    condition = kind.condition(observed)
    if condition is not None and condition.concerns(path):
        return "pending"
    refs = _references_at(kind, written, path)
    before = at(observed.body, path)
    if any(ref.key in changing and before == inputs.value_of(ref) for ref in refs):
        return "pending"
    own_reason = kind.reason(path, observed) if kind.reason else None
    if own_reason:
        return own_reason
    if any(ref.key in changing for ref in refs):
        return "pending"
    applied = observed.marks.applied if kind.tagging and observed.marks else inputs.last_applied.get(written.key)
    if applied is None:
        return "drift"
    if not _as_applied(kind, written, applied, path):
        return "pending"
    if any(_moved(inputs, written, ref) for ref in refs):
        return "lookup"
    return "pending" if refs and kind.any_change == "revise" else "drift"


def _moved(inputs: Inputs, written: Desired, ref: Ref) -> bool:
    """Return whether a reference is to a lookup with another value than before, or with no known value before."""
    before = inputs.last_lookups.get(written.key, {})
    return inputs.looks_up(ref) and (ref not in before or before[ref] != inputs.value_of(ref))


def _references_at(kind: Kind, written: Desired, path: Path) -> frozenset[Ref]:
    """Return the references of the document at a canonical path; in a list keyed by a reference, of the whole list."""
    if not written.refs:
        return frozenset()
    tree: Json = normalise(written.body, kind.rules, fill=False)
    for part in path:
        if not isinstance(tree, Mapping) or (part not in tree and isinstance(tree, Elements)):
            break
        tree = tree.get(part)
    return frozenset(ref for _, ref in graph.references(tree))


def _as_applied(kind: Kind, written: Desired, applied: Applied, path: Path) -> bool:
    """Return whether the document declares the member of a path as it was last applied."""
    declared = marks.declared_members(kind, written.body)
    names = _recorded_names(kind, path, declared)
    return all(marks.applied_equals(applied, name, declared.get(name)) for name in names)


def _recorded_names(kind: Kind, path: Path, declared: Collection[str]) -> list[str]:
    """Return the names by which a mark records a path: of tags and maps a key, or each key if all of it differs."""
    member = str(path[0])
    is_tags = member == marks.tags_member(kind)
    if not is_tags and member not in marks.released_maps(kind):
        return [member]
    block = "tags" if is_tags else member
    if len(path) > 1:
        return [marks.by_key(block, str(path[1]))]
    return [name for name in declared if name.startswith(marks.by_key(block, ""))]
