"""Shared by the kinds of Elastic Load Balancing: tags and attributes, which AWS returns by calls of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Collection
from ecsync.core.marks import OWNER, by_key, in_scope, keys_of, path_hash, tag_map
from ecsync.core.model import Absent, Call, Key, Marks, Present, Ref, Text, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Keyed, Released, Rules, Verbatim
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import arn_tagging, batches, missing, pick, read_tags, touched

_EVERY_ATTRIBUTE = (
    "read back from AWS: describe returns every attribute with its default, also those that were not sent"
)

ATTRIBUTE_ROWS: Rules = (
    Verbatim(
        path="Attributes[]",
        source="read back from AWS: DescribeListenerAttributes returns an empty Value for a header that is not set",
    ),
    Keyed(
        path="Attributes",
        key=("Key",),
        value="Value",
        source="elbv2.ModifyTargetGroupAttributes: attributes are pairs of Key and Value; order has no meaning",
    ),
    Computed(
        path="Attributes.*", source=_EVERY_ATTRIBUTE, cases=("ack-tg-attr-4", "ack-tg-attr-5", "ack-tg-dereg-initial")
    ),
    Computed(path="Attributes", source=_EVERY_ATTRIBUTE),
)


def released_row(value: Callable[[str, Body], str | None]) -> Released:
    """Return the row for attributes that are removed from a document: they go back to AWS's defaults."""
    return Released(
        path="Attributes",
        value=value,
        source="read back from AWS: the values of attributes that were never set (_attributes.py)",
    )


_MAX_ARNS = 20  # elbv2.DescribeTags: up to 20 resources in a single call

TAGGING = arn_tagging(
    "elbv2",
    "Key/Value",
    member="Tags",
    operations=("AddTags", "RemoveTags"),
    params=("ResourceArns", "Tags", "TagKeys"),
    of=lambda present: [present.outputs["arn"]],
)


TAGS = Collection(
    operation="elbv2.DescribeTags",
    cadence="medium",
    ids="ResourceArns",
    size=_MAX_ARNS,
    items="TagDescriptions",
    key="ResourceArn",
    tags_of="ResourceArns",
    as_tagged=lambda arn, tags: {"ResourceArn": arn, "Tags": tags},  # `tags_of` takes a map too
)


def _healthy_targets(answer: Body) -> bool:
    """Return whether a group has healthy targets, and no others but those that leave it.

    Such a group changes with its service. A target leaves for up to an hour (`deregistration_delay`).
    """
    states = {target["TargetHealth"]["State"] for target in answer["TargetHealthDescriptions"]} - {"draining"}
    return states == {"healthy"}


TARGET_HEALTH = Collection(
    operation="elbv2.DescribeTargetHealth", cadence="slow", settled=_healthy_targets, guards=True
)


def one_by_one(*operations: str) -> tuple[Collection, ...]:
    """Return the collections of operations that describe one object per call."""
    return tuple(Collection(operation=f"elbv2.{operation}", cadence="slow") for operation in operations)


def named_in_arn(noun: str) -> Callable[[str], Body | None]:
    """Return a function that takes the name out of `arn:…:noun/…/name/id`; None for any other text."""
    return lambda arn: {"Name": arn.split("/")[-2]} if f":{noun}/" in arn else None


def own_arn(key: Key) -> Text:
    """Return a reference to the ARN of the resource that an earlier call of the same change creates."""
    return Text((Ref(key, "arn"),))


def known_or_declared(live: Body, known: Sequence[str], declared: Body) -> dict[str, Json]:
    """Return the known and the declared members of a live resource: a member that AWS adds later is no drift."""
    return pick(live, *known, *declared)


def as_printed(live: Body, body: Body) -> Present:
    """Return a described resource; its attributes and tags, which other calls print, are members of `live`."""
    tags, mark, foreign = read_tags(live.get("Tags"))
    return Present(body={**body, **pick(live, "Attributes"), "Tags": tags}, outputs={}, marks=mark, foreign=foreign)


# ---------------------------------------------------------------- tags


def tags_of(reader: Reader, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the tags of each ARN. A resource that was deleted since it was listed is left out.

    AWS fails the whole call for one missing resource. Then each ARN is read alone.
    """
    found: dict[str, dict[str, str]] = {}
    for batch in batches(arns, _MAX_ARNS):
        try:
            response = reader.call("elbv2", "DescribeTags", ResourceArns=batch)
        except AwsError as error:
            if not missing(error):
                raise
            for arn in batch if len(batch) > 1 else ():
                found |= tags_of(reader, [arn])
        else:
            found |= {one["ResourceArn"]: tag_map(one.get("Tags")) for one in response["TagDescriptions"]}
    return found


def with_tags(reader: Reader, items: Iterable[Body], arn: str) -> Iterator[tuple[Body, dict[str, str]]]:
    """Yield each live item with its tags, without deleted ones; `arn` is the member that holds the item's ARN."""
    by_arn = {str(item[arn]): item for item in items}
    tags = tags_of(reader, by_arn)
    return ((item, tags[key]) for key, item in by_arn.items() if key in tags)


def owned_items(reader: Reader, scope: str, items: Iterable[Body], arn: str) -> Iterator[tuple[Body, dict[str, str]]]:
    """Yield each live item that has an owner mark of the scope, with its tags."""
    return ((item, tags) for item, tags in with_tags(reader, items, arn) if in_scope(tags.get(OWNER, ""), scope))


def owner_in(tags: Body) -> str:
    """Return the owner mark among tags; empty if none."""
    return str(tags.get(OWNER, ""))


def present_or_absent(read: Callable[[], Present]) -> Present | Absent:
    """Read one resource; return Absent if AWS reports that it was deleted since it was listed."""
    try:
        return read()
    except AwsError as error:
        if not missing(error):
            raise
        return Absent()


def all_pages(reader: Reader, operation: str, result: str, **of: Json) -> list[Body]:
    """Read every page of a describe; return nothing if the parent resource was deleted."""
    try:
        return list(reader.pages("elbv2", operation, result, **of))
    except AwsError as error:
        if not missing(error):
            raise
        return []


# ---------------------------------------------------------------- attributes


def reads_attributes(declared: Body, mark: Marks | None, tags: Mapping[str, str]) -> bool:
    """True if the attributes must be read: some are declared, or some were declared when the resource was applied.

    The applied mark hashes tags and attributes key by key. A key that is not a live tag (`tags`) is an attribute.
    """
    applied = mark.applied if mark else None
    tag_hashes = {path_hash(by_key("tags", tag)) for tag in tags}
    return bool(declared.get("Attributes")) or (applied is not None and not keys_of(applied) <= tag_hashes)


def read_attributes(reader: Reader, noun: str, arn: str) -> Json:
    """Read the attributes of one `TargetGroup`, `LoadBalancer` or `Listener`."""
    return reader.call("elbv2", f"Describe{noun}Attributes", **{f"{noun}Arn": arn})["Attributes"]


def attribute_calls(noun: str, arn: Json, attributes: Sequence[Body]) -> tuple[Call, ...]:
    """Return the call that sets attributes; no call if there are none."""
    if not attributes:
        return ()
    params = {f"{noun}Arn": arn, "Attributes": list(attributes)}
    return (Call(service="elbv2", operation=f"Modify{noun}Attributes", params=params),)


def changed_attributes(change: Update) -> list[dict[str, Json]]:
    """Return the declared attributes that differ, as AWS accepts them."""
    declared = normalise({"Attributes": change.desired.body.get("Attributes")}, ATTRIBUTE_ROWS).get("Attributes", {})
    return [{"Key": key, "Value": declared[key]} for key in touched(change, "Attributes", declared)]
