"""Freezes and overrides: who sets them, when they are noticed, and what an unreadable record means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecsync.core.outcome import approval_of
from ecsync.guards.guard import AGE, Guard, edit
from ecsync.guards.records import Entry, Record, Unusable, approved
from ecsync.guards.stores import FileStore, Unreadable
from ecsync.guards.windows import Window
from ecsync.testing import FakeClock

ALWAYS_DENIED = Window(effect="deny", schedule="0 0 * * *", seconds=86_400.0)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A file that is not there yet."""
    return FileStore(tmp_path / "freeze.json")


def entry(clock: FakeClock, seconds: float | None = None) -> Entry:
    """Return an entry of now, that lasts for so many seconds."""
    until = None if seconds is None else clock.now() + timedelta(seconds=seconds)
    return Entry(who="ada@laptop", why="incident 4711", since=clock.now(), until=until)


def put(store: FileStore, **parts: dict[str, Entry]) -> None:
    """Set the record."""
    edit(store, lambda _: Record(**parts))


def test_a_freeze_is_noticed_and_ends_by_itself(store: FileStore) -> None:
    """Of one application or of all; the reason has who, why and until when."""
    clock = FakeClock()
    guard = Guard([], store, clock)
    assert guard.reason("shop") == ""
    put(store, frozen={"shop": entry(clock, 60.0)})
    clock.advance(AGE)
    text = guard.reason("shop")
    assert all(part in text for part in ("frozen by ada@laptop", "incident 4711", "until"))
    assert guard.reason("bank") == ""
    clock.advance(60.0)
    assert guard.reason("shop") == ""
    put(store, frozen={"*": entry(clock)})
    clock.advance(AGE)
    assert guard.reason("shop")
    assert guard.reason("bank")


def test_an_override_ignores_windows_and_no_freeze(store: FileStore) -> None:
    """For its time."""
    clock = FakeClock()
    put(store, overrides={"shop": entry(clock, 600.0)})
    guard = Guard([ALWAYS_DENIED], store, clock)
    assert (guard.reason("shop"), bool(guard.reason("bank"))) == ("", True)
    put(store, overrides={"shop": entry(clock, 600.0)}, frozen={"*": entry(clock)})
    clock.advance(AGE)
    assert guard.reason("shop").startswith("frozen")
    put(store)
    clock.advance(AGE)
    assert "a window denies it" in guard.reason("shop")


def test_a_record_that_cannot_be_read_keeps_what_was_known_and_stops_a_new_process(
    store: FileStore, tmp_path: Path
) -> None:
    """An outage of the store neither ends a freeze nor begins one, but who knows nothing writes nothing."""
    clock = FakeClock()
    guard = Guard([], store, clock)
    assert guard.reason("shop") == ""
    (tmp_path / "freeze.json").write_text("{half")
    clock.advance(AGE)
    assert guard.reason("shop") == ""
    assert "not known whether it is frozen" in Guard([], store, clock).reason("shop")
    put_back = tmp_path / "freeze.json"
    put_back.unlink()
    put(store, frozen={"*": entry(clock)})
    clock.advance(AGE)
    assert guard.reason("shop")
    put_back.write_text("{half")
    clock.advance(AGE)
    assert guard.reason("shop")


def test_each_change_is_reported_once(store: FileStore) -> None:
    """With the record before and after it."""
    clock = FakeClock()
    seen: list[tuple[list[str], list[str]]] = []
    guard = Guard([], store, clock, lambda before, now: seen.append((sorted(before.frozen), sorted(now.frozen))))
    guard.reason("shop")
    put(store, frozen={"shop": entry(clock)})
    for _ in range(3):
        clock.advance(AGE)
        guard.reason("shop")
    put(store)
    clock.advance(AGE)
    guard.reason("shop")
    assert seen == [([], ["shop"]), (["shop"], [])]


def test_a_record_is_read_as_it_was_written() -> None:
    """Each member."""
    since = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
    one = Entry(who="a", why="b", since=since, until=since + timedelta(hours=1))
    record = Record({"*": one, "shop": Entry(who="c", why="d", since=since)}, {"x": one}, {"shop/0123": one})
    assert Record.of(record.text()) == record


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2}', '{"version": 1, "frozen": {"*": {}}}', '{"version": 1, "frozen": [1]}',
     '{"version": 1, "frozen": {"*": {"who": "a", "why": "b", "since": "2026-11-30T00:00:00"}}}'],
)  # fmt: skip
def test_another_record_is_refused(text: str) -> None:
    """Half a record, another version, a time without a zone."""
    with pytest.raises(Unusable):
        Record.of(text)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Its folder is not there."""
    with pytest.raises(Unreadable, match="cannot be written"):
        FileStore(tmp_path / "none" / "freeze.json").save("{}")


def approve(store: FileStore, clock: FakeClock, application: str, *steps: str, seconds: float = 600.0) -> None:
    """Approve steps together."""
    name = approved(application, approval_of(steps))
    edit(store, lambda record: replace(record, approvals={**record.approvals, name: entry(clock, seconds)}))
    clock.advance(AGE)


def test_an_approval_is_for_exactly_its_steps_and_what_is_left_of_them(store: FileStore) -> None:
    """One more step, and none of them is approved. Of another application none is."""
    clock = FakeClock()
    guard = Guard([], store, clock)
    both = frozenset({"1", "2"})
    assert not guard.approves("shop", both)
    approve(store, clock, "shop", *both)
    assert not guard.approves("shop", both | {"3"})
    assert not guard.approves("shop", frozenset({"1"})), "it is not known yet that it is one of them"
    assert not guard.approves("bank", both)
    assert guard.approves("shop", both)
    assert guard.approves("shop", frozenset({"1"}))
    assert not guard.approves("shop", both | {"3"})
    assert not guard.approves("bank", frozenset({"1"}))


def test_an_approval_outlives_the_process_and_ends_by_itself(store: FileStore) -> None:
    """What is left of it needs another approval after a restart."""
    clock = FakeClock()
    steps = frozenset({"1", "2"})
    approve(store, clock, "shop", *steps)
    assert Guard([], store, clock).approves("shop", steps)
    guard = Guard([], store, clock)
    assert not guard.approves("shop", frozenset({"2"}))
    assert guard.approves("shop", steps)
    clock.advance(600.0)
    assert not guard.approves("shop", steps)
    assert not guard.approves("shop", frozenset({"2"}))


def test_several_approvals_stand_beside_each_other(store: FileStore) -> None:
    """A later one does not end what is left of an earlier one."""
    clock = FakeClock()
    guard = Guard([], store, clock)
    approve(store, clock, "shop", "1", "2")
    assert guard.approves("shop", frozenset({"1", "2"}))
    approve(store, clock, "shop", "3")
    assert guard.approves("shop", frozenset({"3"}))
    assert guard.approves("shop", frozenset({"2"}))
    put(store)
    clock.advance(AGE)
    assert not guard.approves("shop", frozenset({"2"}))


def test_without_a_place_nothing_is_approved() -> None:
    """There is nowhere to approve it."""
    assert not Guard([], None, FakeClock()).approves("shop", frozenset({"1"}))


def test_the_known_record_is_the_last_one_that_was_read(store: FileStore) -> None:
    """Without a read: a scrape of the metrics must not wait for it."""
    clock = FakeClock()
    guard = Guard([], store, clock)
    assert guard.known() is None
    put(store, frozen={"shop": entry(clock)})
    assert guard.reason("shop")
    put(store)
    known = guard.known()
    assert known is not None
    assert list(known.frozen) == ["shop"]
    assert Guard([], None, clock).known() == Record()
