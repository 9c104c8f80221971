"""Events of what people set: who, why, until when, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from ecsync.report.guards import changed

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """What a person has set."""

    who: str = "ada@laptop"
    why: str = "CHG-1"
    until: datetime | None = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("of", "name", "types", "application", "digest"),
    [
        ("freeze", "*", ("freeze.began", "freeze.ended"), "", None),
        ("override", "shop", ("override.began", "override.ended"), "shop", None),
        ("approval", "shop/3f2a9c1b7d0e", ("approval.given", "approval.ended"), "shop", "3f2a9c1b7d0e"),
    ],
)
def test_each_change_is_an_event(
    of: str, name: str, types: tuple[str, str], application: str, digest: str | None
) -> None:
    """One when it begins, one when it ends, none while it stays."""
    entries = {name: Entry()}
    found = (*changed(of, {}, entries, NOW), *changed(of, entries, entries, NOW), *changed(of, entries, {}, NOW))
    assert tuple(one.type for one in found) == types
    for one in found:
        assert one.application == application
        assert (one.detail["who"], one.detail["why"], one.detail.get("digest")) == ("ada@laptop", "CHG-1", digest)
        assert digest is None or digest in one.message
