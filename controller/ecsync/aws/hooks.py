"""Hooks of botocore: the guard that refuses writes, the report of each attempt, and times as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from botocore.hooks import BaseEventHooks
from botocore.parsers import ResponseParserFactory

# botocore calls these to obtain the credentials; refusing them would refuse every call.
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
    """A call was refused because it is not a declared read: an internal error, not an error of AWS."""


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Callbacks of a cloud's calls. None may raise or block."""

    on_request: Callable[[str, str, str, float], None] = _ignore  # service, operation, code, seconds
    on_retry: Callable[[str, str], None] = _ignore  # service, operation
    on_wait: Callable[[str, float], None] = _ignore  # service, seconds of waiting for a rate token


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One HTTP request and its result. `number` counts from 1; `code` is empty where it succeeded."""

    service: str
    operation: str
    region: str
    number: int
    status: int
    code: str
    message: str


def guard(events: BaseEventHooks, reads: frozenset[str]) -> None:
    """Allow only these operations (`ecs.DescribeServices`); any other is refused before it is signed."""
    allowed = reads | FOR_CREDENTIALS

    def refuse(model: Any, **_: Any) -> None:
        name = f"{model.service_model.service_name}.{model.name}"
        if name not in allowed:
            raise WriteRefused(f"{name} is not declared as a read")

    events.register_first("before-call", refuse)


def only_bucket(events: BaseEventHooks, bucket: str) -> None:
    """Refuse every call of an S3 client that names another bucket, before it is signed."""

    def refuse(params: Any, **_: Any) -> None:
        if params.get("Bucket") != bucket:
            raise WriteRefused(f"{params.get('Bucket')} is not the bucket {bucket}")

    events.register_first("before-parameter-build.s3", refuse)


def watch(events: BaseEventHooks, service: str, region: str, on_attempt: Callable[[Attempt], None]) -> None:
    """Report every attempt of a client's calls, also the retries inside botocore."""

    def report(event_name: str, parsed_response: Any, context: Any, exception: Any, **_: Any) -> None:
        response = parsed_response or {}
        error = response.get("Error", {})
        on_attempt(
            Attempt(
                service=service,
                operation=event_name.rsplit(".", 1)[1],
                region=region,  # not that of the context, which is aws-global for IAM
                number=context.get("retries", {}).get("attempt", 1),
                status=response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
                code=type(exception).__name__ if exception else error.get("Code", ""),
                message=error.get("Message", ""),
            )
        )

    events.register("response-received", report)


def give_up(events: BaseEventHooks, service_id: str, on_error: Callable[[str, Mapping[str, Any]], bool]) -> None:
    """Make botocore raise some errors at once where it would send the call again.

    `on_error` returns it for the operation and the parsed response.
    """

    def check(operation: Any, response: Any, **_: Any) -> None:
        if response is not None and "Error" in response[1] and on_error(operation.name, response[1]):
            raise ClientError(response[1], operation.name)

    events.register_first(f"needs-retry.{service_id}", check)


def plain_times(factory: ResponseParserFactory) -> None:
    """Parse every time as ISO 8601 text: botocore's datetimes are three quarters of the cost of parsing."""
    factory.set_parser_defaults(timestamp_parser=time_text)


def time_text(value: Any) -> str:
    """Return a time of a response, which is a number of seconds or a text, as ISO 8601 text."""
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    return str(value)
