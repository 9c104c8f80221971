"""Lean reads: responses of status 200 are read here, once, and botocore's own parser gets a body without a result.

The result is the same, except that a service has its newest events only, since it was steady. What is not understood
here is left to botocore: other protocols, errors, streams, values that are not of the shape. So a new operation needs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from xml.etree.ElementTree import ParseError

from botocore.hooks import BaseEventHooks
from botocore.model import OperationModel

from ecsync.aws import lean_json, lean_xml
from ecsync.aws.hooks import time_text

NEWEST_EVENTS = 5
_EVENT = ("createdAt", "message")
_STEADY = "has reached a steady state"  # ECS writes it again every six hours

# The members of the result, and the body that is left for botocore.
Read = Callable[[bytes], tuple[dict[str, Any], bytes]]

# Where an answer in XML has the id of its request, by protocol: at its end, or before the result.
_ID_OF_REQUEST = {
    "query": re.compile(rb"<ResponseMetadata>\s*<RequestId>[^<]*</RequestId>\s*</ResponseMetadata>(?=\s*</\w+>\s*\Z)"),
    "ec2": re.compile(rb"(?<=>)\s*<requestId>[^<]*</requestId>"),
}
_BEFORE_RESULT = re.compile(rb"\s*(<\?xml[^>]*>)?\s*<\w+[^>]*>")


@dataclass(slots=True)
class Known:
    """The digest of the last answer to a call, and what became of this one. Without `digest`, it was not read here."""

    operation: tuple[str, str]  # of the call: its credentials may need other calls first
    before: bytes
    digest: bytes = b""

    @property
    def same(self) -> bool:
        """Whether this answer is the last one: then it is not read, and the call returns an empty result."""
        return bool(self.digest) and self.digest == self.before


_KNOWN: ContextVar[Known | None] = ContextVar("known", default=None)


@contextmanager
def unless(before: bytes, service: str, operation: str) -> Iterator[Known]:
    """Do not read the answer of the call inside if its digest is this one."""
    known = Known((service, operation), before)
    token = _KNOWN.set(known)
    try:
        yield known
    finally:
        _KNOWN.reset(token)


def digest_of(body: bytes, protocol: str) -> bytes:
    """Return a digest of an answer without the id of its request, which no two answers share."""
    found = None
    if protocol == "query":
        found = _ID_OF_REQUEST[protocol].search(body)
    elif protocol == "ec2" and (root := _BEFORE_RESULT.match(body)):
        found = _ID_OF_REQUEST[protocol].match(body, root.end())
    digest = sha256(body[: found.start()] if found else body)
    if found:
        digest.update(body[found.end() :])
    return digest.digest()[:16]


def read_lean(events: BaseEventHooks) -> None:
    """Read the responses of every operation of a session in this way, as far as they are understood."""
    reads: dict[tuple[str, str], Read | None] = {}
    structures: dict[str, dict[str, Any]] = {}  # by service

    def read(operation_model: Any, response_dict: Any, customized_response_dict: Any, **_: Any) -> None:
        if response_dict["status_code"] != 200:
            return
        service = operation_model.service_model.service_name
        key = service, operation_model.name
        if key not in reads:
            reads[key] = _read_of(operation_model, structures.setdefault(service, {}))
        read_body, known, body = reads[key], _KNOWN.get(), response_dict["body"]
        if read_body is None:
            return
        known = known if known is not None and known.operation == key else None
        digest = digest_of(body, operation_model.service_model.resolved_protocol) if known is not None else b""
        if known is not None and digest == known.before:
            known.digest, response_dict["body"] = digest, _nothing(operation_model)
            return
        try:
            found, response_dict["body"] = read_body(body)
        except (ValueError, TypeError, ArithmeticError, OSError, RecursionError, ParseError):
            return  # botocore's own parser reads the body, or raises its error
        if known is not None:
            known.digest = digest
        customized_response_dict.update(found)

    events.register("before-parse", read)


def _read_of(operation: OperationModel, structures: dict[str, Any]) -> Read | None:
    shape = operation.output_shape
    if shape is None or operation.has_streaming_output or operation.has_event_stream_output:
        return None
    model = operation.service_model
    try:
        match model.resolved_protocol:
            case "json":
                light = _newest_events if (model.service_name, operation.name) == ("ecs", "DescribeServices") else None
                return lean_json.body_reader(shape, time_text, structures, light)
            case "query" | "ec2":
                return lean_xml.body_reader(shape, time_text, structures)
    except lean_json.NotUnderstood:
        pass
    return None


def _nothing(operation: OperationModel) -> bytes:
    """Return a body without a result."""
    if operation.service_model.resolved_protocol == "json":
        return b""
    wrapper = operation.output_shape.serialization.get("resultWrapper", "")
    return f"<r>{f'<{wrapper}/>' if wrapper else ''}</r>".encode()


def _newest_events(body: Any) -> None:
    """Leave of a service its newest events only, and of these what a plan shows: all of them are most of a response.

    Of a steady state the text is left, and no event before it. So the answers of a service that stays steady are equal.
    """
    for service in body.get("services") or () if isinstance(body, dict) else ():
        if isinstance(service, dict) and isinstance(events := service.get("events"), list):
            service["events"] = [*_since_steady(events[:NEWEST_EVENTS])]


def _since_steady(events: list[Any]) -> Iterator[Any]:
    for event in map(_event, events):
        if isinstance(event, dict) and _STEADY in str(event.get("message")):
            yield {"message": event["message"]}
            return
        yield event


def _event(event: Any) -> Any:
    return {name: event[name] for name in _EVENT if name in event} if isinstance(event, dict) else event
