"""Tags in calls: those of a create, and the separate calls that change them later. Our marks are among them."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core import marks
from ecsync.core.kind import Tagging
from ecsync.core.model import Adopt, Call, Forget, Mark, Tags, Update
from ecsync.core.trees import Body, Json


def spelled(tags: Mapping[str, str], style: str) -> Json:
    """Return tags in AWS's spelling: `map`, `key/value` or `Key/Value`."""
    if style == "map":
        return dict(tags)
    name, value = style.split("/")
    return [{name: key, value: text} for key, text in tags.items()]


def with_marks(tagging: Tagging, body: Body, ours: Tags) -> dict[str, Json]:
    """Return the body of a create with our marks among its tags."""
    tags = {**marks.tag_map(body.get(tagging.member)), **ours}
    return {**body, tagging.member: spelled(tags, tagging.style)} if tags else dict(body)


def calls_for(tagging: Tagging, change: Update | Adopt | Mark | Forget) -> tuple[Call, ...]:
    """Compile the tag calls of a change: put, then remove; none if no tag differs."""
    if isinstance(change, Forget):
        return tagging.remove(change.observed, (marks.OWNER, marks.ID, marks.APPLIED))
    put = dict(change.marks)
    if isinstance(change, Update):
        declared = marks.tag_map(change.desired.body.get(tagging.member))
        put |= {
            key: declared[key]
            for field in change.fields
            if field.path[0] == tagging.member
            for key in (field.path[1:] or tuple(declared))
            if isinstance(key, str) and key in declared
        }
    calls = tagging.put(change.observed, put) if put else ()
    if isinstance(change, Update) and change.untag:
        calls += tagging.remove(change.observed, change.untag)
    return calls
