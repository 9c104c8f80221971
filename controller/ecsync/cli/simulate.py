"""`ecsync simulate`: a simulated AWS on a port, for any AWS tool."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from ecsync.cli import _exits


def simulate(
    port: Annotated[int, typer.Option("--port", help="The port; 0 is any free one.")] = 4566,
    host: Annotated[
        str, typer.Option("--host", help="The address to serve on. Anyone who reaches it controls the simulated AWS.")
    ] = "127.0.0.1",
    speed: Annotated[float, typer.Option("--speed", help="Simulated seconds in one second.")] = 1.0,
    region: Annotated[str, typer.Option("--region", help="The Region in which time passes.")] = "eu-west-1",
    settling: Annotated[
        bool, typer.Option("--settling/--no-settling", help="New roles are usable only after a delay, as in AWS.")
    ] = True,
) -> int:
    """Run a simulated AWS until interrupted.

    Any AWS tool can use it: set AWS_ENDPOINT_URL to its address.

    Example: ecsync simulate --port 4566 --speed 10
    """
    from ecsync.wiring import simulated

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    started = simulated.start(host=host, port=port, speed=speed, settling=settling, region=region)
    print(f"simulated AWS: {started.url}  account {started.account}", flush=True)
    print(f"  export AWS_ENDPOINT_URL={started.url} AWS_REGION={region}", flush=True)
    print("  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated", flush=True)
    print(f"  controls: {started.url}/_sim/docs   calls so far: {started.url}/_sim/ledger", flush=True)
    stop.wait()
    started.simulator.stop()
    return _exits.OK
