"""The log: a line of JSON for machines, safe text for a terminal, and a limit for repeated lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ecsync.core.outcome import Event
from ecsync.core.redact import Redacted
from ecsync.report import log
from ecsync.report.log_throttle import Repeats
from ecsync.testing import FakeClock
from tests.report.outcomes import API, NOW, TARGET, field

EVENT = Event(
    type="drift.detected",
    time=NOW,
    application="shop",
    message="Service/api was changed outside ecsync: cpu",
    severity="warning",
    key=API,
    target=TARGET,
    revision="1",
    reconcile_id="r1",
    fields=(field("cpu", "256", "512"), field("secret", Redacted("a1"), None)),
    origins={"/cpu": "api.yaml:4"},
    detail={"action": "modified"},
)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands at the start of 2026."""
    return FakeClock()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the logging of the test run."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the written lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json(clock: FakeClock) -> None:
    """The line has every member of the event, the most important first; a redacted value stays redacted."""
    stream = io.StringIO()
    log.configure(stream, clock)
    log.event_sink()(EVENT)
    (line,) = lines(stream)
    assert list(line)[:7] == ["ts", "level", "event", "app", "kind", "resource", "action"]
    assert line == {
        "ts": "2026-01-01T00:00:00.000Z",
        "level": "warning",
        "event": "drift.detected",
        "app": "shop",
        "kind": "Service",
        "resource": "api",
        "action": "modified",
        "message": EVENT.message,
        "target": "123456789012/eu-central-1",
        "revision": "1",
        "reconcile_id": "r1",
        "fields": [
            {"path": "/cpu", "shown": "cpu", "before": "256", "after": "512", "origin": "api.yaml:4"},
            {"path": "/secret", "shown": "secret", "before": "(sensitive) #a1", "after": None},
        ],
    }


def test_an_event_is_readable_on_a_terminal(clock: FakeClock) -> None:
    """Time, level, type, resource and message are one line; each change is a line."""
    stream = Terminal()
    log.configure(stream, clock)
    log.event_sink()(EVENT)
    assert stream.getvalue().splitlines() == [
        (
            "00:00:00 warning drift.detected  shop/Service/api  Service/api was changed outside ecsync: cpu  "
            "action=modified  target=123456789012/eu-central-1  revision=1  reconcile_id=r1"
        ),
        '    cpu: "256" → "512" [drift] api.yaml:4',
        "    secret: (sensitive) #a1 → (not set) [drift]",
    ]


@pytest.mark.parametrize("format_", ["json", "text"])
def test_control_characters_never_come_out_raw(clock: FakeClock, format_: log.Format) -> None:
    """A name in a manifest can neither forge a line nor control a terminal."""
    stream = io.StringIO()
    log.configure(stream, clock, format=format_)
    evil = "x\nlevel=error\x1b[2J\x9b31m\u202e\u2028\x07"
    structlog.get_logger().warning("event " + evil, app=evil, **{"key" + evil: [evil]})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in "\u202e\u2028" for char in text[:-1])
    assert "x\\u000alevel" in text or "x\\nlevel" in text or "x\\x0alevel" in text


def test_libraries_log_in_the_same_format(clock: FakeClock) -> None:
    """Lines of uvicorn or apscheduler have the format of ecsync; lines for every call are not written."""
    stream = io.StringIO()
    log.configure(stream, clock)
    logging.getLogger("uvicorn.error").info("Finished server process [%d]", 7)
    logging.getLogger("apscheduler.executors.default").info("Running job")
    logging.getLogger("botocore.endpoint").debug("Sending")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("Finished server process [7]", "info", "uvicorn.error")


def test_a_traceback_is_one_member(clock: FakeClock) -> None:
    """An exception does not break the line."""
    stream = io.StringIO()
    log.configure(stream, clock)
    try:
        raise ValueError("on purpose")
    except ValueError:
        structlog.get_logger().exception("pass failed")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    own, library = lines(stream)
    assert "ValueError: on purpose" in own["exception"]
    assert "ValueError: on purpose" in library["exception"]


def test_context_is_in_every_line(clock: FakeClock) -> None:
    """A bound value, such as the reconcile id, is in each later line."""
    stream = io.StringIO()
    log.configure(stream, clock)
    with structlog.contextvars.bound_contextvars(reconcile_id="r7"):
        structlog.get_logger().info("one")
    structlog.get_logger().info("two")
    assert [line.get("reconcile_id") for line in lines(stream)] == ["r7", None]


def test_the_level_is_obeyed(clock: FakeClock) -> None:
    """Lines below the level are not written."""
    stream = io.StringIO()
    log.configure(stream, clock, level="warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_the_same_error_is_written_once_a_minute(clock: FakeClock) -> None:
    """Repeated failures are one line a minute, with the number of dropped ones; another error is written."""
    stream = io.StringIO()
    log.configure(stream, clock)
    logger = structlog.get_logger()
    for number in range(5):
        logger.error("source.failed", app="shop", reconcile_id=f"r{number}")
    logger.error("source.failed", app="blog")
    clock.advance(61)
    logger.error("source.failed", app="shop")
    logger.info("tick")
    logger.info("tick")
    assert [(line.get("app"), line.get("repeated")) for line in lines(stream)] == [
        ("shop", None),
        ("blog", None),
        ("shop", 4),
        (None, None),
        (None, None),
    ]


def test_errors_of_a_library_are_limited_by_their_text(clock: FakeClock) -> None:
    """The formatted message counts, not the template."""
    stream = io.StringIO()
    log.configure(stream, clock)
    for number in (1, 1, 2):
        logging.getLogger("lib").error("failed %d", number)
    assert [line["event"] for line in lines(stream)] == ["failed 1", "failed 2"]


def test_repeats_forget_the_oldest(clock: FakeClock) -> None:
    """The number of remembered lines is bounded."""
    repeats = Repeats(clock, remembered=2)
    assert [repeats.allow(line) for line in ("a", "a", "b", "c", "a")] == [0, None, 0, 0, 0]
