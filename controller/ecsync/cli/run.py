"""`ecsync run`: the daemon."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.config import Settings
    from ecsync.wiring.daemon import Running

_SIMULATED_SPEED = 8.0  # simulated seconds in one second: a rollout of minutes takes seconds


def run(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]", help="The manifests: a directory or s3://bucket/prefix. Default: the setting `source`."
        ),
    ] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    first_time: _options.FirstTime = False,
    enforce: Annotated[
        bool | None, typer.Option("--enforce", help="Allow writes, in applications with sync.mode enforce.")
    ] = None,
    aws: Annotated[str, typer.Option("--aws", help="real, or simulated (in this process).")] = "real",
    host: Annotated[str | None, typer.Option("--http-host", help="The address of metrics and API.")] = None,
    port: Annotated[
        int | None, typer.Option("--http-port", help="The port of metrics and API; 0 is any free one.")
    ] = None,
    log_format: Annotated[str | None, typer.Option("--log-format", help="Log format: auto, json or text.")] = None,
) -> int:
    """Run the daemon: keep AWS as the manifests declare.

    Read-only without --enforce. SIGTERM, SIGINT and SIGHUP finish the running calls and exit with 0.

    Examples:
      ecsync run manifests/shop --installation prod --account 123456789012 --enforce
      ecsync run --aws simulated manifests/quickstart
    """
    stop = threading.Event()
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
    ):  # first: as process 1 it ignores signals without a handler
        signal.signal(number, lambda *_: stop.set())
    _options.choice(aws, "real", "simulated")
    flags = {
        "installation": installation,
        "account": account,
        "region": region,
        "profile": profile,
        "first_time": first_time,
        "enforce": enforce,
        "source": path,
        "http.host": host,
        "http.port": port,
        "log.format": log_format,
    }
    simulated_at = ""
    if aws == "simulated":
        from ecsync.wiring import simulated

        started = simulated.start(speed=_SIMULATED_SPEED)
        simulated_at = started.url
        flags |= {"installation": installation or "simulated", "account": started.account, "enforce": True}
    settings = _options.settings(config, **flags)  # type: ignore[arg-type]  # names of settings, which it checks
    if not settings.source:
        raise typer.BadParameter("PATH is missing: set it to a directory or s3://bucket/prefix")
    if settings.enforce:
        settings.installation_to_write()
    return _serve(settings, simulated_at, stop, pace=_SIMULATED_SPEED if simulated_at else 1.0)


def _serve(settings: Settings, simulated_at: str, stop: threading.Event, *, pace: float) -> int:
    from ecsync import wiring
    from ecsync.cli._view import View
    from ecsync.report import log
    from ecsync.wiring import daemon

    view = View(sys.stdout)
    log.configure(view.errors, wiring.SystemClock(), level=settings.log.level, format=settings.log.format)
    metrics = daemon.build_metrics()
    observer = daemon.metrics_observer(metrics)
    workspace = wiring.workspace(
        settings, settings.source, read_only=not _may_write(settings), observer=observer, pace=pace
    )
    workspace.clouds.wait = stop.wait  # a wait in the rate limiter ends when the process stops
    # On a terminal the view replaces the log as the sink of events.
    sink = "log" if view.live else "view"
    running = daemon.start(settings, settings.source, workspace, metrics, {sink: view.receive})
    _introduce(running, settings, simulated_at)
    view.open(running.store.applications)
    while not stop.wait(0.5):
        view.refresh()
    view.stop()
    _show.message("stopping: running calls are finished, no new ones start")
    return _exits.OK if running.stop(settings.loop.drain) else _exits.ERROR


def _may_write(settings: Settings) -> bool:
    return settings.enforce or any(target.enforce for target in settings.targets.values())


def _introduce(running: Running, settings: Settings, simulated_at: str) -> None:
    mode = "writes are allowed" if _may_write(settings) else "read-only: --enforce allows writes"
    print(f"ecsync runs with {settings.source}: {mode}", flush=True)
    print(f"metrics and API: {running.url}/metrics  {running.url}/api/v1/applications", flush=True)
    if not simulated_at:
        return
    print(f"simulated AWS: {simulated_at}  (account 123456789012; calls so far: {simulated_at}/_sim/ledger)")
    region = f"region_name={settings.region or 'eu-west-1'!r}"
    keys = "aws_access_key_id='simulated', aws_secret_access_key='simulated'"
    client = f"boto3.client('ecs', endpoint_url='{simulated_at}', {region}, {keys})"
    change = "update_service(cluster='quickstart', service='web', desiredCount=0)"
    print("run this in another terminal to cause drift; ecsync repairs it:", flush=True)
    print(f'  {sys.executable} -c "import boto3; {client}.{change}"', flush=True)
