"""Whose a live resource is, by its marks, and what our marks on it should say."""

from __future__ import annotations

from typing import Literal

from controller.core import marks
from controller.core.model import Desired, Key, Present
from controller.core.scene import Scene

OURS: Literal["ours"] = "ours"
NOBODYS: Literal["nobody's"] = "nobody's"


def owner_of(scene: Scene, key: Key) -> str:
    """Return the owner mark of a document."""
    return marks.owner(scene.installation, key)


def whose(scene: Scene, desired: Desired, observed: Present) -> str:
    """Return OURS, NOBODYS, or in words why we keep our hands off."""
    live = observed.marks
    if live is None:
        tool = observed.foreign
        return f"{tool} manages it; take it out of there first" if tool else NOBODYS
    if live.owner == owner_of(scene, desired.key):
        natural = scene.kind(desired.key).natural(desired.body)
        identity = marks.identity(scene.physical(desired.key.kind, natural)) if natural else ""
        if identity and live.id and identity != live.id:
            return "its ecsync:owner tag was copied from another resource (ecsync:id does not match); remove the tags"
        return OURS
    parsed = marks.key_of(live.owner)
    if parsed is None:
        return "its ecsync:owner tag is in a format that this version does not know"
    installation, other = parsed
    if installation != scene.installation:
        return f"owned by installation {installation} ({other.full}); take its ecsync: tags off there first"
    if live.owner in scene.others:
        return f"owned by {other.full}, which is still declared"
    return OURS  # it moved: a renamed document or application takes its resource along


def tags_for(scene: Scene, desired: Desired, written: Desired, *, adopted: bool = False) -> dict[str, str]:
    """Return our three tags for a document: `desired` has its references resolved, `written` as they are written.

    The id is left out while the natural name is not known: the executor plans the step again when it is.
    """
    tagging = scene.kind(desired.key).tagging
    if tagging is None:
        return {}
    retain = desired.options.deletion == "retain"
    tags = {
        marks.OWNER: owner_of(scene, desired.key),
        marks.APPLIED: marks.pack(written.body, tagging.member, retain=retain, adopted=adopted),
    }
    natural = scene.kind(desired.key).natural(desired.body)
    if natural is not None:
        tags[marks.ID] = marks.identity(scene.physical(desired.key.kind, natural))
    return tags


def stale(scene: Scene, desired: Desired, written: Desired, observed: Present | None) -> dict[str, str]:
    """Return the tags of ours that a live resource lacks or has out of date; an unknown format is left alone.

    With nothing observed, all of them.
    """
    live = observed.marks if observed else None
    was_adopted = bool(live and live.applied and live.applied.adopted)
    adopted = was_adopted and desired.options.undeclared == "adopted"
    want = tags_for(scene, desired, written, adopted=adopted)
    if live is None or not want:
        return want
    out_of_date = {}
    if live.owner != want[marks.OWNER]:
        out_of_date[marks.OWNER] = want[marks.OWNER]
    if live.id != want.get(marks.ID, live.id):
        out_of_date[marks.ID] = want[marks.ID]
    if live.applied is not None and live.applied != marks.unpack(want[marks.APPLIED]):
        out_of_date[marks.APPLIED] = want[marks.APPLIED]
    return out_of_date


def untag(scene: Scene, written: Desired, observed: Present) -> tuple[str, ...]:
    """Return the tag keys that we once applied and the document does not declare any more."""
    tagging = scene.kind(written.key).tagging
    if tagging is None or observed.marks is None or observed.marks.applied is None:
        return ()
    live = marks.tag_map(observed.body.get(tagging.member))
    return marks.gone(observed.marks.applied, written.body, live, tagging.member)
