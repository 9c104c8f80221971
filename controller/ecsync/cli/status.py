"""`ecsync status`: what each application is now, from a running daemon or looked at without one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _api, _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.config import Settings
    from ecsync.core.model import Application, ApplicationState
    from ecsync.engine.reconciler import Catalogue
    from ecsync.wiring import Workspace


def status(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="Manifests, to look without a daemon.")] = None,
    url: _options.Url = None,
    health: Annotated[bool, typer.Option("--health", help="Only tell whether the daemon works: 0 or 1.")] = False,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Data = "text",
) -> int:
    """Print what each application and resource is now.

    Examples:
      ecsync status                           ask the daemon on this machine
      ecsync status manifests/shop            look at AWS, without a daemon
      ecsync status --health                  what a container's health check runs
    """
    _options.choice(output, "text", "json")
    if path is not None and (health or url):
        raise typer.BadParameter(f"{'--health' if health else '--url'} asks a running daemon: leave PATH away")
    settings = _options.settings(config, installation=installation, region=region, profile=profile)
    if path is not None:
        found, trouble = _looked_at(path, settings, application), ""
    else:
        url = url or _api.near(settings.http)
        if health:
            _api.get(url, "/healthz")
            return _exits.OK
        found, trouble = _told(url, application)
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Status", "applications": found})
    else:
        _show.put([(trouble, "danger")] if trouble else [])
        _show.put(line for one in found for line in _lines(one))
    return _exits.OK


def _told(url: str, only: str | None) -> tuple[list[dict[str, Any]], str]:
    """Return what a daemon says of each application, and what is wrong with its source."""
    known = _api.get(url, "/api/v1/applications")
    names = _asked([one["name"] for one in known["items"]], only)
    source, trouble = known["source"], ""
    if source["error"]:
        trouble = f"✖ the source cannot be read: {source['error']}"
    elif not source["revision"]:
        trouble = f"{source['url']} is not read yet"
    return [_api.get(url, f"/api/v1/applications/{name}") for name in names], trouble


def _looked_at(path: str, settings: Settings, only: str | None) -> list[dict[str, Any]]:
    """Return what each application is, looked at now."""
    from ecsync import wiring
    from ecsync.http import bodies
    from ecsync.http.view import SourceView

    workspace = wiring.workspace(settings, path, read_only=True)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    source = SourceView(url=path, revision=catalogue.revision)
    names = _asked(catalogue.applications, only)
    return [bodies.application(_state(workspace, catalogue, catalogue.applications[name]), source) for name in names]


def _asked(known: Collection[str], only: str | None) -> Collection[str]:
    from ecsync.core.wording import suggestion

    if only is not None and only not in known:
        raise typer.BadParameter(f"--app: no application {only!r}{suggestion(only, known)}")
    return known if only is None else [only]


def _state(workspace: Workspace, catalogue: Catalogue, application: Application) -> ApplicationState:
    from ecsync.core import status as statuses
    from ecsync.core.model import ApplicationState, Outcome
    from ecsync.engine.reconciler import look
    from ecsync.engine.step_state import StepState

    outcome = None
    problems = catalogue.holds(application.name)
    if not problems:
        seen = look(application, catalogue, workspace.destination_for(application), StepState())
        outcome = Outcome(plan=seen.plan, statuses=statuses.statuses(seen.inputs, seen.plan, {}))
    return ApplicationState(
        name=application.name,
        target=outcome.plan.target if outcome else workspace.target_of(application),
        sync=application.sync,
        revision=catalogue.revision,
        problems=problems,
        outcome=outcome,
    )


def _lines(one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    target, last = one["target"], one["lastPass"] or {}
    where = f"{target['account'] or '?'}/{target['region']}"
    revision = one["statusRevision"] or one["revision"]
    seen = f"   {last['ended']}" if last and not last["error"] else ""
    yield f"{one['name']:<38} {one['sync']} · {one['health']}   {where} @ {revision}{seen}", "title"
    for problem in one["problems"]:
        yield f"  ✖ {problem['file']}:{problem['line']}:{problem['column']}: {problem['message']}", "danger"
    if last.get("error"):
        before = f"; below is what revision {revision} was before that" if one["resources"] else ""
        yield f"  ✖ the pass of {last['ended']} came to nothing: {last['error']}{before}", "danger"
    elif last and revision != one["revision"]:
        yield f"  revision {one['revision']} is not looked at yet", "change"
    if last.get("onlyLooked"):
        yield f"  {last['onlyLooked']}", ""
    if one.get("incomplete"):
        yield f"  nothing is pruned: {one['incomplete']}", ""
    for resource in one["resources"]:
        yield from _resource(resource)


def _resource(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    good = resource["sync"] == "Synced" and resource["health"] == "Healthy"
    why = _show.words(resource["message"], resource["why"])
    name = f"{resource['kind']}/{resource['name']}"
    head = f"  {name:<36} {resource['sync']} · {resource['health']}  {why}".rstrip()
    yield head, "good" if good else "change"
    for field in resource["fields"]:
        yield f"      {_show.difference(field)}  ({field['reason']})", ""
