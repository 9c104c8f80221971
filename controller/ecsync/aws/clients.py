"""Clients of AWS: one session per credentials, one client per service and Region, created when first needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from botocore import __version__ as botocore_version
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader
from botocore.session import Session

from ecsync.aws import hooks, lean, sessions
from ecsync.aws.errors import FAILURES, from_exception, is_throttle
from ecsync.awsmodel import models

CONNECT_SECONDS = 5
READ_SECONDS = 15
READ_ATTEMPTS = 3

Assumed = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to obtain one set of credentials: from operator settings only, never from a manifest.

    Without a profile botocore's own chain is used. With a role, that role is assumed with these credentials. Without an
    endpoint botocore uses AWS_ENDPOINT_URL.
    """

    profile: str = ""
    role: str = ""  # ARN
    external_id: str = ""
    session_name: str = "ecsync"
    region: str = ""  # of the STS endpoint that assumes the role
    endpoint_url: str = ""


class Clients:
    """The clients of one set of credentials; safe across threads. With `reads`, they refuse every other operation.

    `assumed` receives the code and the seconds of each request for credentials of a role.
    """

    def __init__(
        self,
        access: Access,
        *,
        version: str = "",
        reads: frozenset[str] | None = None,
        loader: Loader | None = None,
        assumed: Assumed = lambda _code, _seconds: None,
    ) -> None:
        self.read_only = reads is not None
        self._access = access
        self._agent = f"ecsync/{version}" if version else "ecsync"
        self.loader = loader or models.shared_loader()  # the service models are most of the cost of a session
        self._session = session_for(access, self.loader, agent=self._agent, assumed=assumed)
        self._lock = threading.Lock()  # creating a client is not thread-safe, using one is
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._on_attempt: list[Callable[[hooks.Attempt], None]] = []
        if reads is not None:
            hooks.guard(self._session.get_component("event_emitter"), reads)
        sessions.sign_calls(self._session.get_component("event_emitter"))
        lean.read_lean(self._session.get_component("event_emitter"))
        hooks.plain_times(self._session.get_component("response_parser_factory"))

    def get(self, service: str, region: str, *, once: bool = False) -> Any:
        """Return the client. `once`, for writes: it sends every request a single time."""
        key = (service, region, once)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(service, region, once=once)
            return self._clients[key]

    def on_attempt(self, callback: Callable[[hooks.Attempt], None]) -> None:
        """Call back after every HTTP request from now on. The callback must not raise or block."""
        self._on_attempt.append(callback)

    def expires(self) -> datetime | None:
        """Return when the credentials expire; None if they do not, or if none were needed yet. Makes no call.

        botocore has no public name for it: `RefreshableCredentials` of `botocore/credentials.py`.
        """
        held = getattr(self._session, "_credentials", None)  # get_credentials() may call AWS
        found = getattr(held, "_expiry_time", None)
        return found if isinstance(found, datetime) else None

    def page_tokens(self, service: str, operation: str) -> tuple[str, str] | None:
        """Return the request and response members of the page token, by botocore's paginators; None without one."""
        try:
            config = self._session.get_paginator_model(service).get_paginator(operation)
        except (ValueError, DataNotFoundError):
            return None
        return config["input_token"], config["output_token"]

    def _make(self, service: str, region: str, *, once: bool) -> Any:
        # After a lost response the resource is read again; the write is not resent. RegisterTaskDefinition, for
        # example, would create a second revision.
        attempts = 1 if once else READ_ATTEMPTS
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=32,
            tcp_keepalive=True,
            user_agent=f"{self._agent} Botocore/{botocore_version}",  # botocore's own is made again for each request
        )
        client = self._session.create_client(
            service, region_name=region, endpoint_url=self._access.endpoint_url or None, config=config
        )
        service_id = client.meta.service_model.service_id.hyphenize()
        hooks.watch(client.meta.events, service, region, self._attempted)
        # Our bucket decides when a throttled call is sent again: botocore's resends would be more calls than before.
        hooks.give_up(client.meta.events, service_id, partial(is_throttle, service))
        return client

    def _attempted(self, attempt: hooks.Attempt) -> None:
        for callback in self._on_attempt:
            callback(attempt)


def session_for(
    access: Access, loader: Loader, *, agent: str = "ecsync", assumed: Assumed = lambda _code, _seconds: None
) -> Session:
    """Return a new session with the credentials that `access` describes. Makes no call to AWS."""
    own = Session(profile=access.profile or None)
    own.register_component("data_loader", loader)
    if not access.role:
        return own
    session = Session()
    session.register_component("data_loader", loader)
    session.register_component("credential_provider", CredentialResolver([_AssumedRole(own, access, agent, assumed)]))
    return session


class _AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    """Credentials of a role, requested from STS when first needed and again before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "custom-assume-role"

    def __init__(self, source: Session, access: Access, agent: str, assumed: Assumed) -> None:
        super().__init__()
        self._source = source
        self._access = access
        self._agent = agent
        self._assumed = assumed

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._assume, self.METHOD)

    def _assume(self) -> dict[str, str]:
        sts = self._source.create_client(
            "sts",
            region_name=self._access.region or None,
            endpoint_url=self._access.endpoint_url or None,
            config=Config(user_agent_extra=self._agent, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS),
        )
        params = {"RoleArn": self._access.role, "RoleSessionName": self._access.session_name}
        if self._access.external_id:
            params["ExternalId"] = self._access.external_id
        began, code = time.monotonic(), "OK"
        try:
            credentials = sts.assume_role(**params)["Credentials"]
        except FAILURES as error:
            code = from_exception(error, "sts", "AssumeRole").code
            raise
        finally:
            self._assumed(code, time.monotonic() - began)
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }
