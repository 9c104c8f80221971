"""From a live body to the body of a manifest: without AWS's defaults and without what other controllers own.

No field name is in this module, with one exception: a member goes where the kind's own rules give the same canonical
form without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.normalise import normalise
from ecsync.core.rules import Computed, Default, Delegated, Drop, Refers, Released, Reshape, Rewrite
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH, Body, Json, Path, locate, thaw
from ecsync.importer.attribute_defaults import without_defaults
from ecsync.importer.model import LiveResource
from ecsync.importer.references import identity
from ecsync.language.fitting import fitted

_SERVICE_LINKED = ":role/aws-service-role/"
# AWS refuses a Fargate task definition without its network mode, although no other mode is possible.
_ALWAYS_WRITTEN = {"TaskDefinition": {"networkMode": "awsvpc"}}

# ---------------------------------------------------------------- the complete body


def complete(
    kind: Kind, resource: LiveResource, shape: Shape | None, services: Iterable[LiveResource]
) -> dict[str, Json]:
    """Return the live body in the shape of a manifest, with everything that a manifest can hold."""
    if shape is None:
        return dict(resource.present.body)
    body = _shaped(kind, resource.present.body, shape)
    if body.get("Attributes"):
        defaults = (rule.value for rule in kind.rules if isinstance(rule, Released) and rule.path == "Attributes")
        body["Attributes"] = without_defaults(
            body["Attributes"], body, shape.members["Attributes"], next(defaults, None)
        )
    return _with_service_reference(kind, body, services)


def _shaped(kind: Kind, body: Body, shape: Shape) -> dict[str, Json]:
    tags = kind.tagging.member if kind.tagging else ""
    shaped: Body = fitted(body, shape, rules=kind.rules, tags=tags, strict=False)
    return {name: value for name, value in shaped.items() if name in shape.members and value is not None}


def _with_service_reference(kind: Kind, body: dict[str, Json], services: Iterable[LiveResource]) -> dict[str, Json]:
    """Add the ARN of the service, where the kind takes it in place of the members that AWS returns."""
    extra = kind.shape.extra if kind.shape else {}
    own_name = {name: body[name] for name in (kind.name_member,) if name in body}
    for row in kind.rules:
        if isinstance(row, Refers) and row.path in extra and row.path not in body:
            for service in services:
                member = {row.path: service.present.outputs["arn"]}
                if service.key.kind == row.kind and kind.natural({**member, **own_name}) == kind.natural(body):
                    return {**member, **body}
    return body


# ---------------------------------------------------------------- the shortest body that means the same


def minimal(kind: Kind, body: Body, present: Present, shape: Shape | None) -> dict[str, Json]:
    """Return the body without AWS's defaults and without what another controller decides."""
    tree: dict[str, Json] = thaw(body)
    _drop_computed(kind, tree, present)
    if shape is not None and kind.shape is not None:
        always = (name for name, value in _ALWAYS_WRITTEN.get(kind.name, {}).items() if tree.get(name) == value)
        extra = (name for name in kind.shape.extra if tree.get(name))
        _Trimmer(kind, tree, present).trim(tree, shape, {*_identity_members(kind, tree), *extra, *always})
    return tree


def identity_members(kind: Kind, body: Body) -> dict[str, Json]:
    """Return only the members that a resource is found by."""
    members = _identity_members(kind, body)
    return {name: value for name, value in body.items() if name in members}


def meaning(kind: Kind, body: Body, present: Present) -> tuple[Json, Json]:
    """Return the canonical form of a body on this resource, and AWS's name of the resource that it declares.

    Two bodies with the same meaning declare the same.
    """
    adjusted = kind.adjust(body, present) if kind.adjust else body
    return normalise(adjusted, kind.rules), kind.natural(body)


def _identity_members(kind: Kind, body: Body) -> set[str]:
    """Return the members without which the body has another identity."""
    own = identity(kind, body)
    without = ((name, {key: value for key, value in body.items() if key != name}) for name in body)
    return {name for name, rest in without if _identity_or_none(kind, rest) != own}


def _identity_or_none(kind: Kind, body: Body) -> str | None:
    try:
        return identity(kind, body)
    except (KeyError, TypeError):  # a kind may require its own name
        return None


def _drop_computed(kind: Kind, tree: dict[str, Json], present: Present) -> None:
    """Drop what another controller owns now, and what AWS decides when it creates the resource.

    A computed member that also has a default depends on more than the body: it is dropped whatever its value. A
    default for other bodies than this one does not count.
    """
    defaults = {rule.path for rule in kind.rules if isinstance(rule, Default) and _applies(rule, kind, tree)}
    for rule in kind.rules:
        if isinstance(rule, Delegated) and rule.when(present.facts):
            _drop(tree, rule.segments, lambda _: True)
        elif isinstance(rule, Computed) and _applies(rule, kind, tree):
            _drop(tree, rule.segments, (lambda _: True) if rule.path in defaults else _is_service_linked)


def _applies(rule: Default | Computed, kind: Kind, body: Body) -> bool:
    return rule.when is None or rule.when(normalise(body, kind.rules))


def _is_service_linked(value: Json) -> bool:
    return isinstance(value, str) and _SERVICE_LINKED in value


def _drop(tree: Json, segments: tuple[str, ...], condition: Callable[[Json], bool]) -> None:
    for container, key, _ in list(locate(tree, segments)):
        if isinstance(container, dict) and key in container and condition(container[key]):
            del container[key]


class _Trimmer:
    """Removes members, the largest first, as long as the whole body means the same."""

    def __init__(self, kind: Kind, tree: dict[str, Json], present: Present) -> None:
        self._kind = kind
        self._tree = tree
        self._present = present
        self._original = meaning(kind, tree, present)
        self._complaints = self._check()
        self._rows = [rule.segments for rule in kind.rules if isinstance(rule, (Default, Drop, Reshape, Rewrite))]
        self._references = [rule.segments for rule in kind.rules if isinstance(rule, Refers)]
        self._adjusted = {name for name in tree if kind.adjust and self._is_adjusted(name)}

    def trim(self, tree: dict[str, Json], shape: Shape, stay: Iterable[str] = (), at: Path = ()) -> None:
        """Trim a block. The members in `stay`, and those that AWS requires, are not removed."""
        required = {*stay, *shape.required}
        removable = [name for name in sorted(tree) if name not in required and self._may_go((*at, name), tree[name])]
        blocks = [name for name in tree if isinstance(tree[name], (dict, list))]
        for name in sorted(blocks):
            if name in removable and self._remove(tree, [name]):
                continue
            if name in shape.members:
                self._trim_below(tree[name], shape.members[name], (*at, name))
            if name not in required and not tree[name]:
                self._remove(tree, [name])
        self._remove_most(tree, [name for name in removable if name not in blocks])

    def _trim_below(self, value: Json, shape: Shape, at: Path) -> None:
        if shape.type == "structure" and isinstance(value, dict):
            self.trim(value, shape, at=at)
        elif shape.type == "list" and shape.element is not None and isinstance(value, list):
            for index, element in enumerate(value):
                self._trim_below(element, shape.element, (*at, index))

    def _remove_most(self, tree: dict[str, Json], names: list[str]) -> None:
        """Remove as many members as possible: all at once, else each half on its own."""
        if names and not self._remove(tree, names) and len(names) > 1:
            middle = len(names) // 2
            self._remove_most(tree, names[:middle])
            self._remove_most(tree, names[middle:])

    def _remove(self, tree: dict[str, Json], names: Iterable[str]) -> bool:
        """Remove members, unless the body then means something else or the kind complains; True if they are gone."""
        removed = {name: tree.pop(name) for name in names}
        if self._meaning() == self._original and self._check() <= self._complaints:
            return True
        tree.update(removed)
        return False

    def _may_go(self, path: Path, value: Json) -> bool:
        """Return whether a removal may keep the meaning: a rule covers the place, or the kind adjusts it."""
        if any(len(path) == len(segments) and _overlaps(path, segments) for segments in self._references):
            return value is None  # another controller may move the resource on: the reference stays
        empty = value is None or value in ("", [], {})
        return empty or path[0] in self._adjusted or any(_overlaps(path, segments) for segments in self._rows)

    def _is_adjusted(self, name: str) -> bool:
        """Return whether the kind itself changes this member, or fills it in where it is missing."""
        assert self._kind.adjust is not None
        without = {member: value for member, value in self._tree.items() if member != name}
        with_member, filled_in = (self._kind.adjust(tree, self._present).get(name) for tree in (self._tree, without))
        return with_member is not self._tree[name] or filled_in is not None

    def _meaning(self) -> tuple[Json, Json] | None:
        try:
            return meaning(self._kind, self._tree, self._present)
        except (KeyError, TypeError):  # a kind may require a member: it then stays
            return None

    def _check(self) -> set[str]:
        return {message for _, message in self._kind.check(self._tree)}


def _overlaps(path: Path, segments: tuple[str, ...]) -> bool:
    """Return whether a path is at, above or below the place that a pattern names."""
    return all(s in (EACH, ANY) or s == str(p) for p, s in zip(path, segments, strict=False))
