"""From a push to a deployment: a hook makes the daemon read its source, and waits for no interval."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog

from ecsync import config
from ecsync.config import ConfigError
from ecsync.http.hooks import BURST
from ecsync.testing import FakeClock
from ecsync.wiring import daemon, webhooks
from tests.whole.publishing import bucket
from tests.whole.publishing.bucket import WHERE
from tests.whole.support import in_process_daemon
from tests.whole.support.environment import Environment, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until

SECRET = "a-secret-of-the-tests"
BODY = b"{}"
HOUR = 3600.0


def post(daemon: RunningDaemon, secret: str, path: str = "/hooks/github") -> int:
    """Send a hook of GitHub, and return the status."""
    where = urlsplit(daemon.running.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    signature = "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    try:
        connection.request("POST", path, BODY, {"Content-Type": "application/json", "X-Hub-Signature-256": signature})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_hook_deploys_what_is_published_without_waiting(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is read at an interval of an hour, or now. A forged hook, and one without a secret, read nothing."""
    # The simulated wall time is faster than the intervals: for the daemon it would be a clock that is set.
    monkeypatch.setattr("ecsync.engine.ticks.Ticks.keep_time", lambda _: None)
    bucket.create(environment)
    through = bucket.put(environment)
    bucket.publish(environment, through)
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    settings = {"webhooks": {"github_file": str(file)}}
    with in_process_daemon.run(environment, WHERE, HOUR, **settings) as running:
        wait_until(running.is_converged)
        environment.edit("nginx/nginx:1.27", "nginx/nginx:1.28", "application.yaml")
        with environment.writes() as writes:
            bucket.publish(environment, through)
            for _ in range(5):
                assert post(running, "a secret of another one") == 401
                assert post(running, SECRET, "/hooks/gitlab") == 404
            running.wait_for_passes()
            reads = running.metric("ecsync_source_fetch_total", result="ok")
            assert reads == 1
            assert post(running, SECRET) == 202
            wait_until(lambda: any(one.operation == "UpdateService" for one in environment.simulator.ledger))
            wait_until(running.is_converged)
        made = [name for name in operations(writes) if not name.startswith("s3.")]
        assert made == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
        assert running.metric("ecsync_source_fetch_total", result="ok") == 2
        counts = {"accepted": 1, "forged": 5}
        for result, count in counts.items():
            assert running.metric("ecsync_webhooks_total", hook="github", result=result) == count
        assert running.metric("ecsync_webhooks_total", hook="other", result="unknown") == 5
        assert not [one for one in running.running.store.events(limit=1000) if "hook" in one.type]


def test_a_thousand_refused_requests_are_one_line_of_the_log() -> None:
    """And one more a minute, with the number of the others. No line has a header, a body or a secret."""
    clock, metrics = FakeClock(), daemon.build_metrics()
    settings = load(ECSYNC_WEBHOOKS_GITLAB=SECRET)
    hooks = webhooks.hooks(settings, lambda: None, metrics, clock)

    async def body() -> AsyncIterator[bytes]:
        yield BODY

    async def send() -> None:
        for _ in range(1000):
            clock.advance(0.001)
            await hooks.receive("gitlab", {"content-type": "application/json", "x-gitlab-token": "wrong"}, body())
        clock.advance(60)
        await hooks.receive("gitlab", {"content-type": "application/json", "x-gitlab-token": "wrong"}, body())

    with structlog.testing.capture_logs() as lines:
        asyncio.run(send())
    found = [(line["result"], line["since_last"]) for line in lines]
    assert found == [("forged", 0), ("limited", 0), ("forged", BURST - 1)]
    assert {name for line in lines for name in line} == {"event", "log_level", "hook", "result", "since_last"}


# ---------------------------------------------------------------- the secrets


def load(file: Path | None = None, **environment: str) -> config.Settings:
    """Return the settings."""
    return config.load(file, environment, {})


def test_secrets_are_of_the_environment_or_of_a_file(tmp_path: Path) -> None:
    """One or two of each hook. The generic ones are base64, with or without `whsec_`."""
    file = tmp_path / "secrets"
    file.write_text("0123456789abcdef\nfedcba9876543210\n")
    keys = webhooks.keys(
        load(
            ECSYNC_WEBHOOKS_GITHUB=f"{SECRET} {SECRET}-2",
            ECSYNC_WEBHOOKS_GITLAB_FILE=str(file),
            ECSYNC_WEBHOOKS_GENERIC="whsec_MDEyMzQ1Njc4OWFiY2RlZg== MDEyMzQ1Njc4OWFiY2RlZg==",
        )
    )
    assert keys["github"] == (SECRET.encode(), f"{SECRET}-2".encode())
    assert keys["gitlab"] == (b"0123456789abcdef", b"fedcba9876543210")
    assert keys["generic"] == (b"0123456789abcdef",) * 2
    assert set(webhooks.keys(load()).values()) == {()}


@pytest.mark.parametrize(
    "variables",
    [
        {"ECSYNC_WEBHOOKS_GITHUB": f"{SECRET} {SECRET} {SECRET}"},
        {"ECSYNC_WEBHOOKS_GITHUB": SECRET[:15]},
        {"ECSYNC_WEBHOOKS_GENERIC": SECRET},
        {"ECSYNC_WEBHOOKS_GENERIC": f"whsec_{SECRET}"},
        {"ECSYNC_WEBHOOKS_GITHUB": SECRET, "ECSYNC_WEBHOOKS_GITHUB_FILE": "file"},
        {"ECSYNC_WEBHOOKS_GITHUB_FILE": "missing"},
        {"ECSYNC_WEBHOOKS_GITHUB_FILE": "empty"},
        {"ECSYNC_WEBHOOKS_GITHUB_FILE": "three"},
        {"ECSYNC_WEBHOOKS_GITHUB_FILE": "bytes"},
    ],
)
def test_a_secret_that_cannot_be_used_is_an_error_without_it(tmp_path: Path, variables: dict[str, str]) -> None:
    """The message names the setting. An empty file is no hook that everybody may use."""
    (tmp_path / "file").write_text(SECRET)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "three").write_text(f"{SECRET} {SECRET} {SECRET}")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" + SECRET.encode())
    given = {name: str(tmp_path / value) if name.endswith("_FILE") else value for name, value in variables.items()}
    with pytest.raises(ConfigError) as caught:
        webhooks.keys(load(None, **given))
    assert "webhooks.g" in str(caught.value)
    assert SECRET[:10] not in str(caught.value)
    assert not {SECRET} & {str(caught.value.__cause__), str(caught.value.__context__)}


def test_the_config_file_holds_no_secret(tmp_path: Path) -> None:
    """It is often in a repository; the message names the variable, and not the value."""
    file = tmp_path / "ecsync.yaml"
    file.write_text(f"webhooks: {{github: {SECRET}}}")
    with pytest.raises(ConfigError, match="ECSYNC_WEBHOOKS_GITHUB") as caught:
        load(file)
    assert SECRET not in str(caught.value)
    file.write_text(f"webhooks: {SECRET}")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert SECRET not in str(caught.value)
    file.write_text("webhooks: {github_file: /run/secrets/github}")
    assert load(file).webhooks.github_file == "/run/secrets/github"


def test_settings_print_no_secret() -> None:
    """Also where they are printed as a whole."""
    assert SECRET not in repr(load(ECSYNC_WEBHOOKS_GITHUB=SECRET))
