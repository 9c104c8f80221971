"""Who may send a hook: the signatures of GitHub, GitLab and Standard Webhooks. Pure, and in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

# Why a request is not one of its sender; empty: it is.
Refusal: TypeAlias = Literal["", "malformed", "forged", "expired"]

WINDOW = 300  # seconds between the time of a message and ours, in both directions (Standard Webhooks)
MOST_SIGNATURES = 10  # of one message: a sender that rotates its secret signs with two
_LONGEST_ID = 256
_GITHUB = re.compile(r"sha256=[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def standard_key(secret: str) -> bytes:
    """Return the key of a secret of Standard Webhooks: base64, with or without `whsec_`. Raises ValueError."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64, such as the output of `openssl rand -base64 32`") from None


def github(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes) -> Refusal:
    """Check `X-Hub-Signature-256`: the HMAC-SHA256 of the body, in hexadecimal."""
    given = headers.get("x-hub-signature-256", "")
    if not _GITHUB.fullmatch(given):
        return "malformed"
    expected = [f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}" for key in keys]
    return "" if _one_of([given], expected) else "forged"


def gitlab(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes) -> Refusal:
    """Check `X-Gitlab-Token`: the secret itself. Digests are compared, so that the time does not show its length."""
    del body  # GitLab does not sign it
    given = headers.get("x-gitlab-token", "")
    if not given:
        return "malformed"
    expected = [hashlib.sha256(key).hexdigest() for key in keys]
    return "" if _one_of([hashlib.sha256(given.encode()).hexdigest()], expected) else "forged"


def generic(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: float) -> Refusal:
    """Check `webhook-signature` of Standard Webhooks: `v1,` and the HMAC-SHA256 of `id.timestamp.body`, in base64.

    `now` is the wall time in seconds. `message_id` must be remembered while the message is in its window.
    """
    message, sent = message_id(headers), headers.get("webhook-timestamp", "")
    given = [one for one in headers.get("webhook-signature", "").split(" ") if one.startswith("v1,")]
    if not message or not _TIMESTAMP.fullmatch(sent) or not 1 <= len(given) <= MOST_SIGNATURES:
        return "malformed"
    if abs(now - int(sent)) > WINDOW:
        return "expired"
    signed = f"{message}.{sent}.".encode() + body
    expected = ["v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return "" if _one_of(given, expected) else "forged"


def message_id(headers: Mapping[str, str]) -> str:
    """Return the id of a message of Standard Webhooks; empty if it has none, or one that is too long."""
    message = headers.get("webhook-id", "")
    return message if len(message) <= _LONGEST_ID else ""


def _one_of(given: Iterable[str], expected: Sequence[str]) -> bool:
    """Return whether a text is an expected one. All pairs are compared, so the time shows nothing."""
    equal = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected]
    return any(equal)
