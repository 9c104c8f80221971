"""Finding the revisions of many families: listed together where that costs fewer calls, else family by family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.model import Absent, Key, Present
from ecsync.core.trees import Body
from ecsync.kinds.ecs.task_definition import KIND
from tests.kinds.ecs import answers
from tests.kinds.ecs.answers import Reader
from tests.kinds.infra import wanted


def revision(family: str, number: int) -> str:
    return answers.arn(f"task-definition/{family}:{number}")


def definition(family: str, image: str) -> dict[str, Any]:
    return {"family": family, "containerDefinitions": [{"name": "web", "image": image, "memory": 64}]}


class Families(Reader):
    """The images of the revisions of each family, oldest first; none has tags."""

    def __init__(self, of: Mapping[str, tuple[str, ...]]) -> None:
        self.of = of
        super().__init__(
            ecs_ListTaskDefinitions=self._list, ecs_DescribeTaskDefinition=self._describe, ecs_ListTagsForResource={}
        )

    def _list(self, *, familyPrefix: str = "", **_: Any) -> Body:  # noqa: N803 - AWS's spelling
        found = [family for family in sorted(self.of, reverse=True) if family.startswith(familyPrefix)]
        numbers = {family: range(len(self.of[family]), 0, -1) for family in found}
        return {"taskDefinitionArns": [revision(family, number) for family in found for number in numbers[family]]}

    def _describe(self, *, taskDefinition: str, **_: Any) -> Body:  # noqa: N803 - AWS's spelling
        family, __, number = taskDefinition.rpartition("/")[2].partition(":")
        known = {"taskDefinitionArn": taskDefinition, "revision": int(number), "status": "ACTIVE"}
        return {"taskDefinition": {**definition(family, self.of[family][int(number) - 1]), **known}}

    @property
    def listings(self) -> int:
        """The number of listings that were begun."""
        return sum(name == "ecs.ListTaskDefinitions" for name, _ in self.asked)


def numbers(reader: Reader, image: str, families: list[str]) -> list[str]:
    """Return the number of the live revision of each family; empty: none."""
    wants = [wanted(KIND, definition(family, image), name=family) for family in families]
    found: dict[Key, Any] = dict(KIND.read(reader, wants, {}))
    assert all(isinstance(one, Present | Absent) for one in found.values())
    return [found[want.key].outputs["revision"] if isinstance(found[want.key], Present) else "" for want in wants]


MANY = [f"web-{number}" for number in range(60)]


@pytest.mark.parametrize("families", [MANY[:5], MANY])
def test_the_revision_is_the_same_however_the_families_are_listed(families: list[str]) -> None:
    """The content of an older revision, a new content, and a family that does not exist."""
    reader = Families(dict.fromkeys(families, ("web:1", "web:2", "web:3")))
    assert numbers(reader, "web:2", families) == ["2"] * len(families)
    assert numbers(reader, "web:9", families) == ["3"] * len(families)
    assert numbers(Families({"other": ("web:1",)}), "web:1", families) == [""] * len(families)


def test_many_families_are_listed_together() -> None:
    reader = Families(dict.fromkeys(MANY, ("web:1",)))
    numbers(reader, "web:1", MANY)
    assert reader.listings == 1


def test_few_families_are_listed_alone() -> None:
    reader = Families(dict.fromkeys(MANY, ("web:1",)))
    numbers(reader, "web:1", MANY[:5])
    assert reader.listings == 5


def test_families_are_listed_alone_where_the_account_has_many_revisions() -> None:
    """More than a hundred for each family: to list all would be more calls. That listing is not taken for complete."""
    reader = Families({"a": ("web:1",) * 6001, **dict.fromkeys(MANY, ("web:1",))})
    assert numbers(reader, "web:1", MANY) == ["1"] * len(MANY)
    assert reader.listings == 1 + len(MANY)
