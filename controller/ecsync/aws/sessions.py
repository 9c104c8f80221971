"""Sessions of the roles that write: one for each role and application, named after the application and its revision.

A session is requested from STS for its first write. Its credentials sign that call in place of those of the client, so
reads and all roles of an account share the clients.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials
from botocore.hooks import BaseEventHooks

from ecsync.core.ports import AwsError, Purpose

MOST = 256  # sessions; each is about 2 KB
USED = 3000.0  # seconds that a session is used; AWS ends it after an hour
REFUSED = 5.0  # seconds after a refusal in which STS is not asked again: the steps of a pass would all ask
NAME_LENGTH = 64
_REVISION_LENGTH = 12
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]")  # STS, AssumeRole, RoleSessionName
_NOT_IN_TAG = re.compile(r"[^\w .:/=+@-]")  # STS, Tag
_TAG_LENGTH = 256

_FIX = "check the trust policy of the role, and external_id and session_tags of the target in the operator's config"

_SIGNS: ContextVar[Credentials | None] = ContextVar("signs", default=None)

Assume = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # the parameters of AssumeRole -> its response


@dataclass(frozen=True, slots=True)
class _Session:
    revision: str
    account: str
    credentials: Credentials
    until: float


class RoleSessions:
    """The sessions of the roles of one account. Safe for any number of threads.

    `assume` calls AssumeRole, and raises AwsError. `roles` are the ARNs by `Purpose.deletes`; without one, nothing is
    written for that purpose. A session of another revision of an application takes the place of the one before.
    `tags`: sessions have tags, which the trust policy must allow (sts:TagSession).
    """

    def __init__(
        self,
        assume: Assume,
        roles: Mapping[bool, str],
        *,
        monotonic: Callable[[], float],
        external_id: str = "",
        tags: bool = False,
        installation: str = "",
    ) -> None:
        self._assume = assume
        self._roles = roles
        self._external_id = external_id
        self._tags = tags
        self._installation = installation
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()
        self._refused: dict[tuple[str, str], tuple[AwsError, float]] = {}

    def credentials(self, account: str, operation: str, purpose: Purpose) -> Credentials:
        """Return the credentials for a write in this account (`ecs.UpdateService`).

        Raises AwsError where there is no role for it, where the role cannot be assumed, or is of another account.
        """
        role = self._roles[purpose.deletes]
        if not role:
            setting = "roles.prune" if purpose.deletes else "roles.apply"
            message = f"not sent: the target has no role for it; set {setting} of the target in the operator's config"
            raise AwsError("denied", "NoRole", message, operation)
        session = self._session((role, purpose.application), purpose)
        if session.account != account:
            message = f"nothing was written: the role {role} is of account {session.account}, the target is {account}"
            raise AwsError("denied", "WrongAccount", message, operation)
        return session.credentials

    def forget(self) -> None:
        """Request each session again at its next use: AWS does not accept credentials any more."""
        with self._lock:
            self._sessions.clear()

    def _session(self, key: tuple[str, str], purpose: Purpose) -> _Session:
        with self._lock:
            now = self._monotonic()
            known = self._sessions.get(key)
            if known is not None and known.revision == purpose.revision and now < known.until:
                self._sessions.move_to_end(key)
                return known
            refused, until = self._refused.pop(key, (None, 0.0))
            if refused is not None and now < until:
                self._refused[key] = refused, until
                raise refused.again()
        try:
            made = self._assumed(key[0], purpose)
        except AwsError as error:
            if error.kind not in ("denied", "invalid"):
                raise
            refusal = AwsError(error.kind, error.code, f"{error.message}; {_FIX}", error.operation)
            with self._lock:
                self._refused[key] = refusal, now + REFUSED
            raise refusal.again() from None
        with self._lock:
            self._sessions[key] = made
            self._sessions.move_to_end(key)
            while len(self._sessions) > MOST:
                self._sessions.popitem(last=False)
        return made

    def _assumed(self, role: str, purpose: Purpose) -> _Session:
        params: dict[str, Any] = {
            "RoleArn": role,
            "RoleSessionName": session_name(purpose.application, purpose.revision),
        }
        if self._external_id:
            params["ExternalId"] = self._external_id
        if self._tags:
            params["Tags"] = session_tags(purpose.application, purpose.revision, self._installation)
        asked_at = self._monotonic()
        response = self._assume(params)
        given = response["Credentials"]
        return _Session(
            purpose.revision,
            str(response["AssumedRoleUser"]["Arn"]).split(":")[4],
            Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "assume-role"),
            asked_at + USED,
        )


def session_name(application: str, revision: str) -> str:
    """Return the name of a session, as CloudTrail shows it: `ecsync-shop-3f2a91c04d7e`. A long application is cut."""
    end = f"-{revision[:_REVISION_LENGTH]}" if revision else ""
    start = f"ecsync-{application}" if application else "ecsync"
    return _NOT_IN_NAME.sub("-", start[: NAME_LENGTH - len(end)] + end)


def session_tags(application: str, revision: str, installation: str) -> list[dict[str, str]]:
    """Return the tags of a session; one without a value is left out."""
    values = {"application": application, "revision": revision, "installation": installation}
    return [
        {"Key": f"ecsync-{name}", "Value": _NOT_IN_TAG.sub("-", value)[:_TAG_LENGTH]}
        for name, value in values.items()
        if value
    ]


@contextmanager
def signed_with(credentials: Credentials | None) -> Iterator[None]:
    """Sign the calls of this thread inside with these credentials; None: with those of the client."""
    token = _SIGNS.set(credentials)
    try:
        yield
    finally:
        _SIGNS.reset(token)


def sign_calls(events: BaseEventHooks) -> None:
    """Have the clients of a session sign with the credentials of `signed_with`."""

    def choose(request: Any, **_: Any) -> None:
        credentials = _SIGNS.get()
        if credentials is not None:
            request.context["signing"] = {**request.context.get("signing", {}), "request_credentials": credentials}

    events.register("before-sign", choose)
