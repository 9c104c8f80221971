"""Every way in which a call to AWS fails, classified once: what leaves this package is an `AwsError`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from botocore import exceptions as boto
from botocore.model import OperationNotFoundError
from botocore.parsers import ResponseParserError

from ecsync.aws.errors_table import ROWS, Row
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.core.trees import Path, leaves

LIMIT = 500  # characters of a message: an encoded authorisation failure alone has thousands
HIDDEN = "(sensitive)"
_SHORTEST = 4  # hiding every "1" and "true" would leave no message to read
_SENSITIVE = frozenset({"environment", "UserData", "ClientSecret"})
_SOUNDS_SENSITIVE = re.compile(r"token|secret|passw|api_?-?key", re.IGNORECASE)  # options of log drivers, say
_VALIDATION_LINE = re.compile(r"^(?:Missing|Unknown|Invalid) ")
_ASKS_FOR_CREDENTIALS = frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"})

Scrub = Callable[[str], str]

# All that botocore raises: it has no one base for them.
FAILURES = (boto.ClientError, boto.BotoCoreError, ResponseParserError, OperationNotFoundError)

# What botocore raises by itself; the first that fits decides, so the particular stand before the general.
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

# A failure to reach AWS at all: nothing can have happened there.
_NEVER_LEFT = frozenset({"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"})


def classify(service: str, operation: str, code: str, status: int = 400, message: str = "") -> ErrorClass:
    """Return the class of an error as AWS answered it; a code that nobody knows is transient."""
    said = message.lower()
    for row in ROWS:
        if _fits(row, service, operation, code, said):
            return row.kind
    return "throttled" if status == 429 else "transient"


def _fits(row: Row, service: str, operation: str, code: str, said: str) -> bool:
    return (
        row.service in ("*", service)
        and row.says in said
        and any(fnmatchcase(code, pattern) for pattern in row.codes)
        and any(fnmatchcase(operation, pattern) for pattern in row.operations)
    )


def from_exception(
    error: Exception, service: str, operation: str, params: Mapping[str, Any] | None = None, scrub: Scrub = str
) -> AwsError:
    """Return what botocore raised as an `AwsError`, whose text holds no value that is sensitive in the parameters."""
    if isinstance(error, boto.ClientError):
        kind, code, message = _answered(error, service, operation)
    else:
        kind = next((kind for raised, kind in _RAISED if isinstance(error, raised)), "transient")
        code, message = type(error).__name__, _raised(error)
    return AwsError(kind, code, clean(message, params or {}, scrub), f"{service}.{operation}")


def _answered(error: boto.ClientError, service: str, operation: str) -> tuple[ErrorClass, str, str]:
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "Unknown")), str(details.get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    asked = error.operation_name
    kind = classify(service, operation, code, status, message)
    if asked in _ASKS_FOR_CREDENTIALS and asked != operation and kind in ("denied", "invalid"):
        # It is the credentials that we were not given, and nothing is known of the call that we meant to make.
        return "credentials", code, f"{asked}: {message}"
    return kind, code, message


def _raised(error: Exception) -> str:
    """Return what the exception says; botocore's complaints about parameters quote their values, which are cut off."""
    if not isinstance(error, boto.ParamValidationError):
        return str(error)
    lines = [line for line in str(error.kwargs.get("report", "")).splitlines() if _VALIDATION_LINE.match(line)]
    return "; ".join(line.split(", value: ")[0] for line in lines) or "the parameters do not fit AWS's model"


def clean(message: str, params: Mapping[str, Any], scrub: Scrub = str) -> str:
    """Return the message without the sensitive values of the parameters, without what `scrub` knows, and capped."""
    for value in sorted(_sensitive(params), key=len, reverse=True):
        message = message.replace(value, HIDDEN)
    text = scrub(message)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _sensitive(params: Mapping[str, Any]) -> set[str]:
    """Return the texts below members that hold secrets, except names, without which no message is of use."""
    return {
        leaf
        for path, leaf in leaves(params)
        if isinstance(leaf, str) and len(leaf) >= _SHORTEST and path[-1] != "name" and _holds_secrets(path)
    }


def _holds_secrets(path: Path) -> bool:
    return not _SENSITIVE.isdisjoint(path) or bool(_SOUNDS_SENSITIVE.search(str(path[-1])))


def may_have_happened(error: AwsError) -> bool:
    """Tell whether AWS may have done what it was asked, though we were not told so: look before asking again."""
    return error.kind == "transient" and error.code not in _NEVER_LEFT
