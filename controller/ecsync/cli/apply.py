"""`ecsync apply`: ordinary passes until everything is in sync and healthy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.core.model import Outcome, Result, Step
    from ecsync.engine.reconciler import Catalogue
    from ecsync.wiring import Workspace


def apply(
    path: _options.Where,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    first_time: _options.FirstTime = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is healthy, or only applied.")] = True,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait at most.")] = 900.0,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what is ours and not declared; lists and asks.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before --prune.")] = False,
    digest: Annotated[str, typer.Option("--digest", help="Refuse any plan but this one (see `ecsync plan`).")] = "",
) -> int:
    """Make passes until in sync and healthy. Exit 4 something held, 5 timed out, 6 some failed, 10 rolled back by ECS.

    Example: ecsync apply manifests/shop --timeout 600
    """
    from ecsync import wiring

    settings = _options.settings(
        config, installation=installation, account=account, region=region, profile=profile, first_time=first_time
    )
    settings.installation_to_write()
    workspace = wiring.workspace(settings, path, read_only=False)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    if catalogue.problems:
        _show.problems(catalogue.problems)
        return _exits.INVALID
    if prune:
        catalogue = _pruning(workspace, catalogue, asked=yes)
    return converge(workspace, catalogue, timeout=timeout, wait=wait, digest=digest)


def _pruning(workspace: Workspace, catalogue: Catalogue, *, asked: bool) -> Catalogue:
    """Return the catalogue with prune on, after the deletes were shown and agreed to."""
    from dataclasses import replace

    from ecsync.core.model import Delete, Forget
    from ecsync.engine.reconciler import look
    from ecsync.engine.step_state import StepState

    doomed = []
    applications = {}
    for name, application in catalogue.applications.items():
        pruned = replace(application, sync=replace(application.sync, prune=True))
        applications[name] = pruned
        seen = look(pruned, catalogue, workspace.destination_for(pruned), StepState())
        doomed += [step for step in seen.plan.steps if isinstance(step.change, Delete | Forget)]
    for step in doomed:
        _show.say(f"  - {step.id}: {type(step.change).__name__.lower()}", "danger")
    if doomed and not asked:
        typer.confirm(f"Remove these {len(doomed)}?", abort=True, err=True)
    return replace(catalogue, applications=applications)


def converge(workspace: Workspace, catalogue: Catalogue, *, timeout: float, wait: bool, digest: str = "") -> int:
    """Make passes over every application until each has ended, and return the exit code of the worst."""
    from ecsync.engine.reconciler import PassOptions, reconcile
    from ecsync.engine.requeue import delay
    from ecsync.engine.step_state import StepState

    deadline = time.monotonic() + timeout
    step_states = {name: StepState() for name in catalogue.applications}
    worst = _exits.OK
    for application in catalogue.ordered():
        name = application.name
        first = digest
        while True:
            options = PassOptions(enforce=True, only_digest=first, announce=_announce)
            outcome = reconcile(
                application, catalogue, workspace.destination_for(application), step_states[name], options
            )
            first = ""
            code = ended(outcome, wait=wait)
            if code is not None:
                break
            pause = delay(outcome, interval=5.0, failures=0, jitter=lambda seconds: seconds)
            if time.monotonic() + pause > deadline:
                code = _exits.TIMEOUT
                break
            time.sleep(min(pause, 5.0))
        _show.say(f"{name}: {outcome.sync} · {outcome.health}", "good" if code == _exits.OK else "danger")
        for status in outcome.statuses:
            if status.sync != "Synced" or status.health.status != "Healthy":
                why = _show.words(status.message, status.health.why)
                _show.say(f"  {status.key!s:<36} {status.sync} · {status.health.status}  {why}")
        worst = max(worst, code)
    return worst


def ended(outcome: Outcome, *, wait: bool) -> int | None:
    """Return the exit code that a pass ends with, or None while there is more to do."""
    from ecsync.core.model import Adopt, Done, Failed, Progressing

    results = outcome.results.values()
    if outcome.plan.stopped:
        return _exits.ROLLED_BACK
    if any(isinstance(one, Done) for one in results):
        return None  # the next pass looks at what this one did
    if any(isinstance(one, Failed) for one in results):
        stuck = all(one.retry != "soon" for one in results if isinstance(one, Failed))
        return _exits.PARTIAL if stuck and not any(isinstance(one, Progressing) for one in results) else None
    if any(isinstance(one, Progressing) for one in results) or outcome.plan.unreadable:
        return None
    if outcome.plan.withheld or any(isinstance(step.change, Adopt) for step in outcome.plan.steps):
        return _exits.HELD
    if wait and outcome.health not in ("Healthy", "Suspended"):
        return None
    return _exits.OK


def _announce(step: Step, result: Result) -> None:
    from ecsync.core.model import Done, Failed, Progressing, Skipped

    match result:
        case Done():
            calls = ", ".join(call.name for call in step.calls)
            _show.say(f"  ✔ {step.id!s:<36} {type(step.change).__name__.lower()}  {calls}", "good")
        case Progressing(why=why):
            _show.say(f"  … {step.id!s:<36} {why}", "dim")
        case Failed(error=error):
            _show.say(f"  ✖ {step.id!s:<36} {error}", "danger")
        case Skipped(reason=reason):
            _show.say(f"  - {step.id!s:<36} {reason}", "dim")
