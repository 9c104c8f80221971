"""The revisions of a family of task definitions: which are ACTIVE, and what they contain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from itertools import islice

from ecsync.core.kind import Collection
from ecsync.core.ports import Reader
from ecsync.core.trees import Body, Json
from ecsync.kinds.ecs._revision_state import active
from ecsync.kinds.ecs._shared import short_name

_NEWEST = 10  # revisions that are described to find the live one
_PAGE = 100  # revisions of one call of ListTaskDefinitions
# Only a revision that is not found otherwise is looked for in a listing, and a step reads it again: it may be old.
LISTING = Collection(operation="ecs.ListTaskDefinitions", cadence="slow")
_LISTED_ALONE = 50  # families that are listed one by one; for more of them all revisions are listed


def family_of(arn: Json) -> str:
    """Return the family of an ARN or of `family:revision`."""
    return str(short_name(arn)).split(":", 1)[0]


def number_in(arn: str) -> int:
    """Return the number of a revision; 0 if its ARN has none."""
    number = arn.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def newest_of(reader: Reader, families: Set[str]) -> Callable[[str], Sequence[str]]:
    """Return a function: the newest revisions of a family. For many families all revisions are listed together.

    That listing ends when it costs more than a call for each family; then each family is listed alone.
    """
    if len(families) > _LISTED_ALONE:
        most = len(families) * _PAGE
        arns = list(islice(_active(reader, _PAGE), most + 1))
        if len(arns) <= most:
            found: dict[str, list[str]] = {}
            for arn in sorted(arns, key=number_in, reverse=True):
                found.setdefault(family_of(arn), []).append(arn)
            return lambda family: found.get(family, [])[:_NEWEST]
    return lambda family: list(newest(reader, family))


def newest(reader: Reader, family: str) -> Iterator[str]:
    """Yield the newest ACTIVE revisions of a family."""
    yield from islice(listed(reader, family, _NEWEST), _NEWEST)


def listed(reader: Reader, family: str, page: int = _PAGE) -> Iterator[str]:
    """Yield the ACTIVE revisions of a family, newest first. A simulator may also list families with that prefix."""
    return (arn for arn in _active(reader, page, familyPrefix=family) if family_of(arn) == family)


def _active(reader: Reader, page: int, **of: str) -> Iterator[str]:
    """Yield the ARNs of ACTIVE revisions, newest first within a family."""
    return reader.pages(
        "ecs", "ListTaskDefinitions", "taskDefinitionArns", status="ACTIVE", sort="DESC", maxResults=page, **of
    )


def describe(reader: Reader, arn: str) -> Body | None:
    """Return the describe response of a revision, as it was when it was read first; None if it does not exist.

    A revision that was deregistered then is None too: it is never ACTIVE again.
    """
    return active(reader.cached, arn)
