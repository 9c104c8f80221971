"""The rows of a kind's constraints: what AWS accepts, what it answers otherwise, and where that is stated.

A row looks at each place of its `path` (`trees.pattern`). A value that is not known yet (a reference, a placeholder of
a template) is never wrong: on doubt nothing is reported. An `error` is what AWS refuses. A `note` is what AWS accepts
although it is surely not meant, or what AWS refuses unless something outside the documents helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from ecsync.core.model import Desired, Documents
from ecsync.core.trees import Body, Json, Path, pattern

Level: TypeAlias = Literal["error", "note"]


class Spot(NamedTuple):
    """One place of a body that a row looks at. A tuple, because there is one for each value that is tested."""

    value: Json  # None: absent, or null
    block: Body  # the block around it
    body: Body  # the whole body
    path: Path


# ---------------------------------------------------------------- tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A text must match `allowed` from start to end. `text` describes it: `letters, digits, - and _`."""

    allowed: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number must be in the range. `also` are further numbers that AWS accepts."""

    least: float
    most: float
    also: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A text must have so many characters; a list or map so many elements."""

    least: int = 0
    most: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value must be one of these."""

    values: tuple[Json, ...]


# The problem and the fix, as `problem; fix`; empty: nothing is wrong. With a path, it is about a place below the spot.
Test: TypeAlias = Callable[[Spot], str | tuple[Path, str]]


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """What AWS accepts at the places of `path`."""

    path: str
    rule: str  # what must hold, for docs and `explain`
    test: Pattern | Range | Length | OneOf | Test
    source: str  # the AWS fact: `botocore ecs-2014-11-13 …`, `API Reference …`, `developer guide …`
    answer: str = ""  # what AWS answers, as far as its words are known
    level: Level = "error"
    when: Callable[[Body], bool] | None = None  # of the whole body; None: always
    absent: bool = False  # also tested where the member is absent, in a block that is there

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path as a pattern."""
        return pattern(self.path)

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """The compiled pattern of a `Pattern`."""
        assert isinstance(self.test, Pattern)
        return re.compile(self.test.allowed)


@dataclass(frozen=True, kw_only=True)
class Across:
    """What AWS accepts of several documents together. `path` is the member that is wrong, for docs and `explain`.

    `test` yields (path, `problem; fix`). It uses `Documents.get` and `find`, never a loop over all documents.
    """

    path: str
    rule: str
    test: Callable[[Desired, Documents], Iterable[tuple[Path, str]]]
    source: str
    answer: str = ""
    level: Level = "error"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path as a pattern."""
        return pattern(self.path)


Row: TypeAlias = Constraint | Across
Constraints: TypeAlias = tuple[Row, ...]
