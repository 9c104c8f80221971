"""`ecsync simulate`: a simulated AWS on a port, for any AWS tool."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from ecsync.cli import _exits


def simulate(
    port: Annotated[int, typer.Option("--port", help="0: any free port.")] = 4566,
    speed: Annotated[float, typer.Option("--speed", help="Simulated seconds in one second.")] = 1.0,
    region: Annotated[str, typer.Option("--region", help="The Region whose services are ticked.")] = "eu-west-1",
    settling: Annotated[
        bool, typer.Option("--settling/--no-settling", help="New roles take a while, as on a real account.")
    ] = True,
) -> int:
    """Run the simulated AWS on 127.0.0.1 until interrupted. Point any AWS tool at it by AWS_ENDPOINT_URL.

    Example: ecsync simulate --port 4566 --speed 10
    """
    from ecsync.wiring import simulated

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    started = simulated.start(port=port, speed=speed, settling=settling, region=region)
    print(f"simulated AWS: {started.url}  account {started.account}", flush=True)
    print(f"  export AWS_ENDPOINT_URL={started.url} AWS_REGION={region}", flush=True)
    print("  export AWS_ACCESS_KEY_ID=simulated AWS_SECRET_ACCESS_KEY=simulated", flush=True)
    print(
        f"  {started.url}/_sim/docs lists what it can be told; {started.url}/_sim/ledger what it was asked", flush=True
    )
    stop.wait()
    started.simulator.stop()
    return _exits.OK
