"""One pass over one application: observe, plan, apply, derive the statuses. This module only sequences."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice

from ecsync.core import marks, policy, status
from ecsync.core.graph import in_groups
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import Application, Key, Target
from ecsync.core.outcome import Outcome, Plan, Result, StepId
from ecsync.core.ports import UNLIMITED, Budget, Clock, Cloud, Reader
from ecsync.engine import orphans, quiet
from ecsync.engine.ahead import Threads, read_ahead
from ecsync.engine.catalogue import Catalogue, keys_of, opened
from ecsync.engine.executor import Announce, ExecutionContext, Ready, execute
from ecsync.engine.inventory import Inventory
from ecsync.engine.observe import neighbours, observe, observe_again
from ecsync.engine.quiet import Quiet
from ecsync.engine.retries import added
from ecsync.engine.step_state import StepState
from ecsync.engine.trace import Trace
from ecsync.engine.views import View, around, at_cadence, at_interval, fresh, relisted

Timer = Callable[[str], AbstractContextManager[object]]

_CONFIRMED = 20  # resources that differ and are read again before a report, and all that vanished; others later
UNASSERTED = (
    "no resource here carries our marks, and the account is not asserted: set ECSYNC_ACCOUNT to its id "
    "(now {account}), or pass --first-time"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The account and Region of an application, and our identity there. `asserted`: the operator named the account."""

    cloud: Cloud
    target: Target
    installation: str
    kinds: Mapping[str, Kind]
    clock: Clock
    asserted: bool = True
    budget: int = 10  # resources that one pass may delete or replace
    pruning: str = ""  # why nothing may be pruned here; empty: it may
    hourly: Budget = UNLIMITED
    ready: Ready = lambda *_: None
    approval: policy.Approval | None = None
    serial: Callable[[str], AbstractContextManager[object]] = nullcontext
    inventory: Inventory | None = None  # what other applications share; None: nothing is kept between passes
    threads: Threads | None = None  # to read ahead with; None: a pass makes one call after another

    def shared(self) -> Destination:
        """Return the destination with an inventory."""
        if self.inventory is not None:
            return self
        return replace(self, inventory=Inventory(self.cloud, self.clock.monotonic, self.kinds))

    def reads(self, view: View, trace: Trace | None = None) -> Reader:
        """Return a reader that takes the answers of a view, and adds them to a trace."""
        assert self.inventory is not None
        return self.inventory.reader(view, trace)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOptions:
    """What a pass may do, and the callbacks that observe it. Without `enforce` and `adopt` it writes nothing."""

    enforce: bool = False
    adopt: frozenset[Key] | None = None  # `ecsync adopt`: adopt these and do nothing else; empty: all
    only_digest: str = ""  # refuse a plan with another digest
    may_go_on: Callable[[], bool] = lambda: True
    planned: Callable[[Plan], None] = lambda _: None
    announce: Announce = lambda *_: None
    timer: Timer = nullcontext

    @property
    def writes(self) -> bool:
        """Whether the pass may write."""
        return self.enforce or self.adopt is not None


class Refused(Exception):
    """A safety guard stopped the pass before the first write; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPlan:
    """A plan, and the inputs with the observed world that it was made from."""

    inputs: Inputs
    plan: Plan
    trace: Trace | None = None  # of all reads; None: some of them were of other views
    confirmed: frozenset[Key] = frozenset()  # read again for the plan, with what they depend on


def look(
    application: Application,
    catalogue: Catalogue,
    destination: Destination,
    step_state: StepState,
    timer: Timer = nullcontext,
    expected: Quiet | None = None,
) -> ObservedPlan:
    """Observe an application and plan it. Raises AwsError only for lost credentials.

    `expected` is the outcome that a quiet pass would have now: where the plan differs from it, that is a mismatch.
    """
    destination = destination.shared()
    assert destination.inventory is not None
    inputs = _unobserved(application, catalogue, destination, step_state)
    began, interval = destination.clock.monotonic(), application.sync.interval
    looking = at_cadence(interval, written=step_state.written, began=began)
    beside = around(interval, written=step_state.written)
    trace = Trace()
    with timer("observe"):
        listed = step_state.orphan_listing
        _read_ahead(inputs, destination, looking, listing=listed is None or not listed.usable(inputs, began))
        inputs = _observed(inputs, destination, looking, trace=trace)
        only_looked = not (step_state.unsettled or step_state.unread or step_state.left)
        if step_state.left:
            sooner = at_interval(interval, written=step_state.written)
            inputs = _observed(inputs, destination, sooner, step_state.some_left(_CONFIRMED))
        if step_state.unsettled and not step_state.waits_for_rate:
            inputs = _observed(inputs, destination, beside, step_state.unsettled)
        if step_state.unread:
            inputs = _observed(inputs, destination, fresh(step_state.written), tuple(step_state.unread))
            step_state.unread.clear()
    with timer("plan"):
        inputs, planned = _planned(inputs, catalogue, destination, step_state, looking)
    steps = in_groups([step for step in planned.steps if step.id.phase != "prune"])
    first = set(islice(dict.fromkeys(step.id.key for step in steps), _CONFIRMED))
    differing = (first | step_state.vanished(steps)) & step_state.new_differences(inputs, steps)
    if differing:
        with timer("observe"):
            inputs = _observed(inputs, destination, beside, neighbours(inputs, differing))
            wall, keys = destination.clock.now(), tuple(differing)
            new, written = added(steps) & differing, step_state.written
            world = observe_again(destination.inventory, inputs, wall, keys, added=new, written=written)
            inputs = replace(inputs, world=world)
        with timer("plan"):
            inputs, planned = _planned(inputs, catalogue, destination, step_state, looking)
        step_state.record_confirmed(inputs, planned, differing)
        differing -= added(planned.steps) - added(steps)  # missing in one answer of two
    if expected is not None:
        planned = replace(planned, mismatches=(*planned.mismatches, *expected.missed(planned)))
    now = destination.clock.monotonic()
    step_state.record_plan(inputs, planned, now)
    return ObservedPlan(
        inputs=inputs,
        plan=step_state.awaiting(planned, inputs, now),
        trace=trace if only_looked and not steps else None,
        confirmed=frozenset(differing),
    )


def _read_ahead(inputs: Inputs, destination: Destination, view: View, *, listing: bool) -> None:
    """Read on the threads of the destination, if it has some, what the next reads in this view will ask for."""
    if destination.threads is not None:
        assert destination.inventory is not None
        read_ahead(destination.inventory, view, inputs, destination.clock.now(), destination.threads, listing=listing)


def _observed(
    inputs: Inputs,
    destination: Destination,
    view: View,
    only: Collection[Key] | None = None,
    trace: Trace | None = None,
) -> Inputs:
    """Return the inputs with the world as a view has it; with `only`, those resources are read in it."""
    return replace(inputs, world=observe(destination.reads(view, trace), inputs, destination.clock.now(), only))


def _planned(
    inputs: Inputs, catalogue: Catalogue, destination: Destination, step_state: StepState, view: View
) -> tuple[Inputs, Plan]:
    """Plan what was observed, with what is to be removed; return the inputs of the plan too."""
    assert destination.inventory is not None
    now = destination.clock.monotonic()
    last = step_state.orphan_listing
    seen = relisted(view, same=last.revision == inputs.revision) if last is not None else view
    listing = orphans.listing(destination.inventory, seen, inputs, last, now)
    step_state.orphan_listing = listing
    applications = catalogue.applications.values()
    if len(applications) > 1:
        catalogue.reading.claims[inputs.application.name] = orphans.claims(inputs)
    removable = orphans.removable(inputs, listing, applications, catalogue.reading.claims)
    inputs = replace(
        inputs,
        orphans=removable,
        doubts=orphans.doubts(inputs, removable, applications, catalogue.reading.claims),
        policies=policy.standard(
            prune=catalogue.pruning or destination.pruning or listing.incomplete,
            not_converging=step_state.not_converging(now),
        ),
        in_vain=step_state.in_vain(now),
    )
    inputs = replace(inputs, order=step_state.order_of(inputs))
    inputs, planned = policy.decided(inputs, destination.approval)
    return inputs, replace(planned, incomplete=str(listing.incomplete))


def _unobserved(
    application: Application, catalogue: Catalogue, destination: Destination, step_state: StepState
) -> Inputs:
    """Return the inputs of a plan before anything is read."""
    application = opened(application)
    return Inputs(
        application=application,
        kinds=destination.kinds,
        world={},
        target=destination.target,
        installation=destination.installation,
        revision=catalogue.revision,
        lookups=catalogue.lookups(application),
        newly_created=frozenset(step_state.unconfirmed),
        retried=step_state.retried_of(keys_of(application)),
        last_applied=dict(step_state.last_synced_marks),
        last_lookups=dict(step_state.last_lookup_values),
        others=marks.Owners(catalogue, destination.installation),
        settled=step_state.settled,
        turn=step_state.turn,
        turns=step_state.repeated + 1,
        checked_within=step_state.checked_within,
    )


def reconcile(
    application: Application,
    catalogue: Catalogue,
    destination: Destination,
    step_state: StepState,
    options: PassOptions | None = None,
) -> Outcome:
    """Make one pass. Raises Refused where a guard stops it, AwsError for lost credentials."""
    options, destination = options or PassOptions(), destination.shared()
    step_state.enter(destination.target)
    ground = _ground(application, catalogue, destination, step_state)
    with options.timer("observe"):
        last, now = step_state.quiet, destination.clock.monotonic()
        last = last if last is not None and last.repeats(ground, now, destination.threads) else None
    if last is not None and _stands(last, catalogue, destination, step_state, options):
        step_state.record_repeated()
        options.planned(last.outcome.plan)
        return last.outcome
    step_state.quiet = None
    if not options.writes or not step_state.wrote_last:
        step_state.known_marks.forget()  # another process may have written by right
    step_state.wrote_last = options.writes
    observed = look(application, catalogue, destination, step_state, options.timer, last)
    options.planned(observed.plan)
    results: Mapping[StepId, Result] = {}
    inputs = observed.inputs
    if options.writes:
        _guard(observed, destination, options)
        with options.timer("apply"):
            context = _context(destination, step_state, options, observed.confirmed)
            results, world = execute(inputs, _chosen(observed.plan, options), context)
        step_state.retried.clear()
        inputs = replace(inputs, world=world)
    statuses, step_state.watches = status.judged(
        status.statuses(inputs, observed.plan, results),
        step_state.watches,
        destination.clock.monotonic(),
        destination.clock.now(),
    )
    step_state.record_unsettled(statuses, inputs, results)
    step_state.record_left(observed.inputs, observed.plan, writes=options.writes)
    outcome = Outcome(plan=observed.plan, results=results, statuses=statuses)
    if observed.trace is not None and step_state.is_fixed:
        step_state.quiet = quiet.of(ground, observed.trace, outcome, now)
    if step_state.quiet is None:
        return outcome
    step_state.rest()
    return step_state.quiet.outcome  # the same, packed


def _ground(
    application: Application, catalogue: Catalogue, destination: Destination, step_state: StepState
) -> quiet.Ground:
    assert destination.inventory is not None
    return quiet.Ground(
        application=application,
        reading=weakref.ref(catalogue.reading),
        kinds=destination.kinds,
        inventory=destination.inventory,
        target=destination.target,
        installation=destination.installation,
        newly_created=frozenset(step_state.unconfirmed),
        written=step_state.written,
    )


def _stands(
    last: Quiet, catalogue: Catalogue, destination: Destination, step_state: StepState, options: PassOptions
) -> bool:
    """Return whether an outcome may be repeated: what is ours is still as listed, and no guard has to be asked."""
    listing, now = step_state.orphan_listing, destination.clock.monotonic()
    if listing is None or not destination.installation or options.adopt is not None or options.only_digest:
        return False
    if not listing.stands(catalogue.revision, now):
        compared_late = 2 * (step_state.repeated + 1) > step_state.checked_within  # when it is due the next time
        listing = None if compared_late else last.listed_again(listing, catalogue.revision, now)
        step_state.orphan_listing = listing or step_state.orphan_listing
    return listing is not None


def _guard(observed: ObservedPlan, destination: Destination, options: PassOptions) -> None:
    """Raise Refused unless the plan may be applied here."""
    if not destination.installation:
        raise Refused("no installation is configured: set ECSYNC_INSTALLATION to a name for this controller")
    if options.only_digest and options.only_digest != (digest := observed.plan.digest):
        raise Refused(f"the plan has changed: its digest is {digest}, not {options.only_digest}; review it again")
    by_name = options.adopt is not None  # a person has named what to adopt
    if not (by_name or destination.asserted) and policy.finds_no_owned_resource(observed.plan, observed.inputs.world):
        raise Refused(UNASSERTED.format(account=destination.target.account))


def _context(
    destination: Destination, step_state: StepState, options: PassOptions, lately: Collection[Key]
) -> ExecutionContext:
    assert destination.inventory is not None
    return ExecutionContext(
        cloud=destination.cloud,
        inventory=destination.inventory,
        clock=destination.clock,
        step_state=step_state,
        may_go_on=options.may_go_on,
        serial=destination.serial,
        budget=destination.budget,
        hourly=destination.hourly,
        ready=destination.ready,
        announce=options.announce,
        adopting=options.adopt is not None,
        confirmed=lately,
    )


def _chosen(planned: Plan, options: PassOptions) -> Plan:
    """Return the plan with only the steps of the resources that `adopt` names, if it names any."""
    if not options.adopt:
        return planned
    return replace(planned, steps=tuple(step for step in planned.steps if step.id.key in options.adopt))
