"""Webhooks: a valid one asks for a read of the source, and any other request moves a counter and nothing else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, get_args

import pytest

from ecsync.core.ports import HookResult
from ecsync.engine.requeue import AFTER_CHANGE
from ecsync.http.app import create_app
from ecsync.http.hooks import BURST, LARGEST, MOST_AT_A_TIME, PATIENCE, REMEMBERED, Hooks
from ecsync.http.signatures import WINDOW
from ecsync.testing import FakeClock
from tests.engine.harness import Harness
from tests.engine.passes import document, shop
from tests.http.virtual_loop import Waits, post, run
from tests.views import FakeView

KEY, OTHER = b"0123456789abcdef", b"fedcba9876543210"
BODY = json.dumps({"ref": "refs/heads/main"}).encode()
JSON = {"content-type": "application/json"}


class Receiver:
    """An application with all three hooks, and what they moved."""

    def __init__(self, clock: FakeClock, **keys: tuple[bytes, ...]) -> None:
        self.clock = clock
        self.reads = 0
        self.counted: Counter[tuple[str, str]] = Counter()
        given = keys or dict.fromkeys(("github", "gitlab", "generic"), (KEY, OTHER))
        self.hooks = Hooks(given, self._read, self._count, clock)
        self.app = create_app(FakeView(), lambda _: (b"", "text/plain"), (), self.hooks)

    def _read(self) -> None:
        self.reads += 1

    def _count(self, hook: str, result: HookResult) -> None:
        self.counted[hook, result] += 1

    def post(self, hook: str, headers: dict[str, str], body: Iterable[bytes | Waits] = (BODY,)) -> tuple[int, int]:
        """Send one request; return its status, and the number of parts of the body that were read."""
        status, _, read = run(self.clock, lambda: post(self.app, f"/hooks/{hook}", headers, body))
        return status, read


@pytest.fixture
def clock() -> FakeClock:
    """The time of the loop, of the hooks and of the passes."""
    return FakeClock()


@pytest.fixture
def receiver(clock: FakeClock) -> Receiver:
    """All three hooks, with two secrets each."""
    return Receiver(clock)


def github(body: bytes = BODY, key: bytes = KEY) -> dict[str, str]:
    """Return the headers of GitHub."""
    return JSON | {"x-hub-signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}


def gitlab(key: bytes = KEY) -> dict[str, str]:
    """Return the headers of GitLab."""
    return JSON | {"x-gitlab-token": key.decode()}


def generic(
    clock: FakeClock, message: str = "msg_1", body: bytes = BODY, key: bytes = KEY, ago: int = 0
) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    sent = int(clock.now().timestamp()) - ago
    signature = base64.b64encode(hmac.new(key, f"{message}.{sent}.".encode() + body, hashlib.sha256).digest()).decode()
    return JSON | {"webhook-id": message, "webhook-timestamp": str(sent), "webhook-signature": f"v1,{signature}"}


def valid(hook: str, clock: FakeClock, message: str = "msg_1", key: bytes = KEY) -> dict[str, str]:
    """Return the headers of a valid request."""
    return {"github": github(key=key), "gitlab": gitlab(key), "generic": generic(clock, message, key=key)}[hook]


HOOKS = pytest.mark.parametrize("hook", ["github", "gitlab", "generic"])


@HOOKS
@pytest.mark.parametrize("key", [KEY, OTHER])
def test_a_valid_hook_asks_for_one_read(receiver: Receiver, hook: str, key: bytes) -> None:
    """With either secret, and at once: no time passes."""
    before = receiver.clock.monotonic()
    assert receiver.post(hook, valid(hook, receiver.clock, key=key)) == (202, 1)
    assert receiver.reads == 1
    assert receiver.counted == {(hook, "accepted"): 1}
    assert receiver.clock.monotonic() == before


def test_the_content_is_not_used(receiver: Receiver) -> None:
    """A body that is no JSON is as good as another one with a valid signature."""
    for body in (b"", b"{", b"\xff\x00", b"x" * LARGEST):
        assert receiver.post("github", github(body), [body[:10], body[10:]])[0] == 202
    assert receiver.reads == 4


def test_the_example_of_github_is_valid(clock: FakeClock) -> None:
    """The values of GitHub's documentation, "Validating webhook deliveries"."""
    receiver = Receiver(clock, github=(b"It's a Secret to Everybody",))
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert receiver.post("github", JSON | {"x-hub-signature-256": signature}, [b"Hello, World!"])[0] == 202


# ---------------------------------------------------------------- what is refused

SIGNED = {"github": "x-hub-signature-256", "gitlab": "x-gitlab-token", "generic": "webhook-signature"}


@HOOKS
@pytest.mark.parametrize(
    ("change", "body", "status", "result"),
    [
        ({"signature": "of another secret"}, BODY, 401, "forged"),
        ({"signature": ""}, BODY, 400, "malformed"),
        ({"content-type": "application/x-www-form-urlencoded"}, BODY, 415, "wrong_type"),
        ({"content-type": "text/plain; application/json"}, BODY, 415, "wrong_type"),
        ({"content-length": str(LARGEST + 1)}, BODY, 413, "oversized"),
        ({"content-length": "-1"}, BODY, 400, "malformed"),
        ({"content-length": "9" * 5000}, BODY, 400, "malformed"),
    ],
)
def test_a_refused_request_moves_a_counter_alone(
    receiver: Receiver, hook: str, change: dict[str, str], body: bytes, status: int, result: str
) -> None:
    """The source is not read. What its head shows is refused before the body is read."""
    headers = valid(hook, receiver.clock)
    if change.get("signature") == "":
        del headers[SIGNED[hook]]
    elif "signature" in change:
        headers = valid(hook, receiver.clock, key=b"a secret of another one")
    headers |= {name: value for name, value in change.items() if name != "signature"}
    assert receiver.post(hook, headers, [body]) == (status, 1 if "signature" in change else 0)
    assert receiver.reads == 0
    assert receiver.counted == {(hook, result): 1}


def test_a_signed_body_that_was_changed_is_forged(receiver: Receiver) -> None:
    """GitHub and Standard Webhooks sign the body; GitLab sends only its token."""
    assert receiver.post("github", github(), [BODY + b" "])[0] == 401
    assert receiver.post("generic", generic(receiver.clock), [BODY + b" "])[0] == 401
    assert receiver.reads == 0


@pytest.mark.parametrize(
    "header", ["sha256=", "sha256=xyz", "sha1=" + "0" * 40, "0" * 64, "sha256=" + "0" * 63, "sha256=" + "é" * 64]
)
def test_a_malformed_signature_of_github_is_refused(receiver: Receiver, header: str) -> None:
    """It must have the form that GitHub sends."""
    assert receiver.post("github", JSON | {"x-hub-signature-256": header})[0] == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "x" * 257),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "9" * 4000),
        ("webhook-signature", ""),
        ("webhook-signature", "v2,AAAA"),
        ("webhook-signature", " ".join(["v1,AAAA"] * 11)),
    ],
)
def test_a_malformed_message_is_refused(receiver: Receiver, name: str, value: str) -> None:
    """Id, time and signature must be there and in their form."""
    assert receiver.post("generic", generic(receiver.clock) | {name: value})[0] == 400
    assert receiver.counted == {("generic", "malformed"): 1}


@pytest.mark.parametrize("value", ["v1,", "v1,%%%", "v1,é", "v1,AAAA", "v1a,AAAA v1,AAAA"])
def test_a_wrong_signature_of_a_message_is_forged(receiver: Receiver, value: str) -> None:
    """Whatever is in place of the base64."""
    assert receiver.post("generic", generic(receiver.clock) | {"webhook-signature": value})[0] == 401


def test_one_of_several_signatures_is_enough(receiver: Receiver) -> None:
    """A sender that replaces its secret signs with both."""
    headers = generic(receiver.clock)
    headers["webhook-signature"] = f"v1a,abc v1,AAAA {headers['webhook-signature']}"
    assert receiver.post("generic", headers)[0] == 202


@pytest.mark.parametrize(("ago", "status"), [(0, 202), (WINDOW, 202), (WINDOW + 1, 401), (-WINDOW, 202), (-301, 401)])
def test_a_message_is_valid_for_five_minutes(receiver: Receiver, ago: int, status: int) -> None:
    """In both directions, because clocks differ."""
    assert receiver.post("generic", generic(receiver.clock, ago=ago))[0] == status


def test_a_replayed_message_reads_nothing(receiver: Receiver) -> None:
    """Its id is remembered while its time is valid. The answer is a good one: the sender must not repeat it."""
    for ago in (0, -WINDOW):
        headers = generic(receiver.clock, f"msg{ago}", ago=ago)
        assert receiver.post("generic", headers)[0] == 202
        reads = receiver.reads
        for _ in range(12):
            receiver.clock.advance(60)
            assert receiver.post("generic", headers)[0] in (200, 401)
        assert receiver.reads == reads


def test_a_forged_message_takes_no_id(receiver: Receiver) -> None:
    """Else another client could make a valid message a repeated one."""
    assert receiver.post("generic", generic(receiver.clock, key=b"a secret of another one"))[0] == 401
    assert receiver.post("generic", generic(receiver.clock))[0] == 202


def test_the_ids_have_a_bound_that_the_rate_never_reaches(receiver: Receiver) -> None:
    """As many valid messages as the rate admits, for half an hour: each is accepted, and few ids are kept."""
    for number in range(1800):
        receiver.clock.advance(1)
        assert receiver.post("generic", generic(receiver.clock, f"msg_{number}", ago=-WINDOW))[0] == 202
        assert len(receiver.hooks._seen) <= 2 * WINDOW + BURST < REMEMBERED


def test_a_body_is_not_read_beyond_the_limit(receiver: Receiver) -> None:
    """Without a length in its head, it is cut off after 1 MiB."""
    parts = [b"x" * 65536] * 100
    assert receiver.post("github", github(b"".join(parts)), parts) == (413, 17)
    assert receiver.counted == {("github", "oversized"): 1}


@pytest.mark.parametrize("parts", [[Waits()], [BODY[:5], Waits()], [b"", b"", Waits()]])
def test_a_slow_body_ends_after_ten_seconds(receiver: Receiver, parts: list[bytes | Waits]) -> None:
    """And takes no place of another request meanwhile."""
    before = receiver.clock.monotonic()
    assert receiver.post("github", github(), parts)[0] == 408
    assert receiver.clock.monotonic() - before == pytest.approx(PATIENCE)
    assert receiver.counted == {("github", "slow"): 1}


def test_few_bodies_are_read_at_a_time(receiver: Receiver) -> None:
    """Slow senders take their own places: others are refused meanwhile, and then admitted."""

    async def all_at_once() -> list[int]:
        sent = [post(receiver.app, "/hooks/github", github(), [Waits()]) for _ in range(MOST_AT_A_TIME + 3)]
        return [status for status, _, _ in await asyncio.gather(*sent)]

    assert Counter(run(receiver.clock, all_at_once)) == {408: MOST_AT_A_TIME, 429: 3}
    assert receiver.post("github", github())[0] == 202


def test_half_a_body_is_malformed(receiver: Receiver) -> None:
    """The client left."""

    async def broken() -> Any:
        yield b"{"
        raise ConnectionError

    result = run(receiver.clock, lambda: receiver.hooks.receive("github", github(), broken()))
    assert result == "malformed"
    assert receiver.reads == 0


# ---------------------------------------------------------------- what does not exist


def test_an_unknown_hook_does_not_exist(receiver: Receiver) -> None:
    """It is counted under one name, whatever it is called."""
    for name in ("bitbucket", "GITHUB", "x" * 500):
        assert receiver.post(name, github()) == (404, 0)
    assert receiver.counted == {("other", "unknown"): 3}


def test_a_hook_without_a_secret_does_not_exist(clock: FakeClock) -> None:
    """An empty secret is none, so that an empty signature key is never one."""
    receiver = Receiver(clock, github=(KEY,), gitlab=())
    assert receiver.post("gitlab", gitlab())[0] == 404
    assert receiver.post("generic", generic(clock, key=b""))[0] == 404
    assert receiver.post("github", github())[0] == 202
    none = Receiver(clock, github=())
    assert none.post("github", github(key=b""))[0] == 404
    assert none.reads == 0


# ---------------------------------------------------------------- a burst


def test_a_thousand_requests_move_counters_and_passes_stay_on_time() -> None:
    """Of each sort, between two passes: no read is asked for, and the next pass comes after its interval."""
    harness = Harness()
    receiver = Receiver(harness.account.clock)
    receiver.hooks._read_now = harness.daemon.read_now
    harness.declare(shop(document("Leaf/alone")))
    harness.work(AFTER_CHANGE)
    writes, sources = list(harness.account.cloud.writes), list(harness.recorded.sources)
    on_time = [harness.next_pass() for _ in range(2)]
    at = harness.account.clock
    sorts: tuple[Callable[[int], tuple[str, dict[str, str], list[bytes]]], ...] = (
        lambda _: ("github", github(key=b"a secret of another one"), [BODY]),
        lambda _: ("generic", generic(at, "the same", ago=400), [BODY]),
        lambda n: ("gitlab", gitlab(b"x" * (n + 1)), [BODY]),
        lambda _: ("github", github(), [b"x" * 700_000] * 2),
        lambda _: ("generic", JSON, [BODY]),
        lambda _: ("github", github() | {"content-type": "text/html"}, [BODY]),
        lambda n: (f"unknown-{n}", github(), [BODY]),
    )
    for sort in sorts:

        async def burst(sort: Any = sort) -> None:
            sent = [sort(number) for number in range(1000)]
            await asyncio.gather(*(post(receiver.app, f"/hooks/{hook}", head, body) for hook, head, body in sent))

        run(at, burst)
        on_time.append(harness.next_pass())
    assert on_time == [60.0] * len(on_time)
    assert sum(receiver.counted.values()) == 1000 * len(sorts)
    assert set(receiver.counted) <= {
        (hook, result) for hook in ("github", "gitlab", "generic", "other") for result in get_args(HookResult)
    }
    assert not any(result == "accepted" for _, result in receiver.counted)
    assert harness.account.cloud.writes == writes
    assert harness.recorded.sources == sources
    assert not harness.daemon._source_due.is_set()
    assert harness.recorded.internal_errors == []


def test_a_burst_of_valid_hooks_is_limited(receiver: Receiver) -> None:
    """All hooks together: so many at once, and then one a second."""
    for number in range(1000):
        hook = ("github", "gitlab", "generic")[number % 3]
        receiver.post(hook, valid(hook, receiver.clock, f"msg_{number}"))
    assert receiver.reads == BURST
    assert sum(count for (_, result), count in receiver.counted.items() if result == "limited") == 1000 - BURST
    receiver.clock.advance(1)
    assert [receiver.post("github", github())[0] for _ in range(2)] == [202, 429]
