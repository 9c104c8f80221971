"""`ecsync demo`: the whole story on a simulated AWS, and what it cost, from the simulator's own ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _exits, _show

if TYPE_CHECKING:
    from ecsync.core.model import Event, Outcome
    from ecsync.wiring.simulated import Simulated

_CLUSTER, _SERVICE, _GROUP = "quickstart", "web", "quickstart-web"
_SETTLES_IN = 60.0  # simulated seconds: a new account on a slow day, so that what settles is seen
_PAUSE = 0.25  # seconds between two passes of the demo; a daemon's are an interval apart


def demo(
    speed: Annotated[float, typer.Option("--speed", help="Simulated seconds in one second.")] = 25.0,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds that each chapter may take.")] = 55.0,
) -> int:
    """Converge `manifests/quickstart` on a simulated AWS, break it four ways, watch it repaired. Touches no real AWS.

    Example: ecsync demo
    """
    from ecsync.wiring import simulated

    started = time.monotonic()
    stage = _Stage(simulated.start(speed=speed, settles_in=_SETTLES_IN), timeout=timeout)
    try:
        _story(stage)
    finally:
        stage.simulated.simulator.stop()
    stage.table(time.monotonic() - started)
    return _exits.OK if all(chapter.kept for chapter in stage.chapters) else _exits.ERROR


def _story(stage: _Stage) -> None:
    stage.chapter("from nothing to Synced · Healthy", lambda: None, calls=None)
    stage.chapter("ten more passes", lambda: None, calls=0, passes=10)
    ecs, elb = stage.somebody("ecs"), stage.somebody("elbv2")
    stage.chapter(
        "somebody sets the service to 0 tasks",
        # As the console does, which sends the grace period again because AWS resets what is left out.
        lambda: ecs(
            "UpdateService", cluster=_CLUSTER, service=_SERVICE, desiredCount=0, healthCheckGracePeriodSeconds=30
        ),
        calls=1,
        drift=["Service/web /desiredCount"],
    )
    group = stage.output("TargetGroup", "web")
    stage.chapter(
        "somebody changes the health check path",
        lambda: elb("ModifyTargetGroup", TargetGroupArn=group, HealthCheckPath="/wrong"),
        calls=1,
        drift=["TargetGroup/web /HealthCheckPath"],
    )
    rule = stage.output("ListenerRule", "web")
    stage.chapter(
        "somebody deletes the listener rule",
        lambda: elb("DeleteRule", RuleArn=rule),
        calls=1,
        drift=["ListenerRule/web "],
    )
    stage.chapter(
        "two tasks die",
        lambda: stage.simulated.simulator.stop_task(_CLUSTER, _SERVICE, count=2),
        calls=0,
        unwell=True,
    )


@dataclass(kw_only=True)
class _Chapter:
    title: str
    seconds: float = 0.0
    writes: tuple[str, ...] = ()
    expected: int | None = None  # mutating calls; None: any number, none of them twice
    drift: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    unwell: bool = False  # reported as health, not as drift
    seen_unwell: bool = False
    ended: str = ""

    @property
    def kept(self) -> bool:
        """Whether the chapter went as promised."""
        count = self.expected is None or len(self.writes) == self.expected
        return (
            count
            and self.ended == "Synced · Healthy"
            and self.reported == self.drift
            and self.unwell == self.seen_unwell
        )


class _Stage:
    """The simulated AWS, a controller on it, and what each chapter came to."""

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
        self._bench = wiring.workspace(settings, quickstart(), read_only=False, pace=simulated.speed)
        catalogue = self._bench.catalogue(self._bench.source(quickstart()).fetch())
        self._catalogue = catalogue
        self._application = next(iter(catalogue.applications.values()))
        self._memory = StepState()
        self._narrator = Recorder(self._heard)
        self._outcome: Outcome | None = None
        self._printed: dict[str, str] = {}

    def somebody(self, service: str) -> Callable[..., Any]:
        """Return a way to call AWS behind the controller's back."""
        cloud = self._bench.destination_for(self._application).cloud
        return lambda operation, **params: cloud.write(service, operation, **params)

    def output(self, kind: str, name: str) -> str:
        """Return the ARN of a resource as the last pass saw it."""
        statuses = self._outcome.statuses if self._outcome else ()
        return next(one.physical for one in statuses if (one.key.kind, one.key.name) == (kind, name))

    def chapter(
        self,
        title: str,
        happens: Callable[[], object],
        *,
        calls: int | None,
        drift: list[str] | None = None,
        unwell: bool = False,
        passes: int = 1,
    ) -> None:
        """Let something happen, make passes until all is well again, and note what that took."""
        print()
        print(_show.styled(title, "title"), flush=True)
        told = _Chapter(title=title, expected=calls, drift=drift or [], unwell=unwell)
        self.chapters.append(told)
        happens()
        ledger = self.simulated.simulator.ledger
        mark, began, made = len(ledger), time.monotonic(), 0
        while time.monotonic() - began < self._timeout:
            outcome = self._pass()
            made += 1
            told.ended = f"{outcome.sync} · {outcome.health}"
            told.seen_unwell = told.seen_unwell or (unwell and outcome.health != "Healthy" and outcome.sync == "Synced")
            if made >= passes and told.ended == "Synced · Healthy" and not outcome.results:
                break
            time.sleep(_PAUSE)
        told.seconds = time.monotonic() - began
        told.writes = tuple(entry.operation for entry in ledger.mutations(mark))

    def _pass(self) -> Outcome:
        from ecsync.core.origins import locator
        from ecsync.engine.reconciler import PassOptions, reconcile
        from ecsync.report.events import Context

        destination = self._bench.destination_for(self._application)
        outcome = reconcile(self._application, self._catalogue, destination, self._memory, PassOptions(enforce=True))
        context = Context(
            time=self._bench.clock.now(),
            application=self._application.name,
            target=outcome.plan.target,
            revision=outcome.plan.revision,
            where=locator(self._application.resources, destination.kinds),
        )
        self._narrator.ended(outcome, context)
        self._outcome = outcome
        for status in outcome.statuses:
            why = status.message or status.health.why
            now = f"{status.sync} · {status.health.status}{f'  ({why})' if why else ''}"
            if self._printed.get(str(status.key)) != now:
                self._printed[str(status.key)] = now
                style = "good" if now.startswith("Synced · Healthy") else "dim"
                print(_show.styled(f"  {status.key!s:<28} {now}", style), flush=True)
        return outcome

    def _heard(self, event: Event) -> None:
        from ecsync.core.trees import dotted, pointer
        from ecsync.report.plan_text import shown

        if event.type == "drift.detected" and event.key is not None:
            paths = [pointer(change.path) for change in event.fields] or [""]
            self.chapters[-1].reported += [f"{event.key} {path}" for path in paths]
            print(_show.styled(f"  ! drift: {event.message}", "danger"), flush=True)
            for change in event.fields:
                where = event.origins.get(pointer(change.path), "")
                what = dotted(change.path) or "all of it"
                text = f"      {what}: live {shown(change.before)}, written {shown(change.after)}"
                print(_show.styled(f"{text}   {where}", "change"), flush=True)
        elif event.type.startswith("resource."):
            calls = ", ".join(event.detail.get("calls", ()))
            print(_show.styled(f"  ✔ {event.message}  {calls}", "good"), flush=True)

    def table(self, seconds: float) -> None:
        """Print what each chapter took, as the simulated AWS counted it."""
        ledger = self.simulated.simulator.ledger
        entries = ledger.entries()
        print()
        print(_show.styled("what the simulated AWS was asked to change, by its own ledger", "title"))
        print(f"  {'':<40}{'writes':>7}{'seconds':>9}  as promised  operations")
        for chapter in self.chapters:
            operations = ", ".join(chapter.writes[:3]) + (", …" if len(chapter.writes) > 3 else "")
            kept = "yes" if chapter.kept else f"NO ({chapter.ended}; reported {chapter.reported})"
            line = f"  {chapter.title:<40}{len(chapter.writes):>7}{chapter.seconds:>9.1f}  {kept:<11}  {operations}"
            print(_show.styled(line, "good" if chapter.kept else "danger"))
        refused = sum(not entry.ok for entry in entries if entry.mutating)
        reads = sum(not entry.mutating for entry in entries)
        print(f"  {reads} reads; {refused} writes were refused while the new account settled; {seconds:.0f} s in all")
