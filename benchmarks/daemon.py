"""The real daemon as a process, `ecsync run`, and what its API shows of passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet, files_of

ECSYNC = (sys.executable, "-c", "import sys; from ecsync.cli import main; sys.exit(main())")


@contextmanager
def manifests(fleets: Iterable[Fleet]) -> Iterator[Path]:
    """Write the manifests of these sites into a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bench"
        for file, body in files_of(tuple(fleets)).items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        yield folder


def environment(url: str) -> dict[str, str]:
    """Return the environment of a verb that uses the AWS at a URL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECSYNC_"))}
    return {
        **kept,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,  # the variable of boto3
        "ECSYNC_INSTALLATION": INSTALLATION,
        "ECSYNC_ACCOUNT": ACCOUNT,
    }


@dataclass
class Daemon:
    """A running daemon."""

    url: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    def applications(self) -> list[Any]:
        """Return the applications, as the API shows them."""
        with urllib.request.urlopen(f"{self.url}/api/v1/applications", timeout=10) as response:  # noqa: S310  # loopback
            found = json.load(response)
        return list(found["items"])


@contextmanager
def running(url: str, folder: Path) -> Iterator[Daemon]:
    """Run the daemon with the AWS at `url`, until the end of the block. It may write."""
    command = [*ECSYNC, "run", str(folder), "--enforce", "--http-port", "0", "--log-format", "json"]
    process = subprocess.Popen(
        command, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        words = (word for line in process.stdout for word in line.split())
        address = next((word.removesuffix("/metrics") for word in words if "/metrics" in word), "")
        if not address:
            raise RuntimeError("the daemon did not start")
        threading.Thread(target=process.stdout.read, daemon=True).start()  # it must never block on its output
        yield Daemon(address, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class SeenPass:
    """One pass, by the API. Times are seconds since 1970."""

    started: float
    ended: float
    result: str


def passes_of(daemon: Daemon, name: str, seconds: float, every: float = 0.25) -> list[SeenPass]:
    """Return the passes of an application that end within so many seconds from now."""
    seen: dict[str, SeenPass] = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for application in daemon.applications():
            last = application["lastPass"]
            if application["name"] == name and last:
                seen[last["started"]] = SeenPass(_seconds(last["started"]), _seconds(last["ended"]), last["result"])
        time.sleep(every)
    return sorted(seen.values(), key=lambda one: one.started)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
