"""The log: a line of JSON for machines, readable text on a terminal.

Importing structlog takes 0.15 s, so `configure` imports it, not this module.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

from ecsync.core.model import FieldChange
from ecsync.core.outcome import Event
from ecsync.core.ports import Clock, Sink
from ecsync.core.trees import canonical, dotted, plain, pointer
from ecsync.report.changes import event_lines, short
from ecsync.report.log_throttle import Repeats

Format: TypeAlias = Literal["auto", "json", "text"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_FIRST = ("ts", "level", "event", "app", "kind", "resource", "action", "message")  # the first members of a line
_QUIET = ("apscheduler", "botocore", "boto3", "urllib3", "s3transfer", "asyncio")  # at level info they log every call
_SEVERITIES = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# Characters that a terminal or a log viewer obeys: C0, C1, line separators, direction overrides.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_Line: TypeAlias = MutableMapping[str, Any]


def configure(stream: TextIO, clock: Clock, *, level: Level = "info", format: Format = "auto") -> None:  # noqa: A002  # the name of the setting
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
    handler.addFilter(lambda record: _admitted(record, limit))
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
        cache_logger_on_first_use=False,  # loggers that exist before this call use the configuration too
    )


def event_sink() -> Sink:
    """Return the sink that writes events to the log."""
    import structlog

    log = structlog.get_logger("ecsync.events")

    def write(event: Event) -> None:
        log.log(_SEVERITIES[event.severity], event.type, **event_fields(event))

    return write


def message_sink() -> Callable[[str], None]:
    """Return a function that writes a message of the process itself to the log."""
    import structlog

    log = structlog.get_logger("ecsync")
    return lambda text: log.info("process", message=text.strip())


def event_fields(event: Event) -> dict[str, Any]:
    """Return the members of a log line for an event, without its type and time; empty ones are left out.

    `fields` is for JSON, `changes` the same for text: each format drops the other one.
    """
    detail = {name: short(plain(value)) for name, value in event.detail.items()}
    members = {
        "app": event.application,
        "kind": event.key.kind if event.key else "",
        "resource": event.key.name if event.key else "",
        "message": event.message,
        "target": str(event.target) if event.target else "",
        "revision": event.revision,
        "reconcile_id": event.reconcile_id,
        "fields": [_field(change, event.origins) for change in event.fields],
        "changes": event_lines(event),
    }
    return detail | {name: value for name, value in members.items() if value}


def render_json(_logger: object, _method: str, line: _Line) -> str:
    """Write the line as JSON, with control characters escaped."""
    members = {name: value for name, value in line.items() if name != "changes"}
    return _CONTROL.sub(_escape, canonical_in_order(members))


def render_text(_logger: object, _method: str, line: _Line) -> str:
    """Write the line for a terminal: time, level, event, resource, message, then each change on its own line."""
    rest = {name: value for name, value in line.items() if name != "fields"}
    changes = rest.pop("changes", [])
    traceback = rest.pop("exception", "")
    clock_time = str(rest.pop("ts", ""))[11:19]
    level, event = rest.pop("level", ""), rest.pop("event", "")
    resource = "/".join(str(rest.pop(name)) for name in ("app", "kind", "resource") if rest.get(name))
    message = rest.pop("message", "")
    parts = [f"{clock_time} {level:<7} {event}", resource, message, *(f"{k}={_text(v)}" for k, v in rest.items())]
    lines = ["  ".join(str(part) for part in parts if part)]
    lines += [f"    {each}" for each in (*changes, *traceback.splitlines())]
    return "\n".join(_CONTROL.sub(_visible, each) for each in lines)


def canonical_in_order(line: Mapping[str, Any]) -> str:
    """Write the mapping as one line of JSON in its own order; a value that is not JSON as its text."""
    members = (f"{canonical(str(name))}:{canonical(plain(value))}" for name, value in line.items())
    return "{" + ",".join(members) + "}"


def _field(change: FieldChange, origins: Mapping[str, str]) -> dict[str, Any]:
    path = pointer(change.path)
    field = {"path": path, "shown": dotted(change.path), "before": plain(change.before), "after": plain(change.after)}
    return field | ({"origin": origins[path]} if path in origins else {})


def _text(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else canonical(plain(value))


def _stamp(clock: Clock) -> Callable[[Any, str, _Line], _Line]:
    def stamp(_logger: object, _method: str, line: _Line) -> _Line:
        line["ts"] = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return line

    return stamp


def _order(_logger: object, _method: str, line: _Line) -> _Line:
    return {name: line.pop(name) for name in _FIRST if name in line} | dict(line)


def _admitted(record: logging.LogRecord, limit: Repeats) -> bool:
    """Admit an equal error or warning once a minute, and add to it the number of dropped ones."""
    if record.levelno < logging.WARNING:
        return True
    line = record.msg
    if not isinstance(line, dict):
        return limit.allow((record.name, record.getMessage())) is not None
    content = tuple(sorted((k, str(v)) for k, v in line.items() if k not in ("ts", "reconcile_id")))
    dropped = limit.allow((record.name, content))
    if dropped:
        line["repeated"] = dropped
    return dropped is not None


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
