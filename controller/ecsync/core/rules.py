"""The rows of a kind's rule table: what AWS does to a body, and what a change of a field does.

A row is data with its source. `path` is a pattern (`trees.pattern`): `a.b[].c` goes through every element of a list,
also of a list that became a map by key; `a.*` goes through every value of a map. `source` states the AWS fact: the API
page, or what was read back from AWS. `cases` are the ids of the test cases that prove the row.
`normalise` applies the rows that shape a body, in table order. `diff`, `plan`, `marks` and the kinds use the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from ecsync.core.trees import Body, Json, Path, locate, matches, pattern

When: TypeAlias = Callable[[Body], bool]  # of the whole body: networkMode, schedulingStrategy, Protocol …


@dataclass(frozen=True, kw_only=True)
class _Row:
    path: str = ""
    source: str = ""
    cases: tuple[str, ...] = ()

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return pattern(self.path)

    def covers(self, path: Path) -> bool:
        """Return whether the path is the place of the row, or below it."""
        return matches(path, self.segments)


# ---------------------------------------------------------------- rows that shape a body


@dataclass(frozen=True, kw_only=True)
class Verbatim(_Row):
    """Keeps empty strings: in this map or block they are values (environment, labels, options, tags)."""


@dataclass(frozen=True, kw_only=True)
class Keyed(_Row):
    """Compares a list as a map by the members `key`, without order. With `value`, an element is that member only."""

    key: tuple[str, ...]
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Unordered(_Row):
    """Compares a list as a set, without order."""


@dataclass(frozen=True, kw_only=True)
class Default(_Row):
    """Fills in AWS's value where none is declared. A function gets the enclosing block and the whole body."""

    value: Json | Callable[[Body, Body], Json]
    when: When | None = None
    description: str = ""  # the default as text, where `value` is a function or `when` is given


@dataclass(frozen=True, kw_only=True)
class Rewrite(_Row):
    """Rewrites a value to the spelling that AWS stores; idempotent. A result of None removes the member."""

    to: Callable[[Json], Json]


@dataclass(frozen=True, kw_only=True)
class Reshape(_Row):
    """Rewrites a value that depends on the whole body: `to(value, body)`. Otherwise as `Rewrite`."""

    to: Callable[[Json, Body], Json]
    when: When | None = None


@dataclass(frozen=True, kw_only=True)
class Derived(_Row):
    """Adds a top-level member of our own, computed from the others: AWS's model has no member for it."""

    value: Callable[[Body], Json]


@dataclass(frozen=True, kw_only=True)
class Drop(_Row):
    """Removes a member from both sides: it is never compared."""

    when: When | None = None


@dataclass(frozen=True, kw_only=True)
class WriteOnly(_Row):
    """Compares a value with the mark only: AWS accepts it and never returns it (a client secret)."""


# ---------------------------------------------------------------- rows about ownership


@dataclass(frozen=True, kw_only=True)
class Computed(_Row):
    """Leaves an undeclared value to AWS, which computes it: it is reported as unmanaged."""

    when: When | None = None
    description: str = ""  # what AWS computes it from, as text


@dataclass(frozen=True, kw_only=True)
class Pinned(_Row):
    """Accepts a less exact form of a value in a mark: `loosely(value)` (a family in place of family:revision)."""

    loosely: Callable[[Json], Json]


@dataclass(frozen=True, kw_only=True)
class Released(_Row):
    """Resets a key that left the document to AWS's own value, if we applied it. Its keys are recorded one by one.

    `value(key, body)` is AWS's own value; None where it is not known: then the key stays as it is.
    """

    value: Callable[[str, Body], str | None]


@dataclass(frozen=True, kw_only=True)
class Reverts(_Row):
    """Sets a member that left the document to AWS's own value, if we applied it: AWS keeps what a call leaves out.

    `value(facts)` is AWS's own value; None where it is not known: then the member stays as it is.
    """

    value: Callable[[Body], Json]


@dataclass(frozen=True, kw_only=True)
class Delegated(_Row):
    """Leaves a value to another controller while `when(facts)` is true; `owner` is the name of that controller."""

    when: Callable[[Body], bool]
    owner: str


# ---------------------------------------------------------------- rows about effects and calls


@dataclass(frozen=True, kw_only=True)
class Immutable(_Row):
    """Replaces the resource when the value changes: AWS cannot change it in place."""


@dataclass(frozen=True, kw_only=True)
class Rolls(_Row):
    """Starts a deployment when the value changes. With `force`, AWS starts it only if forced: only new tasks change."""

    force: bool = False


@dataclass(frozen=True, kw_only=True)
class NewTasks(_Row):
    """Changes tasks that start from now on, without a deployment; running tasks keep the old value."""


@dataclass(frozen=True, kw_only=True)
class Resets(_Row):
    """Sends the value with every update: AWS resets it when an update leaves it out."""


@dataclass(frozen=True, kw_only=True)
class Clears(_Row):
    """Sends `value` to remove the member: AWS keeps it when an update leaves it out."""

    value: Json


@dataclass(frozen=True, kw_only=True)
class Late(_Row):
    """Sends the member in a second step: the resource that it refers to may refer back (docs/rules.md R2)."""


# ---------------------------------------------------------------- rows about values


@dataclass(frozen=True, kw_only=True)
class Sensitive(_Row):
    """Masks the value in every output: logs, plans, events, reports. The keys in `public`, at the end, are shown."""

    public: frozenset[str] = frozenset()

    def covers(self, path: Path) -> bool:
        """Return whether the path is a sensitive place, or below it."""
        return matches(path, self.segments) and str(path[len(self.segments) - 1]) not in self.public

    def places(self, tree: Json) -> Iterator[tuple[Json, str | int, Path]]:
        """Yield (container, key, path) for every sensitive place that is there."""
        for container, key, path in locate(tree, self.segments):
            if key not in self.public and (not isinstance(container, Mapping) or key in container):
                yield container, key, path


@dataclass(frozen=True, kw_only=True)
class Characters(_Row):
    """Refuses a declared text with characters that AWS refuses: each must match `allowed`. `text` describes them."""

    allowed: str
    text: str

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """The pattern of a text that AWS accepts; it may be empty."""
        return re.compile(f"(?:{self.allowed})*")


@dataclass(frozen=True, kw_only=True)
class CommaList(_Row):
    """Sends a list as one string with commas: AWS has a string there."""


@dataclass(frozen=True, kw_only=True)
class Refers(_Row):
    """Declares a reference to a kind: a literal that equals the name or ARN of a declared resource refers to it."""

    kind: str
    output: str = ""  # empty: the primary output


Rule: TypeAlias = (
    Verbatim | Keyed | Unordered | Default | Rewrite | Reshape | Derived | Drop | WriteOnly | Computed | Pinned
    | Released | Reverts | Delegated | Immutable | Rolls | NewTasks | Resets | Clears | Late | Sensitive | Characters
    | CommaList | Refers
)  # fmt: skip
Rules: TypeAlias = tuple[Rule, ...]
