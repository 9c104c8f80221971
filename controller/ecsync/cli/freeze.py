"""`ecsync freeze`, `unfreeze`, `suspend`, `resume`, `override` and `approve`: what people set for controllers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _api, _exits, _options, _show
from ecsync.cli._interrupts import leaving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsync.config import Settings
    from ecsync.guards.requests import Verb

Reason = Annotated[str, typer.Option("--reason", help="Why: status, events and the log have it.")]
For = Annotated[
    str,
    typer.Option("--for", metavar="TIME", help="End by itself after this time: 90s, 30m, 2h or 1d. Default: never."),
]
Name = Annotated[str, typer.Argument(metavar="APP", help="The name of an application.")]


def freeze(reason: Reason, time: For = "", config: _options.Config = None, profile: _options.Profile = None) -> int:
    """Keep every controller from writing.

    It lasts until `unfreeze`, or for the time given. Drift is still seen and reported. It is noticed within 15 seconds,
    also in the middle of a pass. It needs the setting `freeze`: the file or the parameter of Systems Manager that the
    controllers read.

    Example: ecsync freeze --reason "incident 4711" --for 2h
    """
    return _ask("freeze", "", config, profile, reason=reason, time=time)


def unfreeze(config: _options.Config = None, profile: _options.Profile = None) -> int:
    """End a freeze.

    Applications that were suspended stay so.

    Example: ecsync unfreeze
    """
    return _ask("unfreeze", "", config, profile)


def suspend(
    application: Name,
    reason: Reason,
    time: For = "",
    config: _options.Config = None,
    profile: _options.Profile = None,
) -> int:
    """Keep controllers from writing to one application.

    It lasts until `resume`, or for the time given.

    Example: ecsync suspend shop --reason "load test" --for 30m
    """
    return _ask("suspend", application, config, profile, reason=reason, time=time)


def resume(application: Name, config: _options.Config = None, profile: _options.Profile = None) -> int:
    """End the suspension of one application.

    A freeze of all applications stays.

    Example: ecsync resume shop
    """
    return _ask("resume", application, config, profile)


def override(
    reason: Reason,
    time: For = "",
    application: Annotated[str, typer.Argument(metavar="[APP]", help="Only this application.")] = "",
    config: _options.Config = None,
    profile: _options.Profile = None,
) -> int:
    """Ignore the windows for a time, in an emergency.

    A freeze stays. Controllers report the override as an event.

    Example: ecsync override shop --reason "fix of incident 4711" --for 1h
    """
    return _ask("override", "" if application == "*" else application, config, profile, reason=reason, time=time)


def approve(
    application: Name,
    digest: Annotated[str, typer.Option("--digest", help="What is approved: `ecsync status` prints it.")],
    reason: Reason,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long the approval lasts: 30m, 2h or 1d. Default: 24h.")
    ] = "",
    config: _options.Config = None,
    profile: _options.Profile = None,
) -> int:
    """Approve what an application may replace or delete.

    It is for exactly the steps of the digest: another step beside them needs another approval. It needs the setting
    `freeze`, as `freeze` does. Controllers ask for it with the setting `approval`, and report it as an event.

    Example: ecsync approve shop --digest 3f2a9c1b7d0e --reason "CHG-1234"
    """
    return _ask("approve", application, config, profile, reason=reason, time=time, digest=digest)


def _ask(verb: Verb, application: str, config: _options.Config, profile: _options.Profile, **more: str) -> int:
    from ecsync import wiring
    from ecsync.guards.requests import Invalid, Request
    from ecsync.wiring import guards
    from ecsync.wiring.system import person

    settings = _options.settings(config, profile=profile)
    try:
        request = Request(verb=verb, application=application, who=person(), **more).checked()
    except Invalid as error:
        raise typer.BadParameter(f"--{error}") from None
    store = guards.store(settings, wiring.Clouds(settings=settings, read_only=False))
    with leaving(lambda: f"{verb} may have been done or not. The same command does it again, and harms nothing."):
        _show.message(guards.ask(store, request, datetime.now(UTC)))
    with leaving(lambda: f"{verb} is done"):
        if application and verb != "resume":
            _note_unknown(application, settings, more.get("digest", ""))
    return _exits.OK


def _note_unknown(application: str, settings: Settings, digest: str) -> None:
    """Print a note if the application is not declared, as far as that is known. It may be declared later.

    Also if nothing waits for the approval of a digest.
    """
    from ecsync.core.wording import suggestion

    found = _declared(settings)
    if found is not None and application not in found:
        hint = suggestion(application, found)
        _show.message(f"note: no application {application!r} is declared{hint}; it is set for the name", "change")
    elif found and digest and found[application] not in (digest, None):
        waits = f"it waits for the digest {found[application]}" if found[application] else "it waits for no approval"
        _show.message(f"note: {application} does not wait for this digest: {waits}", "change")


def _declared(settings: Settings) -> Mapping[str, str | None] | None:
    """Return the applications of a daemon on this machine, or of the setting `source`; None if neither can be read.

    Of a daemon, with the digest that each one waits for.
    """
    from ecsync import wiring
    from ecsync.core.ports import AwsError, SourceError

    try:
        found = _api.get(_api.near(settings.http), "/api/v1/applications")
        return {one["name"]: one["approval"] for one in found["items"]}
    except _api.NoDaemon:
        if not settings.source:
            return None
    try:
        workspace = wiring.workspace(settings, settings.source, read_only=True)
        return dict.fromkeys(workspace.catalogue(workspace.source(settings.source).fetch()).applications)
    except (SourceError, AwsError):
        return None
