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

_SIMULATED_SPEED = 8.0  # simulated seconds in one second: a rollout of minutes can be watched


def run(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="A directory or s3://bucket/prefix.")] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    first_time: _options.FirstTime = False,
    enforce: Annotated[bool | None, typer.Option("--enforce", help="Let applications in mode enforce write.")] = None,
    aws: Annotated[str, typer.Option("--aws", help="real, or simulated: one in this process.")] = "real",
    host: Annotated[str | None, typer.Option("--http-host", help="Where metrics and API listen.")] = None,
    port: Annotated[int | None, typer.Option("--http-port", help="0: any free port.")] = None,
    log_format: Annotated[str | None, typer.Option("--log-format", help="auto, json or text.")] = None,
) -> int:
    """Keep AWS as the manifests say, for ever. SIGTERM finishes the call under way and exits 0.

    Examples:
      ecsync run manifests/shop --installation prod --account 123456789012 --enforce
      ecsync run --aws simulated manifests/quickstart
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # first of all: as process 1 nothing else would end it
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
    settings = _options.settings(config, **flags)  # type: ignore[arg-type]  # names of settings, checked there
    if not settings.source:
        raise typer.BadParameter("PATH is missing: a directory, or s3://bucket/prefix")
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
    workspace.clouds.wait = stop.wait  # a worker that waits for its rate ends its wait when the process is to stop
    # On a terminal the view tells each event, and the log need not tell it again.
    running = daemon.start(settings, settings.source, workspace, metrics, {"log" if view.live else "view": view.heard})
    _introduce(running, settings, simulated_at)
    view.open(running.store.applications)
    while not stop.wait(0.5):
        view.refresh()
    view.stop()
    _show.say("stopping: the calls under way are finished, nothing new is begun")
    return _exits.OK if running.stop(settings.loop.drain) else _exits.ERROR


def _may_write(settings: Settings) -> bool:
    return settings.enforce or any(target.enforce for target in settings.targets.values())


def _introduce(running: Running, settings: Settings, simulated_at: str) -> None:
    mode = "enforces" if _may_write(settings) else "observes only; --enforce lets it write"
    print(f"ecsync runs on {settings.source}: {mode}", flush=True)
    print(f"metrics and API: {running.url}/metrics  {running.url}/api/v1/applications", flush=True)
    if not simulated_at:
        return
    print(f"simulated AWS: {simulated_at}  (account 123456789012; what it is asked: {simulated_at}/_sim/ledger)")
    region = f"region_name={settings.region or 'eu-west-1'!r}"
    keys = "aws_access_key_id='simulated', aws_secret_access_key='simulated'"
    client = f"boto3.client('ecs', endpoint_url='{simulated_at}', {region}, {keys})"
    change = "update_service(cluster='quickstart', service='web', desiredCount=0)"
    print("paste this in another terminal to cause drift, and watch it repaired:", flush=True)
    print(f'  {sys.executable} -c "import boto3; {client}.{change}"', flush=True)
