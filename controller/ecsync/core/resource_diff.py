"""How a live resource differs from its document, and why: drift, pending, or a lookup that moved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from ecsync.core import graph, marks
from ecsync.core.diff import Difference, differences, effect_of
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.marks import declared_form, looser_forms, with_released_keys
from ecsync.core.model import Applied, Desired, FieldChange, Key, Present, Reason, Ref
from ecsync.core.normalise import normalise
from ecsync.core.redact import masked
from ecsync.core.rules import WriteOnly
from ecsync.core.trees import Body, Elements, Json, Path, locate, matches

NOT_RETURNED = "(not returned by AWS)"


def fields_of(inputs: Inputs, desired: Desired, observed: Present) -> tuple[FieldChange, ...]:
    """Return how a live resource differs from its document, nothing else of the plan considered."""
    return difference(inputs, inputs.resolved(desired), desired, observed).fields


def difference(
    inputs: Inputs, desired: Desired, written: Desired, observed: Present, changing: Collection[Key] = ()
) -> Difference:
    """Compare a document whose references are resolved with what is live.

    `written` is the same document with its references as they are: what marks are made of. `changing` are the
    resources that change in the same plan.
    """
    kind = inputs.kind(desired.key)
    found = between(
        kind,
        with_released_keys(kind, desired, written, observed).body,
        observed,
        undeclared=not _leaves_undeclared(desired, observed),
        ignore=desired.options.ignore,
        reason=lambda path: reason(inputs, written, observed, path, changing),
    )
    seen = {one.path[0] for one in found.fields}
    unseen = tuple(one for one in _write_only(kind, written, observed) if one.path[0] not in seen)
    return replace(found, fields=(*found.fields, *unseen))


def between(
    kind: Kind,
    desired: Body,
    observed: Present,
    *,
    undeclared: bool = True,
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
) -> Difference:
    """Compare a body with what is live as the kind sees it: what others decided, its rules, its effects."""
    body = kind.adjust(desired, observed) if kind.adjust else desired
    found = differences(
        body,
        observed.body,
        kind.rules,
        facts=observed.facts,
        undeclared=undeclared,
        newer=kind.unreviewed(),
        ignore=ignore,
        reason=reason,
        whole=kind.any_change,
    )
    if kind.tagging is None or kind.any_change is None:
        return found
    tags = kind.tagging.member  # tags never make a new revision
    fields = tuple(replace(one, effect="in-place") if one.path[0] == tags else one for one in found.fields)
    return replace(found, fields=fields)


def _leaves_undeclared(desired: Desired, observed: Present) -> bool:
    adopted = bool(observed.marks and observed.marks.applied and observed.marks.applied.adopted)
    return desired.options.undeclared == "ignore" or (desired.options.undeclared == "adopted" and adopted)


def _write_only(kind: Kind, written: Desired, observed: Present) -> Iterator[FieldChange]:
    """Yield what AWS never tells and the document has, where the mark says that something else was applied."""
    applied = observed.marks.applied if observed.marks else None
    rows = [row for row in kind.rules if isinstance(row, WriteOnly)]
    if not rows or applied is None or applied.form != marks.FORM:
        return
    form = declared_form(written.body, kind.rules)
    for row in rows:
        for container, name, path in locate(form, row.segments):
            member = str(path[0])
            ignored = any(matches(path, pattern) for pattern in written.options.ignore)
            if (
                ignored
                or name not in container
                or any(
                    marks.applied_equals(applied, member, words)
                    for words in (form[member], *looser_forms(written.body, kind.rules, member))
                )
            ):
                continue
            after = masked(container[name], path, kind.rules)
            yield FieldChange(
                path=path, before=NOT_RETURNED, after=after, effect=effect_of(path, kind.rules), reason="pending"
            )


# ---------------------------------------------------------------- reasons


def reason(inputs: Inputs, written: Desired, observed: Present, path: Path, changing: Collection[Key]) -> Reason:
    """Tell drift (somebody changed it), pending (we have not applied it yet) and lookup (what we look up moved)."""
    if written.key in changing or written.key in inputs.newly_created:
        return "pending"
    kind = inputs.kind(written.key)
    told = kind.reason(path, observed) if kind.reason else None
    if told:
        return told
    said = _references_at(kind, written, path)
    if {ref.key for ref in said} & set(changing):
        return "pending"
    applied = observed.marks.applied if kind.tagging and observed.marks else inputs.last_applied.get(written.key)
    if applied is None:
        return "drift"
    if not _as_applied(kind, written, applied, path):
        return "pending"
    before = inputs.last_lookups.get(written.key, {})
    moved = (ref for ref in said if inputs.looks_up(ref) and (ref not in before or before[ref] != inputs.value_of(ref)))
    return "lookup" if any(moved) else "drift"


def _references_at(kind: Kind, written: Desired, path: Path) -> frozenset[Ref]:
    """Return what the document refers to at a canonical path; in a list that is keyed by a reference, anywhere."""
    tree: Json = normalise(written.body, kind.rules, fill=False)
    for part in path:
        if not isinstance(tree, Mapping) or (part not in tree and isinstance(tree, Elements)):
            break
        tree = tree.get(part)
    return frozenset(ref for _, ref in graph.references(tree))


def _as_applied(kind: Kind, written: Desired, applied: Applied, path: Path) -> bool:
    """Tell whether the member that a path is in is declared as it was when it was last applied."""
    tags = marks.tags_member(kind)
    declared = marks.declared_members(kind, written.body)
    names = [member := str(path[0])]
    if member == tags or member in marks.released_maps(kind):  # a block that differs as a whole: each declared key
        block = "tags" if member == tags else member
        keyed = [marks.by_key(block, str(path[1]))] if len(path) > 1 else []
        names = keyed or [name for name in declared if name.startswith(marks.by_key(block, ""))]
    return all(marks.applied_equals(applied, name, declared.get(name)) for name in names)


def declares(desired: Desired, kind: Kind) -> Callable[[Path], bool]:
    """Return a test for whether the manifest itself speaks of a canonical path, or a default does."""
    written = normalise(desired.body, kind.rules, fill=False)

    def stands(path: Path) -> bool:
        tree: Json = written
        for part in path:
            if not isinstance(tree, Mapping):
                return True  # the manifest has a whole value here
            if part not in tree:
                return False
            tree = tree[part]
        return True

    return stands
