"""`ecsync status`: the state of each application, from a running daemon or read from AWS without one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _api, _exits, _options, _show
from ecsync.core.wording import released

if TYPE_CHECKING:
    from ecsync.config import Settings
    from ecsync.core.model import Application
    from ecsync.core.outcome import Outcome
    from ecsync.engine.catalogue import Catalogue
    from ecsync.wiring import Workspace


def status(
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="The manifests, to read AWS without a daemon.")
    ] = None,
    url: _options.Url = None,
    health: Annotated[bool, typer.Option("--health", help="Only check the daemon: exit with 0 or 1.")] = False,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Data = "text",
) -> int:
    """Print the state of each application and resource.

    Examples:
      ecsync status                           from the daemon on this machine
      ecsync status manifests/shop            from AWS, without a daemon
      ecsync status --health                  the health check of a container
    """
    _options.choice(output, "text", "json")
    if path is not None and (health or url):
        raise typer.BadParameter(f"{'--health' if health else '--url'} needs a running daemon: remove PATH")
    settings = _options.settings(config, installation=installation, region=region, profile=profile)
    codes: list[int] = []
    warnings: list[str] = []
    if path is not None:
        found, codes = _from_aws(path, settings, application)
    else:
        url = url or _api.near(settings.http)
        if health:
            _api.get(url, "/healthz")
            return _exits.OK
        found, warnings = _from_daemon(url, application)
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Status", "applications": found})
    else:
        _show.put((one, "danger") for one in warnings)
        _show.put(line for one in found for line in _lines(one))
    return _exits.worst(codes)


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


def _lines(one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    target, last = one["target"], one["lastPass"] or {}
    where = f"{target['account'] or '?'}/{target['region']}"
    revision = one["statusRevision"] or one["revision"]
    seen = f"   {last['ended']}" if last and not last["error"] else ""
    yield f"{one['name']:<38} {one['sync']} · {one['health']}   {where} @ {revision}{seen}", "title"
    if one["source"].get("about") and one["source"]["revision"] == revision:
        yield f"  {released(one['source']['about'])}", "dim"
    for problem in one["problems"]:
        yield f"  ✖ {problem['file']}:{problem['line']}:{problem['column']}: {problem['message']}", "danger"
    if last.get("error"):
        older = f"; the state below is older, of revision {revision}" if one["resources"] else ""
        yield f"  ✖ no plan was made at {last['ended']}: {last['error']}{older}", "danger"
    elif last and revision != one["revision"]:
        yield f"  revision {one['revision']} is not reconciled yet", "change"
    if last.get("onlyLooked"):
        yield f"  {last['onlyLooked']}", ""
    elif one.get("suspended"):
        yield f"  suspended by ecsync/suspend in its Application document: {one['suspended']}", ""
    if one.get("approval"):
        command = f"ecsync approve {one['name']} --digest {one['approval']}"
        yield f"  what is held for an approval below is done after: {command}", "change"
    if one.get("incomplete"):
        yield f"  nothing will be pruned: {one['incomplete']}", ""
    for left in one.get("leftBehind", ()):
        there = f"{left['target']['account'] or '?'}/{left['target']['region']}"
        yield f"  {len(left['resources'])} resources were left behind in {there}, as seen at {left['seen']}:", "change"
        for resource in left["resources"]:
            yield f"    {resource['key']}  {resource['physical']}".rstrip(), ""
    for resource in one["resources"]:
        yield from _resource(resource)


def _resource(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    good = resource["sync"] == "Synced" and resource["health"] == "Healthy"
    reasons = _show.joined(resource["message"], resource["why"])
    name = f"{resource['kind']}/{resource['name']}"
    head = f"  {name:<36} {resource['sync']} · {resource['health']}  {reasons}".rstrip()
    yield head, "good" if good else "change"
    for field in resource["fields"]:
        for line in _show.change(field):
            yield f"      {line}", ""
