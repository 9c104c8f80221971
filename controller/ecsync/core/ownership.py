"""The owner of a live resource, by its marks, and the marks that it must have."""

from __future__ import annotations

from typing import Literal

from ecsync.core import marks
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.marks import declared_form, released_maps
from ecsync.core.model import Applied, Desired, FieldChange, Key, Mark, Present, Update
from ecsync.core.outcome import Step, StepId
from ecsync.core.rules import Computed, Reverts
from ecsync.core.trees import Body

OURS: Literal["ours"] = "ours"
UNCLAIMED: Literal["unclaimed"] = "unclaimed"


def owner_of(inputs: Inputs, key: Key) -> str:
    """Return the owner mark of a document."""
    return marks.owner(inputs.installation, key)


def claim_state(inputs: Inputs, desired: Desired, observed: Present) -> str:
    """Return OURS, UNCLAIMED, or the reason why the resource must not be written."""
    live = observed.marks
    if live is None:
        tool = observed.foreign
        look = "or set `ecsync/manage: read` to look it up only"
        return f"managed by {tool}; remove it from {tool} first, {look}" if tool else UNCLAIMED
    if live.owner == owner_of(inputs, desired.key):
        natural = inputs.kind(desired.key).natural(desired.body)
        identity = marks.identity(inputs.physical(desired.key.kind, natural)) if natural else ""
        if identity and live.id and identity != live.id:
            return "its ecsync:owner tag was copied from another resource: ecsync:id does not match; remove both tags"
        return OURS
    parsed = marks.key_of(live.owner)
    if parsed is None:
        return "its ecsync:owner tag has a format that this version does not support"
    installation, other = parsed
    if installation != inputs.installation:
        return f"owned by installation {installation} ({other.full}); remove its ecsync: tags first"
    if live.owner in inputs.others:
        return f"owned by {other.full}, which is still declared"
    return OURS  # a document or application was renamed: the resource moves with it


def tags_for(inputs: Inputs, desired: Desired, written: Desired, *, adopted: bool = False) -> dict[str, str]:
    """Return our three tags for a document: `desired` has its references resolved, `written` has them unresolved.

    Without `ecsync:id` while the natural name is unknown: the executor plans the step again when it is known.
    """
    kind = inputs.kind(desired.key)
    if kind.tagging is None:
        return {}
    form, retain = declared_form(written.body, kind.rules), desired.options.deletion == "retain"
    tags = {
        marks.OWNER: owner_of(inputs, desired.key),
        marks.APPLIED: marks.pack(form, kind.tagging.member, released_maps(kind), retain=retain, adopted=adopted),
    }
    natural = kind.natural(desired.body)
    if natural is not None:
        tags[marks.ID] = marks.identity(inputs.physical(desired.key.kind, natural))
    return tags


def outdated_marks(
    inputs: Inputs, desired: Desired, written: Desired, observed: Present | None, *, pending: bool = False
) -> dict[str, str]:
    """Return our tags that a live resource lacks or has out of date; an unsupported format is left alone.

    Without `observed`, all of them. With `pending`, a change of the document, a looser form in the mark is out of date.
    """
    live = observed.marks if observed else None
    was_adopted = bool(live and live.applied and live.applied.adopted)
    adopted = was_adopted and desired.options.undeclared == "adopted"
    want = tags_for(inputs, desired, written, adopted=adopted)
    if live is None or not want:
        return want
    out_of_date = {}
    if live.owner != want[marks.OWNER]:
        out_of_date[marks.OWNER] = want[marks.OWNER]
    if live.id != want.get(marks.ID, live.id):
        out_of_date[marks.ID] = want[marks.ID]
    now = marks.unpack(want[marks.APPLIED])
    applied = live.applied
    if applied is None or now is None or applied == now:
        return out_of_date
    if pending or not _agrees(inputs.kind(written.key), applied, now, written.body):
        out_of_date[marks.APPLIED] = want[marks.APPLIED]
    return out_of_date


def _agrees(kind: Kind, live: Applied, now: Applied, written: Body) -> bool:
    """Return whether a mark agrees with a document that is in sync, exactly or in a looser form.

    Hashes of another version of the form always agree: an upgrade writes nothing. A value that AWS computed and that
    the document now declares agrees too: a person can paste the output of describe into the manifest.
    """
    if (live.retain, live.adopted, marks.keys_of(live)) != (now.retain, now.adopted, marks.keys_of(now)):
        return False
    if live.form != now.form:
        return True
    declared = marks.declared_members(kind, written)
    reverts = {row.path for row in kind.rules if isinstance(row, Reverts)}  # recorded until it went back
    computed = {row.segments[0] for row in kind.rules if isinstance(row, Computed)} - reverts
    if live.members.keys() - {marks.path_hash(name) for name in (*declared, *computed)}:
        return False
    return all(marks.agrees(live, kind.rules, written, name, value) for name, value in declared.items())


def tags_to_remove(inputs: Inputs, written: Desired, observed: Present) -> tuple[str, ...]:
    """Return the live tag keys that we applied and that the document no longer declares."""
    tagging = inputs.kind(written.key).tagging
    if tagging is None or observed.marks is None or observed.marks.applied is None:
        return ()
    live = marks.tag_map(observed.body.get(tagging.member))
    declared = marks.tag_map(written.body.get(tagging.member))
    return marks.removed_keys(observed.marks.applied, "tags", declared, live)


def marks_to_write(
    inputs: Inputs, desired: Desired, written: Desired, observed: Present, fields: tuple[FieldChange, ...]
) -> dict[str, str]:
    """Return the marks that an update writes: those that are out of date; for a new revision, every mark."""
    marked = None if any(one.effect == "revise" for one in fields) else observed
    pending = any(one.reason == "pending" for one in fields)
    return outdated_marks(inputs, desired, written, marked, pending=pending)


def marking(kind: Kind, change: Update) -> Step:
    """Return the step that writes the marks of a change, and nothing else."""
    mark = Mark(desired=change.desired, observed=change.observed, marks=change.marks)
    calls = marks.tag_calls(kind.tagging, mark) if kind.tagging else ()
    return Step(id=StepId(key=change.desired.key), change=mark, calls=calls)
