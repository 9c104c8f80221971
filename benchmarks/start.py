"""Measure the CPU time of a process until its first request to AWS: `python -m benchmarks.start [SERVICES …]`.

A local socket is the endpoint. At the first request the process is killed, and the operating system reports its CPU
time, user and system. The controls are scripts with stock boto3 that make the same first request. Compiled modules are
in a folder of their own, which a first round fills: an installed package has them too.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.fleet import ACCOUNT, INSTALLATION, REGION, Fleet

SIZES = (10, 100, 1000)
ROUNDS = 5
CONTROLS = {
    "control: one client": "import boto3; boto3.client('sts').get_caller_identity()",
    "control: four clients": "import boto3; [boto3.client(name) for name in "
    "('ecs', 'elbv2', 'autoscaling', 'application-autoscaling')]; boto3.client('sts').get_caller_identity()",
}
COMMAND = "from ecsync.cli import main; main()"


def until_first_request(code: str, arguments: Sequence[str], compiled: str) -> float:
    """Return the CPU seconds of a Python process until it has sent the first request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(120)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECSYNC_"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "ECSYNC_INSTALLATION": INSTALLATION,
            "ECSYNC_ACCOUNT": ACCOUNT,
            "PYTHONPYCACHEPREFIX": compiled,
        }
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
        finally:
            process.send_signal(signal.SIGKILL)
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = -signal.SIGKILL
    return used.ru_utime + used.ru_stime


def least(code: str, arguments: Sequence[str], compiled: str) -> float:
    """Return the least CPU seconds of several rounds, after one that compiles the modules."""
    return min(until_first_request(code, arguments, compiled) for _ in range(ROUNDS + 1))


def measured(sizes: Sequence[int]) -> Iterator[tuple[int, str, float]]:
    """Yield the services (0: a control), the name of the process, and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = f"{folder}/compiled"
        for name, code in CONTROLS.items():
            yield 0, name, least(code, (), compiled)
        for services in sizes:
            manifests = Path(folder, str(services))
            for name, content in Fleet(services, 1).files().items():
                (manifests / name).parent.mkdir(parents=True, exist_ok=True)
                (manifests / name).write_bytes(content)
            for verb in (("plan",), ("run", "--http-port", "0")):
                yield services, f"ecsync {verb[0]}", least(COMMAND, (*verb, str(manifests)), compiled)


def main(sizes: Sequence[int]) -> None:
    """Measure and print the table."""
    print(f"{'services':>8}  {'process':<24}{'CPU s':>8}")
    for services, name, seconds in measured(sizes):
        print(f"{services or '':>8}  {name:<24}{seconds:>8.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--json"]:
        print(json.dumps(list(measured(SIZES))))
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)
