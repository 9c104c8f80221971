"""The log: one JSON line each for machines, a readable line on a terminal.

structlog costs 0.15 s to import, so it is imported when the log is set up, not when this module is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

from ecsync.core.model import Event, FieldChange
from ecsync.core.ports import Clock, Sink
from ecsync.core.trees import canonical, plain, pointer
from ecsync.report.log_throttle import Repeats
from ecsync.report.values import short

Format: TypeAlias = Literal["auto", "json", "text"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_FIRST = ("ts", "level", "event", "app", "kind", "resource", "action", "message")  # the order that eyes look in
_QUIET = ("apscheduler", "botocore", "boto3", "urllib3", "s3transfer", "asyncio")  # their info says what each call does
_SEVERITIES = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# What a terminal, or a viewer of logs, would obey instead of show: C0, C1, line separators, direction overrides.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_Line: TypeAlias = MutableMapping[str, Any]


def configure(stream: TextIO, clock: Clock, *, level: Level = "info", format: Format = "auto") -> None:  # noqa: A002  # the setting's name
    """Set up structlog, and the logging of libraries, to write to the stream. `auto`: text on a terminal, else JSON."""
    import structlog
    from structlog.stdlib import BoundLogger, LoggerFactory, ProcessorFormatter

    as_text = format == "text" or (format == "auto" and stream.isatty())
    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, _stamp(clock)]
    limit = Repeats(clock)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _order,
                render_text if as_text else render_json,
            ],
        )
    )
    handler.addFilter(lambda record: _seldom(record, limit))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        logger_factory=LoggerFactory(),
        cache_logger_on_first_use=False,  # a logger made before this call obeys it too
    )


def event_sink() -> Sink:
    """Return the sink that writes events to the log."""
    import structlog

    log = structlog.get_logger("ecsync.events")

    def write(event: Event) -> None:
        log.log(_SEVERITIES[event.severity], event.type, **event_fields(event))

    return write


def event_fields(event: Event) -> dict[str, Any]:
    """Return what a log line says of an event, apart from its type and time; what is empty is left out."""
    detail = {name: short(plain(value)) for name, value in event.detail.items()}
    said = {
        "app": event.application,
        "kind": event.key.kind if event.key else "",
        "resource": event.key.name if event.key else "",
        "message": event.message,
        "target": str(event.target) if event.target else "",
        "revision": event.revision,
        "reconcile_id": event.reconcile_id,
        "fields": [_field(change, event.origins) for change in event.fields],
    }
    return detail | {name: value for name, value in said.items() if value}


def render_json(_logger: object, _method: str, line: _Line) -> str:
    """Write the line as JSON, with control characters escaped."""
    return _CONTROL.sub(_escape, canonical_in_order(line))


def render_text(_logger: object, _method: str, line: _Line) -> str:
    """Write the line for a terminal: time, level, what, where, message, then the fields each on its own line."""
    rest = dict(line)
    fields = rest.pop("fields", [])
    traceback = rest.pop("exception", "")
    clock_time = str(rest.pop("ts", ""))[11:19]
    level, event = rest.pop("level", ""), rest.pop("event", "")
    where = "/".join(str(rest.pop(name)) for name in ("app", "kind", "resource") if rest.get(name))
    message = rest.pop("message", "")
    words = [f"{clock_time} {level:<7} {event}", where, message, *(f"{k}={_word(v)}" for k, v in rest.items())]
    lines = ["  ".join(str(word) for word in words if word)]
    lines += [
        f"    {each['path']}  {_word(each['before'])} → {_word(each['after'])}  {each.get('origin', '')}".rstrip()
        for each in fields
    ]
    lines += [f"    {each}" for each in traceback.splitlines()]
    return "\n".join(_CONTROL.sub(_visible, each) for each in lines)


def canonical_in_order(line: Mapping[str, Any]) -> str:
    """Write the mapping as one line of JSON, its own order kept; anything that is not JSON as its text."""
    members = (f"{canonical(str(name))}:{canonical(plain(value))}" for name, value in line.items())
    return "{" + ",".join(members) + "}"


def _field(change: FieldChange, origins: Mapping[str, str]) -> dict[str, Any]:
    path = pointer(change.path)
    said = {"path": path, "before": short(plain(change.before)), "after": short(plain(change.after))}
    return said | ({"origin": origins[path]} if path in origins else {})


def _word(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else canonical(plain(value))


def _stamp(clock: Clock) -> Callable[[Any, str, _Line], _Line]:
    def stamp(_logger: object, _method: str, line: _Line) -> _Line:
        line["ts"] = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return line

    return stamp


def _order(_logger: object, _method: str, line: _Line) -> _Line:
    return {name: line.pop(name) for name in _FIRST if name in line} | dict(line)


def _seldom(record: logging.LogRecord, limit: Repeats) -> bool:
    """Let an error or warning that says the same again pass once a minute, with the number of those left out."""
    if record.levelno < logging.WARNING:
        return True
    line = record.msg
    if not isinstance(line, dict):
        return limit.allow((record.name, record.getMessage())) is not None
    said = tuple(sorted((k, str(v)) for k, v in line.items() if k not in ("ts", "reconcile_id")))
    left_out = limit.allow((record.name, said))
    if left_out:
        line["repeated"] = left_out
    return left_out is not None


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
