"""What people ask for, by the command and by the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ecsync.guards.records import Entry, Record
from ecsync.guards.requests import Invalid, Request, Verb

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
OLD = Entry(who="bob", why="old", since=NOW - timedelta(days=2), until=NOW)
DIGEST = "0123456789ab"


def request(verb: Verb, **more: str) -> Request:
    """Return a request of Ada."""
    return Request(verb=verb, who="ada@laptop", **more)


@pytest.mark.parametrize(
    ("asked", "part", "name", "hours"),
    [
        (request("freeze", reason="x"), "frozen", "*", None),
        (request("suspend", application="shop", reason="x", time="2h"), "frozen", "shop", 2.0),
        (request("override", reason="x", time="30m"), "overrides", "*", 0.5),
        (request("override", application="shop", reason="x", time="1d"), "overrides", "shop", 24.0),
        (request("override", application="shop", reason="x", time="1h30m"), "overrides", "shop", 1.5),
        (request("override", application="shop", reason="x", time="1800"), "overrides", "shop", 0.5),
        (request("approve", application="shop", reason="x", digest=DIGEST), "approvals", f"shop/{DIGEST}", 24.0),
        (request("approve", application="shop", reason="x", digest=DIGEST, time="1h"), "approvals",
         f"shop/{DIGEST}", 1.0),
    ],
)  # fmt: skip
def test_each_verb_sets_its_entry(asked: Request, part: str, name: str, hours: float | None) -> None:
    """With who, why and until when; what is over is left out, and the rest stays."""
    other = Entry(who="bob", why="stays", since=NOW)
    record, text = asked.checked().change(Record({"bank": other, "old": OLD}, {"old": OLD}, {"old/1": OLD}), NOW)
    until = None if hours is None else NOW + timedelta(hours=hours)
    parts = {"frozen": {"bank": other}, "overrides": {}, "approvals": {}}
    parts[part] |= {name: Entry(who="ada@laptop", why="x", since=NOW, until=until)}
    assert record == Record(**parts)
    assert "ada@laptop" in text


@pytest.mark.parametrize(("verb", "name"), [("unfreeze", "*"), ("resume", "shop")])
def test_an_end_leaves_the_others(verb: Verb, name: str) -> None:
    """It states whether there was something to end."""
    entry = Entry(who="bob", why="x", since=NOW)
    asked = request(verb, application="" if name == "*" else name).checked()
    record, text = asked.change(Record({"*": entry, "shop": entry, "bank": entry}), NOW)
    assert set(record.frozen) == {"*", "shop", "bank"} - {name}
    assert text.endswith(": ended")
    assert asked.change(record, NOW)[1].endswith("it was not set")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (request("suspend", reason="x"), "application is missing"),
        (request("suspend", reason="x", application="*"), "application is missing"),
        (request("resume"), "application is missing"),
        (request("freeze", reason="x", application="shop"), "application is not used"),
        (request("freeze", reason=" "), "reason is empty"),
        (request("override", reason="x"), "for is missing"),
        (request("freeze", reason="x", time="soon"), "for must be a time"),
        (request("freeze", reason="x", time="0h"), "for must be a time"),
        (request("freeze", reason="x", time="٣h"), "for must be a time"),
        (request("freeze", reason="x", time="999999999d"), "for must be a time"),
        (request("approve", reason="x", application="shop"), "digest must be"),
        (request("approve", reason="x", application="shop", digest="../../etc/pw"), "digest must be"),
        (request("suspend", reason="x", application="a\nb"), "application is not a name"),
    ],
)
def test_a_request_that_lacks_something_is_refused(asked: Request, why: str) -> None:
    """The text begins with the parameter."""
    with pytest.raises(Invalid, match=f"^{why}"):
        asked.checked()


def test_texts_are_short_and_on_one_line() -> None:
    """They are printed in logs and on terminals."""
    record, _ = request("freeze", reason="a\n\x1b[31mb" + "c" * 500).change(Record(), NOW)
    why = record.frozen["*"].why
    assert why.isprintable()
    assert len(why) == 200
