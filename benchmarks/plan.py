"""Measure `ecsync plan` against a script that makes two calls per service: `python -m benchmarks.plan`.

Both are whole processes against the load AWS, from start to exit, without rates: with AWS's latency, and without any.
The script is what a deployment tool for one service makes at least: DescribeServices and DescribeTaskDefinition for
each service, with stock boto3, and no comparison (`benchmarks/two_calls.py`). Compiled modules of both are in a folder
of their own, which a first run fills: an installed package has them too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.daemon import environment, manifests
from benchmarks.fleet import Fleet
from benchmarks.load.client import LoadAws, Remote

SERVICES = 10
LATENCY = 0.03  # seconds of each call to AWS
# The verb, without the controller's own rate limit: AWS's clock runs so fast that every bucket is always full.
_UNLIMITED = """
from functools import partial
from ecsync import wiring
wiring.workspace = partial(wiring.workspace, pace=1e9)
from ecsync.cli import main
main()
"""
ECSYNC = (sys.executable, "-c", _UNLIMITED)
ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process: seconds, and its calls."""

    wall: float
    cpu: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Plans:
    """The fastest run of each."""

    plan: Run
    script: Run


def plans(aws: Remote, services: int = SERVICES, latency: float = LATENCY) -> Plans:
    """Run both alternately, and return the fastest run of each. `latency` is the seconds of each call."""
    fleet = Fleet(services, 1)
    aws.set([fleet], buckets=False, others=0.0, latency=latency, throttled=[])
    with manifests([fleet]) as folder, tempfile.TemporaryDirectory() as compiled:
        commands = {
            "plan": [*ECSYNC, "plan", str(folder), "--detailed-exitcode"],
            "script": [sys.executable, "-m", "benchmarks.two_calls", str(services)],
        }
        variables = environment(aws.url) | {"PYTHONPYCACHEPREFIX": compiled}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        found: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(ROUNDS + 1):  # the first one compiles
            for name, command in commands.items():
                found[name].append(_run(aws, command, variables))
    aws.set(latency=0.0)
    return Plans(**{name: min(runs, key=lambda run: run.wall) for name, runs in found.items()})


def _run(aws: Remote, command: Sequence[str], variables: Mapping[str, str]) -> Run:
    aws.set()
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-500:]}"
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall=wall, cpu=cpu, calls=aws.received().total)


def main() -> None:
    """Measure and print JSON."""
    with LoadAws() as aws:
        print(json.dumps({f"latency {latency} s": asdict(plans(aws, latency=latency)) for latency in (LATENCY, 0.0)}))


if __name__ == "__main__":
    main()
