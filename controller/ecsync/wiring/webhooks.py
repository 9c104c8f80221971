"""The hooks of the daemon: their secrets from the settings, and what a request of one is counted and logged as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ecsync.config import ConfigError, Settings
from ecsync.core.ports import Clock, HookResult
from ecsync.http.hooks import Hooks
from ecsync.http.signatures import standard_key
from ecsync.report.log_throttle import Repeats
from ecsync.report.metrics import Metrics

if TYPE_CHECKING:
    from pydantic import SecretStr

_SHORTEST = 16  # bytes of a secret
_MOST = 2  # the old one and the new one, while a secret is replaced


def hooks(settings: Settings, read_now: Callable[[], None], metrics: Metrics, clock: Clock) -> Hooks:
    """Return the hooks that have a secret. Raises ConfigError for a secret that cannot be used."""
    return Hooks(keys(settings), read_now, _counted(metrics, clock), clock)


def keys(settings: Settings) -> Mapping[str, tuple[bytes, ...]]:
    """Return the keys by hook. Raises ConfigError; its text has no secret."""
    of = settings.webhooks
    return {
        "github": tuple(_key("github", one) for one in _secrets("github", of.github, of.github_file)),
        "gitlab": tuple(_key("gitlab", one) for one in _secrets("gitlab", of.gitlab, of.gitlab_file)),
        "generic": tuple(_key("generic", one) for one in _secrets("generic", of.generic, of.generic_file)),
    }


def _secrets(hook: str, given: tuple[SecretStr, ...], file: str) -> list[str]:
    if not file:
        return [one.get_secret_value() for one in given]
    if given:
        raise ConfigError(f"webhooks.{hook}: set the secret or webhooks.{hook}_file, not both")
    try:
        found = Path(file).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not text"
        raise ConfigError(f"webhooks.{hook}_file: {file}: cannot be read ({reason}); allow ecsync to read it") from None
    if not 1 <= len(found) <= _MOST:
        raise ConfigError(f"webhooks.{hook}_file: {file}: has {len(found)} secrets; write one, or two to replace one")
    return found


def _key(hook: str, secret: str) -> bytes:
    try:
        key = standard_key(secret) if hook == "generic" else secret.encode()
    except ValueError as error:
        raise ConfigError(f"webhooks.{hook}: the secret {error}") from None
    if len(key) < _SHORTEST:
        raise ConfigError(
            f"webhooks.{hook}: the secret is too short; use {_SHORTEST} bytes or more, such as the output of "
            "`openssl rand -base64 32`"
        )
    return key


def _counted(metrics: Metrics, clock: Clock) -> Callable[[str, HookResult], None]:
    """Return a function that counts each request, and logs the same result of the same hook once a minute."""
    repeats = Repeats(clock)
    log = structlog.get_logger("ecsync")

    def count(hook: str, result: HookResult) -> None:
        metrics.hook(hook, result)
        dropped = repeats.allow((hook, result))
        if dropped is not None:
            write = log.info if result in ("accepted", "repeated") else log.warning
            write("webhook", hook=hook, result=result, since_last=dropped)

    return count
