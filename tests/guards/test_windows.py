"""Windows: when they are open, in their time zone, and what they mean together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ecsync.guards.windows import Window, check, closed

HOUR = 3600.0
SEOUL = ZoneInfo("Asia/Seoul")
WEEKEND = Window(effect="deny", schedule="0 18 * * FRI", seconds=62 * HOUR, zone="Asia/Seoul", reason="weekend")
OFFICE = Window(effect="allow", schedule="0 9 * * MON-FRI", seconds=9 * HOUR, zone="Asia/Seoul")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time in Seoul in November 2026; the 27th is a Friday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=SEOUL).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "is_closed"),
    [
        (at(27, 17, 59), False),
        (at(27, 18), True),
        (at(28, 12), True),
        (at(30, 7, 59), True),
        (at(30, 8), False),
        (at(25, 12), False),
    ],
)
def test_a_deny_window_is_closed_from_its_begin_to_its_end(now: datetime, is_closed: bool) -> None:
    """The end is not part of it. Its text has the end and the reason."""
    text = closed([WEEKEND], "shop", now)
    assert bool(text) == is_closed
    assert not is_closed or ("2026-11-30T08:00+09:00" in text and "weekend" in text)


OFFICE_HOURS = [(at(27, 8, 59), True), (at(27, 9), False), (at(27, 18), True), (at(28, 12), True)]


@pytest.mark.parametrize(("now", "is_closed"), OFFICE_HOURS)
def test_where_a_window_allows_nothing_is_written_outside_it(now: datetime, is_closed: bool) -> None:
    """An application without such a window is free."""
    assert bool(closed([OFFICE], "shop", now)) == is_closed
    other = Window(effect="allow", schedule="0 9 * * MON-FRI", seconds=9 * HOUR, applications=("bank-*",))
    assert closed([other], "shop", now) == ""


def test_a_deny_wins() -> None:
    """Also while another window allows."""
    lunch = Window(effect="deny", schedule="0 12 * * *", seconds=HOUR, zone="Asia/Seoul", applications=("shop-*",))
    assert closed([OFFICE, lunch], "shop-prod", at(27, 12, 30)) != ""
    assert closed([OFFICE, lunch], "other", at(27, 12, 30)) == ""


def test_a_window_follows_its_time_zone_over_a_change_of_the_clocks() -> None:
    """In Berlin 09:00 is 07:00 UTC in summer and 08:00 UTC in winter."""
    window = Window(effect="allow", schedule="0 9 * * *", seconds=HOUR, zone="Europe/Berlin")
    assert closed([window], "shop", datetime(2026, 7, 1, 7, 30, tzinfo=UTC)) == ""
    assert closed([window], "shop", datetime(2026, 12, 1, 7, 30, tzinfo=UTC)) != ""
    assert closed([window], "shop", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(effect="deny", schedule="0 18 * *", seconds=HOUR), "five fields"),
        (Window(effect="deny", schedule="0 18 * * 5", seconds=HOUR), "must be a name"),
        (Window(effect="deny", schedule="0 18 * * 1-5", seconds=HOUR), "must be a name"),
        (Window(effect="deny", schedule="0 25 * * *", seconds=HOUR), "25"),
        (Window(effect="deny", schedule="x * * * *", seconds=HOUR), "x"),
        (Window(effect="deny", schedule="0 18 * * *", seconds=HOUR, zone="Seoul"), "not a time zone"),
        (Window(effect="deny", schedule="0 18 * * *", seconds=0), "duration"),
    ],
)
def test_a_window_that_cannot_be_used_is_refused(window: Window, text: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=text):
        check(window)


def test_a_window_is_open_for_exactly_as_long_as_it_lasts() -> None:
    """In each minute of a week, against a plain count."""
    window = Window(effect="deny", schedule="30 22 * * *", seconds=3 * HOUR)
    begin = datetime(2026, 11, 2, tzinfo=UTC)
    open_ = [minute for minute in range(7 * 1440) if closed([window], "shop", begin + timedelta(minutes=minute))]
    assert open_ == [minute for minute in range(7 * 1440) if (minute % 1440 - 22 * 60 - 30) % 1440 < 180]
