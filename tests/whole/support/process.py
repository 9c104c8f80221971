"""The daemon as a process of its own, on the simulated account."""

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
from tests.whole.support.live import until


class Process:
    """`ecsync run`: its address, and all that it says."""

    def __init__(self, where: str | Path, *flags: str) -> None:
        command = [str(ECSYNC), "run", str(where), "--enforce", "--http-port", "0", "--log-format", "json", *flags]
        environment = {**os.environ, "ECSYNC_LOOP_SOURCE_INTERVAL": "1", "PYTHONUNBUFFERED": "1"}
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
        """Where metrics and API are, once it has said so."""
        found = (re.search(r"http://\S+(?=/metrics)", line) for line in list(self.out))
        return next((one[0] for one in found if one), "")

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def terminate(self) -> tuple[int, float]:
        """Ask it to end; its exit code, and the seconds that it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        self._close()
        return code, time.monotonic() - began

    def kill(self) -> None:
        """End it on the spot."""
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
def daemon(where: str | Path, *flags: str) -> Iterator[Process]:
    """Run it until it says where it is, and leave nothing running."""
    process = Process(where, *flags)
    try:
        until(lambda: process.url or not process.running())
        assert process.url, "".join(process.err)
        yield process
    finally:
        if process.running():
            process.kill()
