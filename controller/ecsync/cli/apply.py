"""`ecsync apply`: passes until everything is in sync and healthy."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli._interrupts import Stop, leaving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ecsync.core.model import Application
    from ecsync.core.outcome import Outcome, Plan, Result, Step, StepId
    from ecsync.engine.catalogue import Catalogue
    from ecsync.engine.step_state import StepState
    from ecsync.wiring import Workspace

_NOT_ASKED = "not deleted: no longer declared; `ecsync apply` deletes only with --prune"
_POLL = 5.0  # seconds between two passes over an application that waits for AWS
_TURN = 60.0  # seconds that the calls of one pass may wait for AWS's rates: then another application has its turn


def apply(
    path: _options.Where,
    config: _options.Config = None,
    var: _options.Variables = None,
    installation: _options.Installation = None,
    account: _options.Account = None,
    region: _options.Region = None,
    profile: _options.Profile = None,
    first_time: _options.FirstTime = False,
    lease: _options.Lease = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until all is healthy, or only until all is applied.")
    ] = True,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            parser=_options.time,
            metavar="TIME",
            show_default=False,
            help="The longest time to wait: 30, 30s, 5m or 2h. Default: 15m.",
        ),
    ] = 900.0,
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
        str,
        typer.Option(
            "--digest", help="Apply only the plan with this digest (`ecsync plan` prints it): it is approved."
        ),
    ] = "",
    force: Annotated[
        str,
        typer.Option(
            "--force", metavar="REASON", help="Take the lease from the process that holds it; it reports the reason."
        ),
    ] = "",
) -> int:
    """Apply the manifests once, until in sync and healthy.

    Exit codes: 4 a change is held, 5 the timeout ended, 6 a change failed, 7 another process holds the lease, 10 ECS
    rolled a deployment back.

    Example: ecsync apply manifests/shop --timeout 10m
    """
    from ecsync import wiring
    from ecsync.wiring import guards

    settings = _options.settings(
        config,
        installation=installation,
        account=account,
        region=region,
        profile=profile,
        first_time=first_time,
        lease=lease,
        variables=var,
    )
    settings.installation_to_write()
    workspace = wiring.workspace(settings, path, read_only=False)
    catalogue = workspace.catalogue(workspace.source(path).fetch())
    _show.problems(catalogue.problems)
    if prune:
        catalogue = _pruning(workspace, catalogue.warranted(), confirmed=yes, limit=prune_limit)
    else:
        catalogue = replace(catalogue, pruning=_NOT_ASKED)
    approved = _approved(workspace, catalogue, digest)
    if approved is None:
        return _exits.HELD
    workspace.approves = lambda _application, steps: steps <= approved
    with wiring.lease.held(settings, path, workspace.clouds, "apply", force) as lost:
        guard = guards.guard(settings, workspace.clouds, workspace.clock)
        code = converge(workspace, catalogue, timeout=timeout, wait=wait, lost=lost, frozen=guard.reason)
    return _exits.worst([code, _exits.INVALID] if catalogue.problems else [code])


def _pruning(workspace: Workspace, catalogue: Catalogue, *, confirmed: bool, limit: int) -> Catalogue:
    """Return the catalogue with prune on, after the deletions were listed and confirmed.

    A yes to the list allows any number of them. `--yes` allows few, or the number of the limit.
    """
    from ecsync.cli.plan import looks
    from ecsync.core.model import Delete, Forget
    from ecsync.engine.catalogue import Reading
    from ecsync.engine.reconciler import ObservedPlan

    allowed = limit if confirmed else sys.maxsize
    applications = {
        name: replace(one, sync=replace(one.sync, prune=True, prune_limit=allowed))
        for name, one in catalogue.applications.items()
    }
    pruning = replace(catalogue, applications=applications, reading=Reading())
    # An error is reported by the passes.
    plans = {one.name: seen.plan for one, seen in looks(workspace, pruning) if isinstance(seen, ObservedPlan)}
    pruned_steps = [step for one in plans.values() for step in one.steps if isinstance(step.change, Delete | Forget)]
    for step in pruned_steps:
        _show.message(f"  - {step.id}: {type(step.change).__name__.lower()}", "danger")
    if pruned_steps and not confirmed:
        typer.confirm(f"Prune {_show.counted(len(pruned_steps), 'resource')}?", abort=True, err=True)
    return pruning


def _approved(workspace: Workspace, catalogue: Catalogue, digest: str) -> frozenset[str] | None:
    """Return what is approved of the steps that need it: by the digest, or by a person on a terminal; None: it is not.

    Raises Refused unless the plans of all applications together have the digest, if one is given.
    """
    from ecsync.cli.plan import plans
    from ecsync.engine.reconciler import Refused
    from ecsync.report import plan_json
    from ecsync.wiring import targets

    applications = catalogue.applications.values()
    if not digest and not any(targets.approval(workspace.settings, one) for one in applications):
        return frozenset()
    planned = [one.plan for one in plans(workspace, catalogue, "")[0]]
    found = plan_json.digest(planned)
    if digest and found != digest:
        raise Refused(f"the plan has changed: its digest is {found}, not {digest}; review it again")
    named = {held.named: f"{one.application}: {held.step.id}" for one in planned for held in one.withheld if held.named}
    if not digest and named:
        for text in named.values():
            _show.message(f"  - {text}", "danger")
        if not sys.stdin.isatty():
            command = f"the same command with --digest {found}"
            _show.message(
                f"nothing was applied: the plan deletes or replaces these. To approve it: {command}", "danger"
            )
            return None
        typer.confirm(f"Delete or replace {_show.counted(len(named), 'resource')}?", abort=True, err=True)
    return frozenset(named)


@dataclass(slots=True)
class Run:
    """The passes over one application, until it has an exit code."""

    application: Application
    step_state: StepState
    due: float  # monotonic seconds
    outcome: Outcome | None = None
    code: int | None = None
    plan: Plan | None = None  # of the last pass, also of one that did not end
    written: set[StepId] = field(default_factory=set)

    def note(self, step: Step, result: Result) -> None:
        """Note a step that AWS has taken."""
        from ecsync.core.outcome import Done, Progressing

        if isinstance(result, Done) or (isinstance(result, Progressing) and result.accepted):
            self.written.add(step.id)


def _left(runs: Iterable[Run], stop: Stop) -> str:
    """Return what was written, what was not, and what was not reached."""
    from ecsync.core.model import Adopt

    written, unwritten, unread = [], [], []
    for run in runs:
        written += [str(step) for step in sorted(run.written)]
        if run.plan is None and run.code is None:
            unread.append(run.application.name)
        steps = run.plan.steps if run.plan else ()
        unwritten += [str(one.id) for one in steps if one.id not in run.written and not isinstance(one.change, Adopt)]
    return stop.left(written, unwritten, unread)


def converge(
    workspace: Workspace,
    catalogue: Catalogue,
    *,
    timeout: float,
    wait: bool,
    lost: Callable[[], str] = lambda: "",
    frozen: Callable[[str], str] = lambda _application: "",
) -> int:
    """Make passes over every valid application until each has ended, and return the worst exit code.

    The applications take turns: one that waits or fails does not keep the others from theirs. None writes after the
    timeout (seconds). `lost` returns why this process does not hold the lease any more; empty: it does. Raises
    WritesStopped.
    """
    from ecsync.engine.ordering import in_order
    from ecsync.engine.step_state import StepState

    began = time.monotonic()
    valid = {name: one for name, one in catalogue.applications.items() if not catalogue.holds(name)}
    ordered = in_order(valid)
    runs = {one.name: Run(one, StepState(), began) for one in ordered}
    with Stop() as stop, leaving(lambda: _left(runs.values(), stop)):
        _take_turns(runs, workspace, catalogue, began + timeout, stop, wait=wait, lost=lost, frozen=frozen)
    return _exits.worst(run.code or _exits.OK for run in runs.values())


def _take_turns(
    runs: Mapping[str, Run],
    workspace: Workspace,
    catalogue: Catalogue,
    deadline: float,
    stop: Stop,
    *,
    wait: bool,
    lost: Callable[[], str],
    frozen: Callable[[str], str],
) -> None:
    """Make passes until each run has an exit code. Raises WritesStopped, KeyboardInterrupt."""
    from ecsync.core.ports import WritesStopped

    while left := [run for run in runs.values() if run.code is None]:
        for run in left:
            _end_behind(run, runs)
        ready = [run for run in left if run.code is None and not _behind(run, runs)]
        if not ready:
            continue
        run = min(ready, key=lambda one: one.due)
        if run.due > deadline:
            for one in left:
                _end(one, _exits.TIMEOUT)
            break
        pause = run.due - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, _POLL))
            workspace.forget_reads()  # a person waits for what AWS does now
        if why := _suspended(run.application) or frozen(run.application.name):
            _show.message(f"{run.application.name}: not applied: {why}", "danger")
            run.code = _exits.GUARD
            continue
        _make_pass(run, workspace, catalogue, deadline, stop, wait=wait)
        if why := lost():
            raise WritesStopped(f"nothing more was written: the lease is {why}")


def _suspended(application: Application) -> str:
    if not application.suspend:
        return ""
    return f"suspended by ecsync/suspend in its Application document: {application.suspend}"


def _behind(run: Run, runs: Mapping[str, Run]) -> Run | None:
    """Return an application that comes first, and is not in sync."""
    first = (runs[name] for name in run.application.after if name in runs)
    return next((one for one in first if one.outcome is None or one.outcome.sync != "Synced"), None)


def _end_behind(run: Run, runs: Mapping[str, Run]) -> None:
    """End an application that comes after one that is invalid, or that ended out of sync."""
    invalid = next((name for name in run.application.after if name not in runs), "")
    behind = _behind(run, runs)
    if invalid or (behind is not None and behind.code is not None):
        name = invalid or (behind.application.name if behind else "")
        state = behind.outcome.sync if behind and behind.outcome else "not applied"
        _show.message(f"{run.application.name}: not applied: it comes after {name}, which is {state}", "danger")
        run.code = _exits.HELD


def _make_pass(
    run: Run, workspace: Workspace, catalogue: Catalogue, deadline: float, stop: Stop, *, wait: bool
) -> None:
    """Make a pass over an application, and set its exit code or the time of its next pass."""
    from ecsync.core.outcome import Done, Failed
    from ecsync.core.ports import AwsError, Deferred
    from ecsync.engine.reconciler import PassOptions, Refused, reconcile
    from ecsync.engine.requeue import delay

    def planned(plan: Plan) -> None:
        run.plan, stop.writing = plan, True

    def announce(step: Step, result: Result) -> None:
        run.note(step, result)
        if not stop.asked or isinstance(result, Done | Failed):
            _announce(step, result)

    options = PassOptions(
        enforce=True,
        announce=announce,
        planned=planned,
        may_go_on=lambda: not stop.asked and time.monotonic() < deadline,
    )
    began = time.monotonic()
    try:
        with workspace.clouds.patience.limited(max(0.0, min(deadline - began, _TURN))):
            destination = workspace.destination_for(run.application)
            run.outcome = reconcile(run.application, catalogue, destination, run.step_state, options)
    except Deferred as deferred:
        stop.check()
        run.due = time.monotonic() + deferred.after
        return
    except (AwsError, Refused) as error:
        run.code = _exits.explained(error, run.application.name)
        stop.check()
        return
    stop.check()
    code = ended(run.outcome, wait=wait)
    late = time.monotonic() >= deadline  # then steps may have been left out
    if code is not None or late:
        _end(run, _exits.TIMEOUT if late and code in (None, _exits.OK) else code or _exits.OK)
    run.due = time.monotonic() + delay(run.outcome, interval=_POLL, jitter=lambda seconds: seconds)


def _end(run: Run, code: int) -> None:
    """Set the exit code of an application, and print its state."""
    from ecsync.core.outcome import Failed

    run.code = code
    name, outcome = run.application.name, run.outcome
    if outcome is None:
        _show.message(f"{name}: not applied before the timeout", "danger")
        return
    _show.message(f"{name}: {outcome.sync} · {outcome.health}", "good" if code == _exits.OK else "danger")
    # Without the time of the next try: this command ends here.
    errors = {step.key: result.error for step, result in outcome.results.items() if isinstance(result, Failed)}
    for status in outcome.statuses:
        if status.sync != "Synced" or status.health.status != "Healthy":
            why = _show.joined(status.message, errors.get(status.key, status.health.why))
            _show.message(f"  {status.key!s:<36} {status.sync} · {status.health.status}  {why}")


def ended(outcome: Outcome, *, wait: bool) -> int | None:
    """Return the exit code after a pass, or None while more is to do.

    Without `wait` an application ends when only waiting is left: with TIMEOUT if a change waits too, else with OK.
    """
    from ecsync.core.model import Adopt
    from ecsync.core.outcome import Done, Failed, Progressing, Skipped

    results = outcome.results.values()
    adoptions = [step for step in outcome.plan.steps if isinstance(step.change, Adopt)]
    if any(isinstance(one, Done) for one in results):
        return None  # the next pass observes the result
    if outcome.plan.stopped:
        return _exits.ROLLED_BACK
    if any(isinstance(one, Failed) for one in results):
        stuck = all(one.retry != "soon" for one in results if isinstance(one, Failed))
        return _exits.PARTIAL if stuck and not any(isinstance(one, Progressing) for one in results) else None
    unknown = outcome.plan.unreadable or outcome.plan.incomplete
    if unknown or any(isinstance(one, Progressing) and one.deferred for one in results):
        return None
    if any(isinstance(one, Progressing) for one in results):
        return None if wait else _exits.TIMEOUT
    if outcome.plan.withheld or adoptions:
        return _exits.HELD
    if any(isinstance(one, Skipped) for one in results):
        return None if wait else _exits.TIMEOUT
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
