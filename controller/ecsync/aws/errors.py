"""Every failure of a call to AWS, classified once: this package raises only `AwsError`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from botocore import exceptions as boto
from botocore.model import OperationNotFoundError
from botocore.parsers import ResponseParserError

from ecsync.aws.errors_table import ROWS, Row
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.core.trees import leaves

LIMIT = 500  # characters of a message: an encoded authorisation failure has thousands
HIDDEN = "(sensitive)"
_SHORTEST = 4  # hiding every "1" and "true" would make messages unreadable
_SOUNDS_SENSITIVE = re.compile(r"token|secret|passw|api_?-?key", re.IGNORECASE)  # such as options of log drivers
_VALIDATION_LINE = re.compile(r"^(?:Missing|Unknown|Invalid) ")
_ASSUME_ROLE = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"})

Secrets = Callable[[Mapping[str, Any]], Collection[str]]  # the sensitive texts in the parameters of a call

# All exceptions of botocore: they have no common base.
FAILURES = (boto.ClientError, boto.BotoCoreError, ResponseParserError, OperationNotFoundError)

# Exceptions that botocore raises without a response. The first match decides: the specific come before the general.
_RAISED: tuple[tuple[type[Exception], ErrorClass], ...] = (
    (boto.ParamValidationError, "invalid"),
    (boto.NoCredentialsError, "credentials"),
    (boto.PartialCredentialsError, "credentials"),
    (boto.CredentialRetrievalError, "credentials"),
    (boto.NoAuthTokenError, "credentials"),
    (boto.TokenRetrievalError, "credentials"),
    (boto.SSOError, "credentials"),
    (boto.LoginError, "credentials"),
    (boto.MetadataRetrievalError, "credentials"),
    (boto.ProfileNotFound, "credentials"),
    (boto.HTTPClientError, "transient"),
    (boto.UnknownServiceError, "invalid"),
    (OperationNotFoundError, "invalid"),
    (boto.BaseEndpointResolverError, "invalid"),
    (boto.EndpointProviderError, "invalid"),
    (boto.InvalidRegionError, "invalid"),
    (boto.ValidationError, "invalid"),
)


def classify(service: str, operation: str, code: str, status: int = 400, message: str = "") -> ErrorClass:
    """Return the class of an error response. An unknown code is transient."""
    text = message.lower()
    for row in ROWS:
        if _fits(row, service, operation, code, text):
            return row.kind
    return "throttled" if status == 429 else "transient"


def without_response(code: str) -> bool:
    """Return whether a code is the name of an exception that botocore raises where no response came."""
    raised = getattr(boto, code, None)
    return isinstance(raised, type) and issubclass(raised, boto.HTTPClientError)


def is_throttle(service: str, operation: str, response: Mapping[str, Any]) -> bool:
    """Return whether a parsed error response means that too many calls were made."""
    error, status = response.get("Error", {}), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    kind = classify(service, operation, str(error.get("Code", "")), status, str(error.get("Message", "")))
    return kind == "throttled"


def _fits(row: Row, service: str, operation: str, code: str, text: str) -> bool:
    return (
        row.service in ("*", service)
        and row.message in text
        and any(fnmatchcase(code, pattern) for pattern in row.codes)
        and any(fnmatchcase(operation, pattern) for pattern in row.operations)
    )


def from_exception(
    error: Exception,
    service: str,
    operation: str,
    params: Mapping[str, Any] | None = None,
    secrets: Secrets = lambda _: (),
) -> AwsError:
    """Return botocore's exception as an `AwsError`; its text has no sensitive value of the parameters."""
    if isinstance(error, boto.ClientError):
        kind, code, message = _of_response(error, service, operation)
    else:
        kind = next((kind for raised, kind in _RAISED if isinstance(error, raised)), "transient")
        code, message = type(error).__name__, _raised(error)
    known = {*secrets(params or {}), *_sounding_sensitive(params or {})}
    return AwsError(kind, code, clean(message, known), f"{service}.{operation}")


def _of_response(error: boto.ClientError, service: str, operation: str) -> tuple[ErrorClass, str, str]:
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "Unknown")), str(details.get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    failed = error.operation_name
    kind = classify(service, operation, code, status, message)
    if failed in _ASSUME_ROLE and failed != operation and kind in ("denied", "invalid"):
        # The role could not be assumed, so the operation itself was not called.
        return "credentials", code, f"{failed}: {message}"
    return kind, code, message


def _raised(error: Exception) -> str:
    """Return the text of the exception, without the parameter values that botocore's validation quotes."""
    if not isinstance(error, boto.ParamValidationError):
        return str(error)
    lines = [line for line in str(error.kwargs.get("report", "")).splitlines() if _VALIDATION_LINE.match(line)]
    return "; ".join(line.split(", value: ")[0] for line in lines) or "the parameters do not match AWS's model"


def clean(message: str, secrets: Collection[str]) -> str:
    """Return the message without the secrets, and cut to LIMIT. AWS may have escaped them as JSON."""
    spelled = {spelling for secret in secrets for spelling in (secret, json.dumps(secret)[1:-1])}
    for value in sorted(spelled, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            message = message.replace(value, HIDDEN)
    return message if len(message) <= LIMIT else message[: LIMIT - 1] + "…"


def _sounding_sensitive(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of members with the name of a secret, for what no rule of a kind states."""
    for path, leaf in leaves(params):
        if isinstance(leaf, str) and _SOUNDS_SENSITIVE.search(str(path[-1])):
            yield leaf
