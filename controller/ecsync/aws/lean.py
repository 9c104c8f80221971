"""Lean reads: responses of status 200 are read here, once, and botocore's own parser gets a body without a result.

The result is the same, except that a service has its newest events only. What is not understood here is left to
botocore: other protocols, errors, streams, values that are not of the shape. So a new operation needs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import ParseError

from botocore.hooks import BaseEventHooks
from botocore.model import OperationModel

from ecsync.aws import lean_json, lean_xml
from ecsync.aws.hooks import time_text

NEWEST_EVENTS = 5
_EVENT = ("createdAt", "message")

# The members of the result, and the body that is left for botocore.
Read = Callable[[bytes], tuple[dict[str, Any], bytes]]


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
        read_body = reads[key]
        if read_body is None:
            return
        try:
            found, response_dict["body"] = read_body(response_dict["body"])
        except (ValueError, TypeError, ArithmeticError, OSError, RecursionError, ParseError):
            return  # botocore's own parser reads the body, or raises its error
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


def _newest_events(body: Any) -> None:
    """Leave of a service its newest events only, and of these what a plan shows: all of them are most of a response."""
    for service in body.get("services") or () if isinstance(body, dict) else ():
        if isinstance(service, dict) and isinstance(events := service.get("events"), list):
            service["events"] = [_event(one) for one in events[:NEWEST_EVENTS]]


def _event(event: Any) -> Any:
    return {name: event[name] for name in _EVENT if name in event} if isinstance(event, dict) else event
