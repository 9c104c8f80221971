"""`ecsync demo`: drift and repair on a simulated AWS, and every write from the ledger of the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _exits, _options, _show
from ecsync.cli._interrupts import leaving
from ecsync.cli.tables import layout

if TYPE_CHECKING:
    from ecsync.core.outcome import Event, Outcome
    from ecsync.wiring.simulated import Simulated

_CLUSTER, _SERVICE, _GROUP = "quickstart", "web", "quickstart-web"
_SETTLES_IN = 60.0  # simulated seconds until a new role is usable: long, so that the delay is visible
_PAUSE = 0.25  # seconds between two passes; a daemon waits for the interval


def demo(
    speed: Annotated[float, typer.Option("--speed", help="Simulated seconds in one second.")] = 25.0,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            parser=_options.time,
            metavar="TIME",
            show_default=False,
            help="The longest time for each chapter: 30, 30s or 2m. Default: 55s.",
        ),
    ] = 55.0,
) -> int:
    """Show drift and repair on a simulated AWS.

    Applies manifests/quickstart, causes four faults, and shows each repair. Makes no call to the real AWS.

    Example: ecsync demo
    """
    from ecsync.wiring import simulated

    started = time.monotonic()
    stage = _Stage(simulated.start(speed=speed, settles_in=_SETTLES_IN), timeout=timeout)
    try:
        with leaving(lambda: "the simulated AWS ended with this process, and nothing else was changed"):
            _story(stage)
    finally:
        stage.simulated.simulator.stop()
    stage.table(time.monotonic() - started)
    return _exits.OK if all(chapter.passed for chapter in stage.chapters) else _exits.ERROR


def _story(stage: _Stage) -> None:
    stage.chapter("from nothing to Synced · Healthy", lambda: None, calls=None)
    stage.chapter("ten more passes", lambda: None, calls=0, passes=10)
    ecs, elb = stage.other_client("ecs"), stage.other_client("elbv2")
    stage.chapter(
        "another client scales to 0 tasks",
        # As the console does: it sends the grace period too, because AWS resets an omitted one.
        lambda: ecs(
            "UpdateService", cluster=_CLUSTER, service=_SERVICE, desiredCount=0, healthCheckGracePeriodSeconds=30
        ),
        calls=1,
        drift=["Service/web desiredCount"],
    )
    group = stage.output("TargetGroup", "web")
    stage.chapter(
        "another client edits the health check",
        lambda: elb("ModifyTargetGroup", TargetGroupArn=group, HealthCheckPath="/wrong"),
        calls=1,
        drift=["TargetGroup/web HealthCheckPath"],
    )
    rule = stage.output("ListenerRule", "web")
    stage.chapter(
        "another client deletes the listener rule",
        lambda: elb("DeleteRule", RuleArn=rule),
        calls=1,
        drift=["ListenerRule/web"],
    )
    stage.chapter(
        "two tasks stop",
        lambda: stage.simulated.simulator.stop_task(_CLUSTER, _SERVICE, count=2),
        calls=0,
        unhealthy=True,
    )


@dataclass(kw_only=True)
class _Chapter:
    """One fault: what is expected of its repair, and what was seen."""

    title: str
    calls: int | None = None  # expected writes; None: any number
    drift: list[str] = field(default_factory=list)  # expected: `Kind/name path`
    unhealthy: bool = False  # expected: the fault is reported as health, not as drift
    seconds: float = 0.0
    writes: tuple[str, ...] = ()
    reported_drift: list[str] = field(default_factory=list)
    reported_unhealthy: bool = False
    state: str = ""

    @property
    def passed(self) -> bool:
        """Return whether everything was seen as expected."""
        return (
            self.calls in (None, len(self.writes))
            and self.state == "Synced · Healthy"
            and self.reported_drift == self.drift
            and self.reported_unhealthy == self.unhealthy
        )


class _Stage:
    """The simulated AWS, a controller on it, and the chapters so far."""

    def __init__(self, simulated: Simulated, *, timeout: float) -> None:
        from ecsync import wiring
        from ecsync.config import load_from_process
        from ecsync.engine.step_state import StepState
        from ecsync.report.recorder import Recorder
        from ecsync.wiring.simulated import quickstart

        self.simulated = simulated
        self.chapters: list[_Chapter] = []
        self._timeout = timeout
        settings = load_from_process(None, {"installation": "demo", "account": simulated.account, "enforce": True})
        self._workspace = wiring.workspace(settings, quickstart(), read_only=False, pace=simulated.speed)
        self._catalogue = self._workspace.catalogue(self._workspace.source(quickstart()).fetch())
        self._application = next(iter(self._catalogue.applications.values()))
        self._step_state = StepState()
        self._recorder = Recorder(self._print_event)
        self._outcome: Outcome | None = None
        self._printed: dict[str, str] = {}

    def other_client(self, service: str) -> Callable[..., Any]:
        """Return a function that writes to AWS without the controller."""
        cloud = self._workspace.destination_for(self._application).cloud
        return lambda operation, **params: cloud.write(service, operation, **params)

    def output(self, kind: str, name: str) -> str:
        """Return the ARN of a resource as the last pass observed it."""
        statuses = self._outcome.statuses if self._outcome else ()
        return next(one.physical for one in statuses if (one.key.kind, one.key.name) == (kind, name))

    def chapter(
        self,
        title: str,
        cause: Callable[[], object],
        *,
        calls: int | None,
        drift: list[str] | None = None,
        unhealthy: bool = False,
        passes: int = 1,
    ) -> None:
        """Cause a fault, make passes until all is Synced and Healthy, and record what that took."""
        _show.put([("", ""), (title, "title")])
        chapter = _Chapter(title=title, calls=calls, drift=drift or [], unhealthy=unhealthy)
        self.chapters.append(chapter)
        cause()
        ledger = self.simulated.simulator.ledger
        mark, began, made = len(ledger), time.monotonic(), 0
        while time.monotonic() - began < self._timeout:
            outcome = self._pass()
            made += 1
            chapter.state = f"{outcome.sync} · {outcome.health}"
            if unhealthy and outcome.sync == "Synced" and outcome.health != "Healthy":
                chapter.reported_unhealthy = True
            if made >= passes and chapter.state == "Synced · Healthy" and not outcome.results:
                break
            time.sleep(_PAUSE)
        chapter.seconds = time.monotonic() - began
        chapter.writes = tuple(entry.operation for entry in ledger.mutations(mark))

    def _pass(self) -> Outcome:
        from ecsync.core.origins import locator
        from ecsync.engine.reconciler import PassOptions, reconcile
        from ecsync.report.events import Context

        self._workspace.forget_reads()  # the passes of the demo come earlier than the interval
        destination = self._workspace.destination_for(self._application)
        options = PassOptions(enforce=True)
        outcome = reconcile(self._application, self._catalogue, destination, self._step_state, options)
        context = Context(
            time=self._workspace.clock.now(),
            application=self._application.name,
            target=outcome.plan.target,
            revision=outcome.plan.revision,
            where=locator(self._application.resources, destination.kinds),
        )
        self._recorder.pass_ended(outcome, context)
        self._outcome = outcome
        self._print_states(outcome)
        return outcome

    def _print_states(self, outcome: Outcome) -> None:
        """Print the state of each resource where it has changed."""
        for status in outcome.statuses:
            reason = status.message or status.health.why
            state = f"{status.sync} · {status.health.status}{f'  ({reason})' if reason else ''}"
            if self._printed.get(str(status.key)) != state:
                self._printed[str(status.key)] = state
                style = "good" if state.startswith("Synced · Healthy") else "dim"
                _show.put([(f"  {status.key!s:<28} {state}", style)])

    def _print_event(self, event: Event) -> None:
        """Print drift with its changes, and each repair with its calls."""
        from ecsync.core.trees import dotted
        from ecsync.report.changes import event_lines

        if event.type == "drift.detected":
            _show.put([(f"  ! {event.message}", "danger")])
            self.chapters[-1].reported_drift += [
                f"{event.key} {dotted(change.path)}".strip() for change in event.fields
            ]
            _show.put((f"      {line}", "change") for line in event_lines(event))
        elif event.type.startswith("resource."):
            calls = ", ".join(event.detail.get("calls", ()))
            _show.put([(f"  ✔ {event.message}  {calls}", "good")])

    def table(self, seconds: float) -> None:
        """Print what each chapter took, from the ledger of the simulated AWS."""
        ledger = self.simulated.simulator.ledger
        entries = ledger.entries()
        _show.put([("", ""), ("writes by chapter, from the ledger of the simulated AWS", "title")])
        rows = [_row(chapter) for chapter in self.chapters]
        _show.put_lines(layout.table(_TITLES, rows, _show.width(), extra=_TITLES[-1:]))
        refused = sum(not entry.ok for entry in entries if entry.mutating)
        reads = sum(not entry.mutating for entry in entries)
        end = f"{reads} reads; AWS refused {refused} writes while the new role settled; {seconds:.0f} s in total"
        _show.put([(end, "")])


_TITLES = ("CHAPTER", "WRITES", "SECONDS", "AS EXPECTED", "OPERATIONS")


def _row(chapter: _Chapter) -> layout.Row:
    """Return what a chapter took; the state that it did not end in as expected is below it."""
    operations = ", ".join(chapter.writes[:3]) + (", …" if len(chapter.writes) > 3 else "")
    texts = (chapter.title, str(len(chapter.writes)), f"{chapter.seconds:.1f}", "yes" if chapter.passed else "NO")
    style = "good" if chapter.passed else "danger"
    wrong = f"{chapter.state}; drift reported: {', '.join(chapter.reported_drift) or 'none'}"
    below = () if chapter.passed else ((wrong, style),)
    return layout.Row(cells=tuple((text, style) for text in (*texts, operations or "none")), below=below)
