"""`ecsync apply`: passes until everything is in sync and healthy."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.core.outcome import Outcome, Result, Step
    from ecsync.engine.reconciler import Catalogue
    from ecsync.wiring import Workspace


_NOT_ASKED = "not deleted: no longer declared; `ecsync apply` deletes only with --prune"


def apply(
    path: _options.Where,
    config: _options.Config = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    first_time: _options.FirstTime = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until all is healthy, or only until all is applied.")
    ] = True,
    timeout: Annotated[float, typer.Option("--timeout", help="The longest time to wait, in seconds.")] = 900.0,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete owned resources that are no longer declared; lists them and asks.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before --prune deletes.")] = False,
    prune_limit: Annotated[
        int,
        typer.Option(
            "--prune-limit",
            min=0,
            help="With --yes: the most resources that may be deleted of an application that loses more than a third.",
        ),
    ] = 0,
    digest: Annotated[
        str, typer.Option("--digest", help="Apply only the plan with this digest (`ecsync plan` prints it).")
    ] = "",
) -> int:
    """Apply the manifests once, until in sync and healthy.

    Exit codes: 4 a change is held, 5 the timeout ended, 6 a change failed, 10 ECS rolled a deployment back.

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
        catalogue = _pruning(workspace, catalogue.warranted(), confirmed=yes, limit=prune_limit)
    else:
        catalogue = replace(catalogue, pruning=_NOT_ASKED)
    return converge(workspace, catalogue, timeout=timeout, wait=wait, digest=digest)


def _pruning(workspace: Workspace, catalogue: Catalogue, *, confirmed: bool, limit: int) -> Catalogue:
    """Return the catalogue with prune on, after the deletions were listed and confirmed.

    A yes to the list allows any number of them. `--yes` allows few, or the number of the limit.
    """
    from ecsync.core.model import Delete, Forget
    from ecsync.engine.reconciler import look
    from ecsync.engine.step_state import StepState

    pruned_steps = []
    applications = {}
    for name, application in catalogue.applications.items():
        allowed = limit if confirmed else sys.maxsize
        pruned = replace(application, sync=replace(application.sync, prune=True, prune_limit=allowed))
        applications[name] = pruned
        seen = look(pruned, catalogue, workspace.destination_for(pruned), StepState())
        pruned_steps += [step for step in seen.plan.steps if isinstance(step.change, Delete | Forget)]
    for step in pruned_steps:
        _show.message(f"  - {step.id}: {type(step.change).__name__.lower()}", "danger")
    if pruned_steps and not confirmed:
        typer.confirm(f"Prune {_show.counted(len(pruned_steps), 'resource')}?", abort=True, err=True)
    return replace(catalogue, applications=applications)


def converge(workspace: Workspace, catalogue: Catalogue, *, timeout: float, wait: bool, digest: str = "") -> int:
    """Make passes over every application until each has ended, and return the highest exit code."""
    from ecsync.core.outcome import Failed
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
            pause = delay(outcome, interval=5.0, jitter=lambda seconds: seconds)
            if time.monotonic() + pause > deadline:
                code = _exits.TIMEOUT
                break
            time.sleep(min(pause, 5.0))
            workspace.forget_reads()  # a person waits for what AWS does now
        _show.message(f"{name}: {outcome.sync} · {outcome.health}", "good" if code == _exits.OK else "danger")
        # Without the time of the next try: this command ends here.
        errors = {step.key: result.error for step, result in outcome.results.items() if isinstance(result, Failed)}
        for status in outcome.statuses:
            if status.sync != "Synced" or status.health.status != "Healthy":
                why = _show.joined(status.message, errors.get(status.key, status.health.why))
                _show.message(f"  {status.key!s:<36} {status.sync} · {status.health.status}  {why}")
        worst = max(worst, code)
    return worst


def ended(outcome: Outcome, *, wait: bool) -> int | None:
    """Return the exit code after a pass, or None while more is to do."""
    from ecsync.core.model import Adopt
    from ecsync.core.outcome import Done, Failed, Progressing

    results = outcome.results.values()
    if outcome.plan.stopped:
        return _exits.ROLLED_BACK
    if any(isinstance(one, Done) for one in results):
        return None  # the next pass observes the result
    if any(isinstance(one, Failed) for one in results):
        stuck = all(one.retry != "soon" for one in results if isinstance(one, Failed))
        return _exits.PARTIAL if stuck and not any(isinstance(one, Progressing) for one in results) else None
    unknown = outcome.plan.unreadable or outcome.plan.incomplete
    if any(isinstance(one, Progressing) for one in results) or unknown:
        return None
    if outcome.plan.withheld or any(isinstance(step.change, Adopt) for step in outcome.plan.steps):
        return _exits.HELD
    if wait and outcome.health not in ("Healthy", "Suspended"):
        return None
    return _exits.OK


def _announce(step: Step, result: Result) -> None:
    from ecsync.core.outcome import Done, Failed, Progressing, Skipped

    match result:
        case Done():
            calls = ", ".join(call.name for call in step.calls)
            _show.message(f"  ✔ {step.id!s:<36} {type(step.change).__name__.lower()}  {calls}", "good")
        case Progressing(why=why):
            _show.message(f"  … {step.id!s:<36} {why}", "dim")
        case Failed(error=error):
            _show.message(f"  ✖ {step.id!s:<36} {error}", "danger")
        case Skipped(reason=reason):
            _show.message(f"  - {step.id!s:<36} {reason}", "dim")
