"""Parts of constraints that several kinds share: safe access to a half-known body, and tests of common formats."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import TypeGuard

from ecsync.core.constraints.find import is_placeholder
from ecsync.core.constraints.rows import Constraint, Constraints, Length, Level, OneOf, Pattern, Range, Spot, Test
from ecsync.core.model import Desired, Documents, Text
from ecsync.core.trees import Body, Json, Path
from ecsync.core.wording import listed, nearest, quoted

MOST_TAGS = 50
_OURS = 3  # ecsync:owner, ecsync:id, ecsync:applied


# ---------------------------------------------------------------- access to a body that may hold references


def blocks(value: Json) -> list[Body]:
    """Return the blocks of a list; empty for what is no list."""
    if not isinstance(value, (list, tuple)):
        return []
    return [one for one in value if type(one) is dict or isinstance(one, Mapping)]


def is_whole(value: Json) -> bool:
    """Return whether a list is known: it has no reference that may stand for several elements."""
    return not isinstance(value, Text) and not any(isinstance(one, Text) for one in value or ())


def text(value: Json) -> str:
    """Return a known text; empty for a reference, a placeholder and anything else."""
    return value if isinstance(value, str) and not is_placeholder(value) else ""


def number(value: Json) -> int | None:
    """Return a known number; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_unknown(value: Json) -> bool:
    """Return whether the value is set, and not known yet."""
    return isinstance(value, Text) or is_placeholder(value)


def member(block: Json, name: str) -> Json:
    """Return a member of a block; None if there is no block."""
    return block.get(name) if isinstance(block, Mapping) else None


def is_text(value: Json) -> TypeGuard[str]:
    """Return whether a value is a known text that is not empty."""
    return bool(text(value))


def referred(value: Json, kind: str, documents: Documents) -> Desired | None:
    """Return the document of a kind that a value refers to; None if it is not declared in the application."""
    ref = value.sole if isinstance(value, Text) else None
    if ref is None or ref.key.kind != kind:
        return None
    found = documents.get(ref.key)
    return found if found is not None and found.options.manage else None


def choose(value: str, options: Iterable[str], what: str) -> str:
    """Return the fix of a name that is not among the options."""
    known = sorted({one for one in options if one})
    close = nearest(value, known)
    if close is not None:
        return f"did you mean {quoted(close)}?"
    return f"use one of {listed(known)}" if known else f"declare {what} first"


def has_network(value: Json) -> bool:
    """Return whether a list has an element that is not known: it may stand for several."""
    return isinstance(value, (list, tuple)) and any(is_unknown(one) for one in value)


# ---------------------------------------------------------------- formats


_IDS = r"(subnet|sg|vpc|i|eni|fs|fsap|ami|lt|acl|rtb|igw|nat|vol|snap)-[0-9a-f]{6,}"
_LIKE_ID = re.compile(_IDS)


def other_id(prefix: str, what: str) -> Callable[[Spot], str]:
    """Return a test: what is the id, ARN or name of another thing than the one with this prefix is wrong."""

    def test(spot: Spot) -> str:
        value = text(spot.value)
        is_other = _LIKE_ID.fullmatch(value) is not None or value.startswith("arn:")
        if not is_other or value.startswith(f"{prefix}-"):
            return ""
        return f"{quoted(value)} is not {what}; use an id such as {prefix}-0123456789abcdef0"

    return test


def no_id(prefix: str, what: str) -> Callable[[Spot], str]:
    """Return a test for a note: a text that is no id at all. Another tool may still fill it in."""

    def test(spot: Spot) -> str:
        value = text(spot.value)
        if not value or value.startswith((f"{prefix}-", "arn:")) or _LIKE_ID.fullmatch(value):
            return ""
        return f"{quoted(value)} is not {what}; use an id such as {prefix}-0123456789abcdef0"

    return test


def id_constraints(path: str, prefix: str, what: str, *, source: str, answer: str = "") -> Constraints:
    """Return the rows of an id of EC2: the id of another thing is an error, a text that is no id a note."""
    rule = f"{what[0].lower()}{what[1:]}"
    return (
        Constraint(path=path, rule=rule, test=other_id(prefix, what), source=source, answer=answer),
        Constraint(path=path, rule=rule, test=no_id(prefix, what), source=source, level="note"),
    )


def other_arn(service: str, resource: str, what: str) -> Callable[[Spot], str]:
    """Return a test: an id, or the ARN of another service or kind of resource, is wrong."""
    wanted = re.compile(rf"arn:aws[a-z-]*:{service}:[^:]*:[^:]*:{resource}.*")

    def test(spot: Spot) -> str:
        value = text(spot.value)
        is_other = value.startswith("arn:") or _LIKE_ID.fullmatch(value) is not None
        if not is_other or wanted.fullmatch(value):
            return ""
        return f"{quoted(value)} is not {what}; use an ARN such as arn:aws:{service}:eu-west-1:123456789012:{resource}…"

    return test


def no_arn(what: str) -> Callable[[Spot], str]:
    """Return a test for a note: a text that is no ARN at all. Another tool may still fill it in."""

    def test(spot: Spot) -> str:
        value = text(spot.value)
        if not value or value.startswith("arn:") or _LIKE_ID.fullmatch(value):
            return ""
        return f"{quoted(value)} is not {what}; use an ARN, or a reference such as ${{Kind/name.arn}}"

    return test


def arn_constraints(path: str, service: str, resource: str, what: str, *, source: str, answer: str = "") -> Constraints:
    """Return the rows of an ARN: that of another thing is an error, a text that is no ARN a note."""
    return (
        Constraint(path=path, rule=what, test=other_arn(service, resource, what), source=source, answer=answer),
        Constraint(path=path, rule=what, test=no_arn(what), source=source, level="note"),
    )


def cidr_problem(value: Json, *, version: int) -> str:
    """Return what is wrong with a CIDR block of an IP version; empty if nothing is."""
    if not is_text(value):
        return ""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        example = "10.0.0.0/16" if version == 4 else "2001:db8::/32"
        return f"{quoted(value)} is not a CIDR block; write it as {example}"
    if network.version != version:
        other = "CidrIpv6 of Ipv6Ranges" if version == 4 else "CidrIp of IpRanges"
        return f"{quoted(value)} is an IPv{network.version} block; write it as {other}"
    return ""


def cidr_note(value: Json) -> str:
    """Return the note about a CIDR block with bits of a host; empty without one."""
    try:
        network = ipaddress.ip_network(value, strict=False) if is_text(value) and "/" in value else None
    except ValueError:
        return ""
    if network is None or str(network) == value or str(network.network_address) == value.split("/")[0]:
        return ""
    return f"{quoted(value)} has bits of a host set, so AWS stores {network}; write {network}"


_RANGE = re.compile(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*")


def codes_problem(value: Json, least: int, most: int) -> str:
    """Return what is wrong with a list of status codes such as `200,301-302`; empty if nothing is."""
    if not is_text(value):
        return ""
    if not _RANGE.fullmatch(value):
        return f"{quoted(value)} is not a list of codes; write {least}, {least},{least + 1} or {least}-{least + 99}"
    for part in value.split(","):
        low, _, high = part.partition("-")
        if not least <= int(low) <= int(high or low) <= most:
            return f"{part} is out of range; use codes from {least} to {most}"
    return ""


# ---------------------------------------------------------------- rows for several kinds


def _too_many_tags(spot: Spot) -> str:
    most = MOST_TAGS - _OURS
    known = is_whole(spot.value) if isinstance(spot.value, (list, tuple)) else isinstance(spot.value, Mapping)
    if not known or len(spot.value) <= most:
        return ""
    return f"{len(spot.value)} tags are too many; use at most {most}: AWS takes {MOST_TAGS}, and ecsync writes {_OURS}"


# Services that are known to answer with an error. The models of Elastic Load Balancing and CloudWatch Logs have the
# same pattern, and it is not known that they apply it. EC2, Auto Scaling and CloudWatch take any text.
_TAG_ANSWERS = {
    "ecs": "Some tags contain invalid characters",
    "iam": "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
    "ecr": "InvalidTagParameterException",
}
_TAG_DOUBTS = ("elbv2", "logs")
_TAG_MARKS = "_.:/=+-@"


def _bad_character(value: Json) -> str:
    """Return the first character that a tag cannot have."""
    if not isinstance(value, str) or is_placeholder(value):
        return ""
    return next((one for one in value if one not in _TAG_MARKS and unicodedata.category(one)[0] not in "LNZ"), "")


def _tag_characters(spot: Spot) -> str | tuple[Path, str]:
    """Return the problem of a character in a tag: tags are a map, or AWS's list of pairs."""
    pairs: list[tuple[Path, Json]] = []
    if isinstance(spot.value, Mapping):
        pairs = [((key,), text) for key, value in spot.value.items() for text in (key, value)]
    for index, one in enumerate(blocks(spot.value)):
        pairs += [((index, name), value) for name, value in one.items() if name in ("key", "value", "Key", "Value")]
    for place, value in pairs:
        bad = _bad_character(value)
        if bad:
            use = f"letters, digits, spaces and {' '.join(_TAG_MARKS)}"
            return place, f"{quoted(str(value))} has {quoted(bad)}, which is no character of a tag; use {use}"
    return ""


def tag_constraints(path: str, key: str = "key", value: str = "value", *, service: str) -> Constraints:
    """Return the rows of tags: their number, and the lengths of keys and values."""
    source = f"API Reference {service}, Tag: 1 to 128 characters in a key, at most 256 in a value, 50 on a resource"
    rows: list[Constraint] = [
        Constraint(
            path=path,
            rule=f"at most {MOST_TAGS - _OURS} tags",
            test=_too_many_tags,
            source=source,
        )
    ]
    if service in _TAG_ANSWERS or service in _TAG_DOUBTS:
        level: Level = "error" if service in _TAG_ANSWERS else "note"
        where = f"API Reference {service}, Tag: the characters of keys and values"
        rule = "tags of letters, digits, spaces and _ . : / = + - @"
        rows.append(row(path, rule, _tag_characters, where, _TAG_ANSWERS.get(service, ""), level))
    if key:
        rows.append(row(f"{path}[].{key}", "1 to 128 characters", Length(least=1, most=128), source))
        rows.append(row(f"{path}[].{value}", "at most 256 characters", Length(most=256), source))
    else:
        rows.append(row(f"{path}.*", "at most 256 characters", Length(most=256), source))
    return tuple(rows)


def row(
    path: str,
    rule: str,
    test: Test | Pattern | Range | OneOf | Length,
    source: str,
    answer: str = "",
    level: Level = "error",
    when: Callable[[Body], bool] | None = None,
    absent: bool = False,
) -> Constraint:
    """Return a row, in short form."""
    return Constraint(
        path=path, rule=rule, test=test, source=source, answer=answer, level=level, when=when, absent=absent
    )
