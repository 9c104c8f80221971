"""`ecsync status`: what each application is now, from a running daemon or looked at without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.cli import _api, _exits, _options, _show

if TYPE_CHECKING:
    from controller.config import HttpSettings


def status(
    path: Annotated[str | None, typer.Argument(metavar="[PATH]", help="Manifests, to look without a daemon.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where the daemon's API is, if not where this process's settings say.")
    ] = None,
    health: Annotated[bool, typer.Option("--health", help="Only tell whether the daemon works: 0 or 1.")] = False,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    config: _options.Config = None,
    installation: _options.Installation = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    output: _options.Output = "text",
) -> int:
    """Print what each application and resource is now.

    Examples:
      ecsync status                           ask the daemon on this machine
      ecsync status manifests/shop            look at AWS, without a daemon
      ecsync status --health                  what a container's health check runs
    """
    _options.choice(output, "text", "json")
    if health and path is not None:
        raise typer.BadParameter("--health asks a running daemon: leave PATH away")
    if path is None:
        url = url or _near(_options.settings(config).http)
        if health:
            _api.get(url, "/healthz")
            return _exits.OK
        found = [
            _api.get(url, f"/api/v1/applications/{one['name']}")
            for one in _api.get(url, "/api/v1/applications")["items"]
        ]
    else:
        found = _live(path, _options.settings(config, installation=installation, region=region, profile=profile))
    found = [one for one in found if application in (None, one["name"])]
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Status", "applications": found})
    else:
        _show.put(line for one in found for line in _lines(one))
    return _exits.OK


def _near(http: HttpSettings) -> str:
    """Return where a daemon with the settings of this process is: in its container, it has the same."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound here
    host = everywhere.get(http.host, http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"


def _live(path: str, settings: Any) -> list[dict[str, Any]]:
    from controller import wiring
    from controller.core import status as statuses
    from controller.core.model import ApplicationState, Outcome
    from controller.engine.memory import Memory
    from controller.engine.reconciler import look
    from controller.http import bodies
    from controller.http.view import SourceView

    bench = wiring.bench(settings, path, read_only=True)
    catalogue = bench.catalogue(bench.source(path).fetch())
    found = []
    for name, application in catalogue.applications.items():
        problems = catalogue.holds(name)
        outcome = None
        if not problems:
            seen = look(application, catalogue, bench.post_for(application), Memory())
            outcome = Outcome(plan=seen.plan, statuses=statuses.statuses(seen.scene, seen.plan, {}))
        state = ApplicationState(
            name=name,
            target=outcome.plan.target if outcome else bench.target_of(application),
            sync=application.sync,
            revision=catalogue.revision,
            problems=problems,
            outcome=outcome,
        )
        found.append(bodies.application(state, SourceView(url=path, revision=catalogue.revision)))
    return found


def _lines(one: dict[str, Any]) -> list[tuple[str, str]]:
    target = one["target"]
    where = f"{target['account'] or '?'}/{target['region']}"
    lines = [(f"{one['name']:<38} {one['sync']} · {one['health']}   {where} @ {one['revision']}", "title")]
    for problem in one["problems"]:
        place = f"{problem['file']}:{problem['line']}:{problem['column']}"
        lines += [(f"  ✖ {place}: {problem['message']}", "danger")]
    for resource in one["resources"]:
        lines += _resource(resource)
    return lines


def _resource(resource: dict[str, Any]) -> list[tuple[str, str]]:
    good = resource["sync"] == "Synced" and resource["health"] == "Healthy"
    why = resource["message"] or resource["why"]
    name = f"{resource['kind']}/{resource['name']}"
    head = f"  {name:<36} {resource['sync']} · {resource['health']}  {why}".rstrip()
    fields = [
        (f"      {field['path']}  {field['before']!r} → {field['after']!r}  ({field['reason']})", "")
        for field in resource["fields"]
    ]
    return [(head, "good" if good else "change"), *fields]
