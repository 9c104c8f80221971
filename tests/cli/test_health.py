"""The health check of a container: what it loads, which address it asks, and what it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecsync import health
from ecsync.config import load
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.http.view import Beat
from tests.cli.other_server import other_server
from tests.views import FakeView

EVERY = "0.0.0.0"  # noqa: S104  # nothing is bound here
LOADED = {"ecsync", "ecsync.health"}  # of ours
LIBRARIES = {"typer", "click", "pydantic", "boto3", "botocore", "structlog", "rich", "starlette", "uvicorn"}
HEAVY = LIBRARIES | {
    "yaml", "asyncio", "json", "http.client", "urllib.request", "urllib.parse", "email", "ssl", "pathlib",
    "dataclasses", "inspect", "argparse", "logging", "typing_extensions", "importlib.metadata",
}  # fmt: skip
_SHOW = (
    "import sys, runpy, atexit; sys.argv = ['ecsync', 'status', '--health']; "
    "before = set(sys.modules); "
    "atexit.register(lambda: print(*sorted(set(sys.modules) - before))); "
    "runpy.run_module('ecsync', run_name='__main__', alter_sys=False)"
)


@pytest.fixture
def view() -> FakeView:
    """Return the state of a daemon."""
    return FakeView()


@pytest.fixture
def port(view: FakeView) -> Iterator[int]:
    """Yield the port of a daemon."""
    server = Server("127.0.0.1", 0, create_app(view, lambda _: (b"", "text/plain")))
    yield server.start()
    assert server.stop()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python without the settings of this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ECSYNC_")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**kept, **environment}
    )


def loaded(port: int, **environment: str) -> set[str]:
    """Return the modules that a health check of a healthy daemon loads."""
    done = run(_SHOW, ECSYNC_HTTP_PORT=str(port), **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_the_check_loads_none_of_the_libraries_of_the_command(port: int) -> None:
    """What it loads is what it costs, every 30 seconds in every container."""
    found = loaded(port)
    assert found & HEAVY == set()
    assert {name for name in found if name.startswith("ecsync")} == LOADED
    assert {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names} == LOADED
    assert "socket" in found, "it has made a request"


def test_only_a_config_file_that_may_have_the_address_is_read(port: int, tmp_path: Path) -> None:
    """PyYAML is loaded for it, and nothing else that is installed; with host and port in variables not even that."""
    file = tmp_path / "config.yaml"
    file.write_text("installation: prod\nhttp: {host: 0.0.0.0, port: 9}\n")
    found = loaded(port, ECSYNC_CONFIG=str(file))
    assert "yaml" in found
    assert found & LIBRARIES == set()
    assert "yaml" not in loaded(port, ECSYNC_CONFIG=str(file), ECSYNC_HTTP_HOST="127.0.0.1")


def test_the_image_runs_the_check_that_loads_little() -> None:
    """The arguments of its HEALTHCHECK, and the program of the package, are those that `__main__` looks for."""
    root = Path(__file__).parents[2]
    lines = (root / "Dockerfile").read_text().splitlines()
    command = lines[next(n for n, line in enumerate(lines) if line.startswith("HEALTHCHECK")) + 1]
    assert command.strip() == 'CMD ["/opt/ecsync/bin/ecsync", "status", "--health"]'
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["ecsync"] == "ecsync.__main__:main"


CASES = [
    ({}, ""),
    ({"ECSYNC_HTTP_PORT": "9090"}, ""),
    ({"ECSYNC_HTTP_HOST": EVERY, "ECSYNC_HTTP_PORT": "81"}, ""),
    ({"ECSYNC_HTTP_HOST": "::"}, ""),
    ({}, "http: {port: 9091}"),
    ({}, "http: {host: '::1', port: 9091}"),
    ({"ECSYNC_HTTP_PORT": "9"}, "http: {host: 10.0.0.1, port: 9091}"),
    ({}, "http:\nlog: {level: debug}"),
    ({}, "installation: prod"),
    ({}, ""),
]


@pytest.mark.parametrize(("environment", "text"), CASES)
def test_the_address_is_that_of_the_settings(environment: dict[str, str], text: str, tmp_path: Path) -> None:
    """As the daemon reads them: defaults, file, variables. Every address of the machine is this one."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    settings = load(file, environment, {}).http
    here = {EVERY: "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    assert health.address({**environment, "ECSYNC_CONFIG": str(file)}) == (here, settings.port)


@pytest.mark.parametrize("text", ["[", "http: 7", "http: {port: many}", "http: {port: 0}", "http: {port: 70000}"])
def test_settings_that_it_cannot_read_are_left_to_the_command(text: str, tmp_path: Path) -> None:
    """Which names the file, the setting and the fix."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(health.Unknown):
        health.address({"ECSYNC_CONFIG": str(file)})
    code = "import sys; sys.argv = ['ecsync', 'status', '--health']; from ecsync.__main__ import main; main()"
    done = run(code, ECSYNC_CONFIG=str(file))
    assert done.returncode in (1, 64)
    assert "http" in done.stderr or "config.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_daemon_that_works_is_healthy(port: int) -> None:
    """Nothing to report."""
    assert health.problem("127.0.0.1", port) == ""
    assert health.problem("localhost", port) == ""


def test_a_loop_without_a_heartbeat_is_a_problem(port: int, view: FakeView) -> None:
    """It is named, with its age."""
    view.beats = {"source": Beat(age=1, interval=30), "worker-0": Beat(age=312.4, interval=60)}
    at = f"http://127.0.0.1:{port}/healthz"
    assert health.problem("127.0.0.1", port) == f"{at}: 503: the worker-0 loop is stuck: no iteration for 312 s"


def test_no_daemon_is_a_problem_and_the_exit_code_is_1() -> None:
    """The message names the address."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    done = run("import sys; from ecsync import health; sys.exit(health.main())", ECSYNC_HTTP_PORT=str(free))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no daemon at http://127.0.0.1:{free}" in done.stderr


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 503 No\r\n\r\n[",
        b"HTTP/1.1",
        b"\0" * 100_000,
        b'HTTP/1.1 503 No\r\n\r\n{"apiVersion":"ecsync/v1","loops":7}',
    ],
    ids=["another protocol", "a page", "an error", "half a line", "too long", "an error of ours without loops"],
)
def test_another_server_is_a_problem(response: bytes) -> None:
    """Whatever it answers."""
    with other_server(response) as there:
        assert f"http://127.0.0.1:{there}" in health.problem("127.0.0.1", there)


def test_a_server_that_does_not_answer_is_a_problem() -> None:
    """After the time-out, which is of the whole answer."""
    with other_server(b"") as there:
        assert "timed out" in health.problem("127.0.0.1", there, within=0.05)
