"""The one definition of equality: drift, plan, status, `compare` and the web all call `differences`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from itertools import zip_longest
from typing import TypeAlias

from ecsync.core.model import Effect, Facts, FieldChange, Reason, Text
from ecsync.core.normalise import SCALARS, normalise
from ecsync.core.redact import masked
from ecsync.core.rules import Computed, Delegated, Immutable, NewTasks, Rolls, Rules
from ecsync.core.trees import (
    Body,
    Elements,
    Json,
    Name,
    Path,
    at,
    canonical,
    contains,
    element_names,
    leads_to,
    plain,
    pointer,
    same,
    take_out,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmanagedValue:
    """A live value that is not enforced, and the owner that decides it."""

    path: Path
    value: Json
    owner: str
    declared: Json = None  # what the document has there, where that is another value


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two bodies differ: the fields to change, and the live values that are not enforced."""

    fields: tuple[FieldChange, ...] = ()
    unmanaged: tuple[UnmanagedValue, ...] = ()


def differences(
    desired: Body,
    observed: Body,
    rules: Rules,
    *,
    facts: Facts | None = None,
    undeclared: bool = True,
    enforced: Collection[str] = (),
    newer: Sequence[tuple[str, ...]] = (),
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
    whole: Effect | None = None,
) -> Difference:
    """Compare a desired body with a live one.

    `facts` decide the owner of a delegated field. With `undeclared=False`, live members that are not declared are not
    enforced. `enforced` are members that count as declared, also where AWS computes them. `newer` are patterns of
    members without a rule yet: they are compared where they are declared. `ignore` are patterns from the manifest that
    are not compared. `reason` returns the reason per path. `whole` is the effect of every change (a task definition is
    revised).
    """
    facts = facts or {}
    want = normalise(desired, rules)
    have = normalise(observed, rules)
    written = cache(lambda: normalise(desired, rules, fill=False))  # often not needed

    def declared(path: Path) -> bool:
        return path[0] in enforced or contains(written(), path)

    unmanaged: list[UnmanagedValue] = []
    for rule in rules:
        if isinstance(rule, Delegated) and rule.when(facts):
            left = _leave(want, have, rule.segments, rule.owner)
            unmanaged += [replace(one, declared=_other(written(), one)) for one in left]
        elif isinstance(rule, Computed) and (rule.when is None or rule.when(want)):
            unmanaged += _leave(want, have, rule.segments, "AWS", declared)
    for segments in newer:
        unmanaged += _leave(want, have, segments, "AWS (new since this release)", declared)
    for segments in ignore:
        unmanaged += _leave(want, have, segments, "ignored by the manifest")
    if not undeclared:
        unmanaged += [
            UnmanagedValue(path=path, value=value, owner="undeclared")
            for path, value in _restrict(want, have, written())
        ]
    fields = tuple(
        FieldChange(
            path=path,
            before=masked(before, path, rules),
            after=masked(after, path, rules),
            effect=whole or effect_of(path, rules),
            reason=reason(path),
        )
        for path, before, after in walk(have, want)
    )
    seen = tuple(
        replace(one, value=masked(one.value, one.path, rules), declared=masked(one.declared, one.path, rules))
        for one in unmanaged
    )
    return Difference(fields=fields, unmanaged=seen)


def walk(before: Json, after: Json, path: Path = ()) -> Iterator[tuple[Path, Json, Json]]:
    """Yield (path, before, after) for every place where two canonical trees differ; None means absent.

    A list that is not keyed differs as a whole. A block that is on one side only differs as a whole.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keyed = isinstance(before, Elements) or isinstance(after, Elements)
        for key in sorted({*before, *after}, key=str):
            one, other = before.get(key), after.get(key)
            if type(one) not in SCALARS or type(one) is not type(other) or one != other:
                yield from walk(one, other, (*path, Name(key) if keyed else key))
    elif _differs(_something(before), _something(after)):
        yield path, before, after


def _something(value: Json) -> Json:
    """Return None for a block that is empty, for instance because everything in it was taken out."""
    return None if isinstance(value, Mapping) and not value else value


def effect_of(path: Path, rules: Rules) -> Effect:
    """Return the effect of a change at the path, from the rows about effects; the gravest where several apply."""
    effect: Effect = "in-place"
    for rule in rules:
        match rule:
            case Immutable() if rule.covers(path) or leads_to(path, rule.segments):
                return "replace"
            case NewTasks() if rule.covers(path) and effect == "in-place":
                effect = "new-tasks"
            case Rolls(force=True) if rule.covers(path) and effect in ("in-place", "new-tasks"):
                effect = "needs-force"
            case Rolls(force=False) if rule.covers(path):
                effect = "rolls-tasks"
            case _:
                pass
    return effect


def _differs(before: Json, after: Json) -> bool:
    if isinstance(before, bool) != isinstance(after, bool):
        return True
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return before != after
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return len(before) != len(after) or any(_differs(b, a) for b, a in zip(before, after, strict=True))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() != after.keys() or any(_differs(before[key], after[key]) for key in before)
    # The value of an unresolved reference is unknown, so it differs from every value.
    return isinstance(after, Text) or bool(before != after)


def _leave(
    want: Json, have: Json, segments: tuple[str, ...], owner: str, stays: Callable[[Path], bool] = lambda _: False
) -> list[UnmanagedValue]:
    """Take the places out of both sides, except those that stay; return the live values that are not enforced."""
    taken = take_out(have, segments, stays)
    take_out(want, segments, stays)
    return [UnmanagedValue(path=path, value=value, owner=owner) for path, value in taken]


def _other(written: Body, left: UnmanagedValue) -> Json:
    """Return what the document has at a value that is left alone; None if it has none, or the same."""
    declared = at(written, left.path) if contains(written, left.path) else None
    return None if same(declared, left.value) else declared


def _restrict(want: Json, have: Json, written: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Take out of both sides each undeclared member of a block; elements of keyed lists are always compared."""
    if not (isinstance(want, dict) and isinstance(have, dict) and isinstance(written, dict)):
        return
    for key in list(dict.fromkeys([*have, *want])):
        if key not in written and not isinstance(have, Elements) and not isinstance(want, Elements):
            want.pop(key, None)
            if key in have:
                yield (*path, key), have.pop(key)
        else:
            yield from _restrict(want.get(key), have.get(key), written.get(key), (*path, key))


# ---------------------------------------------------------------- the members of a change that differ

LINE = 100  # characters of a value in a line
_Part: TypeAlias = tuple[Path, Json, Json]  # path, before, after


def readable(changes: Iterable[FieldChange], longest: int = LINE) -> Iterator[FieldChange]:
    """Yield the changes as people read them: one for each member that differs, an element paired with its successor."""
    for change in _paired(changes):
        yield from parts(change, longest)


def _paired(changes: Iterable[FieldChange]) -> Iterator[FieldChange]:
    """Yield the changes; an element that was removed under one key and added under another is one change."""
    lists: dict[Path, list[FieldChange]] = {}
    every = list(changes)
    for change in every:
        if change.path and isinstance(change.path[-1], Name) and (change.before is None) != (change.after is None):
            lists.setdefault(change.path[:-1], []).append(change)
    merged: dict[int, FieldChange] = {}  # by the identity of the change that adds an element
    dropped: set[int] = set()
    for path, found in lists.items():
        gone = [one for one in found if isinstance(one.before, Mapping)]
        came = [one for one in found if isinstance(one.after, Mapping)]
        for name, one, other in _successors(gone, came):
            dropped.add(id(one))
            merged[id(other)] = replace(other, path=(*path, name), before=one.before)
    for change in every:
        if id(change) not in dropped:
            yield merged.get(id(change), change)


def _successors(
    gone: Sequence[FieldChange], came: Sequence[FieldChange]
) -> Iterator[tuple[Name, FieldChange, FieldChange]]:
    """Yield (name, removed element, added element) of those with one name; of one and one, whatever it is."""
    names, others = ([*element_names(side)] for side in ([one.before for one in gone], [one.after for one in came]))
    if len(gone) == len(came) == 1:
        name = Name(names[0]) if names and names == others else gone[0].path[-1]
        yield Name(name), gone[0], came[0]
    elif names and others:
        came_by = dict(zip(others, came, strict=True))
        for name, one in zip(names, gone, strict=True):
            if name in came_by:
                yield Name(name), one, came_by[name]


def parts(change: FieldChange, longest: int) -> Iterator[FieldChange]:
    """Yield one change for each member that differs. A list of plain values that fits is one change.

    A block or list that is on one side only is split where a side is longer than the limit, in characters, or has
    blocks in it.
    """
    found = list(_parts(change.path, change.before, change.after, longest))
    if not found:  # equal as JSON
        yield change
    for path, before, after in found:
        yield replace(change, path=path, before=before, after=after)


def place(origins: Mapping[str, str], path: Path) -> str:
    """Return the place of a path, or of the nearest path above it that has one. `origins` are by JSON pointer."""
    above = (pointer(path[:length]) for length in range(len(path), -1, -1))
    return next((origins[one] for one in above if one in origins), "")


def _fits(before: Json, after: Json, longest: int) -> bool:
    return all(len(canonical(plain(side))) <= longest for side in (before, after))


def _parts(path: Path, before: Json, after: Json, longest: int) -> Iterator[_Part]:
    """Yield (path, before, after) of the members that differ."""
    one_side = before is None or after is None
    some = after if before is None else before
    limit = max(longest, LINE) if isinstance(some, list) else longest
    whole = not _has_blocks(before) and not _has_blocks(after) and _fits(before, after, limit)
    if isinstance(some, Mapping) and some and (not whole if one_side else isinstance(after, Mapping)):
        yield from _members(path, before or {}, after or {}, longest)
    elif isinstance(some, list) and some and not whole and (one_side or isinstance(after, list)):
        yield from _elements(path, before or [], after or [], longest)
    else:
        yield path, before, after


def _has_blocks(value: Json) -> bool:
    """Return whether a block or list contains blocks."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(isinstance(one, (Mapping, list)) and one for one in inside)


def _members(path: Path, before: Mapping[str, Json], after: Mapping[str, Json], longest: int) -> Iterator[_Part]:
    elements = isinstance(before, Elements) or isinstance(after, Elements)
    for key in sorted({*before, *after}, key=str):
        if not same(before.get(key), after.get(key)):
            name = Name(key) if elements else key
            yield from _parts((*path, name), before.get(key), after.get(key), longest)


def _elements(path: Path, before: list[Json], after: list[Json], longest: int) -> Iterator[_Part]:
    """Yield the parts of the elements: paired by their names, else around the equal ones."""
    old, new = element_names(before), element_names(after)
    if len(old) == len(before) and len(new) == len(after):
        ones, others = dict(zip(old, before, strict=True)), dict(zip(new, after, strict=True))
        for name in dict.fromkeys((*new, *old)):
            if not same(ones.get(name), others.get(name)):
                yield from _parts((*path, Name(name)), ones.get(name), others.get(name), longest)
        if list(ones) != list(others) and sorted(ones) == sorted(others):
            yield path, old, new  # another order
        return
    pairs = list(_aligned(before, after))
    if len({place for place, _, _ in pairs}) < len(pairs):  # one number for two elements: they are paired as they stand
        pairs = [(at, *both) for at, both in enumerate(zip_longest(before, after))]
    for place, one, other in pairs:
        if not same(one, other):
            yield from _parts((*path, place), one, other, longest)


def _aligned(before: list[Json], after: list[Json]) -> Iterator[tuple[int, Json, Json]]:
    """Yield (number, before, after) of the elements that differ, paired around the equal ones."""
    lefts, rights = ([canonical(element) for element in side] for side in (before, after))
    for what, start, end, to, until in SequenceMatcher(None, lefts, rights, autojunk=False).get_opcodes():
        for offset in range(max(end - start, until - to) if what != "equal" else 0):
            one = before[start + offset] if start + offset < end else None
            other = after[to + offset] if to + offset < until else None
            yield (to if other is not None else start) + offset, one, other
