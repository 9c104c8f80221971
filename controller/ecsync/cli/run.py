"""`ecsync run`: the daemon."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options

if TYPE_CHECKING:
    from ecsync.config import Settings
    from ecsync.wiring import Workspace
    from ecsync.wiring.daemon import Running
    from ecsync.wiring.simulated import Simulated

_SIMULATED_SPEED = 8.0  # simulated seconds in one second: a rollout of minutes takes seconds


def run(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]",
            help="The manifests: a directory, s3://bucket/prefix or git+https://…. Default: `source` or `sources`.",
        ),
    ] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    var: _options.Variables = None,
    first_time: _options.FirstTime = False,
    lease: _options.Lease = None,
    enforce: Annotated[
        bool | None, typer.Option("--enforce", help="Allow writes, in applications with sync.mode enforce.")
    ] = None,
    aws: Annotated[str, typer.Option("--aws", help="real, or simulated (in this process).")] = "real",
    host: Annotated[str | None, typer.Option("--http-host", help="The address of metrics and API.")] = None,
    port: Annotated[
        int | None, typer.Option("--http-port", help="The port of metrics and API; 0 is any free one.")
    ] = None,
    log_format: Annotated[str | None, typer.Option("--log-format", help="Log format: auto, json or text.")] = None,
    metrics_per_app: Annotated[
        str | None,
        typer.Option("--metrics-per-app", metavar="true|false", help="Metrics of each application; false: sums only."),
    ] = None,
    metrics_emf: Annotated[
        str | None,
        typer.Option("--metrics-emf", help="A few metrics as lines for CloudWatch: stdout, or file:PATH."),
    ] = None,
) -> int:
    """Run the daemon: keep AWS as the manifests declare.

    Read-only without --enforce, and while another process holds the lease. SIGTERM, SIGINT and SIGHUP finish the
    running calls, give the lease back and exit with 0.

    Examples:
      ecsync run manifests/shop --installation prod --enforce
      ecsync run --aws simulated manifests/quickstart
    """
    stop = threading.Event()
    # First: as process 1 it ignores signals without a handler.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    _options.choice(aws, "real", "simulated")
    flags = {
        "installation": installation,
        "account": account,
        "region": region,
        "profile": profile,
        "first_time": first_time,
        "lease": lease,
        "enforce": enforce,
        "source": path,
        "http.host": host,
        "http.port": port,
        "log.format": log_format,
        "metrics.per_app": metrics_per_app,
        "metrics.emf": metrics_emf,
    }
    simulated_aws = None
    if aws == "simulated":
        from ecsync.wiring import simulated

        simulated_aws = simulated.start(speed=_SIMULATED_SPEED)
        flags |= {"installation": installation or "simulated", "account": simulated_aws.account, "enforce": True}
        flags["lease"] = "none"  # no other process knows this account
    settings = _options.settings(config, variables=var, **flags)  # type: ignore[arg-type]  # names of settings
    if bool(settings.source) == bool(settings.sources):
        raise typer.BadParameter(
            "there are two answers to where the manifests are: remove PATH and the setting source, or sources"
            if settings.source
            else "PATH is missing: set it to a directory, s3://bucket/prefix or git+https://host/org/repo.git@main"
        )
    if settings.enforce:
        settings.installation_to_write()
    return _serve(settings, simulated_aws, stop)


def _serve(settings: Settings, simulated_aws: Simulated | None, stop: threading.Event) -> int:
    from ecsync import wiring
    from ecsync.cli._view import View
    from ecsync.report import log
    from ecsync.wiring import daemon

    view = View(sys.stderr if settings.metrics.emf == "stdout" else sys.stdout)  # such lines are alone on a stream
    log.configure(view.errors, wiring.SystemClock(), level=settings.log.level, format=settings.log.format)
    metrics = daemon.build_metrics(per_app=settings.metrics.per_app)
    workspace = wiring.workspace(
        settings,
        settings.source,
        read_only=not _may_write(settings),
        observer=daemon.metrics_observer(metrics),
        pace=simulated_aws.speed if simulated_aws else 1.0,
    )
    workspace.clouds.wait = stop.wait  # a wait in the rate limiter ends when the process stops
    prepared = _prepare(workspace, settings, simulated_aws) if simulated_aws else ()
    # On a terminal the view replaces the log as the sink of events. Elsewhere there is only the log.
    running = daemon.start(settings, settings.source, workspace, metrics, {"log": view.receive} if view.live else {})
    show = view.show if view.live else log.message_sink()
    for line in (*_introduction(running, settings), *prepared):
        show(line)
    view.open(running.store.applications)
    while not stop.wait(0.5):
        view.refresh()
    view.stop()
    drain = settings.loop.drain
    show(f"stopping: calls under way end within {drain:g} s (loop.drain), and no new ones start")
    if running.stop(drain):
        show("stopped: no call is under way; the next start goes on from what is in AWS")
        return _exits.OK
    show(f"stopped: a pass did not end within {drain:g} s; the next start reads AWS, and goes on from what it did")
    return _exits.ERROR


def _may_write(settings: Settings) -> bool:
    return settings.enforce or any(target.enforce for target in settings.targets.values())


def _introduction(running: Running, settings: Settings) -> Iterator[str]:
    from ecsync.wiring.sources import described

    mode = "writes are allowed" if _may_write(settings) else "read-only: --enforce allows writes"
    yield f"ecsync runs with {described(settings)}: {mode}"
    yield f"metrics: {running.url}/metrics"
    yield f"API: {running.url}/api/v1/applications"


def _prepare(workspace: Workspace, settings: Settings, simulated_aws: Simulated) -> list[str]:
    """Create what the manifests look up in the simulated AWS, and return the lines about it."""
    from ecsync.core.ports import SourceError
    from ecsync.wiring import seeding

    url = simulated_aws.url
    lines = [f"simulated AWS: {url}  (account {simulated_aws.account}; calls so far: {url}/_sim/ledger)"]
    drift = ""
    for source in workspace.sources(settings.source).values():
        try:
            catalogue = workspace.catalogue(source.fetch())
        except SourceError:
            continue  # the daemon reports it, and tries again
        lines += seeding.seed(catalogue, settings, url)
        drift = drift or seeding.drift(catalogue, settings, url)
    if drift:
        lines += ["run this in another terminal to cause drift; ecsync repairs it:", f'  {sys.executable} -c "{drift}"']
    return lines
