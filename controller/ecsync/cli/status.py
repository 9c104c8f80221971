"""`ecsync status`: the state of each application, from a running daemon or read from AWS without one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ecsync.cli import _api, _exits, _options, _show
from ecsync.cli.tables import selection

if TYPE_CHECKING:
    from ecsync.cli.tables.status import Screen
    from ecsync.config import Settings
    from ecsync.core.model import Application
    from ecsync.core.outcome import Outcome
    from ecsync.engine.catalogue import Catalogue
    from ecsync.wiring import Workspace

_LIMIT = 50  # rows of a table on a terminal
DAEMON = "daemon"  # the value of --health that only checks the daemon


def status(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="The manifests, to read AWS without a daemon.")
    ] = None,
    url: _options.Url = None,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    not_ready: Annotated[bool, typer.Option("--not-ready", help="Only what is not Synced and Healthy.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only resources of this kind; may be repeated.")
    ] = None,
    sync: Annotated[
        list[str] | None,
        typer.Option("--sync", metavar="STATE", help="Only this state: Synced, OutOfSync or Unknown; may be repeated."),
    ] = None,
    health: Annotated[
        list[str] | None,
        typer.Option(
            "--health",
            metavar="[STATE]",
            help="Only this state: Healthy, Progressing, Degraded, Suspended, Missing or Unknown; may be repeated. "
            "Without STATE only check the daemon: exit with 0 or 1.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="The most rows of a table. 0: all. Default: 50 on a terminal, else all."),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Show the state until Ctrl-C; a pipe gets the rows that change."),
    ] = False,
    every: _options.Every = 5.0,
    config: _options.Config = None,
    installation: _options.Installation = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Wide = "text",
) -> int:
    """Print the state of each application and resource.

    AGE is how long the state is as it is, as the daemon saw it since its start. `-o wide` adds the name in AWS, the
    file:line, the last change by ecsync, and the target.

    Examples:
      ecsync status                           from the daemon on this machine
      ecsync status manifests/shop            from AWS, without a daemon
      ecsync status --not-ready --watch       what is left to do, until Ctrl-C
      ecsync status --kind Service --health Degraded,Missing
      ecsync status --app shop -o wide
      ecsync status --health                  the health check of a container
    """
    from ecsync.core.outcome import WORST_FIRST, SyncStatus

    _options.choice(output, "text", "wide", "json")
    only_check = health == [DAEMON]
    if path is not None and (only_check or url or watch):
        named = "--health without a state" if only_check else "--url" if url else "--watch"
        raise typer.BadParameter(f"{named} needs a running daemon: remove PATH")
    if watch and output == "json":
        raise typer.BadParameter("--watch prints text: remove -o json, or repeat the command without --watch")
    wanted = selection.Selection(
        kinds=_kinds(kind),
        syncs=selection.chosen("--sync", sync, get_args(SyncStatus)),
        healths=frozenset() if only_check else selection.chosen("--health", health, sorted(WORST_FIRST)),
        not_ready=not_ready,
    )
    settings = _options.settings(config, installation=installation, region=region, profile=profile)
    show = _Show(wide=output == "wide", limit=limit, wanted=wanted)
    if path is None:
        url = url or _api.near(settings.http)
        if only_check:
            _api.get(url, "/healthz")
            return _exits.OK
        if watch:
            return _watch(url, application, show, every)
        found, warnings = _from_daemon(url, application)
        codes: list[int] = []
    else:
        warnings = []
        found, codes = _from_aws(path, settings, application)
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Status", "applications": wanted.of(found)})
    else:
        _show.put_lines(show.screen(found, warnings).lines(_now()))
        show.note_empty(found)
    return _exits.worst(codes)


def _kinds(given: list[str] | None) -> frozenset[str]:
    """Return the kinds of `--kind`, casefolded. Raises a usage error for one that does not exist."""
    if not given:
        return frozenset()
    from ecsync import wiring

    return frozenset(one.casefold() for one in selection.chosen("--kind", given, sorted(wiring.all_kinds())))


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Show:
    """How the state is printed."""

    wanted: selection.Selection
    wide: bool
    limit: int | None

    def screen(self, found: list[dict[str, Any]], warnings: list[str]) -> Screen:
        """Return what is printed of applications."""
        from ecsync.cli.tables.status import Screen

        width = _show.width()
        limit = self.limit if self.limit is not None else _LIMIT if width else 0
        return Screen(applications=self.wanted.of(found), warnings=warnings, wide=self.wide, limit=limit, width=width)

    def note_empty(self, found: list[dict[str, Any]]) -> None:
        """Print why nothing is shown of what there is."""
        if not found or self.wanted.of(found):
            return
        if self.wanted == selection.Selection(not_ready=True):
            _show.message("everything is Synced and Healthy")
        else:
            _show.message("no application or resource fits the options")


def _watch(url: str, application: str | None, show: _Show, every: float) -> int:
    """Show the state until Ctrl-C."""
    import shutil

    from ecsync.cli.tables import watch

    def look() -> watch.Found:
        return _from_daemon(url, application)

    clock = watch.SystemClock()
    try:
        if _show.width() is None:
            watch.follow(look, watch.Follower(show.wanted), every=every, clock=clock)
        else:
            heading = f"ecsync status of {url}, every {every:g}s; Ctrl-C ends"
            watch.redraw(
                look,
                lambda found: show.screen(*found),
                heading=heading,
                size=shutil.get_terminal_size,
                every=every,
                clock=clock,
            )
    except KeyboardInterrupt:
        return _exits.OK


def _from_daemon(url: str, only: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Return each application from a daemon, and warnings about its sources."""
    listed = _api.get(url, "/api/v1/applications")
    names = _selected([one["name"] for one in listed["items"]], only)
    warnings = [_warning(source) for source in listed["sources"]]
    return [_api.get(url, f"/api/v1/applications/{name}") for name in names], [one for one in warnings if one]


def _warning(source: dict[str, Any]) -> str:
    if source["error"]:
        which = f"the source {source['name']}".rstrip()
        return f"✖ {which} cannot be read: {source['error']}"
    return "" if source["revision"] else f"{source['url']} is not read yet"


def _from_aws(path: str, settings: Settings, only: str | None) -> tuple[list[dict[str, Any]], list[int]]:
    """Return each application, read from AWS now, and the exit codes of those that are invalid or could not be read."""
    from ecsync import wiring
    from ecsync.core.outcome import ApplicationState
    from ecsync.core.ports import AwsError
    from ecsync.engine.reconciler import Refused
    from ecsync.http import bodies
    from ecsync.http.view import SourceView

    workspace = wiring.workspace(settings, path, read_only=True)
    snapshot = workspace.source(path).fetch()
    catalogue = workspace.catalogue(snapshot).warranted()
    source = SourceView(url=path, revision=catalogue.revision, about=snapshot.about)
    found, codes = [], []
    for name in _selected(catalogue.applications, only):
        application = catalogue.applications[name]
        problems = catalogue.holds(name)
        outcome = None
        if problems:
            codes.append(_exits.INVALID)
        else:
            try:
                outcome = _outcome(workspace, catalogue, application)
            except (AwsError, Refused) as error:
                codes.append(_exits.explained(error, name))
        state = ApplicationState(
            name=name,
            target=outcome.plan.target if outcome else workspace.target_of(application),
            sync=application.sync,
            revision=catalogue.revision,
            problems=problems,
            outcome=outcome,
            suspended=application.suspend,
        )
        found.append(bodies.application(state, source))
    return found, codes


def _selected(names: Collection[str], only: str | None) -> Collection[str]:
    from ecsync.core.wording import suggestion

    if only is not None and only not in names:
        raise typer.BadParameter(f"--app: no application {only!r}{suggestion(only, names)}")
    return names if only is None else [only]


def _outcome(workspace: Workspace, catalogue: Catalogue, application: Application) -> Outcome:
    from ecsync.core import status as statuses
    from ecsync.core.outcome import Outcome
    from ecsync.engine.reconciler import look
    from ecsync.engine.step_state import StepState

    seen = look(application, catalogue, workspace.destination_for(application), StepState())
    return Outcome(plan=seen.plan, statuses=statuses.statuses(seen.inputs, seen.plan, {}))
