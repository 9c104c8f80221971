"""The command `ecsync`, run in this process or as one of its own."""

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
from botocore.loaders import Loader

from ecsync import cli
from ecsync.sources.disk import DiskSource
from tests.whole.support.stage import Stage

ECSYNC = Path(sys.executable).with_name("ecsync")


@dataclass(frozen=True)
class Answer:
    """What a command said: data, messages, exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The data, as JSON."""
        return json.loads(self.out)


class _Time:
    """What `time` is to a verb that waits: seconds of the simulated account."""

    def __init__(self, stage: Stage) -> None:
        self.monotonic = stage.time.monotonic
        self.sleep = lambda seconds: stage.simulator.advance(6 * seconds)  # it looks oftener than things happen


class Command:
    """Runs the command in this process, with what is slow about a new process shared, and simulated time."""

    def __init__(self, stage: Stage, loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ecsync.aws.clients.create_loader", lambda: loader)
        monkeypatch.setattr("ecsync.aws.limits.Limiter.take", lambda *_: 0.0)
        monkeypatch.setattr("sys.stdin", StringIO())  # nobody answers
        monkeypatch.setattr("ecsync.cli.apply.time", _Time(stage))
        assert DiskSource.__init__.__kwdefaults__ is not None
        monkeypatch.setitem(DiskSource.__init__.__kwdefaults__, "pause", 0.0)

    def __call__(self, *arguments: object) -> Answer:
        """Run it."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main([str(one) for one in arguments])
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, out.getvalue(), err.getvalue())


def run(*arguments: object) -> Answer:
    """Run it as a process of its own."""
    command = [str(ECSYNC), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)
