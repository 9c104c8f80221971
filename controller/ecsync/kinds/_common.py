"""Helpers that several kinds share: tags, batches, and small steps of reads and calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, TypeVar

from ecsync.core import marks
from ecsync.core.kind import Collection, Tagging
from ecsync.core.marks import spelled
from ecsync.core.model import Call, Marks, Present, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Characters, Computed, Keyed, Rules, Verbatim
from ecsync.core.trees import Body, Json

T = TypeVar("T")


def operations(service: str, *names: str) -> frozenset[str]:
    """Return the operations of a service in the notation of `Kind.reads`: `ecs.DescribeServices`."""
    return frozenset(f"{service}.{name}" for name in names)


def medium(service: str, *names: str) -> tuple[Collection, ...]:
    """Return the collections of operations with answers that change rarely."""
    return tuple(Collection(operation=f"{service}.{name}", cadence="medium") for name in names)


def tags_by_arn(operation: str, param: str, member: str, style: str) -> Collection:
    """Return the collection of an operation that returns the tags of one ARN, in the spelling of `spelled`."""
    return Collection(
        operation=operation,
        cadence="medium",
        tags_of=param,
        as_tagged=lambda _, tags: {member: spelled(tags, style)},
    )


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`: AWS's batch limits."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_tags(tags: Json) -> tuple[dict[str, str], Marks | None, str]:
    """Split live tags in any spelling into (a manifest's tags, our marks, the other tool that manages the resource)."""
    found = marks.tag_map(tags)
    return marks.user_tags(found), marks.read(found), marks.other_tool(found)


def without_nones(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return the body without the members that are None."""
    return {key: value for key, value in body.items() if value is not None}


_SECONDS = re.compile(r"\d{9,11}(\.\d+)?")


def moment(text: Json) -> datetime | None:
    """Return the time that a text means, UTC where it has no zone; None for what is no time.

    Every time of AWS arrives as ISO 8601 text (`aws/hooks.py`); a manifest may have seconds since 1970, as text.
    """
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromtimestamp(float(text), UTC) if _SECONDS.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def instant(value: Json) -> Json:
    """Return a time in UTC, to the second; text that is no time is unchanged."""
    found = moment(value)
    return value if found is None else found.astimezone(UTC).isoformat(timespec="seconds")


def nonzero(value: Json) -> Json:
    """Return the value, or None for 0: AWS treats 0 as not specified."""
    return value or None


def changed(change: Update) -> dict[str, Json]:
    """Return the top-level members that differ, with their desired value (None: no longer declared)."""
    return {str(field.path[0]): change.desired.body.get(str(field.path[0])) for field in change.fields}


def missing(error: AwsError) -> bool:
    """Return whether AWS reported that the resource does not exist; False for any other failure."""
    return error.kind == "missing"


def name_characters(path: str, source: str, more: str = "") -> Characters:
    """Return the row of a name with letters, digits, hyphens and underscores, and the characters of `more`."""
    text = "letters, digits, - and _" if not more else f"letters, digits, -, _ and {' '.join(more)}"
    return Characters(path=path, allowed=f"[A-Za-z0-9_{re.escape(more)}-]", text=text, source=source)


def tag_rows(member: str = "tags", name: str = "key", value: str = "value") -> Rules:
    """Return the rows for tags: a map by key. Undeclared keys belong to other clients."""
    return (
        Verbatim(path=f"{member}[]", source="a tag value may be an empty string"),
        Keyed(
            path=member,
            key=(name,),
            value=value,
            source="AWS keeps one value per tag key; the order is not significant",
        ),
        Computed(path=f"{member}.*", source="other clients and AWS put tags on the resource, too"),
        Computed(path=member, source="the same, for a document without tags"),
    )


def arn_of(present: Present) -> Json:
    """Return the ARN of a live resource."""
    return present.outputs["arn"]


def arn_tagging(
    service: str,
    style: Literal["key/value", "Key/Value", "map"],
    *,
    member: str = "tags",
    operations: tuple[str, str] = ("TagResource", "UntagResource"),
    params: tuple[str, str, str] = ("resourceArn", "tags", "tagKeys"),
    of: Callable[[Present], Json] = arn_of,
) -> Tagging:
    """Return how most services write tags: one call puts tags on a resource, another removes them by key.

    `member` is the member of the body that holds the tags. `params` are the names of the three parameters: the
    resource, the tags and the keys. `of` returns the value of the first one.
    """
    put_operation, remove_operation = operations
    resource, values, keys_param = params

    def put(present: Present, tags: Tags) -> tuple[Call, ...]:
        sent = {resource: of(present), values: spelled(tags, style)}
        return (Call(service=service, operation=put_operation, params=sent),)

    def remove(present: Present, keys: Sequence[str]) -> tuple[Call, ...]:
        sent = {resource: of(present), keys_param: list(keys)}
        return (Call(service=service, operation=remove_operation, params=sent),)

    names = frozenset(f"{service}.{operation}" for operation in operations)
    return Tagging(member=member, style=style, put=put, remove=remove, operations=names)


def pick(body: Body, *members: str) -> dict[str, Json]:
    """Return the named members of a body; a member that is absent or None is left out."""
    return {member: body[member] for member in members if body.get(member) is not None}


def without(body: Body, *members: str) -> dict[str, Json]:
    """Return the body without the named members and without nulls: a null means AWS's default, as does omission."""
    return {key: value for key, value in body.items() if key not in members and value is not None}


def touched(change: Update, member: str, names: Iterable[str]) -> list[str]:
    """Return the names below a member that the change affects; all names if a field is the whole member."""
    paths = [field.path for field in change.fields if field.path[0] == member]
    whole = any(len(path) == 1 for path in paths)
    changed_names = {path[1] for path in paths if len(path) > 1}
    return [name for name in names if whole or name in changed_names]


def tagged_arns(reader: Reader, resource_type: str, scope: str) -> list[str]:
    """Return the ARNs of one type with an owner mark: of one document, or of any installation (`Kind.owned`).

    A hint for what to describe: ownership is decided by the tags of the describe call (docs/rules.md R7).
    """
    values = {"Values": [f"v1/{scope}"]} if "/" in scope else {}
    tagged = reader.pages(
        "resourcegroupstaggingapi",
        "GetResources",
        "ResourceTagMappingList",
        ResourceTypeFilters=[resource_type],
        TagFilters=[{"Key": marks.OWNER, **values}],
    )
    return sorted({mapping["ResourceARN"] for mapping in tagged})


def belongs(present: Present, scope: str) -> bool:
    """Return whether a live resource carries a mark of this scope (`Kind.owned`)."""
    return present.marks is not None and marks.in_scope(present.marks.owner, scope)


def installation_in(scope: str) -> str:
    """Return the installation of a scope."""
    return scope.split("/", 1)[0]
