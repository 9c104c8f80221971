"""Tokens of a GitHub App: of an API that verifies the signature of each request, for a git server that takes them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ecsync import config
from ecsync.config import ConfigError
from ecsync.core.ports import SourceError
from ecsync.sources import git_url
from ecsync.sources.github_app import App, AppTokens
from ecsync.wiring.sources import open_source
from tests.git.repository import Repository, manifest
from tests.git.servers import HttpsServer, https_server

NOW = 1_780_000_000.0
LOOKUP, ISSUE = "GET /api/v3/repos/acme/deploy/installation", "POST /api/v3/app/installations/7/access_tokens"


@dataclass
class GitHub:
    """The API. `answers` replaces its answer to a request: status, headers, body."""

    public: rsa.RSAPublicKey
    server: HttpsServer | None = None
    now: float = NOW
    asked: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # JWTs and tokens
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def __call__(self, what: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a request."""
        self.asked.append(what)
        jwt = headers["Authorization"].removeprefix("Bearer ")
        self.seen.append(jwt)
        date = {"Date": format_datetime(datetime.fromtimestamp(self.now, UTC), usegmt=True)}
        if what in self.answers:
            status, more, content = self.answers[what]
            return status, date | more, content
        if not self.accepts(jwt):
            return 401, date, b'{"message": "A JSON web token could not be decoded"}'
        if what == LOOKUP:
            return 200, date, b'{"id": 7}'
        if what != ISSUE:
            return 404, date, b"{}"
        assert json.loads(body) == {"repositories": ["deploy"], "permissions": {"contents": "read"}}
        token = f"ghs_issued{len(self.asked)}"
        self.seen.append(token)
        if self.server is not None:
            self.server.token = token
        until = datetime.fromtimestamp(self.now, UTC) + timedelta(hours=1)
        return 201, date, json.dumps({"token": token, "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()

    def accepts(self, jwt: str) -> bool:
        """Return whether GitHub accepts a JWT: by its key, at this time, for at most ten minutes."""
        signed, _, signature = jwt.rpartition(".")
        head, claims = (json.loads(base64.urlsafe_b64decode(one + "==")) for one in signed.split("."))
        try:
            self.public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        in_time = claims["iat"] <= self.now < claims["exp"] <= self.now + 600
        return bool(head["alg"] == "RS256" and claims["iss"] == "4711" and in_time)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """The key of the App."""
    return rsa.generate_private_key(65_537, 2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as GitHub gives it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.fixture
def github(key: rsa.RSAPrivateKey) -> GitHub:
    """The API."""
    return GitHub(key.public_key())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    """One server for all tests."""
    with https_server(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture
def server(running: HttpsServer, github: GitHub, key: rsa.RSAPrivateKey) -> HttpsServer:
    """The API and a git server, which takes no token until the API has issued one."""
    (running.folder / "app.pem").write_bytes(pem(key))
    running.token, running.api, github.server = "none", github, running
    return running


class Clock:
    """Wall time and monotonic time of this side."""

    def __init__(self) -> None:
        self.off = 0.0  # seconds of the wall time ahead of the server's
        self.passed = 0.0

    def now(self) -> float:
        """Return the wall time."""
        return NOW + self.off + self.passed

    def monotonic(self) -> float:
        """Return seconds."""
        return self.passed


@pytest.fixture
def clock() -> Clock:
    """The clock of this side."""
    return Clock()


def tokens(server: HttpsServer, clock: Clock, **changed: str) -> AppTokens:
    """Return the tokens for a repository."""
    api, key_file = f"https://localhost:{server.port}/api/v3", str(server.folder / "app.pem")
    app = replace(App(id="4711", key_file=key_file, api=api, ca_file=server.ca), **changed)
    return AppTokens(app, git_url.parse(server.url("acme/deploy.git")), clock.now, clock.monotonic)


def refused(found: AppTokens, github: GitHub) -> tuple[str, str]:
    """Return the reason and the text of a failure, and check that it has no secret."""
    with pytest.raises(SourceError) as error:
        found.token()
    text = str(error.value)
    assert not [one for one in github.seen if one in text]
    assert "PRIVATE KEY" not in text
    return error.value.reason, text


def test_a_token_is_asked_for_one_repository_and_kept_until_five_minutes_before_its_end(
    server: HttpsServer, github: GitHub, clock: Clock
) -> None:
    found = tokens(server, clock)
    assert found.token() == "ghs_issued2"
    assert github.asked == [LOOKUP, ISSUE]
    clock.passed = github.now = 3299.0
    github.now += NOW
    assert found.token() == "ghs_issued2"
    clock.passed = 3301.0
    github.now = NOW + 3301.0
    assert found.token() == "ghs_issued3"
    found.forget()
    assert found.token() == "ghs_issued4"
    assert github.asked == [LOOKUP, ISSUE, ISSUE, ISSUE]


def test_an_installation_that_is_named_is_not_looked_up(server: HttpsServer, github: GitHub, clock: Clock) -> None:
    assert tokens(server, clock, installation="7").token()
    assert github.asked == [ISSUE]
    assert refused(tokens(server, clock, installation="8"), github)[0] == "missing"


@pytest.mark.parametrize("off", [-30.0, 30.0])
def test_a_clock_that_is_a_little_off_does_not_matter(
    off: float, server: HttpsServer, github: GitHub, clock: Clock
) -> None:
    """Nor for how long a token is kept."""
    clock.off = off
    found = tokens(server, clock)
    first = found.token()
    clock.passed = 3299.0
    github.now = NOW + clock.passed
    assert found.token() == first


@pytest.mark.parametrize("off", [-900.0, 900.0])
def test_a_clock_that_is_off_is_named(off: float, server: HttpsServer, github: GitHub, clock: Clock) -> None:
    clock.off = off
    reason, text = refused(tokens(server, clock), github)
    assert reason == "denied"
    assert f"the clock of this machine is {off:+.0f} s off the server's" in text


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        ((401, {}, b"{}"), "denied", "git.app_id and git.app_key_file are refused"),
        ((403, {}, b"{}"), "denied", "may not read the contents"),
        ((403, {"x-ratelimit-remaining": "0"}, b"{}"), "throttled", "too many requests"),
        ((404, {}, b"{}"), "missing", "no installation 7"),
        ((422, {}, b"{}"), "denied", "may not read the contents"),
        ((429, {}, b"{}"), "throttled", "too many requests"),
        ((500, {}, b"{}"), "unreachable", "answered 500"),
        ((302, {"Location": "https://elsewhere.example.com/"}, b""), "untrusted", "redirects"),
        ((201, {}, b"<html>"), "partial", "JSON"),
        ((201, {}, b"[" * 100_000), "partial", "JSON"),
        ((201, {}, b"{}"), "partial", "without"),
        ((201, {}, b'{"token": "t", "expires_at": "soon"}'), "partial", "time of expiry"),
        ((201, {}, b'{"token": 5, "expires_at": "2026-05-28T21:00:00Z"}'), "partial", "without token"),
    ],
)
def test_each_failure_has_its_reason(
    answer: tuple[int, dict[str, str], bytes],
    reason: str,
    text: str,
    server: HttpsServer,
    github: GitHub,
    clock: Clock,
) -> None:
    """The next request may succeed."""
    found = tokens(server, clock)
    github.answers[ISSUE] = answer
    got = refused(found, github)
    assert got[0] == reason
    assert text in got[1]
    github.answers.clear()
    assert found.token()


def test_an_app_that_is_not_installed_is_missing(server: HttpsServer, github: GitHub, clock: Clock) -> None:
    github.answers[LOOKUP] = 404, {}, b"{}"
    assert refused(tokens(server, clock), github) == (
        "missing",
        "the GitHub App: it is not installed on acme/deploy, or git.app_id is another App",
    )


def test_a_server_that_is_down_or_not_known_has_its_reason(server: HttpsServer, github: GitHub, clock: Clock) -> None:
    assert refused(tokens(server, clock, api="https://localhost:1"), github)[0] == "unreachable"
    assert refused(tokens(server, clock, ca_file=""), github)[0] == "untrusted"


@pytest.mark.parametrize("content", ["", "ec", "small", "password"])
def test_a_key_that_is_not_of_an_app_is_refused(
    content: str, server: HttpsServer, github: GitHub, clock: Clock
) -> None:
    path = server.folder / "app.pem"
    if content == "ec":
        path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    elif content == "small":
        path.write_bytes(pem(rsa.generate_private_key(65_537, 1024)))  # noqa: S505  # that it is refused
    elif content == "password":
        path.write_bytes(path.read_bytes().replace(b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\n", 1))
    else:
        path.unlink()
    assert refused(tokens(server, clock), github)[0] == "denied"
    assert github.asked == []


@pytest.mark.parametrize(
    ("api", "where", "text"),
    [
        ("http://localhost/api/v3", "git+https://localhost/acme/deploy.git", "must be an https address"),
        ("https://user@localhost", "git+https://localhost/acme/deploy.git", "must be an https address"),
        (
            "https://api.github.com",
            "git+https://gitlab.example.com/acme/deploy.git",
            "is not sent to gitlab",
        ),
        ("https://api.github.com", "git+https://github.com/acme/group/deploy.git", "/OWNER/REPOSITORY"),
    ],
)
def test_a_token_goes_to_no_other_host(api: str, where: str, text: str) -> None:
    """The API and the repository must be of one server."""
    with pytest.raises(SourceError, match=text):
        AppTokens(App(id="4711", key_file="x", api=api), git_url.parse(where))
    AppTokens(App(id="4711", key_file="x"), git_url.parse("git+https://github.com/acme/deploy.git"))


class TestSettings:
    """The settings of the operator."""

    def test_a_repository_is_read_with_the_tokens_of_the_app(self, server: HttpsServer, github: GitHub) -> None:
        """A token that the server refuses is replaced in the next read."""
        repository = Repository.create(server.folder, "acme/deploy.git")
        repository.commit({"web.yaml": manifest()})
        github.now = time.time()
        file = server.folder / "config.yaml"
        file.write_text(
            f"git: {{app_id: 4711, app_key_file: {server.folder}/app.pem, ca_file: {server.ca}, "
            f'app_api: "https://localhost:{server.port}/api/v3"}}'
        )
        source = open_source(server.url("acme/deploy.git"), pytest.fail, config.load(file, {}, {}))
        assert list(source.fetch().files) == ["web.yaml"]
        assert github.asked == [LOOKUP, ISSUE]
        server.token = "the installation was suspended"
        with pytest.raises(SourceError) as error:
            source.fetch()
        assert error.value.reason == "denied"
        assert list(source.fetch().files) == ["web.yaml"]
        assert github.asked == [LOOKUP, ISSUE, ISSUE]

    @pytest.mark.parametrize(
        ("variables", "text"),
        [
            ({"APP_ID": "4711"}, "git.app_key_file: not set"),
            ({"APP_KEY_FILE": "/key"}, "git.app_id: not set"),
            ({"APP_ID": "4711", "APP_KEY_FILE": "/key", "TOKEN": "secret-4711"}, "set one of them"),
            ({"APP_ID": "4711", "APP_KEY_FILE": "/key", "TOKEN_FILE": "/token"}, "set one of them"),
            ({"APP_ID": "47 11", "APP_KEY_FILE": "/key"}, "git.app_id"),
            ({"APP_ID": "4711", "APP_KEY_FILE": "/key", "APP_INSTALLATION": "x"}, "git.app_installation"),
        ],
    )
    def test_half_of_an_app_and_one_beside_a_token_are_refused(self, variables: dict[str, str], text: str) -> None:
        with pytest.raises(ConfigError, match=text) as error:
            config.load(None, {f"ECSYNC_GIT_{name}": value for name, value in variables.items()}, {})
        assert "secret-4711" not in str(error.value)
