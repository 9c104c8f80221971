"""The programs of a scenario as processes: Prometheus and the daemon; and what Prometheus answers."""

from __future__ import annotations

import json
import math
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.whole.support.in_process_daemon import get, wait_until

NEEDED = ("prometheus", "promtool")
INTERVAL = 1.0  # seconds between two scrapes, and between two evaluations of the rules


def needed(*programs: str) -> None:
    """Skip the test where a program is missing."""
    missing = [one for one in programs if shutil.which(one) is None]
    if missing:
        pytest.skip(
            f"there is no {', '.join(missing)} on the PATH: install Debian's prometheus and prometheus-alertmanager"
        )


def run(*command: str, given: str | None = None) -> str:
    """Run a program and return its output, stderr too. Raises AssertionError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, input=given, check=False, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def api(self, path: str, **parameters: object) -> Any:
        """Return the data of an answer."""
        status, body = get(f"{self.url}/api/v1/{path}?{urlencode(parameters)}")
        answer = json.loads(body)
        assert status == 200, (parameters, answer)
        return answer["data"]

    def values(self, expr: str) -> list[tuple[Mapping[str, str], float]]:
        """Return labels and value of each series now."""
        return [(one["metric"], float(one["value"][1])) for one in self.api("query", query=expr)["result"]]

    def holds(self, expr: str) -> bool:
        """Return whether a query has a result now."""
        return bool(self.values(expr))

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = self.api("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def points(self, expr: str, start: float, end: float, step: float) -> int:
        """Return the number of points of a query over a time; those that are no number do not count."""
        series = self.api("query_range", query=expr, start=start, end=end, step=step)["result"]
        return sum(math.isfinite(float(value)) for one in series for _, value in one["values"])


@contextmanager
def prometheus(folder: Path, target: str, rules: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus with these rules; it scrapes one target as the job `ecsync`."""
    port = free_port()
    rules_file, config = folder / "rules.yaml", folder / "prometheus.yaml"
    rules_file.write_text(yaml.safe_dump(dict(rules)))
    interval = f"{round(INTERVAL * 1000)}ms"
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": interval, "evaluation_interval": interval, "scrape_timeout": interval},
                "rule_files": [str(rules_file)],
                "scrape_configs": [{"job_name": "ecsync", "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    run("promtool", "check", "config", str(config))
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            made = Prometheus(f"http://127.0.0.1:{port}")
            wait_until(lambda: process.poll() is not None or _ready(made.url), timeout=30)
            assert process.poll() is None, log.read_text()
            yield made
        finally:
            process.terminate()
            process.wait(20)


def _ready(url: str) -> bool:
    try:
        return get(f"{url}/-/ready")[0] == 200
    except OSError:
        return False
