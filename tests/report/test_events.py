"""Events: each change of state is reported once, and nothing is reported while nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from ecsync.core.model import Adopt, Change, Desired, Mark, Origin, Problem
from ecsync.core.outcome import Done, Event, Failed, Outcome, Phase, Progressing, ResourceStatus, WithheldReason
from ecsync.core.ports import Snapshot, SourceError
from ecsync.core.redact import Redacted
from ecsync.report import events
from ecsync.report.events import Reported
from ecsync.report.recorder import Recorder, fan_out
from tests.report.outcomes import API, CONTEXT, NOW, WEB, create, delete, field, outcome, status, step, update

GRACE = field("healthCheckGracePeriodSeconds", 30, 60)


def event_types(*outcomes: Outcome) -> list[list[str]]:
    """Return the types of the events of each outcome, in order."""
    reported, types = Reported(), []
    for each in outcomes:
        reported, found = events.pass_ended(reported, each, CONTEXT)
        types.append([event.type for event in found])
    return types


def last(*outcomes: Outcome) -> tuple[Event, ...]:
    """Return the events of the last outcome."""
    reported = Reported()
    found: tuple[Event, ...] = ()
    for each in outcomes:
        reported, found = events.pass_ended(reported, each, CONTEXT)
    return found


QUIET = outcome(status(API))
DRIFTED = outcome(status(API, GRACE))


def test_drift_is_reported_when_it_opens_changes_and_closes() -> None:
    """One event for each transition, none between."""
    other = outcome(status(API, GRACE, field("desiredCount", 1, 2)))
    assert event_types(QUIET, DRIFTED, DRIFTED, other, other, QUIET, QUIET) == [
        [],
        ["drift.detected"],
        [],
        ["drift.changed"],
        [],
        ["drift.resolved"],
        [],
    ]


def test_a_drift_event_has_the_fields_and_their_places() -> None:
    """The event has path, live value, declared value, and the line of the manifest."""
    context = replace(CONTEXT, where=lambda key, path: f"{key.name}.yaml:9" if path else "")
    _, (event,) = events.pass_ended(Reported(), DRIFTED, context)
    assert event.fields == (GRACE,)
    assert event.origins == {"/healthCheckGracePeriodSeconds": "api.yaml:9"}
    assert (event.key, event.severity, event.detail) == (API, "warning", {"action": "modified"})
    assert (event.application, event.revision, event.reconcile_id, event.time) == ("shop", "1", "r1", NOW)
    assert event.message == "Service/api was changed outside ecsync: healthCheckGracePeriodSeconds"


def test_pending_changes_are_no_drift() -> None:
    """A change of the manifest or of a looked-up value is not drift."""
    pending = [field("image", "a", "b", "pending"), field("subnets", "a", "b", "lookup")]
    assert event_types(QUIET, outcome(status(API, *pending))) == [[], []]


def test_a_resource_that_cannot_be_read_neither_opens_nor_closes_drift() -> None:
    """A failed read proves neither drift nor its absence."""
    unknown = outcome(status(API, sync="Unknown", health="Unknown"), unreadable={API: "throttled"})
    assert event_types(DRIFTED, unknown, DRIFTED, QUIET) == [
        ["drift.detected"],
        ["health.changed"],
        ["health.changed"],
        ["drift.resolved"],
    ]


def test_drift_of_a_resource_that_is_no_longer_declared_is_resolved() -> None:
    """The episode ends when the resource leaves the manifests."""
    assert event_types(DRIFTED, outcome(status(WEB))) == [["drift.detected"], ["drift.resolved"]]


def test_drift_that_is_repaired_in_the_same_pass_is_reported() -> None:
    """The steps show the drift, although the statuses show the state after the repair."""
    repaired = outcome(status(API), steps=(step(API, update(API, GRACE)),), results=(Done(),))
    assert event_types(QUIET, repaired, QUIET) == [
        [],
        ["sync.started", "drift.detected", "resource.updated", "sync.succeeded"],
        ["drift.resolved"],
    ]


def test_a_resource_that_another_client_deleted_is_drift() -> None:
    """A declared resource that was live and that ecsync did not delete drifts until it is live again."""
    gone = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    kinds = event_types(QUIET, gone, gone, QUIET)
    assert kinds == [[], ["drift.detected", "health.changed"], [], ["drift.resolved", "health.changed"]]
    event = last(QUIET, gone)[0]
    assert (event.detail["action"], event.message) == ("missing", "Service/api was deleted outside ecsync")


def test_a_resource_that_was_never_live_does_not_drift() -> None:
    """A resource that is not created yet is missing, not deleted."""
    missing = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    assert event_types(missing, missing) == [[], []]


def test_a_resource_that_ecsync_deleted_does_not_drift() -> None:
    """A replacement deletes the resource before it creates the new one."""
    removing = outcome(status(API), steps=(step(API, delete(API)),), results=(Done(),))
    gap = outcome(status(API, health="Missing", sync="OutOfSync"))
    assert "drift.detected" not in event_types(QUIET, removing, gap)[-1]


def test_a_deleted_resource_is_drift_whether_its_create_succeeds_or_fails() -> None:
    """It was deleted outside ecsync in both cases."""
    again = (step(API, create(API)),)
    made = outcome(status(API), steps=again, results=(Done(),))
    refused = outcome(status(API, health="Degraded"), steps=again, results=(Failed(error="no"),))
    assert "drift.detected" in event_types(QUIET, made)[-1]
    assert "drift.resolved" in event_types(QUIET, made, QUIET)[-1]
    assert "drift.detected" in event_types(QUIET, refused)[-1]
    assert "drift.detected" not in event_types(refused, refused)[-1]


def test_a_failure_that_waits_for_its_retry_is_reported_once() -> None:
    """The passes until the retry keep the error, with another time of the next try; the retry fails equally."""
    steps = (step(API, update(API)),)
    sent, kept = (
        outcome(
            status(API, health="Degraded", sync="OutOfSync"),
            steps=steps,
            results=(Failed(error="ecs.UpdateService: Denied: no", retry="slow", after=after, sent=after == 900.0),),
        )
        for after in (900.0, 840.0)
    )
    first, *later = event_types(QUIET, sent, kept, kept, sent)[1:]
    assert "sync.failed" in first
    assert later == [[], [], []]


def test_a_missing_resource_under_a_new_revision_does_not_drift() -> None:
    """A service that moves to another cluster is missing there, but was not deleted."""
    moved = outcome(status(API, health="Missing"), steps=(step(API, create(API)),), revision="2")
    assert "drift.detected" not in event_types(QUIET, moved)[-1]


def test_an_unclaimed_resource_does_not_drift() -> None:
    """A resource that is not adopted has no owner."""
    adopt = Adopt(
        desired=Desired(key=API, body={}), observed=delete(API).observed, fields=(GRACE,), resets=(), marks={}
    )
    assert event_types(outcome(status(API, GRACE), held=(step(API, adopt),))) == [[]]


@pytest.mark.parametrize(
    ("change", "verb"), [(create(API), "created"), (update(API, GRACE), "updated"), (delete(API), "deleted")]
)
def test_a_change_that_is_done_is_reported(change: Change, verb: str) -> None:
    """Each change that succeeded has an event with its calls."""
    (event,) = [
        each
        for each in last(outcome(status(API), steps=(step(API, change),), results=(Done(),)))
        if each.type.startswith("resource.")
    ]
    assert event.type == f"resource.{verb}"
    assert event.detail == {"calls": ["ecs.UpdateService"]}


# ---------------------------------------------------------------- deletions

REMOVING = outcome(status(API), steps=(step(API, delete(API, "arn:api")),), results=(Progressing(why="deleting"),))
REMOVED = outcome(status(API))


def deletions_of(*outcomes: Outcome) -> list[list[str]]:
    """Return the types of the deletion events of each outcome."""
    return [[kind for kind in types if "deleted" in kind] for types in event_types(*outcomes)]


def test_a_deletion_is_reported_once_when_the_resource_is_gone() -> None:
    """AWS accepts the call long before the resource is gone."""
    assert deletions_of(QUIET, REMOVING, REMOVING, REMOVED, REMOVED) == [[], [], [], ["resource.deleted"], []]
    (event,) = [event for event in last(QUIET, REMOVING, REMOVED) if event.type == "resource.deleted"]
    assert (event.key, event.message) == (API, "Service/api deleted")
    assert event.detail == {"calls": ["ecs.UpdateService"], "physical": "arn:api"}


def test_an_orphan_that_is_gone_was_deleted() -> None:
    """It no longer has a status."""
    pruning = outcome(
        status(API), status(WEB), steps=(step(WEB, delete(WEB), "prune"),), results=(Progressing(why="deleting"),)
    )
    assert deletions_of(pruning, outcome(status(API))) == [[], ["resource.deleted"]]


def test_an_unlisted_orphan_is_gone_only_if_the_list_is_complete() -> None:
    """A failed list is not an empty list."""
    pruning = outcome(status(API), steps=(step(WEB, delete(WEB), "prune"),), results=(Progressing(why="deleting"),))
    without = outcome(status(API))
    unlisted = replace(without, plan=replace(without.plan, incomplete="AccessDenied"))
    assert deletions_of(pruning, unlisted, without) == [[], [], ["resource.deleted"]]


def test_a_delete_that_aws_did_not_accept_is_not_reported() -> None:
    """A step that waits, fails or is held did not delete."""
    waits = replace(step(API, delete(API)), calls=(), waiting="in use")
    for trying in (
        outcome(status(API), steps=(waits,), results=(Progressing(why="in use"),)),
        outcome(status(API), steps=(step(API, delete(API)),), results=(Failed(error="denied"),)),
        outcome(status(API), held=(step(API, delete(API)),)),
    ):
        assert deletions_of(trying, REMOVED) == [[], []]


def test_an_unreadable_or_live_resource_is_not_reported_as_deleted() -> None:
    """A failed read does not prove the deletion; a resource that is live under that name was not deleted."""
    unknown = outcome(status(API, sync="Unknown", health="Unknown"), unreadable={API: "throttled"})
    assert deletions_of(REMOVING, unknown, REMOVED) == [[], [], ["resource.deleted"]]
    assert deletions_of(REMOVING, outcome(status(API, physical="arn:api")), REMOVED) == [[], [], []]
    held = outcome(status(API), held=(step(API, delete(API, "arn:api")),))
    assert deletions_of(REMOVING, held, REMOVED) == [[], [], ["resource.deleted"]]


@pytest.mark.parametrize("phase", ["late", "prune"])
def test_the_deletion_of_an_old_resource_is_not_the_deletion_of_the_current_one(phase: Phase) -> None:
    """An old revision or target group has its own event; the current resource stays, and may drift."""
    old = step(API, delete(API, "arn:old"), phase)
    going = outcome(status(API, physical="arn:new"), steps=(old,), results=(Progressing(why="deleting"),))
    there = outcome(status(API, physical="arn:new"))
    assert deletions_of(there, going, there) == [[], [], ["leftover.deleted"]]
    (event,) = [event for event in last(there, going, there) if event.type == "leftover.deleted"]
    assert (event.key, event.message) == (API, "arn:old deleted: an old resource of Service/api")
    gone = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    assert "drift.detected" in event_types(there, going, gone)[-1]


def test_two_old_resources_of_one_step_are_two_deletions() -> None:
    """The step deletes one after the other."""

    def deleting(called: str) -> Outcome:
        return outcome(
            status(API), steps=(step(API, delete(API, called), "late"),), results=(Progressing(why="deleting"),)
        )

    assert deletions_of(deleting("arn:1"), deleting("arn:2"), QUIET) == [[], ["leftover.deleted"], ["leftover.deleted"]]


# ---------------------------------------------------------------- passes without a plan


def test_a_pass_without_a_plan_is_reported_once_for_each_reason() -> None:
    """What was reported of the resources does not change: drift that was reported before is not reported again."""
    reported, _ = events.pass_ended(Reported(), DRIFTED, CONTEXT)
    kinds = []
    for error in ("sts.X: ExpiredToken: a", "sts.X: ExpiredToken: b", "sts.X: AccessDenied: c"):
        reported, found = events.pass_failed(reported, error, CONTEXT)
        kinds.append([event.type for event in found])
    assert kinds == [["pass.failed"], [], ["pass.failed"]]
    reported, found = events.pass_ended(reported, DRIFTED, CONTEXT)
    assert types(found) == ["pass.resumed"]
    assert types(events.pass_ended(reported, DRIFTED, CONTEXT)[1]) == []


def test_the_recorder_returns_the_drift_that_has_not_ended() -> None:
    """By application: changed and deleted resources."""
    recorder = Recorder(lambda _: None)
    gone = outcome(status(API, GRACE), status(WEB, health="Missing", sync="OutOfSync"), held=(step(WEB, create(WEB)),))
    seen = []
    for each in (outcome(status(API), status(WEB)), gone, gone, outcome(status(API), status(WEB, field("Port", 1, 2)))):
        recorder.pass_ended(each, CONTEXT)
        seen.append(set(recorder.drift("shop")))
    assert seen == [set(), {API, WEB}, {API, WEB}, {WEB}]
    assert recorder.drift("blog") == {}
    recorder.application_removed("shop", None, NOW)
    assert recorder.drift("shop") == {}


def test_marks_are_not_reported() -> None:
    """An update of the tags of ecsync is no event and no sync."""
    mark = Mark(desired=Desired(key=API, body={}), observed=delete(API).observed, marks={})
    assert event_types(outcome(status(API), steps=(step(API, mark),), results=(Done(),))) == [[]]


def test_a_sync_of_many_passes_starts_once_and_succeeds_once() -> None:
    """From the first call until the service is stable it is one sync, over any number of passes."""
    going = step(API, update(API, field("image", "a", "b", "pending")))
    deploying = outcome(status(API, health="Progressing"), steps=(going,), results=(Progressing(why="draining"),))
    settling = outcome(status(API, health="Progressing"))
    kinds = [
        [kind for kind in types if kind.startswith("sync.")]
        for types in event_types(deploying, deploying, settling, QUIET, QUIET)
    ]
    assert kinds == [["sync.started"], [], [], ["sync.succeeded"], []]


def test_pass_started_reports_the_start_before_the_pass_ends() -> None:
    """`pass_ended` does not report the start again."""
    going = step(API, create(API))
    done = outcome(status(API), steps=(going,), results=(Done(),))
    reported, first = events.pass_started(Reported(), done.plan, CONTEXT)
    reported, again = events.pass_started(reported, done.plan, CONTEXT)
    _, rest = events.pass_ended(reported, done, CONTEXT)
    assert [event.type for event in first] == ["sync.started"]
    assert again == ()
    assert [event.type for event in rest] == ["resource.created", "sync.succeeded"]


def test_a_new_revision_starts_a_new_sync() -> None:
    """A new revision is reported although the sync of the last one has not ended."""
    going = step(API, create(API))
    first = outcome(status(API), steps=(going,), results=(Progressing(why="x"),))
    second = outcome(status(API), steps=(going,), results=(Progressing(why="x"),), revision="2")
    assert event_types(first, second) == [["sync.started"], ["sync.started"]]


def test_a_failure_is_reported_once_for_each_error_code() -> None:
    """The text of AWS has another id each time; the step and the code stay the same."""

    def failing(code: str, text: str) -> Outcome:
        result = Failed(error=f"ecs.UpdateService: {code}: {text}")
        return outcome(status(API, GRACE), steps=(step(API, update(API, GRACE)),), results=(result,))

    first = failing("AccessDeniedException", "request 1")
    second = failing("AccessDeniedException", "request 2")
    third = failing("InvalidParameterException", "request 3")
    kinds = [
        [kind for kind in types if kind.startswith("sync.")]
        for types in event_types(first, second, third, QUIET, QUIET)
    ]
    assert kinds == [["sync.started", "sync.failed"], [], ["sync.failed"], ["sync.succeeded"], []]


def test_a_rolled_back_deployment_is_reported_once() -> None:
    """A deployment that ECS rolled back fails the sync, and is not reported again while it is not retried."""
    stopped = outcome(status(API, health="Degraded"), stopped={API: "circuit breaker"})
    assert event_types(QUIET, stopped, stopped) == [[], ["deployment.rolledback", "health.changed", "sync.failed"], []]


def test_a_sync_with_a_held_step_ends_and_has_not_succeeded() -> None:
    """The event names what is held."""
    held = step(WEB, delete(WEB))
    first = outcome(status(API), steps=(step(API, create(API)),), results=(Done(),), held=(held,))
    second = outcome(status(API, sync="OutOfSync"), held=(held,))
    end = last(replace(first, statuses=(status(API, GRACE),)), second)[-1]
    assert (end.type, end.severity, end.detail) == ("sync.held", "warning", {"held": ["TargetGroup/web"]})


def test_a_sync_does_not_end_while_a_resource_is_degraded() -> None:
    """It succeeds when the resource is healthy."""
    first = outcome(status(API, health="Degraded"), steps=(step(API, create(API)),), results=(Done(),))
    degraded = outcome(status(API, health="Degraded"))
    assert [types[-1:] for types in event_types(first, degraded, QUIET)] == [
        ["health.changed"],
        [],
        ["sync.succeeded"],
    ]


def test_a_write_in_vain_is_reported_once() -> None:
    """With its fields and the reason."""
    reason = WithheldReason("not_converging", "not written any more: image does not converge")
    held = outcome(status(API, sync="OutOfSync"), held=(step(API, update(API, GRACE)),))
    held = replace(held, plan=replace(held.plan, withheld=(replace(held.plan.withheld[0], reason=reason),)))
    assert [types.count("resource.notconverging") for types in event_types(QUIET, held, held)] == [0, 1, 0]
    event = next(one for one in last(QUIET, held) if one.type == "resource.notconverging")
    assert event.message == "Service/api is not written any more: image does not converge"
    assert [change.path for change in event.fields] == [GRACE.path]


def test_a_plan_that_is_not_applied_is_no_sync() -> None:
    """It neither starts nor ends a sync."""
    planned = outcome(status(API, GRACE), steps=(step(API, update(API, GRACE)),))
    assert event_types(planned, planned, QUIET) == [["drift.detected"], [], ["drift.resolved"]]


def test_health_is_reported_when_it_changes() -> None:
    """The first health is reported only if it is Degraded."""
    degraded = outcome(status(API, health="Degraded", why="2 of 3 tasks"))
    assert event_types(QUIET, degraded, degraded, QUIET) == [[], ["health.changed"], [], ["health.changed"]]
    assert event_types(degraded) == [["health.changed"]]
    assert last(QUIET, degraded)[0].message == "Service/api is Degraded: 2 of 3 tasks"


def test_a_late_difference_of_long_values_is_in_the_event() -> None:
    """A long text is cut around the difference; of a long list, the event has the elements that differ."""
    drifted = outcome(
        status(API, field("policy", "x" * 1000, "x" * 999 + "y"), field("ports", [*range(900)], [*range(899), 0]))
    )
    policy, ports = last(drifted)[0].fields
    assert policy.after.endswith("xxy (1000 characters)")
    assert (ports.path, ports.before, ports.after) == (("ports", 899), 899, 0)


def test_a_long_value_is_cut_and_a_redacted_one_stays_redacted() -> None:
    """An event has at most 500 characters of a value; cutting reveals no secret."""
    drifted = outcome(
        status(API, field("policy", "x" * 1000, {"a": ["y" * 600]}), field("secret", Redacted("a1"), None))
    )
    policy, secret = last(drifted)[0].fields
    assert policy.before == "x" * 499 + "… (1000 characters)"
    assert policy.after.startswith('{"a":["yyy')
    assert len(policy.after) < 530
    assert secret.before == Redacted("a1")


def problem(line: int) -> Problem:
    """Return a problem in a line."""
    return Problem(Origin("app.yaml", line, 3), "unknown field")


def test_problems_of_manifests_are_reported_when_they_change() -> None:
    """Invalid, other problems, valid again: one event each, with the place of the problem."""
    reported, kinds, messages = Reported(), [], []
    for found in [(), (problem(1),), (problem(1),), (problem(1), problem(2)), (), ()]:
        reported, events_ = events.manifests_read(reported, found, CONTEXT)
        kinds.append([event.type for event in events_])
        messages += [event.message for event in events_]
    assert kinds == [[], ["app.invalid"], [], ["app.invalid"], ["app.valid"], []]
    assert messages[:2] == ["app.yaml:1:3: unknown field", "app.yaml:1:3: unknown field (and 1 more)"]


@dataclass
class SourceState:
    """The part of a source state that events read."""

    snapshot: Snapshot | None
    error: SourceError | None = None


ONE = Snapshot(revision="1", files={}, source="s3://bucket/prod")
TWO = Snapshot(revision="2", files={}, source="s3://bucket/prod")


def test_a_source_is_reported_when_it_changes_fails_and_recovers() -> None:
    """A new revision, an error, another error, and a good read after an error have an event each."""
    failed = SourceState(ONE, SourceError("gone", reason="unreachable"))
    states = [
        SourceState(ONE),
        SourceState(ONE),
        SourceState(TWO),
        failed,
        failed,
        SourceState(ONE, SourceError("no", reason="denied")),
        SourceState(ONE),
    ]
    assert reported(states) == [
        "source.updated revision 1 of s3://bucket/prod",
        "source.updated revision 2 of s3://bucket/prod",
        "source.failed gone",
        "source.failed no",
        "source.updated s3://bucket/prod can be read again",
    ]


def reported(states: Iterable[SourceState]) -> list[str]:
    """Return the events of reads of a source that have these results."""
    seen: list[str] = []
    recorder = Recorder(lambda event: seen.append(f"{event.type} {event.message}"))
    for state in states:
        recorder.source_read(state, NOW)
    return seen


def test_a_revision_beside_a_failure_is_reported_too() -> None:
    """The newest signed commit is applied, and a newer one is not. The failure is reported once."""
    states = [
        SourceState(ONE),
        SourceState(ONE, SourceError("3 is not signed", reason="unsigned", snapshot=ONE)),
        SourceState(TWO, SourceError("4 is not signed", reason="unsigned", snapshot=TWO)),
        SourceState(TWO, SourceError("4 is not signed", reason="unsigned", snapshot=TWO)),
        SourceState(TWO),
    ]
    assert reported(states) == [
        "source.updated revision 1 of s3://bucket/prod",
        "source.failed 3 is not signed",
        "source.updated revision 2 of s3://bucket/prod",
        "source.updated s3://bucket/prod can be read again",
    ]


def types(found: Iterable[Event]) -> list[str]:
    """Return the types of the events."""
    return [event.type for event in found]


def test_the_recorder_remembers_each_application_separately() -> None:
    """A removed application is reported and forgotten; the other one is not affected."""
    seen: list[Event] = []
    recorder = Recorder(seen.append)
    blog = replace(CONTEXT, application="blog")
    for context in (CONTEXT, blog, CONTEXT, blog):
        recorder.pass_ended(DRIFTED, context)
    assert [event.application for event in seen] == ["shop", "blog"]
    recorder.application_removed("shop", None, NOW)
    recorder.manifests_read((), CONTEXT)
    recorder.pass_started(DRIFTED.plan, CONTEXT)
    recorder.pass_ended(DRIFTED, CONTEXT)
    assert types(seen) == ["drift.detected", "drift.detected", "app.removed", "drift.detected"]


def test_a_sink_that_raises_does_not_stop_the_others() -> None:
    """The other sinks receive the event, and both results are counted."""
    seen: list[Event] = []
    counted: list[tuple[str, bool]] = []

    def broken(_event: Event) -> None:
        raise RuntimeError("on purpose")

    send = fan_out({"broken": broken, "good": seen.append}, lambda name, worked: counted.append((name, worked)))
    (event,) = last(DRIFTED)
    send(event)
    assert seen == [event]
    assert counted == [("broken", False), ("good", True)]


class Looked(tuple[ResourceStatus, ...]):
    """Statuses that count how often someone goes through them: packed ones are made again each time."""

    __slots__ = ()
    times: ClassVar = 0

    def __iter__(self) -> Iterator[ResourceStatus]:
        """Count one more look."""
        Looked.times += 1
        return super().__iter__()


@pytest.mark.parametrize("many", [1, 50])
def test_a_pass_is_reported_in_one_look_at_its_statuses_however_many_they_are(many: int) -> None:
    """With a look for each resource, 1,000 resources took a minute of CPU at the end of each pass in full."""
    gone = tuple(step(API._replace(name=f"old-{number}"), delete(API), "prune") for number in range(many))
    seen = outcome(*(status(API._replace(name=f"api-{number}")) for number in range(many)))
    reported, _ = events.pass_ended(Reported(), seen, CONTEXT)
    pruned = outcome(*seen.statuses, steps=gone, results=(Done(),) * many)
    Looked.times = 0
    reported, found = events.pass_ended(reported, replace(pruned, statuses=Looked(seen.statuses)), CONTEXT)
    assert Looked.times == 1
    assert types(found).count("resource.deleted") == many
