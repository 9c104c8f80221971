"""Which applications and resources `ecsync status` shows: by name, kind, state, and at most so many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import typer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is shown. An empty set shows everything."""

    kinds: frozenset[str] = frozenset()  # casefolded
    syncs: frozenset[str] = frozenset()
    healths: frozenset[str] = frozenset()
    not_ready: bool = False

    @property
    def all(self) -> bool:
        """Return whether nothing is left out."""
        return not (self.kinds or self.syncs or self.healths or self.not_ready)

    def of(self, applications: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the applications of the API that fit, or that have a resource that fits, with those resources."""
        found = []
        for one in applications:
            resources = [resource for resource in one["resources"] if self._fits(resource, resource["kind"])]
            if self.all or resources or (not self.kinds and self._fits(one, "")):
                found.append({**one, "resources": resources})
        return found

    def _fits(self, one: dict[str, Any], kind: str) -> bool:
        return (
            (not self.kinds or kind.casefold() in self.kinds)
            and (not self.syncs or one["sync"] in self.syncs)
            and (not self.healths or one["health"] in self.healths)
            and (not self.not_ready or not ready(one))
        )


def ready(one: dict[str, Any]) -> bool:
    """Return whether an application or a resource of the API is Synced and Healthy, and nothing is wrong with it."""
    wrong = one.get("problems") or (one.get("lastPass") or {}).get("error")
    return one["sync"] == "Synced" and one["health"] == "Healthy" and not wrong


def chosen(option: str, given: Sequence[str] | None, allowed: Sequence[str]) -> frozenset[str]:
    """Return the values of an option that may be repeated, or has commas. Raises a usage error for another value."""
    from ecsync.core.wording import suggestion

    known = {one.casefold(): one for one in allowed}
    values = split(given)
    for value in values:
        if value.casefold() not in known:
            raise typer.BadParameter(f"{option} {value}: not one of {', '.join(allowed)}{suggestion(value, allowed)}")
    return frozenset(known[value.casefold()] for value in values)


def split(given: Sequence[str] | None) -> list[str]:
    """Return the values of an option that may be repeated, or has commas."""
    return [value.strip() for text in given or () for value in text.split(",") if value.strip()]


def most(found: Sequence[T], limit: int, is_ready: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    """Return what is shown and what is left out: first what is not ready, each in the order given. 0: no limit."""
    if not limit or len(found) <= limit:
        return list(found), []
    ranked = sorted(range(len(found)), key=lambda at: is_ready(found[at]))
    kept = frozenset(ranked[:limit])
    return [found[at] for at in sorted(kept)], [one for at, one in enumerate(found) if at not in kept]
