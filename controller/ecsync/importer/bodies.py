"""From a live body to the one that a person would write: what AWS has without being told is left out.

Nothing here knows a field, but for one: a member goes when the kind's own rules say the same without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.normalise import normalise
from ecsync.core.rules import Computed, Default, Delegated, Drop, Refers, Released, Reshape, Rewrite
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH, Body, Json, Path, locate, thaw
from ecsync.importer.attribute_defaults import without_defaults
from ecsync.importer.model import Item
from ecsync.importer.references import identity
from ecsync.language.fitting import fitted

_SERVICE_LINKED = ":role/aws-service-role/"
# AWS refuses a definition for Fargate that does not say so, though nothing else is possible.
_SAID = {"TaskDefinition": {"networkMode": "awsvpc"}}

# ---------------------------------------------------------------- everything that can be written


def full(kind: Kind, item: Item, shape: Shape | None, services: Iterable[Item]) -> dict[str, Json]:
    """Return the live body in the shape of a manifest: all of it but what AWS owns."""
    if shape is None:
        return dict(item.present.body)
    fit = _fitted(kind, item.present.body, shape)
    if fit.get("Attributes"):
        released = (rule.value for rule in kind.rules if isinstance(rule, Released) and rule.path == "Attributes")
        fit["Attributes"] = without_defaults(fit["Attributes"], fit, shape.members["Attributes"], next(released, None))
    return _by_reference(kind, fit, services)


def _fitted(kind: Kind, body: Body, shape: Shape) -> dict[str, Json]:
    tags = kind.tagging.member if kind.tagging else ""
    fit: Body = fitted(body, shape, rules=kind.rules, tags=tags, strict=False)
    return {name: value for name, value in fit.items() if name in shape.members and value is not None}


def _by_reference(kind: Kind, body: dict[str, Json], services: Iterable[Item]) -> dict[str, Json]:
    """Say by one reference what AWS says in several members, where the kind takes one in their place."""
    extra = kind.shape.extra if kind.shape else {}
    named = {name: body[name] for name in (kind.name_member,) if name in body}
    for row in kind.rules:
        if isinstance(row, Refers) and row.path in extra and row.path not in body:
            for service in services:
                said = {row.path: service.present.outputs["arn"]}
                if service.key.kind == row.kind and kind.natural({**said, **named}) == kind.natural(body):
                    return {**said, **body}
    return body


# ---------------------------------------------------------------- and nothing that says nothing


def trimmed(kind: Kind, body: Body, present: Present, shape: Shape | None) -> dict[str, Json]:
    """Return the body without what goes without saying: AWS's defaults, and what others decide."""
    tree: dict[str, Json] = thaw(body)
    _leave_to_others(kind, tree, present)
    if shape is not None and kind.shape is not None:
        said = (name for name, value in _SAID.get(kind.name, {}).items() if tree.get(name) == value)
        stay = {*_identity_members(kind, tree), *(name for name in kind.shape.extra if tree.get(name)), *said}
        _Trim(kind, tree, present).structure(tree, shape, stay)
    return tree


def named(kind: Kind, body: Body) -> dict[str, Json]:
    """Return what a resource is found by, and nothing else."""
    members = _identity_members(kind, body)
    return {name: value for name, value in body.items() if name in members}


def meaning(kind: Kind, body: Body, present: Present) -> tuple[Json, Json]:
    """Return what a body comes to on this resource, and which one it speaks of."""
    adjusted = kind.adjust(body, present) if kind.adjust else body
    return normalise(adjusted, kind.rules), kind.natural(body)


def _identity_members(kind: Kind, body: Body) -> set[str]:
    mine = identity(kind, body)
    without = ((name, {key: value for key, value in body.items() if key != name}) for name in body)
    return {name for name, rest in without if _identity_or_none(kind, rest) != mine}


def _identity_or_none(kind: Kind, body: Body) -> str | None:
    try:
        return identity(kind, body)
    except (KeyError, TypeError):  # a kind may take its own name for granted
        return None


def _leave_to_others(kind: Kind, tree: dict[str, Json], present: Present) -> None:
    """Take out what another controller owns now, and what AWS decides when it makes the resource.

    A member that has a default besides being computed is one whose default depends on more than the body; a default
    for other bodies than this one is none.
    """
    defaults = {rule.path for rule in kind.rules if isinstance(rule, Default) and _holds(rule, kind, tree)}
    for rule in kind.rules:
        if isinstance(rule, Delegated) and rule.when(present.facts):
            _take(tree, rule.segments, lambda _: True)
        elif isinstance(rule, Computed) and _holds(rule, kind, tree):
            _take(tree, rule.segments, lambda value, open_=rule.path in defaults: open_ or _is_aws_own(value))


def _holds(rule: Default | Computed, kind: Kind, body: Body) -> bool:
    return rule.when is None or rule.when(normalise(body, kind.rules))


def _is_aws_own(value: Json) -> bool:
    return isinstance(value, str) and _SERVICE_LINKED in value


def _take(tree: Json, segments: tuple[str, ...], goes: Any) -> None:
    for container, key, _ in list(locate(tree, segments)):
        if isinstance(container, dict) and key in container and goes(container[key]):
            del container[key]


class _Trim:
    """Takes members out one by one, the largest first, as long as the whole means the same."""

    def __init__(self, kind: Kind, tree: dict[str, Json], present: Present) -> None:
        self._kind = kind
        self._tree = tree
        self._present = present
        self._goal = meaning(kind, tree, present)
        self._complaints = self._wrong()
        self._rows = [rule.segments for rule in kind.rules if isinstance(rule, (Default, Drop, Reshape, Rewrite))]
        self._references = [rule.segments for rule in kind.rules if isinstance(rule, Refers)]
        self._adjusted = {name for name in tree if kind.adjust and self._is_adjusted(name)}

    def structure(self, tree: dict[str, Json], shape: Shape, stay: Iterable[str] = (), at: Path = ()) -> None:
        """Trim a block: members that AWS requires stay."""
        keep = {*stay, *shape.required}
        free = [name for name in sorted(tree) if name not in keep and self._may_go((*at, name), tree[name])]
        blocks = [name for name in tree if isinstance(tree[name], (dict, list))]
        for name in sorted(blocks):
            if name in free and self._go(tree, [name]):
                continue
            if name in shape.members:
                self._inside(tree[name], shape.members[name], (*at, name))
            if name not in keep and not tree[name]:
                self._go(tree, [name])
        self._sift(tree, [name for name in free if name not in blocks])

    def _sift(self, tree: dict[str, Json], names: list[str]) -> None:
        """Take out as many as may go: all at once where that is the same, else each half by itself."""
        if names and not self._go(tree, names) and len(names) > 1:
            middle = len(names) // 2
            self._sift(tree, names[:middle])
            self._sift(tree, names[middle:])

    def _inside(self, value: Json, shape: Shape, at: Path) -> None:
        if shape.type == "structure" and isinstance(value, dict):
            self.structure(value, shape, at=at)
        elif shape.type == "list" and shape.element is not None and isinstance(value, list):
            for index, element in enumerate(value):
                self._inside(element, shape.element, (*at, index))

    def _may_go(self, path: Path, value: Json) -> bool:
        """Tell whether it is worth a try: some row speaks of the place, or the kind itself may fill it in."""
        if any(len(path) == len(segments) and _meets(path, segments) for segments in self._references):
            return value is None  # what another controller may move on is still what it refers to
        says_nothing = value is None or value in ("", [], {})
        return says_nothing or path[0] in self._adjusted or any(_meets(path, segments) for segments in self._rows)

    def _is_adjusted(self, name: str) -> bool:
        assert self._kind.adjust is not None
        without = {member: value for member, value in self._tree.items() if member != name}
        one, other = (self._kind.adjust(tree, self._present).get(name) for tree in (self._tree, without))
        return one is not self._tree[name] or other is not None

    def _go(self, tree: dict[str, Json], names: Iterable[str]) -> bool:
        taken = {name: tree.pop(name) for name in names}
        if self._now() == self._goal and self._wrong() <= self._complaints:
            return True
        tree.update(taken)
        return False

    def _now(self) -> tuple[Json, Json] | None:
        try:
            return meaning(self._kind, self._tree, self._present)
        except (KeyError, TypeError):  # a kind may take a member for granted: then it stays
            return None

    def _wrong(self) -> set[str]:
        return {message for _, message in self._kind.check(self._tree)}


def _meets(path: Path, segments: tuple[str, ...]) -> bool:
    """Tell whether a path is at, above or below the place that a pattern names."""
    return all(s in (EACH, ANY) or s == str(p) for p, s in zip(path, segments, strict=False))
