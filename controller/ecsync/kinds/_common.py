"""What several kinds share: tags, and small steps of reading and compiling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, TypeVar

from ecsync.core import marks
from ecsync.core.kind import Tagging
from ecsync.core.model import Call, Marks, Present, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Keyed, Rules, Verbatim
from ecsync.core.tagging import spelled
from ecsync.core.trees import Body, Json

T = TypeVar("T")


def operations(service: str, *names: str) -> frozenset[str]:
    """Return operations of a service as `reads`, `writes` and `deletes` list them: `ecs.DescribeServices`."""
    return frozenset(f"{service}.{name}" for name in names)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`: AWS's batch limits."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_tags(tags: Json) -> tuple[dict[str, str], Marks | None, str]:
    """Split live tags in any spelling: (what a manifest may speak of, our marks, the other tool that marked it)."""
    found = marks.tag_map(tags)
    return marks.user_tags(found), marks.read(found), marks.other_tool(found)


def without_nones(body: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out the members that AWS did not give."""
    return {key: value for key, value in body.items() if value is not None}


def changed(change: Update) -> dict[str, Json]:
    """Return the top-level members that differ, with the value to go to (None: not declared any more)."""
    return {str(field.path[0]): change.desired.body.get(str(field.path[0])) for field in change.fields}


def missing(error: AwsError) -> bool:
    """Tell whether AWS said that it is not there, as opposed to any other failure."""
    return error.kind == "missing"


def tag_rows(member: str = "tags", name: str = "key", value: str = "value") -> Rules:
    """Rows for tags: a map whose undeclared keys belong to others."""
    return (
        Verbatim(path=f"{member}[]", source="normalization.md §0.2"),
        Keyed(path=member, key=(name,), value=value, source="normalization.md §0.8"),
        Computed(path=f"{member}.*", source="architecture.md, Who owns a field"),
        Computed(path=member, source="the same, where none is declared: no difference is an empty block"),
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
    """Tags as most services take them: one call puts tags on a resource, another removes them by key.

    `member` holds the tags in the body. `params` are the parameters of the resource, of the tags and of the keys.
    `of` returns what names the resource in these calls.
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
    """Return these members of a body, where they are."""
    return {member: body[member] for member in members if body.get(member) is not None}


def without(body: Body, *members: str) -> dict[str, Json]:
    """Return the body without these members and without nulls (null says AWS's default, which omission gives)."""
    return {key: value for key, value in body.items() if key not in members and value is not None}


def touched(change: Update, member: str, names: Iterable[str]) -> list[str]:
    """Return those names below a member that the change is about; all of them where a field is the whole member."""
    paths = [field.path for field in change.fields if field.path[0] == member]
    whole = any(len(path) == 1 for path in paths)
    said = {path[1] for path in paths if len(path) > 1}
    return [name for name in names if whole or name in said]


def tagged_arns(reader: Reader, resource_type: str) -> list[str]:
    """Return the ARNs of one type that carry an owner mark of anybody: a hint for what to describe (rule 7)."""
    tagged = reader.pages(
        "resourcegroupstaggingapi",
        "GetResources",
        "ResourceTagMappingList",
        ResourceTypeFilters=[resource_type],
        TagFilters=[{"Key": marks.OWNER}],
    )
    return sorted({mapping["ResourceARN"] for mapping in tagged})


def belongs(present: Present, installation: str) -> bool:
    """Tell whether a live resource carries a mark of this installation."""
    return present.marks is not None and present.marks.owner.startswith(f"v1/{installation}/")
