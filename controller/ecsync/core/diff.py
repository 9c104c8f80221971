"""The one notion of equality: drift, plan, status, `compare` and the web all ask `differences`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from ecsync.core.model import Effect, Facts, FieldChange, Reason, Text
from ecsync.core.normalise import normalise
from ecsync.core.redact import masked
from ecsync.core.rules import Computed, Delegated, Immutable, Pinned, Rolls, Rules
from ecsync.core.trees import Body, Elements, Json, Path, at, canonical, locate, matches, thaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A live value that was left alone, and who decides it."""

    path: Path
    value: Json
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What stands between two bodies: the fields to change, and the live values that are nobody's to enforce."""

    fields: tuple[FieldChange, ...] = ()
    left: tuple[Left, ...] = ()


def differences(
    desired: Body,
    observed: Body,
    rules: Rules,
    *,
    facts: Facts | None = None,
    undeclared: bool = True,
    newer: Sequence[tuple[str, ...]] = (),
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
    whole: Effect | None = None,
) -> Difference:
    """Compare what is written with what is live.

    `facts` decide who owns a delegated field. `undeclared=False` leaves alone every live member that is not written.
    `newer` are patterns of members that no rule was written for yet: they count where they are written.
    `ignore` are patterns the user took out. `reason` tells drift from pending per path. `whole` is the effect of any
    change at all (a task definition is revised).
    """
    facts = facts or {}
    want = normalise(desired, rules)
    have = normalise(observed, rules)
    written = cache(lambda: normalise(desired, rules, fill=False))  # often nobody asks
    left: list[Left] = []
    for rule in rules:
        if isinstance(rule, Delegated) and rule.when(facts):
            left += _take_out(want, have, rule.segments, lambda _: False, rule.owner)
        elif isinstance(rule, Computed) and (rule.when is None or rule.when(want)):
            left += _take_out(want, have, rule.segments, lambda path: _stands(written(), path), "AWS")
    for segments in newer:
        left += _take_out(want, have, segments, lambda path: _stands(written(), path), "AWS, since this release")
    for segments in ignore:
        left += _take_out(want, have, segments, lambda _: False, "ignored by the manifest")
    if not undeclared:
        left += [Left(path=path, value=value, owner="undeclared") for path, value in _restrict(want, have, written())]
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
    seen = tuple(Left(path=one.path, value=masked(one.value, one.path, rules), owner=one.owner) for one in left)
    return Difference(fields=fields, left=seen)


def declared_form(written: Body, rules: Rules) -> dict[str, Json]:
    """Return the canonical form of the members that a document writes, without what it leaves to AWS in them.

    That is what a mark speaks of.
    """
    form, said = normalise(written, rules, write_only=True), normalise(written, rules, fill=False, write_only=True)
    for rule in rules:
        if isinstance(rule, Computed) and (rule.when is None or rule.when(form)):
            _take_out({}, form, rule.segments, lambda path: _stands(said, path), "AWS")
    return normalise({member: form[member] for member in said if member in form}, ())


def looser(written: Body, rules: Rules, member: str) -> Iterator[Json]:
    """Yield what `declared_form` would have as a member if the document left more of it to AWS, or to the default."""
    form = normalise(written, rules, write_only=True)
    unwritten = normalise({name: value for name, value in written.items() if name != member}, rules)
    if same(unwritten.get(member), form.get(member)):
        yield None
    rows = [row for row in rules if row.path and row.segments[0] == member]
    for row in rows:
        if isinstance(row, Pinned) and form.get(member) is not None:
            yield row.loosely(form[member])
    computed = [row for row in rows if isinstance(row, Computed)]
    for count in range(1, len(computed) + 1):
        for some in combinations(computed, count):
            left = {member: thaw(form.get(member))}
            for row in some:
                _take_out({}, left, row.segments, lambda _: False, "AWS")
            yield normalise(left, ()).get(member)


def walk(before: Json, after: Json, path: Path = ()) -> Iterator[tuple[Path, Json, Json]]:
    """Yield (path, before, after) for every place where two canonical trees differ; None stands for absent.

    A list that is not keyed differs as a whole. A block that is on one side only differs as a whole.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            yield from walk(before.get(key), after.get(key), (*path, key))
    elif _differs(_something(before), _something(after)):
        yield path, before, after


def _something(value: Json) -> Json:
    """A block from which everything was taken out says nothing."""
    return None if isinstance(value, Mapping) and not value else value


def effect_of(path: Path, rules: Rules) -> Effect:
    """What changing the path does, from the rows about effects; the gravest where several speak."""
    effect: Effect = "in-place"
    for rule in rules:
        match rule:
            case Immutable() if rule.covers(path) or _above(path, rule.segments):
                return "replace"
            case Rolls(force=True) if rule.covers(path) and effect == "in-place":
                effect = "needs-force"
            case Rolls(force=False) if rule.covers(path):
                effect = "rolls-tasks"
            case _:
                pass
    return effect


def _above(path: Path, segments: tuple[str, ...]) -> bool:
    return len(path) < len(segments) and matches(path, segments[: len(path)])


def _differs(before: Json, after: Json) -> bool:
    if isinstance(before, bool) != isinstance(after, bool):
        return True
    if isinstance(before, (int, float)) and isinstance(after, (int, float)):
        return before != after
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return len(before) != len(after) or any(_differs(b, a) for b, a in zip(before, after, strict=True))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() != after.keys() or any(_differs(before[key], after[key]) for key in before)
    # A reference that is not known yet may turn out to be anything.
    return isinstance(after, Text) or bool(before != after)


def _stands(written: Mapping[str, Json], path: Path) -> bool:
    nothing = object()
    return at(written, path, nothing) is not nothing


def _take_out(
    want: Json, have: Json, segments: tuple[str, ...], stays: Callable[[Path], bool], owner: str
) -> list[Left]:
    """Take the places out of both sides, unless they stay; return what the live side had there."""
    left = []
    for tree in (have, want):
        for container, key, path in list(locate(tree, segments)):
            if isinstance(container, dict) and key in container and not stays(path):
                value = container.pop(str(key))
                if tree is have:
                    left.append(Left(path=path, value=value, owner=owner))
    return left


def _restrict(want: Json, have: Json, written: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Take out of both sides each member of a block that is not written; elements of keyed lists always count."""
    if not (isinstance(want, dict) and isinstance(have, dict) and isinstance(written, dict)):
        return
    for key in list(dict.fromkeys([*have, *want])):
        if key not in written and not isinstance(have, Elements) and not isinstance(want, Elements):
            want.pop(key, None)
            if key in have:
                yield (*path, key), have.pop(key)
        else:
            yield from _restrict(want.get(key), have.get(key), written.get(key), (*path, key))


def same(one: Json, other: Json) -> bool:
    """Tell whether two canonical trees are equal."""
    return canonical(one) == canonical(other)
