"""A fake AWS in place of the network: it records every HTTP request of botocore and returns a prepared response."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.loaders import Loader, create_loader

from ecsync.aws.clients import Access, Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.errors import Secrets
from ecsync.aws.hooks import Observer
from ecsync.aws.limits import Limiter, Limits
from ecsync.testing import FakeClock

REGION = "eu-west-1"
ACCOUNT = "111122223333"
READS = frozenset({"ecs.DescribeServices", "ecs.ListServices", "ecs.DescribeTaskDefinition"})
LOADER: Loader = create_loader()  # reading service models takes longer than all of these tests


class _Raw(io.BytesIO):
    def stream(self, amount: int = 65536) -> Iterator[bytes]:
        while chunk := self.read(amount):
            yield chunk


@dataclass(frozen=True)
class Sent:
    """A recorded request."""

    operation: str
    params: dict[str, Any]
    url: str
    headers: dict[str, str]


@dataclass
class FakeAws:
    """Returns the responses of an operation in their order; the last one is repeated."""

    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, list[tuple[int, str] | Exception]] = field(default_factory=dict)

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
        """Replace the network; the environment has credentials and no other setting."""
        fake = cls()
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _, request: fake.send(request))
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        fake.identity(ACCOUNT)
        return fake

    def answer(self, operation: str, *bodies: dict[str, Any]) -> None:
        """Prepare responses of an operation of a JSON service."""
        self.answers.setdefault(operation, []).extend((200, json.dumps(body)) for body in bodies)

    def fail(self, operation: str, code: str, message: str = "", status: int = 400, times: int = 1) -> None:
        """Prepare error responses of an operation of a JSON service."""
        body = json.dumps({"__type": code, "message": message})
        self.answers.setdefault(operation, []).extend([(status, body)] * times)

    def drop(self, operation: str, error: Exception) -> None:
        """Prepare a connection error of an operation."""
        self.answers.setdefault(operation, []).append(error)

    def identity(self, account: str) -> None:
        """Set the account that the credentials belong to."""
        result = f"<GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult>"
        self.answers["GetCallerIdentity"] = [
            (200, f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"),
        ]

    def operations(self) -> list[str]:
        """Return the operations that were sent, in order."""
        return [sent.operation for sent in self.sent]

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Record the request and return its response."""
        headers = {key.lower(): _text(value) for key, value in request.headers.items()}
        body = _text(request.body or "")
        if "x-amz-target" in headers:
            operation, params = headers["x-amz-target"].split(".")[-1], json.loads(body)
        else:
            form = {key: values[0] for key, values in parse_qs(body).items()}
            operation, params = form.pop("Action"), form
        self.sent.append(Sent(operation, params, request.url, headers))
        queue = self.answers[operation]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, Exception):
            raise answer
        status, text = answer
        return AWSResponse(request.url, status, {}, _Raw(text.encode()))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def clients(reads: frozenset[str] | None = None, access: Access | None = None) -> Clients:
    """Return clients of the fake."""
    return Clients(access or Access(), version="1.2.3", reads=reads, loader=LOADER)


def cloud(
    *,
    through: Clients | None = None,
    account: str = "",
    permit: Callable[[], None] = lambda: None,
    observer: Observer | None = None,
    secrets: Secrets = lambda _: (),
    clock: FakeClock | None = None,
    limiter: Limits | None = None,
    reads: frozenset[str] = READS,
) -> BotoCloud:
    """Return a cloud over the fake, with a fake clock."""
    clock = clock or FakeClock()
    return BotoCloud(
        through or clients(),
        region=REGION,
        reads=reads,
        limiter=limiter or Limiter(monotonic=clock.monotonic, wait=clock.sleep),
        account=account,
        permit=permit,
        observer=observer,
        secrets=secrets,
        monotonic=clock.monotonic,
    )
