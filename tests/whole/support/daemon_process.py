"""The daemon in a new process, on the simulated account."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.whole.support.command import ECSYNC
from tests.whole.support.in_process_daemon import wait_until


class Process:
    """A process of `ecsync run`, with its URL and the lines of its output."""

    def __init__(self, where: str | Path, *flags: str, source_interval: int = 1) -> None:
        command = [str(ECSYNC), "run", str(where), "--enforce", "--http-port", "0", "--log-format", "json", *flags]
        environment = {**os.environ, "ECSYNC_LOOP_SOURCE_INTERVAL": str(source_interval), "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(stream, lines), daemon=True)
            for stream, lines in ((self._process.stdout, self.out), (self._process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def url(self) -> str:
        """Return the base URL of metrics and API; empty until the process has logged it."""
        found = (re.search(r"http://\S+(?=/metrics)", line) for line in list(self.err))
        return next((one[0] for one in found if one), "")

    def running(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def terminate(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send SIGTERM, or another signal; return the exit code and the seconds until the end."""
        began = time.monotonic()
        self._process.send_signal(by)
        code = self._process.wait(30)
        self._close()
        return code, time.monotonic() - began

    def pause(self) -> None:
        """Send SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()
        self._process.wait(10)
        self._close()

    def _close(self) -> None:
        for reader in self._readers:
            reader.join(5)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def _read(stream: IO[str], lines: list[str]) -> None:
    lines += iter(stream.readline, "")


@contextmanager
def daemon(where: str | Path, *flags: str, source_interval: int = 1) -> Iterator[Process]:
    """Start a daemon, wait for its URL, and kill it after the block if it still runs."""
    process = Process(where, *flags, source_interval=source_interval)
    try:
        wait_until(lambda: process.url or not process.running())
        assert process.url, "".join(process.err)
        yield process
    finally:
        if process.running():
            process.kill()
