"""The command `ecsync`, run in this process or in a new one."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ecsync import cli
from ecsync.sources.disk import DiskSource
from tests.whole.support.environment import Environment

ECSYNC = Path(sys.executable).with_name("ecsync")


@dataclass(frozen=True)
class Result:
    """The result of a command: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout, parsed as JSON."""
        return json.loads(self.out)


class _SimulatedTimeModule:
    """Replaces the module `time` in a command that waits: simulated seconds."""

    def __init__(self, environment: Environment) -> None:
        self.monotonic = environment.time.monotonic
        self.sleep = lambda seconds: environment.simulator.advance(6 * seconds)  # fewer polls than in real time


class Command:
    """Runs the command in this process: faster than a new process, and with simulated time."""

    def __init__(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ecsync.aws.limits.Limiter.take", lambda *_: 0.0)
        monkeypatch.setattr("sys.stdin", StringIO())  # no confirmation
        monkeypatch.setattr("ecsync.cli.apply.time", _SimulatedTimeModule(environment))
        assert DiskSource.__init__.__kwdefaults__ is not None
        monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)
        monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "settle", 0.0)

    def __call__(self, *arguments: object) -> Result:
        """Run the command."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main([str(one) for one in arguments])
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, out.getvalue(), err.getvalue())


def run(*arguments: object) -> Result:
    """Run the command in a new process."""
    command = [str(ECSYNC), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Result(done.returncode, done.stdout, done.stderr)
