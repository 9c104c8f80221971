"""Tokens of a GitHub App: each is for one repository, to read its contents, and lasts an hour."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import urllib3
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from urllib3.util import Timeout

from ecsync.core.ports import SourceError, SourceReason
from ecsync.sources.git_errors import failed
from ecsync.sources.git_remote import https_pool, read
from ecsync.sources.git_ssh import DEADLINE
from ecsync.sources.git_url import GitUrl

_BACK, _LIFE = 60, 540  # seconds before and after now in which a JWT is valid; GitHub takes 600 at most
_EARLY = 300.0  # seconds before its end, at which a token is replaced
_CLOCK_OFF = 60.0  # seconds between our clock and the server's, from which on the clock may be why it refuses
_MAX_ANSWER = 65_536
_MAX_KEY = 65_536
_MIN_BITS = 2048
_TIMEOUT = Timeout(connect=10.0, read=20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App: its id or client id, the file of its key, and its API. Without an installation, it is looked up."""

    id: str
    key_file: str
    installation: str = ""
    api: str = "https://api.github.com"
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def time(self) -> float | None:
        """The seconds since 1970 at the server."""
        try:
            return parsedate_to_datetime(self.headers.get("Date", "")).timestamp()
        except (ValueError, TypeError):
            return None


class AppTokens:
    """The token for one repository. It is kept until shortly before its end."""

    def __init__(
        self,
        app: App,
        url: GitUrl,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SourceError for an address that cannot be one of the App's API."""
        self._app = app
        self._now = now
        self._monotonic = monotonic
        self._installation = app.installation
        self._token, self._until = "", 0.0
        parts = url.path.strip("/").removesuffix(".git").split("/")
        api = urlsplit(app.api)
        if api.scheme != "https" or not api.hostname or api.username or api.query or api.fragment:
            _refuse("unreachable", "git.app_api must be an https address such as https://api.github.com")
        if url.host not in (api.hostname, api.hostname.removeprefix("api.")):
            _refuse("untrusted", f"a token of {api.hostname} is not sent to {url.host}; set git.app_api")
        if len(parts) != 2:
            _refuse("missing", "with a GitHub App, the path of the repository is /OWNER/REPOSITORY")
        self._owner, self._repository = parts

    def forget(self) -> None:
        """Ask for a new token next time: the server has refused this one."""
        self._token = ""

    def token(self) -> str:
        """Return a token. Raises SourceError."""
        if self._token and self._monotonic() < self._until:
            return self._token
        self._token = ""
        if not self._installation:
            path = f"/repos/{quote(self._owner)}/{quote(self._repository)}/installation"
            found = self._asked("GET", path, f"it is not installed on {self._owner}/{self._repository}", 200)
            self._installation = str(_of(found, "id", int))
        asked_at = self._monotonic()
        try:
            answer = self._asked(
                "POST",
                f"/app/installations/{self._installation}/access_tokens",
                f"there is no installation {self._installation}",
                201,
                {"repositories": [self._repository], "permissions": {"contents": "read"}},
            )
        except SourceError:
            self._installation = self._app.installation  # it may have been installed anew
            raise
        try:
            until = datetime.fromisoformat(_of(answer, "expires_at", str)).timestamp()
        except (ValueError, OverflowError):
            _refuse("partial", "its API answered without a time of expiry")
        life = until - (self._now() if answer.time is None else answer.time)
        self._token, self._until = _of(answer, "token", str), asked_at + life - _EARLY
        return self._token

    def _asked(
        self, method: str, path: str, missing: str, wanted: int, body: Mapping[str, object] | None = None
    ) -> _Answer:
        answer = self._answer(method, path, body)
        if answer.status != wanted:
            self._refused(answer, missing)
        return answer

    def _refused(self, answer: _Answer, missing: str) -> NoReturn:
        status = answer.status
        if status == 401:
            off = 0.0 if answer.time is None else self._now() - answer.time
            if abs(off) > _CLOCK_OFF:
                _refuse("denied", f"the clock of this machine is {off:+.0f} s off the server's; correct it")
            _refuse("denied", "git.app_id and git.app_key_file are refused; check that the key is one of this App")
        if status == 404:
            _refuse("missing", f"{missing}, or git.app_id is another App")
        if status == 429 or (status == 403 and answer.headers.get("x-ratelimit-remaining") == "0"):
            _refuse("throttled", "it has made too many requests")
        if status in (403, 422):
            _refuse("denied", "it may not read the contents of this repository, or it is suspended")
        if 300 <= status < 400:
            _refuse("untrusted", "its API redirects, which is not followed; set git.app_api to the right address")
        _refuse("unreachable", f"its API answered {status}")

    def _answer(self, method: str, path: str, body: Mapping[str, object] | None) -> _Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._jwt()}",
            "Content-Type": "application/json",
            "User-Agent": "ecsync",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        host = urlsplit(self._app.api).hostname or ""
        pool = https_pool(host, self._app.ca_file)
        try:
            response = pool.request(
                method,
                self._app.api.rstrip("/") + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                redirect=False,
                retries=False,
                timeout=_TIMEOUT,
                preload_content=False,
            )
            try:
                raw = read(response, _MAX_ANSWER + 1, time.monotonic() + DEADLINE)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            failed(f"the API of the GitHub App, {host}", error)
        finally:
            pool.clear()
        return _Answer(response.status, response.headers, _json(raw) if response.status < 300 else {})

    def _jwt(self) -> str:
        now = int(self._now())
        claims = {"iat": now - _BACK, "exp": now + _LIFE, "iss": self._app.id}
        signed = b".".join(_encoded(json.dumps(one).encode()) for one in ({"alg": "RS256", "typ": "JWT"}, claims))
        return b".".join((signed, _encoded(_key(self._app.key_file).sign(signed, PKCS1v15(), SHA256())))).decode()


def _key(path: str) -> RSAPrivateKey:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_KEY)
    except OSError as error:
        _refuse("denied", f"git.app_key_file cannot be read ({error.strerror})")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _MIN_BITS:
        _refuse("denied", f"git.app_key_file is not an RSA key in PEM of {_MIN_BITS} bits or more, without a password")
    return key


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw) if len(raw) <= _MAX_ANSWER else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        _refuse("partial", "its API did not answer in JSON")
    return found


def _of(answer: _Answer, name: str, kind: type) -> Any:
    found = answer.body.get(name)
    if not isinstance(found, kind) or not found:
        _refuse("partial", f"its API answered without {name}")
    return found


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _refuse(reason: SourceReason, problem: str) -> NoReturn:
    raise SourceError(f"the GitHub App: {problem}", reason=reason) from None
