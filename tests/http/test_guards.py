"""Requests that set a guard: who may send them, what they must contain, and what is passed on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ecsync.http.app import create_app
from ecsync.http.guards import Answer, Guards
from ecsync.http.hooks import LARGEST, PATIENCE
from ecsync.testing import FakeClock
from tests.http.virtual_loop import Waits, post, run
from tests.views import FakeView

TOKEN = "0123456789abcdef"
GIVEN = {"authorization": f"Bearer {TOKEN}"}
BODY = json.dumps({"reason": "incident 4711", "for": "2h", "by": "ada"}).encode()


class Receiver:
    """The API with a token, and what it asked for."""

    def __init__(self, token: str = TOKEN, answer: Answer = ("done", "frozen")) -> None:
        self.asked: list[tuple[str, Mapping[str, str], str]] = []
        self.answer = answer
        guards = Guards(token.encode(), ("freeze", "approve"), self._ask)
        self.app = create_app(FakeView(), lambda _: (b"", "text/plain"), (), None, guards)

    def _ask(self, verb: str, given: Mapping[str, str], who: str) -> Answer:
        self.asked.append((verb, given, who))
        return self.answer

    def post(self, verb: str, headers: dict[str, str], body: Iterable[bytes] = (BODY,)) -> tuple[int, str, int]:
        """Send one request; return its status, its message, and the number of parts of the body that were read."""
        status, found, read = asyncio.run(post(self.app, f"/api/v1/guards/{verb}", headers, body))
        return status, found["message"], read


def test_a_request_with_the_token_is_passed_on() -> None:
    """With who sent it, from where."""
    receiver = Receiver()
    assert receiver.post("freeze", GIVEN)[:2] == (200, "frozen")
    assert receiver.asked == [("freeze", json.loads(BODY), "ada by the API from 192.0.2.1")]
    assert receiver.post("freeze", {"authorization": f"bearer {TOKEN}"}, [b""])[0] == 200
    assert receiver.asked[1] == ("freeze", {}, "a client by the API from 192.0.2.1")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}0"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": "Bearer \xe9"},
        {"x-ecsync-retry": "1"},
    ],
)
def test_without_the_token_nothing_is_read(headers: dict[str, str]) -> None:
    """Not even the body."""
    receiver = Receiver()
    status, message, read = receiver.post("freeze", headers)
    assert (status, read, receiver.asked) == (401, 0, [])
    assert TOKEN not in message


@pytest.mark.parametrize("headers", [{}, GIVEN, {"authorization": "Bearer "}, {"authorization": "Bearer"}])
def test_without_a_token_in_the_settings_none_is_accepted(headers: dict[str, str]) -> None:
    """The message names the setting."""
    receiver = Receiver(token="")
    status, message, read = receiver.post("freeze", headers)
    assert (status, read, receiver.asked) == (403, 0, [])
    assert "http.token_file" in message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"reason": 1}', 400),
        (b'{"reason": {"a": "b"}}', 400),
        (b'{"who": "root"}', 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b" " * (LARGEST + 1), 413),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes, status: int) -> None:
    """Nothing is passed on."""
    receiver = Receiver()
    assert receiver.post("freeze", GIVEN, [body])[0] == status
    assert receiver.asked == []


def test_a_slow_body_is_not_waited_for() -> None:
    """Longer than that of a hook."""
    receiver, clock = Receiver(), FakeClock()
    began = clock.monotonic()
    status, _, _ = run(clock, lambda: post(receiver.app, "/api/v1/guards/freeze", GIVEN, [BODY[:3], Waits()]))
    assert (status, clock.monotonic() - began, receiver.asked) == (408, PATIENCE, [])


@pytest.mark.parametrize(
    ("answer", "status"), [(("invalid", "reason is empty"), 400), (("unset", "freeze is not set"), 409),
                           (("failed", "it cannot be written"), 503)]
)  # fmt: skip
def test_what_cannot_be_set_has_its_reason(answer: Answer, status: int) -> None:
    """The request is wrong, there is no place for it, or the place cannot be written."""
    assert Receiver(answer=answer).post("freeze", GIVEN)[:2] == (status, answer[1])


def test_an_unknown_verb_does_not_exist() -> None:
    """A client without the token does not learn which paths there are."""
    receiver = Receiver()
    assert receiver.post("delete", GIVEN)[0] == 404
    assert receiver.post("delete", {})[0] == 401
    assert receiver.asked == []


def test_other_hosts_and_methods_are_refused_first() -> None:
    """A web page reaches this server under a name of its own only."""
    receiver = Receiver()
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY}

    async def send(message: Any) -> None:
        sent.append(message)

    def ask(method: str, host: bytes) -> int:
        sent.clear()
        headers = [(b"host", host), (b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {"type": "http", "method": method, "path": "/api/v1/guards/freeze", "query_string": b"",
                 "client": ("192.0.2.1", 1), "headers": headers}  # fmt: skip

        async def request() -> None:
            await receiver.app(scope, receive, send)

        asyncio.run(request())
        return int(sent[0]["status"])

    assert ask("POST", b"evil.example.com") == 421
    assert ask("GET", b"localhost") == 405
    assert ask("DELETE", b"localhost") == 405
    assert receiver.asked == []
    assert ask("POST", b"localhost") == 200
