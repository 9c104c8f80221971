"""What listens to botocore: the guard that lets no write leave, the count of attempts, and lighter responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.hooks import BaseEventHooks
from botocore.parsers import ResponseParserFactory

NEWEST_EVENTS = 5

# botocore makes these by itself to get the credentials; refusing them would refuse every call.
FOR_CREDENTIALS = frozenset(
    {
        "sts.AssumeRole",
        "sts.AssumeRoleWithWebIdentity",
        "sts.GetCallerIdentity",
        "sso.GetRoleCredentials",
        "sso-oidc.CreateToken",
        "signin.CreateOAuth2Token",
    }
)


class WriteRefused(RuntimeError):
    """A call that is not a declared read was about to leave through a read-only door: a fault of ours, not of AWS."""


def _nobody(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told of the calls; none of them may raise or block."""

    on_request: Callable[[str, str, str, float], None] = _nobody  # service, operation, code, seconds
    on_retry: Callable[[str, str], None] = _nobody  # service, operation
    on_wait: Callable[[str, float], None] = _nobody  # service, seconds that its rate was waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One HTTP request that was answered or failed: `number` counts from 1, `code` is empty where it went well."""

    service: str
    operation: str
    region: str
    number: int
    status: int
    code: str
    message: str


def guard(events: BaseEventHooks, reads: frozenset[str]) -> None:
    """Let only these operations leave (`ecs.DescribeServices`); anything else is refused before it is signed."""
    allowed = reads | FOR_CREDENTIALS

    def refuse(model: Any, **_: Any) -> None:
        name = f"{model.service_model.service_name}.{model.name}"
        if name not in allowed:
            raise WriteRefused(f"{name} is not among the operations that were declared as reads")

    events.register_first("before-call", refuse)


def watch(events: BaseEventHooks, service: str, region: str, on_attempt: Callable[[Attempt], None]) -> None:
    """Report every attempt of a client's calls, also those that botocore makes again by itself."""

    def report(event_name: str, parsed_response: Any, context: Any, exception: Any, **_: Any) -> None:
        answer = parsed_response or {}
        error = answer.get("Error", {})
        on_attempt(
            Attempt(
                service=service,
                operation=event_name.rsplit(".", 1)[1],
                region=region,  # not the context's: for IAM that says aws-global
                number=context.get("retries", {}).get("attempt", 1),
                status=answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
                code=type(exception).__name__ if exception else error.get("Code", ""),
                message=error.get("Message", ""),
            )
        )

    events.register("response-received", report)


def lighten(events: BaseEventHooks) -> None:
    """Drop all but the newest events of a service before they are parsed: they are most of what ECS answers."""

    def drop(response_dict: Any, **_: Any) -> None:
        if response_dict["status_code"] != 200:
            return
        try:
            body = json.loads(response_dict["body"])
        except ValueError:  # a proxy's page, say: botocore has its own words for that
            return
        for service in body.get("services", ()):
            if events := service.get("events"):
                service["events"] = events[:NEWEST_EVENTS]
        response_dict["body"] = json.dumps(body).encode()

    events.register("before-parse.ecs.DescribeServices", drop)


def plain_times(factory: ResponseParserFactory) -> None:
    """Have every time as ISO 8601 text: botocore's own datetimes are three quarters of the cost of parsing."""
    factory.set_parser_defaults(timestamp_parser=_text)


def _text(value: Any) -> str:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    return str(value)
