"""The rows of a kind's rule table: what AWS does to a body, and what changing a field does.

A row is data with its source. `path` is a pattern (`json.pattern`): `a.b[].c` goes through lists (and lists that
became maps by key), `a.*` through every value of a map; a row names that place. `source` cites the line of the
design page or the AWS page, and `cases` the ids of the cases that prove it.
Rows that shape a body are applied in table order by `normalise`; the others are asked by `diff`, `plan` and the
kind itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from ecsync.core.trees import Body, Json, Path, matches, pattern

When: TypeAlias = Callable[[Body], bool]  # asked of the whole body: networkMode, schedulingStrategy, Protocol …


@dataclass(frozen=True, kw_only=True)
class _Row:
    path: str = ""
    source: str = ""
    cases: tuple[str, ...] = ()

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return pattern(self.path)

    def covers(self, path: Path) -> bool:
        """Tell whether the path is the one that the row names, or lies below it."""
        return matches(path, self.segments)


# ---------------------------------------------------------------- rows that shape a body


@dataclass(frozen=True, kw_only=True)
class Verbatim(_Row):
    """A map or block whose empty strings are values (environment, labels, options, tags)."""


@dataclass(frozen=True, kw_only=True)
class Keyed(_Row):
    """A list that is a map by these members; order means nothing. With `value`, an element is just that member."""

    key: tuple[str, ...]
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Unordered(_Row):
    """A list that is a set."""


@dataclass(frozen=True, kw_only=True)
class Default(_Row):
    """What AWS has where nothing is written; a function is given the enclosing block and the whole body."""

    value: Json | Callable[[Body, Body], Json]
    when: When | None = None
    says: str = ""  # the default in words, where it is a function or there is one only sometimes


@dataclass(frozen=True, kw_only=True)
class Rewrite(_Row):
    """AWS stores this value in another spelling; idempotent. A result of None removes the member."""

    to: Callable[[Json], Json]


@dataclass(frozen=True, kw_only=True)
class Reshape(_Row):
    """As Rewrite, for a rule that needs the whole body: `to(value, body)`."""

    to: Callable[[Json, Body], Json]
    when: When | None = None


@dataclass(frozen=True, kw_only=True)
class Derived(_Row):
    """A member of our own at the top, which the others tell, for what AWS's model has no place for."""

    value: Callable[[Body], Json]


@dataclass(frozen=True, kw_only=True)
class Drop(_Row):
    """Write-only or server-owned: never compared."""

    when: When | None = None


@dataclass(frozen=True, kw_only=True)
class WriteOnly(_Row):
    """AWS takes it and never tells it: not compared; that the document has another one is seen by the mark alone."""


# ---------------------------------------------------------------- rows about ownership


@dataclass(frozen=True, kw_only=True)
class Computed(_Row):
    """AWS computes it where it is not declared: then left alone and listed as unmanaged."""

    when: When | None = None
    says: str = ""  # in words, what AWS computes it from


@dataclass(frozen=True, kw_only=True)
class Pinned(_Row):
    """A value that may be written less exactly than AWS has it: `loosely(value)` are the looser words for it."""

    loosely: Callable[[Json], Json]


@dataclass(frozen=True, kw_only=True)
class Released(_Row):
    """A map whose keys count one by one in the mark: one that leaves the document goes back to AWS's own value.

    `value(key, body)` is that value; None where we do not know it, and then the key is left as it is.
    """

    value: Callable[[str, Body], str | None]


@dataclass(frozen=True, kw_only=True)
class Delegated(_Row):
    """Another controller owns it while `when(facts)` holds; `owner` names that controller in plain words."""

    when: Callable[[Body], bool]
    owner: str


# ---------------------------------------------------------------- rows about effects and calls


@dataclass(frozen=True, kw_only=True)
class Immutable(_Row):
    """AWS cannot change it in place."""


@dataclass(frozen=True, kw_only=True)
class Rolls(_Row):
    """Changing it starts a deployment; with `force`, only when forced: it takes effect on new tasks alone."""

    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Resets(_Row):
    """AWS resets it when an update leaves it out, so every update says it again."""


@dataclass(frozen=True, kw_only=True)
class Clears(_Row):
    """What an update sends to take the member away again, where leaving it out keeps it."""

    value: Json


@dataclass(frozen=True, kw_only=True)
class Late(_Row):
    """Sent by its own call in a second step, because what it refers to may refer back (rule 2)."""


# ---------------------------------------------------------------- rows about values


@dataclass(frozen=True, kw_only=True)
class Sensitive(_Row):
    """Masked in everything that people or machines read."""


@dataclass(frozen=True, kw_only=True)
class CommaList(_Row):
    """A list that AWS takes as one string with commas."""


@dataclass(frozen=True, kw_only=True)
class Refers(_Row):
    """Holds the name or ARN of a resource of that kind: a literal that equals a declared one is a reference."""

    kind: str
    output: str = ""  # empty: the primary one


Rule: TypeAlias = (
    Verbatim | Keyed | Unordered | Default | Rewrite | Reshape | Derived | Drop | WriteOnly | Computed | Pinned
    | Released | Delegated | Immutable | Rolls | Resets | Clears | Late | Sensitive | CommaList | Refers
)  # fmt: skip
Rules: TypeAlias = tuple[Rule, ...]
