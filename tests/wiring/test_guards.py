"""The guards of a daemon from its settings: the token of the API, and the place of the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecsync import wiring
from ecsync.config import ConfigError, Settings, load
from ecsync.http.guards import Refused
from ecsync.testing import FakeClock
from ecsync.wiring import guards

TOKEN = "0123456789abcdef"


def ask(settings: Settings, body: str = '{"reason": "x"}', *, read_only: bool = False) -> tuple[int, str]:
    """Send a request with the token to the API with these settings."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body.encode()

    clouds = wiring.Clouds(settings=settings, read_only=read_only)
    changes: list[str] = []
    api = guards.api(settings, clouds, FakeClock(), lambda: changes.append(""))
    headers = {"authorization": f"Bearer {TOKEN}"}
    try:
        answer = asyncio.run(api.receive("freeze", headers, chunks(), "192.0.2.1"))
    except Refused as refused:
        assert changes == []
        return refused.status, str(refused)
    assert changes == [""]
    return answer


def settings(**environment: str) -> Settings:
    """Return settings of the environment."""
    return load(None, {f"ECSYNC_{name}": value for name, value in environment.items()}, {})


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A place for the record."""
    return f"file:{tmp_path / 'record.json'}"


def test_the_record_is_written(place: str, tmp_path: Path) -> None:
    """With the token of the environment, or of a file."""
    assert ask(settings(FREEZE=place, HTTP_TOKEN=TOKEN))[0] == 200
    assert "192.0.2.1" in (tmp_path / "record.json").read_text()
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert ask(settings(FREEZE=place, HTTP_TOKEN_FILE=str(tmp_path / "token")))[0] == 200


def test_what_is_missing_is_named(place: str, tmp_path: Path) -> None:
    """A token, a place for the record, a right to write there."""
    assert ask(settings(FREEZE=place)) == (403, "set http.token_file or ECSYNC_HTTP_TOKEN to allow this request")
    status, message = ask(settings(HTTP_TOKEN=TOKEN))
    assert (status, "freeze is not set" in message) == (409, True)
    status, message = ask(settings(FREEZE=f"file:{tmp_path / 'none' / 'record.json'}", HTTP_TOKEN=TOKEN))
    assert (status, "cannot be written" in message) == (503, True)
    assert ask(settings(FREEZE=place, HTTP_TOKEN=TOKEN), '{"for": "2h"}') == (400, "reason is empty")
    read_only = ask(settings(FREEZE="ssm:/a", HTTP_TOKEN=TOKEN, REGION="eu-west-1"), read_only=True)
    assert (read_only[0], "use the command" in read_only[1]) == (409, True)


@pytest.mark.parametrize("token", ["short", "0123456789abcde\u00e9", "01234567\t9abcdef", " " * 20])
def test_a_token_that_cannot_be_used_is_refused(token: str, place: str, tmp_path: Path) -> None:
    """When the daemon starts; the message does not contain it. White space alone is no token."""
    (tmp_path / "token").write_text(token)
    with pytest.raises(ConfigError) as refused:
        ask(settings(FREEZE=place, HTTP_TOKEN_FILE=str(tmp_path / "token")))
    assert token.strip() == "" or token not in str(refused.value)


def test_a_token_is_in_one_place(place: str, tmp_path: Path) -> None:
    """Not in the config file; in the environment or in a file that can be read."""
    with pytest.raises(ConfigError, match="not both"):
        ask(settings(FREEZE=place, HTTP_TOKEN=TOKEN, HTTP_TOKEN_FILE="x"))
    with pytest.raises(ConfigError, match="cannot be read"):
        ask(settings(FREEZE=place, HTTP_TOKEN_FILE=str(tmp_path / "none")))
    file = tmp_path / "config.yaml"
    file.write_text(f"http: {{token: {TOKEN}}}")
    with pytest.raises(ConfigError, match="a secret must not be in this file") as refused:
        load(file, {}, {})
    assert TOKEN not in str(refused.value)


def test_budgets_and_approvals_are_those_of_the_target_or_of_all(tmp_path: Path) -> None:
    """An entry without its own has those of all: a guard does not end where a target begins."""
    from ecsync.core.model import Application
    from ecsync.wiring import targets

    file = tmp_path / "config.yaml"
    file.write_text(
        "approval: [delete]\nremovals_per_hour: 5\ntargets:\n"
        '  a: {account: "123456789012"}\n'
        '  b: {account: "123456789012", approval: [], removals_per_hour: 0, changes_per_hour: 9}\n'
    )
    found = load(file, {}, {})
    plain, own = Application(name="x", account="a"), Application(name="x", account="b")
    assert targets.approval(found, plain) == {"delete"}
    assert targets.approval(found, own) == set()
    assert targets.per_hour(found, plain) == targets.PerHour(changes=0, removals=5)
    assert targets.per_hour(found, own) == targets.PerHour(changes=9, removals=0)
    assert targets.lowest_per_hour(found, "123456789012") == targets.PerHour(changes=9, removals=5)
    assert targets.lowest_per_hour(settings(REMOVALS_PER_HOUR="0"), "123456789012") == targets.PerHour(
        changes=0, removals=0
    )
    assert targets.approval(settings(APPROVAL="replace, delete"), plain) == {"replace", "delete"}
    with pytest.raises(ConfigError, match="approval"):
        settings(APPROVAL="update")
