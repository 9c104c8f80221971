"""What the kinds of Elastic Load Balancing share: attributes, and tags by twenty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ecsync.core.marks import OWNER, by_key, keys_of, path_hash, tag_map
from ecsync.core.model import Absent, Call, Key, Marks, Present, Ref, Text, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Keyed, Released, Rules, Verbatim
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import arn_tagging, batches, missing, pick, read_tags, touched

ATTRIBUTE_ROWS: Rules = (
    Verbatim(path="Attributes[]", source="normalization.md §4.3, listener attrs: others are empty"),
    Keyed(path="Attributes", key=("Key",), value="Value", source="normalization.md §4.1"),
    Computed(
        path="Attributes.*",
        source="normalization.md §4.1: compare declared keys only",
        cases=("ack-tg-attr-4", "ack-tg-attr-5", "ack-tg-dereg-initial"),
    ),
    Computed(path="Attributes", source="the same, where none is declared: no difference is an empty block"),
)


def released_to(value: Callable[[str, Body], str | None]) -> Released:
    """Row for attributes that leave the document: they go back to what AWS has where nobody set them."""
    return Released(path="Attributes", value=value, source="core-rules.md 8; normalization.md §4, attr defaults")


_ARNS_OF_A_CALL = 20

TAGGING = arn_tagging(
    "elbv2",
    "Key/Value",
    member="Tags",
    operations=("AddTags", "RemoveTags"),
    params=("ResourceArns", "Tags", "TagKeys"),
    of=lambda present: [present.outputs["arn"]],
)


def own_arn(key: Key) -> Text:
    """Return the ARN of what an earlier call of the same change creates."""
    return Text((Ref(key, "arn"),))


def seen(live: Body, known: Sequence[str], declared: Body) -> dict[str, Json]:
    """Return the live members that we know or somebody declares: a field new to AWS is no difference by itself."""
    return pick(live, *known, *declared)


def as_printed(live: Body, body: Body) -> Present:
    """Return a described resource whose attributes and tags, printed apart by AWS, stand in the document itself."""
    tags, ours_on_it, foreign = read_tags(live.get("Tags"))
    return Present(
        body={**body, **pick(live, "Attributes"), "Tags": tags}, outputs={}, marks=ours_on_it, foreign=foreign
    )


# ---------------------------------------------------------------- tags


def tags_of(reader: Reader, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read the tags of each ARN; one that has gone meanwhile is left out, and does not take its batch along."""
    found: dict[str, dict[str, str]] = {}
    for batch in batches(arns, _ARNS_OF_A_CALL):
        try:
            answer = reader.call("elbv2", "DescribeTags", ResourceArns=batch)
        except AwsError as error:
            if not missing(error):
                raise
            for arn in batch if len(batch) > 1 else ():
                found |= tags_of(reader, [arn])
        else:
            found |= {one["ResourceArn"]: tag_map(one.get("Tags")) for one in answer["TagDescriptions"]}
    return found


def tagged(reader: Reader, items: Iterable[Body], arn: str) -> Iterator[tuple[Body, dict[str, str]]]:
    """Yield each live item that is still there with its tags; `arn` is the member that holds its ARN."""
    every = {str(item[arn]): item for item in items}
    tags = tags_of(reader, every)
    return ((item, tags[key]) for key, item in every.items() if key in tags)


def ours(reader: Reader, installation: str, items: Iterable[Body], arn: str) -> Iterator[tuple[Body, dict[str, str]]]:
    """Yield each live item that carries a mark of the installation, with its tags."""
    prefix = f"v1/{installation}/"
    return ((item, tags) for item, tags in tagged(reader, items, arn) if tags.get(OWNER, "").startswith(prefix))


def owner_in(tags: Body) -> str:
    """Return the owner mark among tags; empty for none."""
    return str(tags.get(OWNER, ""))


def unless_gone(read: Callable[[], Present]) -> Present | Absent:
    """Read one resource; Absent where AWS says that it has gone since it was listed."""
    try:
        return read()
    except AwsError as error:
        if not missing(error):
            raise
        return Absent()


def whole(reader: Reader, operation: str, result: str, **of: Json) -> list[Body]:
    """Read every page of a describe; nothing where what it is asked of has gone."""
    try:
        return list(reader.pages("elbv2", operation, result, **of))
    except AwsError as error:
        if not missing(error):
            raise
        return []


# ---------------------------------------------------------------- attributes


def reads_attributes(declared: Body, live: Marks | None, tags: Mapping[str, str]) -> bool:
    """Tell whether a live resource's attributes are worth a call: some are declared, or were when we applied it.

    `tags` are its live tags: what else counts key by key in the mark are attributes.
    """
    applied = live.applied if live else None
    known = {path_hash(by_key("tags", tag)) for tag in tags}
    return bool(declared.get("Attributes")) or (applied is not None and not keys_of(applied) <= known)


def read_attributes(reader: Reader, noun: str, arn: str) -> Json:
    """Read the attributes of one `TargetGroup`, `LoadBalancer` or `Listener`."""
    return reader.call("elbv2", f"Describe{noun}Attributes", **{f"{noun}Arn": arn})["Attributes"]


def attribute_calls(noun: str, arn: Json, attributes: Sequence[Body]) -> tuple[Call, ...]:
    """Compile the call that sets attributes; nothing where there are none to set."""
    if not attributes:
        return ()
    params = {f"{noun}Arn": arn, "Attributes": list(attributes)}
    return (Call(service="elbv2", operation=f"Modify{noun}Attributes", params=params),)


def changed_attributes(change: Update) -> list[dict[str, Json]]:
    """Return the declared attributes that differ, as AWS takes them."""
    declared = normalise({"Attributes": change.desired.body.get("Attributes")}, ATTRIBUTE_ROWS).get("Attributes", {})
    return [{"Key": key, "Value": declared[key]} for key in touched(change, "Attributes", declared)]
