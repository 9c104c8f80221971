"""Our three tags (marks): the owner of a resource, the resource that the mark was written for, and what was applied.

Format of `ecsync:applied`: `1`, flags, `:`, then base64 of one entry per recorded member. An entry is 3 bytes of the
hash of the name and 2 bytes of the hash of the value (flag `s`: 3 and 1, so that more than 37 members fit into 256
characters). A recorded member is a top-level member of the canonical form; of tags and attributes, each key is one.
Entries of keys (first bit 0) come first: they decide what we remove, and 23 bits keep them apart from the keys of other
clients. Flags: `r` retain on deletion, `a` adopted (undeclared members stay as they were), and a number: the version of
the canonical form, if it is not 1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import combinations

from ecsync.core.kind import Kind, Tagging
from ecsync.core.model import Adopt, Applied, Call, Desired, Forget, Key, Mark, Marks, PhysicalId, Present, Tags, Update
from ecsync.core.normalise import normalise
from ecsync.core.rules import Computed, Pinned, Released, Reverts, Rules
from ecsync.core.trees import Body, Json, canonical, contains, same, take_out, thaw

OWNER, ID, APPLIED = "ecsync:owner", "ecsync:id", "ecsync:applied"
PREFIX = "ecsync:"
_PATH, _WIDTH, _WIDTH_SHORT, _ROOM = 3, 5, 4, 186  # 186 bytes make 248 characters of base64
MOST_KEYS = _ROOM // _WIDTH_SHORT  # tags and attributes that a mark can record, so that they can be removed again
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_FORMAT = re.compile(r"1([ars]*)([0-9]{0,4}):([A-Za-z0-9+/=]*)")

FORM = 1  # the version of the canonical form; add one in a release with rules that change the form of a document


def owner(installation: str, key: Key) -> str:
    """Return the value of `ecsync:owner`: `v1/<installation>/<application>/<Kind>/<name>`."""
    return f"v1/{installation}/{key.application}/{key.kind}/{key.name}"


def key_of(owner_value: str) -> tuple[str, Key] | None:
    """Return (installation, key) of an owner mark; None if the format is not supported."""
    parts = owner_value.split("/")
    if len(parts) != 5 or parts[0] != "v1" or not all(_PART.fullmatch(part) for part in parts[1:]):
        return None
    return parts[1], Key(application=parts[2], kind=parts[3], name=parts[4])


@dataclass(frozen=True, slots=True)
class Owners:
    """The owner marks of the documents with these keys, without a text for each."""

    keys: Container[Key]
    installation: str

    def __contains__(self, mark: object) -> bool:
        parsed = key_of(mark) if isinstance(mark, str) else None
        return parsed is not None and parsed[0] == self.installation and parsed[1] in self.keys


def in_scope(owner_value: str, scope: str) -> bool:
    """Return whether an owner mark is of this scope (`Kind.owned`)."""
    return owner_value == f"v1/{scope}" or owner_value.startswith(f"v1/{scope}/")


def identity(physical: PhysicalId) -> str:
    """Return the value of `ecsync:id`: it does not match on a resource that a mark was copied to."""
    text = "/".join((physical.account, physical.region, physical.kind, physical.natural))
    return sha256(text.encode()).hexdigest()[:12]


def read(tags: Mapping[str, str]) -> Marks | None:
    """Return our marks among the tags of a resource; None without an owner mark."""
    if OWNER not in tags:
        return None
    return Marks(owner=tags[OWNER], id=tags.get(ID, ""), applied=unpack(tags.get(APPLIED, "")))


def other_tool(tags: Mapping[str, str]) -> str:
    """Return the name of another tool that tagged the resource; empty for none."""
    keys = [key.lower() for key in tags]
    if not any(key.startswith(_PREFIXES_OF_TOOLS) for key in keys):
        return ""
    return next(tool for prefix, tool in _TOOLS.items() if any(key.startswith(prefix) for key in keys))


_TOOLS = {
    "aws:cloudformation:": "CloudFormation",
    "copilot-": "AWS Copilot",
    "terraform": "Terraform",
    "pulumi:": "Pulumi",
}
_PREFIXES_OF_TOOLS = tuple(_TOOLS)


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a manifest can declare: without our tags and without AWS's."""
    return {key: value for key, value in tags.items() if not key.startswith((PREFIX, "aws:")) and key != _MANAGED}


_MANAGED = "AmazonECSManaged"  # ECS puts it on Auto Scaling groups


def members(body: Body, tags_member: str = "tags", maps: Collection[str] = ()) -> Iterator[tuple[str, Json]]:
    """Yield (name, value) of each recorded member: each top-level member, and each tag as `tags/<key>`.

    `maps` are the members that are recorded key by key, as tags are: `Attributes/<key>`.
    """
    for name, value in body.items():
        if name != tags_member and name not in maps:
            yield name, value
            continue
        for key, text in tag_map(value).items():
            yield by_key("tags" if name == tags_member else name, key), text


def by_key(member: str, key: str) -> str:
    """Return the name of a key that is recorded as a member."""
    return f"{member}/{key}"


def tag_map(value: Json) -> dict[str, str]:
    """Return tags as a map, from any of AWS's spellings."""
    if isinstance(value, Mapping):
        return {str(key): text for key, text in value.items()}
    return {str(tag.get("key", tag.get("Key"))): tag.get("value", tag.get("Value", "")) for tag in value or ()}


def pack(
    body: Body,
    tags_member: str = "tags",
    maps: Collection[str] = (),
    *,
    retain: bool = False,
    adopted: bool = False,
) -> str:
    """Return the value of `ecsync:applied` for a canonical body with its references unresolved."""
    entries = sorted((path_hash(name), value_hash(value)) for name, value in members(body, tags_member, maps))
    short = len(entries) * _WIDTH > _ROOM
    width = _WIDTH_SHORT - _PATH if short else _WIDTH - _PATH
    packed = b"".join(bytes.fromhex(path) + bytes.fromhex(value)[:width] for path, value in entries)
    flags = ("a" if adopted else "") + ("r" if retain else "") + ("s" if short else "")
    form = str(FORM) if FORM > 1 else ""
    whole = _ROOM // (_PATH + width) * (_PATH + width)
    return f"1{flags}{form}:{base64.b64encode(packed[:whole]).decode()}"


def unpack(text: str) -> Applied | None:
    """Read `ecsync:applied`; None if the format is not supported, which is never a reason to write."""
    found = _FORMAT.fullmatch(text)
    if not found:
        return None
    flags, form, body = found.groups()
    width = _WIDTH_SHORT if "s" in flags else _WIDTH
    try:
        packed = base64.b64decode(body, validate=True)
    except binascii.Error:
        return None
    if len(packed) % width:
        return None
    entries = (packed[index : index + width] for index in range(0, len(packed), width))
    return Applied(
        members=dict(map(_entry, entries)),
        retain="r" in flags,
        adopted="a" in flags,
        form=int(form or 1),
    )


@lru_cache(maxsize=4096)
def _entry(packed: bytes) -> tuple[str, str]:
    """Return the hashes of a member's name and value. Most services have the same: they are in memory once."""
    return packed[:_PATH].hex(), packed[_PATH:].hex()


def path_hash(name: str) -> str:
    """Return the hash of a member's name: 3 bytes, as hex. The first bit is 0 for a key of tags or of a map."""
    first, *others = sha256(name.encode()).digest()[:_PATH]
    return bytes((first & 0x7F if "/" in name else first | 0x80, *others)).hex()


def keys_of(applied: Applied) -> frozenset[str]:
    """Return the name hashes of the tags and attributes that were applied: the keys that we may remove."""
    return frozenset(path for path in applied.members if path < "80")


def value_hash(value: Json) -> str:
    """Return the hash of a member's value, with its references unresolved: 2 bytes, as hex."""
    return sha256(canonical(value).encode()).hexdigest()[:4]


def applied_equals(applied: Applied, name: str, value: Json) -> bool:
    """Return whether a member of the canonical form equals what was last applied (None: not declared)."""
    before = applied.members.get(path_hash(name))
    if value is None or before is None:
        return value is None and before is None
    return value_hash(value).startswith(before)


def applied_before(observed: Present, name: str) -> bool:
    """Return whether a live resource's mark records a member."""
    applied = observed.marks.applied if observed.marks else None
    return applied is not None and path_hash(name) in applied.members


def agrees(applied: Applied, rules: Rules, written: Body, name: str, value: Json) -> bool:
    """Return whether a recorded member equals what was last applied, exactly or in a looser form."""
    return applied_equals(applied, name, value) or any(
        applied_equals(applied, name, form) for form in looser_forms(written, rules, name)
    )


def removed_keys(
    applied: Applied, member: str, declared: Collection[str], candidates: Iterable[str]
) -> tuple[str, ...]:
    """Return those candidates, keys of `tags` or of a map, that we applied and that are no longer declared."""
    return tuple(key for key in candidates if key not in declared and path_hash(by_key(member, key)) in applied.members)


# ---------------------------------------------------------------- what a mark records of a document


_last_form: tuple[Body, Rules, dict[str, Json]] = {}, (), {}  # each resource is asked for its form several times


def declared_form(written: Body, rules: Rules) -> dict[str, Json]:
    """Return what a mark records of a document: its canonical form, without values that it leaves to AWS.

    The last result is kept for the same object: neither a body nor what is returned is ever changed.
    """
    global _last_form
    body, by, form = _last_form
    if body is not written or by is not rules:
        form = _declared_form(written, rules)
        _last_form = written, rules, form
    return form


def _declared_form(written: Body, rules: Rules) -> dict[str, Json]:
    form = normalise(written, rules, write_only=True)
    declared = normalise(written, rules, fill=False, write_only=True)
    for rule in rules:
        if isinstance(rule, Computed) and (rule.when is None or rule.when(form)):
            take_out(form, rule.segments, lambda path: contains(declared, path))
    return normalise({member: form[member] for member in declared if member in form}, ())


_MOST_EXACT = 5  # computed rows of one member up to which every selection of them is tried; no kind has more than 4


def looser_forms(written: Body, rules: Rules, member: str) -> Iterator[Json]:
    """Yield the forms that a member has in documents that declare less of it.

    Less is: the member left out where that means the same (None), a looser text (`Pinned`), or computed values left to
    AWS. The forms are compared by hash, so their number is limited: each one more is a chance that another value has
    the same hash.
    """
    form = normalise(written, rules, write_only=True)
    default = normalise({name: value for name, value in written.items() if name != member}, rules).get(member)
    value = form.get(member)
    if same(default, value):
        yield None
    if value is None:
        return
    rows = [row for row in rules if row.path and row.segments[0] == member]
    for row in rows:
        if isinstance(row, Pinned):
            yield row.loosely(value)
    computed = [row for row in rows if isinstance(row, Computed) and take_out({member: thaw(value)}, row.segments)]
    for selection in _selections(computed):
        looser_form = {member: thaw(value)}
        for row in selection:
            take_out(looser_form, row.segments)
        yield normalise(looser_form, ()).get(member)


def _selections(rows: Sequence[Computed]) -> Iterator[tuple[Computed, ...]]:
    """Yield the rows that a document may leave to AWS together.

    Few rows: every selection. Many rows: each one alone, all but each one, and all.
    """
    count = len(rows)
    sizes = range(1, count + 1) if count <= _MOST_EXACT else (1, count - 1, count)
    for size in sizes:
        yield from combinations(rows, size)


def tags_member(kind: Kind) -> str:
    """Return the member of a kind's body that holds its tags."""
    return kind.tagging.member if kind.tagging else "tags"


def declared_members(kind: Kind, written: Body) -> dict[str, Json]:
    """Return the recorded members of a document by name."""
    return dict(members(declared_form(written, kind.rules), tags_member(kind), released_maps(kind)))


def released_maps(kind: Kind) -> tuple[str, ...]:
    """Return the members that are recorded key by key, besides the tags."""
    return tuple(rule.path for rule in kind.rules if isinstance(rule, Released))


def leaves_undeclared(desired: Desired, observed: Present) -> bool:
    """Return whether what the document does not declare stays as it is (`ecsync/undeclared`)."""
    adopted = bool(observed.marks and observed.marks.applied and observed.marks.applied.adopted)
    return desired.options.undeclared == "ignore" or (desired.options.undeclared == "adopted" and adopted)


def reverted(kind: Kind, written: Desired, observed: Present) -> dict[str, Json]:
    """Return AWS's own value of each member that we applied and that left the document (`Reverts`).

    It left the canonical form: a document that declares AWS's value means the same as one without the member.
    """
    recorded = [
        rule
        for rule in kind.rules
        if isinstance(rule, Reverts)
        and applied_before(observed, rule.path)
        and observed.body.get(rule.path) is not None
    ]
    if not recorded or leaves_undeclared(written, observed):
        return {}
    declared = declared_form(written.body, kind.rules)
    values = {rule.path: rule.value(observed.facts) for rule in recorded if rule.path not in declared}
    return {member: value for member, value in values.items() if value is not None}


def with_released(kind: Kind, desired: Desired, written: Desired, observed: Present) -> Desired:
    """Return the document with AWS's own value for what we applied and what left it: `Released` keys, `Reverts`."""
    applied = observed.marks.applied if observed.marks else None
    if applied is None:
        return desired
    body = {**desired.body, **reverted(kind, written, observed)}
    for rule in kind.rules:
        if not isinstance(rule, Released):
            continue
        declared = tag_map(written.body.get(rule.path))
        ours = removed_keys(applied, rule.path, declared, tag_map(observed.body.get(rule.path)))
        values = {key: rule.value(key, desired.body) for key in ours}
        known = [{"Key": key, "Value": value} for key, value in values.items() if value is not None]
        if known:
            pairs = tag_map(desired.body.get(rule.path))
            kept = [{"Key": key, "Value": value} for key, value in pairs.items() if key not in values]
            body[rule.path] = [*kept, *known]
    return replace(desired, body=body)


def applied_for(kind: Kind, written: Desired) -> Applied | None:
    """Return what is recorded of a document when it is applied."""
    return unpack(pack(declared_form(written.body, kind.rules), tags_member(kind), released_maps(kind)))


# ---------------------------------------------------------------- tags in calls


def spelled(tags: Mapping[str, str], style: str) -> Json:
    """Return tags in AWS's spelling: `map`, `key/value` or `Key/Value`."""
    if style == "map":
        return dict(tags)
    name, value = style.split("/")
    return [{name: key, value: text} for key, text in tags.items()]


def with_marks(tagging: Tagging, body: Body, ours: Tags) -> dict[str, Json]:
    """Return the body of a create with our marks among its tags."""
    tags = {**tag_map(body.get(tagging.member)), **ours}
    return {**body, tagging.member: spelled(tags, tagging.style)} if tags else dict(body)


def tag_calls(tagging: Tagging, change: Update | Adopt | Mark | Forget) -> tuple[Call, ...]:
    """Compile the tag calls of a change: put, then remove; none if no tag differs."""
    if isinstance(change, Forget):
        return tagging.remove(change.observed, (OWNER, ID, APPLIED))
    put = dict(change.marks)
    if isinstance(change, Update):
        declared = tag_map(change.desired.body.get(tagging.member))
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
