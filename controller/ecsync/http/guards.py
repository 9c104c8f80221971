"""Requests that set a guard: freeze, suspend, override, approve. They need the token of the settings."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Literal, TypeAlias

from ecsync.http.hooks import LARGEST, PATIENCE, read_body

Answer: TypeAlias = tuple[Literal["done", "invalid", "unset", "failed"], str]
Ask: TypeAlias = Callable[[str, Mapping[str, str], str], Answer]  # verb, parameters, who -> result, message

_MEMBERS = ("application", "reason", "for", "digest", "by")
_LONGEST = 100  # characters of a name in `by`
_STATUS = {"done": 200, "invalid": 400, "unset": 409, "failed": 503}


class Refused(Exception):
    """A request is refused: the status of HTTP, and the message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guards:
    """Checks the requests. `ask` does what a valid one asks for; it may wait. An empty token refuses all of them."""

    def __init__(self, token: bytes, verbs: Collection[str], ask: Ask) -> None:
        self._token = token
        self._verbs = verbs
        self._ask = ask

    async def receive(
        self, verb: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes], client: str
    ) -> tuple[int, str]:
        """Return the status and the message. The body is read only with the token. Raises Refused."""
        if not self._token:
            raise Refused(403, "set http.token_file or ECSYNC_HTTP_TOKEN to allow this request")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Both are compared as bytes: the time does not depend on where they differ.
        if not hmac.compare_digest(token.strip().encode(), self._token) or scheme.lower() != "bearer":
            raise Refused(401, "the token is missing or wrong: Authorization: Bearer TOKEN")
        if verb not in self._verbs:
            raise Refused(404, f"this path does not exist; use one of {', '.join(self._verbs)}")
        given = _members(await _body(chunks))
        by = "".join(one for one in given.get("by", "") if one.isprintable())[:_LONGEST]
        who = f"{by or 'a client'} by the API from {client}"
        result, message = await asyncio.to_thread(self._ask, verb, given, who)
        if result != "done":
            raise Refused(_STATUS[result], message)
        return _STATUS[result], message


async def _body(chunks: AsyncIterator[bytes]) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            body = await read_body(chunks)
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    except ConnectionError:
        raise Refused(400, "the body is not complete") from None
    if body is None:
        raise Refused(413, f"the body must not be larger than {LARGEST} bytes")
    return body


def _members(body: bytes) -> Mapping[str, str]:
    """Return the members of a body; none of an empty one. Raises Refused."""
    try:
        found = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "the body must be JSON") from None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Refused(400, 'the body must be a map of texts, such as {"reason": "incident 4711", "for": "2h"}')
    unknown = sorted(found.keys() - set(_MEMBERS))
    if unknown:
        raise Refused(400, f"unknown member {unknown[0][:_LONGEST]!r}; use {', '.join(_MEMBERS)}")
    return found
