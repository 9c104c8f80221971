"""BotoCloud: one account and Region of AWS behind the core's Cloud port. Safe across threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import xform_name

from ecsync.aws import cloud_pages, lean
from ecsync.aws.clients import Clients
from ecsync.aws.cloud_cache import Cache
from ecsync.aws.errors import FAILURES, Secrets, classify, from_exception
from ecsync.aws.hooks import Attempt, Observer, WriteRefused
from ecsync.aws.identity import WHO, Identity, caller
from ecsync.aws.limits import Limiter, Limits
from ecsync.aws.sessions import RoleSessions, signed_with
from ecsync.core.ports import AwsError, Purpose
from ecsync.core.trees import Path, at, canonical

OK = "OK"  # the code of a request that succeeded


class BotoCloud:
    """The Cloud port over botocore: every failure is an AwsError, every call waits for its rate token.

    `reads` are the declared reads: `call`, `pages` and `cached` make no other call. `account` is the account of the
    target: while the credentials belong to another one, nothing is written. `permit` is called right before a write is
    sent, and raises WritesStopped if this process may not write. With `sessions`, their roles write.
    Clients may be shared by all Regions of the same credentials, and a limiter by all callers of the same account and
    Region. `secrets` returns the texts in the parameters of a call that no message may repeat.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        region: str,
        reads: frozenset[str],
        limiter: Limits,
        account: str = "",
        permit: Callable[[], None] = lambda: None,
        sessions: RoleSessions | None = None,
        observer: Observer | None = None,
        secrets: Secrets = lambda _: (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.region = region
        self._clients = clients
        self._reads = reads | {WHO}
        self._limits = limiter
        self._permit = permit
        self._sessions = sessions
        self._observer = observer or Observer()
        self._secrets = secrets
        self._monotonic = monotonic
        self._identity = Identity(lambda: caller(self.call), account)
        self._cache = Cache(monotonic)
        self._many_pages: dict[int, int] = {}  # by the hash of a listing with several pages: how many it had last time
        clients.on_attempt(self._attempted)

    @property
    def account(self) -> str:
        """The id of the account that the credentials belong to. The first access calls AWS, and may raise AwsError."""
        return self._identity.account()

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one declared read and return its response without metadata."""
        if f"{service}.{operation}" not in self._reads:
            raise WriteRefused(f"{service}.{operation} is not declared as a read, and was called as one")
        return self._send(service, operation, params, once=False)

    def call_unless(
        self, known: bytes, service: str, operation: str, /, **params: Any
    ) -> tuple[bytes, Mapping[str, Any] | None]:
        """Make one declared read; return the digest of its body, and the response unless that digest is known."""
        with lean.unless(known, service, operation) as answer:
            response = self.call(service, operation, **params)
        return answer.digest, None if answer.same else response

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of the list at `result` (a dotted path) over all pages, reading each page when needed.

        Raises Deferred before the first page where this thread begins no listing of as many pages as there were last
        time: one that stops half-way is lost, and the calls for it too.
        """
        first = cloud_pages.with_page_size(service, operation, params)
        path: Path = tuple(result.split("."))
        listing, count = hash((service, operation, canonical(params))), 0
        self._limiter(service).check_listing(service, operation, self._many_pages.get(listing, 1))
        for page in cloud_pages.pages(
            lambda more: self.call(service, operation, **first, **more),
            self._page_tokens(service, operation),
            f"{service}.{operation}",
        ):
            count += 1
            yield from at(page, path) or ()
        if count > 1:
            self._many_pages[listing] = count
        else:
            self._many_pages.pop(listing, None)

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`, for what AWS never changes: read once, while it is asked for at least once an hour."""
        return self._cache.get((service, operation, canonical(params)), lambda: self.call(service, operation, **params))

    def keeps(self, service: str, operation: str, /, **params: Any) -> bool:
        """Return whether `cached` has the response already."""
        return (service, operation, canonical(params)) in self._cache

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one mutating call, a single time, and return its response without metadata. Raises WritesStopped too."""
        if self._clients.read_only:
            raise WriteRefused(f"{service}.{operation} is refused: this cloud is read-only")
        name = f"{service}.{operation}"
        self._identity.assert_account(name)
        role = self._sessions.credentials(self.account, name, Purpose.now()) if self._sessions else None
        with signed_with(role):
            return self._send(service, operation, params, once=True)

    def _send(self, service: str, operation: str, params: Mapping[str, Any], *, once: bool) -> Mapping[str, Any]:
        """Make a call. A read that is throttled is sent once more, after the slower bucket has a token.

        It is not sent again while the bucket is still slowed down: during a throttle, resends would only be more calls.
        """
        again = not once and self._limiter(service).steady(service, operation)
        try:
            return self._send_once(service, operation, params, once=once)
        except AwsError as error:
            if error.kind != "throttled" or not again:
                raise
        self._observer.on_retry(service, operation)
        return self._send_once(service, operation, params, once=once)

    def _send_once(self, service: str, operation: str, params: Mapping[str, Any], *, once: bool) -> Mapping[str, Any]:
        with self._limiter(service).call(service, operation) as waited:
            if waited:
                self._observer.on_wait(service, waited)
            if once:
                self._permit()
            started = self._monotonic()
            try:
                with self._classified(service, operation, params):
                    client = self._client(service, operation, once=once)
                    response: dict[str, Any] = getattr(client, xform_name(operation))(**params)
            except AwsError as error:
                self._observer.on_request(service, operation, error.code, self._monotonic() - started)
                raise
        self._observer.on_request(service, operation, OK, self._monotonic() - started)
        response.pop("ResponseMetadata", None)
        return response

    @contextmanager
    def _classified(self, service: str, operation: str, params: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            failure = from_exception(error, service, operation, params, self._secrets)
            if failure.kind == "credentials":
                self._identity.forget()
                if self._sessions:
                    self._sessions.forget()
            raise failure from None  # the original quotes the values that were just removed

    def _limiter(self, service: str) -> Limiter:
        return self._limits.of(self._identity.known, self.region, service)

    def _client(self, service: str, operation: str, *, once: bool) -> Any:
        client = self._clients.get(service, self.region, once=once)
        client.meta.service_model.operation_model(operation)  # raises where AWS has no such operation
        return client

    def _page_tokens(self, service: str, operation: str) -> cloud_pages.Tokens | None:
        paginator = self._clients.page_tokens(service, operation)
        if paginator:
            return paginator
        with self._classified(service, operation, {}):
            model = self._client(service, operation, once=False).meta.service_model.operation_model(operation)
        if model.input_shape is None or model.output_shape is None:
            return None
        return cloud_pages.tokens_of(model.input_shape.members, model.output_shape.members)

    def _attempted(self, attempt: Attempt) -> None:
        if attempt.region != self.region:
            return
        if attempt.number > 1:
            self._limiter(attempt.service).spend(attempt.service, attempt.operation)
            self._observer.on_retry(attempt.service, attempt.operation)
        if attempt.code and _throttled(attempt):
            self._limiter(attempt.service).slow(attempt.service, attempt.operation)


def _throttled(attempt: Attempt) -> bool:
    kind = classify(attempt.service, attempt.operation, attempt.code, attempt.status, attempt.message)
    return kind == "throttled"
