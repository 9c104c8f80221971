"""Events: each change of state is told once, and nothing is told while nothing changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from ecsync.core.model import (
    Adopt,
    Change,
    Desired,
    Done,
    Event,
    Failed,
    Mark,
    Origin,
    Outcome,
    Phase,
    Problem,
    Progressing,
    Redacted,
    Snapshot,
)
from ecsync.core.ports import SourceError
from ecsync.report import events
from ecsync.report.events import Told
from ecsync.report.recorder import Recorder, fan_out
from tests.report.outcomes import API, CONTEXT, NOW, WEB, create, delete, field, outcome, status, step, update

GRACE = field("healthCheckGracePeriodSeconds", 30, 60)


def tell(*outcomes: Outcome) -> list[list[str]]:
    """The types of the events of each outcome, one after the other."""
    told, types = Told(), []
    for each in outcomes:
        told, found = events.ended(told, each, CONTEXT)
        types.append([event.type for event in found])
    return types


def last(*outcomes: Outcome) -> tuple[Event, ...]:
    """The events of the last of the outcomes."""
    told = Told()
    found: tuple[Event, ...] = ()
    for each in outcomes:
        told, found = events.ended(told, each, CONTEXT)
    return found


QUIET = outcome(status(API))
DRIFTED = outcome(status(API, GRACE))


def test_drift_is_told_when_it_opens_changes_and_closes() -> None:
    """One event at each turn, none between."""
    other = outcome(status(API, GRACE, field("desiredCount", 1, 2)))
    assert tell(QUIET, DRIFTED, DRIFTED, other, other, QUIET, QUIET) == [
        [],
        ["drift.detected"],
        [],
        ["drift.changed"],
        [],
        ["drift.resolved"],
        [],
    ]


def test_a_drift_event_says_what_and_where() -> None:
    """Path, live and declared value, and the line of the manifest are in the event."""
    context = replace(CONTEXT, where=lambda key, path: f"{key.name}.yaml:9" if path else "")
    _, (event,) = events.ended(Told(), DRIFTED, context)
    assert event.fields == (GRACE,)
    assert event.origins == {"/healthCheckGracePeriodSeconds": "api.yaml:9"}
    assert (event.key, event.severity, event.detail) == (API, "warning", {"action": "modified"})
    assert (event.application, event.revision, event.reconcile_id, event.time) == ("shop", "1", "r1", NOW)
    assert "/healthCheckGracePeriodSeconds" in event.message


def test_pending_differences_are_no_drift() -> None:
    """What the manifest changed, or a lookup, is not what somebody else did."""
    pending = [field("image", "a", "b", "pending"), field("subnets", "a", "b", "lookup")]
    assert tell(QUIET, outcome(status(API, *pending))) == [[], []]


def test_a_resource_that_cannot_be_read_neither_opens_nor_closes_drift() -> None:
    """A failed read is not an absence, of drift neither."""
    unknown = outcome(status(API, sync="Unknown", health="Unknown"), unreadable={API: "throttled"})
    assert tell(DRIFTED, unknown, DRIFTED, QUIET) == [
        ["drift.detected"],
        ["health.changed"],
        ["health.changed"],
        ["drift.resolved"],
    ]


def test_drift_of_what_is_declared_no_more_is_resolved() -> None:
    """An episode ends when nobody wants the resource any more."""
    assert tell(DRIFTED, outcome(status(WEB))) == [["drift.detected"], ["drift.resolved"]]


def test_drift_that_is_repaired_in_its_own_pass_is_told() -> None:
    """The steps tell of drift also where the statuses show the world after the repair."""
    repaired = outcome(status(API), steps=(step(API, update(API, GRACE)),), results=(Done(),))
    assert tell(QUIET, repaired, QUIET) == [
        [],
        ["sync.started", "drift.detected", "resource.updated", "sync.succeeded"],
        ["drift.resolved"],
    ]


def test_a_resource_that_somebody_removed_is_drift() -> None:
    """What was there, is declared and is gone without us is drift until it is back."""
    gone = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    kinds = tell(QUIET, gone, gone, QUIET)
    assert kinds == [[], ["drift.detected", "health.changed"], [], ["drift.resolved", "health.changed"]]
    event = last(QUIET, gone)[0]
    assert (event.detail["action"], event.message) == ("missing", "Service/api was removed by somebody else")


def test_what_was_never_there_is_no_drift() -> None:
    """A resource that is still to be made is missing, not removed."""
    missing = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    assert tell(missing, missing) == [[], []]


def test_what_we_removed_ourselves_is_no_drift() -> None:
    """The gap in the middle of a replacement is ours."""
    removing = outcome(status(API), steps=(step(API, delete(API)),), results=(Done(),))
    gap = outcome(status(API, health="Missing", sync="OutOfSync"))
    assert "drift.detected" not in tell(QUIET, removing, gap)[-1]


def test_a_removed_resource_is_drift_whatever_becomes_of_making_it_again() -> None:
    """Made again in the same pass, or refused: what was removed was removed."""
    again = (step(API, create(API)),)
    made = outcome(status(API), steps=again, results=(Done(),))
    refused = outcome(status(API, health="Degraded"), steps=again, results=(Failed(error="no"),))
    assert "drift.detected" in tell(QUIET, made)[-1]
    assert "drift.resolved" in tell(QUIET, made, QUIET)[-1]
    assert "drift.detected" in tell(QUIET, refused)[-1]
    assert "drift.detected" not in tell(refused, refused)[-1]


def test_another_revision_may_want_another_resource() -> None:
    """A service that moves to another cluster is missing there; nobody removed it."""
    moved = outcome(status(API, health="Missing"), steps=(step(API, create(API)),), revision="2")
    assert "drift.detected" not in tell(QUIET, moved)[-1]


def test_an_unclaimed_resource_does_not_drift() -> None:
    """What nobody has adopted is nobody's to guard."""
    adopt = Adopt(
        desired=Desired(key=API, body={}), observed=delete(API).observed, fields=(GRACE,), resets=(), marks={}
    )
    assert tell(outcome(status(API, GRACE), held=(step(API, adopt),))) == [[]]


@pytest.mark.parametrize(
    ("change", "verb"), [(create(API), "created"), (update(API, GRACE), "updated"), (delete(API), "deleted")]
)
def test_a_change_that_is_done_is_told(change: Change, verb: str) -> None:
    """Each change that went through is an event of its own, with its calls."""
    (event,) = [
        each
        for each in last(outcome(status(API), steps=(step(API, change),), results=(Done(),)))
        if each.type.startswith("resource.")
    ]
    assert event.type == f"resource.{verb}"
    assert event.detail == {"calls": ["ecs.UpdateService"]}


# ---------------------------------------------------------------- removals

REMOVING = outcome(status(API), steps=(step(API, delete(API, "arn:api")),), results=(Progressing(why="deleting"),))
REMOVED = outcome(status(API))


def removals(*outcomes: Outcome) -> list[list[str]]:
    """The types of the events of each outcome that tell of removals."""
    return [[kind for kind in types if "deleted" in kind] for types in tell(*outcomes)]


def test_a_removal_is_told_when_the_thing_is_gone() -> None:
    """AWS takes its time: being asked is not being gone, and each is told once."""
    assert removals(QUIET, REMOVING, REMOVING, REMOVED, REMOVED) == [[], [], [], ["resource.deleted"], []]
    (event,) = [event for event in last(QUIET, REMOVING, REMOVED) if event.type == "resource.deleted"]
    assert (event.key, event.message) == (API, "Service/api deleted")
    assert event.detail == {"calls": ["ecs.UpdateService"], "physical": "arn:api"}


def test_an_orphan_that_is_gone_was_removed() -> None:
    """It has no status any more."""
    pruning = outcome(
        status(API), status(WEB), steps=(step(WEB, delete(WEB), "prune"),), results=(Progressing(why="deleting"),)
    )
    assert removals(pruning, outcome(status(API))) == [[], ["resource.deleted"]]


def test_an_orphan_that_is_not_listed_any_more_is_gone_only_where_the_list_is_whole() -> None:
    """A failed listing is not an empty one."""
    pruning = outcome(status(API), steps=(step(WEB, delete(WEB), "prune"),), results=(Progressing(why="deleting"),))
    without = outcome(status(API))
    unlisted = replace(without, plan=replace(without.plan, incomplete="AccessDenied"))
    assert removals(pruning, unlisted, without) == [[], [], ["resource.deleted"]]


def test_what_was_never_asked_to_go_was_not_removed() -> None:
    """A step that waits, fails or is held made no call that went through."""
    waits = replace(step(API, delete(API)), calls=(), waiting="in use")
    for trying in (
        outcome(status(API), steps=(waits,), results=(Progressing(why="in use"),)),
        outcome(status(API), steps=(step(API, delete(API)),), results=(Failed(error="denied"),)),
        outcome(status(API), held=(step(API, delete(API)),)),
    ):
        assert removals(trying, REMOVED) == [[], []]


def test_what_cannot_be_read_or_is_wanted_again_is_not_told_as_removed() -> None:
    """A failed read is not an absence; what is there under that name was not removed."""
    unknown = outcome(status(API, sync="Unknown", health="Unknown"), unreadable={API: "throttled"})
    assert removals(REMOVING, unknown, REMOVED) == [[], [], ["resource.deleted"]]
    assert removals(REMOVING, outcome(status(API, physical="arn:api")), REMOVED) == [[], [], []]
    held = outcome(status(API), held=(step(API, delete(API, "arn:api")),))
    assert removals(REMOVING, held, REMOVED) == [[], [], ["resource.deleted"]]


@pytest.mark.parametrize("phase", ["late", "prune"])
def test_what_a_resource_left_over_is_not_the_resource(phase: Phase) -> None:
    """An old revision or target group is told as what it is; the resource of that key stays, and may drift."""
    old = step(API, delete(API, "arn:old"), phase)
    going = outcome(status(API, physical="arn:new"), steps=(old,), results=(Progressing(why="deleting"),))
    there = outcome(status(API, physical="arn:new"))
    assert removals(there, going, there) == [[], [], ["leftover.deleted"]]
    (event,) = [event for event in last(there, going, there) if event.type == "leftover.deleted"]
    assert (event.key, event.message) == (API, "arn:old, which Service/api left over, is deleted")
    gone = outcome(status(API, health="Missing", sync="OutOfSync"), held=(step(API, create(API)),))
    assert "drift.detected" in tell(there, going, gone)[-1]


def test_what_is_left_over_goes_one_after_the_other() -> None:
    """Two of them by the same step are two removals."""

    def going(called: str) -> Outcome:
        return outcome(
            status(API), steps=(step(API, delete(API, called), "late"),), results=(Progressing(why="deleting"),)
        )

    assert removals(going("arn:1"), going("arn:2"), QUIET) == [[], ["leftover.deleted"], ["leftover.deleted"]]


# ---------------------------------------------------------------- passes that come to nothing


def test_passes_that_come_to_nothing_are_told_once_until_it_is_for_another_reason() -> None:
    """Lost credentials say nothing about anything else: what was told of the resources stays as it was."""
    told, _ = events.ended(Told(), DRIFTED, CONTEXT)
    kinds = []
    for error in ("sts.X: ExpiredToken: a", "sts.X: ExpiredToken: b", "sts.X: AccessDenied: c"):
        told, found = events.failed(told, error, CONTEXT)
        kinds.append([event.type for event in found])
    assert kinds == [["pass.failed"], [], ["pass.failed"]]
    told, found = events.ended(told, DRIFTED, CONTEXT)
    assert types(found) == ["pass.resumed"]
    assert types(events.ended(told, DRIFTED, CONTEXT)[1]) == []


def test_what_has_drifted_is_known_until_it_is_as_declared_again() -> None:
    """By application, as it was told: changed fields and what was removed alike."""
    recorder = Recorder(lambda _: None)
    gone = outcome(status(API, GRACE), status(WEB, health="Missing", sync="OutOfSync"), held=(step(WEB, create(WEB)),))
    seen = []
    for each in (outcome(status(API), status(WEB)), gone, gone, outcome(status(API), status(WEB, field("Port", 1, 2)))):
        recorder.ended(each, CONTEXT)
        seen.append(set(recorder.drift("shop")))
    assert seen == [set(), {API, WEB}, {API, WEB}, {WEB}]
    assert recorder.drift("blog") == {}
    recorder.forget("shop", NOW)
    assert recorder.drift("shop") == {}


def test_marks_are_not_told() -> None:
    """Keeping our own tags up to date is no news and no sync."""
    mark = Mark(desired=Desired(key=API, body={}), observed=delete(API).observed, marks={})
    assert tell(outcome(status(API), steps=(step(API, mark),), results=(Done(),))) == [[]]


def test_a_sync_of_many_passes_starts_once_and_succeeds_once() -> None:
    """From the first call until the service is steady it is one sync, however many passes that takes."""
    going = step(API, update(API, field("image", "a", "b", "pending")))
    deploying = outcome(status(API, health="Progressing"), steps=(going,), results=(Progressing(why="draining"),))
    settling = outcome(status(API, health="Progressing"))
    kinds = [
        [kind for kind in types if kind.startswith("sync.")]
        for types in tell(deploying, deploying, settling, QUIET, QUIET)
    ]
    assert kinds == [["sync.started"], [], [], ["sync.succeeded"], []]


def test_the_start_is_told_before_the_work_when_asked() -> None:
    """`started` tells at once, and `ended` does not tell it again."""
    going = step(API, create(API))
    done = outcome(status(API), steps=(going,), results=(Done(),))
    told, first = events.started(Told(), done.plan, CONTEXT)
    told, again = events.started(told, done.plan, CONTEXT)
    _, rest = events.ended(told, done, CONTEXT)
    assert [event.type for event in first] == ["sync.started"]
    assert again == ()
    assert [event.type for event in rest] == ["resource.created", "sync.succeeded"]


def test_a_new_revision_starts_a_new_sync() -> None:
    """Work for another revision is news although the last one never ended."""
    going = step(API, create(API))
    first = outcome(status(API), steps=(going,), results=(Progressing(why="x"),))
    second = outcome(status(API), steps=(going,), results=(Progressing(why="x"),), revision="2")
    assert tell(first, second) == [["sync.started"], ["sync.started"]]


def test_a_failure_is_told_once_until_it_is_another() -> None:
    """AWS's words differ each time by some id; what failed and how does not."""

    def failing(code: str, words: str) -> Outcome:
        result = Failed(error=f"ecs.UpdateService: {code}: {words}")
        return outcome(status(API, GRACE), steps=(step(API, update(API, GRACE)),), results=(result,))

    first = failing("AccessDeniedException", "request 1")
    second = failing("AccessDeniedException", "request 2")
    third = failing("InvalidParameterException", "request 3")
    kinds = [[kind for kind in types if kind.startswith("sync.")] for types in tell(first, second, third, QUIET, QUIET)]
    assert kinds == [["sync.started", "sync.failed"], [], ["sync.failed"], ["sync.succeeded"], []]


def test_a_rolled_back_deployment_is_told_once() -> None:
    """A deployment that ECS rolled back fails the sync, and is not told again while it stays given up."""
    stopped = outcome(status(API, health="Degraded"), stopped={API: "circuit breaker"})
    assert tell(QUIET, stopped, stopped) == [[], ["deployment.rolledback", "health.changed", "sync.failed"], []]


def test_what_is_held_does_not_keep_a_sync_open() -> None:
    """A sync has succeeded when all that may be done is done."""
    held = step(WEB, delete(WEB))
    first = outcome(status(API), steps=(step(API, create(API)),), results=(Done(),), held=(held,))
    assert last(replace(first, statuses=(status(API, GRACE),)), outcome(status(API, sync="OutOfSync"), held=(held,)))[
        -1
    ].detail == {"held": 1}


def test_observing_alone_is_no_sync() -> None:
    """A plan that nobody executes starts nothing and succeeds in nothing."""
    planned = outcome(status(API, GRACE), steps=(step(API, update(API, GRACE)),))
    assert tell(planned, planned, QUIET) == [["drift.detected"], [], ["drift.resolved"]]


def test_health_is_told_when_it_changes() -> None:
    """First sight is no news unless it is bad."""
    degraded = outcome(status(API, health="Degraded", why="2 of 3 tasks"))
    assert tell(QUIET, degraded, degraded, QUIET) == [[], ["health.changed"], [], ["health.changed"]]
    assert tell(degraded) == [["health.changed"]]
    assert last(QUIET, degraded)[0].message == "Service/api is Degraded: 2 of 3 tasks"


def test_a_long_value_is_cut_and_a_masked_one_stays_masked() -> None:
    """Nobody reads a kilobyte in an event, and nothing secret comes out of being cut."""
    drifted = outcome(
        status(API, field("policy", "x" * 1000, {"a": ["y" * 600]}), field("secret", Redacted("a1"), None))
    )
    policy, secret = last(drifted)[0].fields
    assert policy.before == "x" * 500 + "… (1000 characters)"
    assert policy.after.startswith('{"a":["yyy')
    assert len(policy.after) < 530
    assert secret.before == Redacted("a1")


def problem(line: int) -> Problem:
    """Something wrong in a line."""
    return Problem(Origin("app.yaml", line, 3), "unknown field")


def test_invalid_manifests_are_told_when_they_change() -> None:
    """Invalid, invalid otherwise, valid again: an event each, with the place in it."""
    told, kinds, messages = Told(), [], []
    for found in [(), (problem(1),), (problem(1),), (problem(1), problem(2)), (), ()]:
        told, events_ = events.problems(told, found, CONTEXT)
        kinds.append([event.type for event in events_])
        messages += [event.message for event in events_]
    assert kinds == [[], ["app.invalid"], [], ["app.invalid"], ["app.valid"], []]
    assert messages[:2] == ["app.yaml:1:3: unknown field", "app.yaml:1:3: unknown field (and 1 more)"]


@dataclass
class SourceState:
    """What the events need of a source."""

    snapshot: Snapshot | None
    error: SourceError | None = None


ONE = Snapshot(revision="1", files={}, source="s3://bucket/prod")
TWO = Snapshot(revision="2", files={}, source="s3://bucket/prod")


def test_a_source_is_told_when_it_changes_fails_and_recovers() -> None:
    """A new revision, an error, another error, and being readable again are news; the rest is not."""
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
    seen: list[str] = []
    recorder = Recorder(lambda event: seen.append(f"{event.type} {event.message}"))
    for state in states:
        recorder.source(state, NOW)
    assert seen == [
        "source.updated revision 1 of s3://bucket/prod",
        "source.updated revision 2 of s3://bucket/prod",
        "source.failed gone",
        "source.failed no",
        "source.updated s3://bucket/prod can be read again",
    ]


def types(found: Iterable[Event]) -> list[str]:
    """Their types."""
    return [event.type for event in found]


def test_the_narrator_remembers_each_application_apart() -> None:
    """What was told of one application is not told of, and is forgotten, which is told, apart from another."""
    seen: list[Event] = []
    recorder = Recorder(seen.append)
    blog = replace(CONTEXT, application="blog")
    for context in (CONTEXT, blog, CONTEXT, blog):
        recorder.ended(DRIFTED, context)
    assert [event.application for event in seen] == ["shop", "blog"]
    recorder.forget("shop", NOW)
    recorder.problems((), CONTEXT)
    recorder.started(DRIFTED.plan, CONTEXT)
    recorder.ended(DRIFTED, CONTEXT)
    assert types(seen) == ["drift.detected", "drift.detected", "app.removed", "drift.detected"]


def test_a_sink_that_raises_stops_nobody() -> None:
    """The other sinks get the event, and both are counted."""
    seen: list[Event] = []
    counted: list[tuple[str, bool]] = []

    def broken(_event: Event) -> None:
        raise RuntimeError("on purpose")

    send = fan_out({"broken": broken, "good": seen.append}, lambda name, worked: counted.append((name, worked)))
    (event,) = last(DRIFTED)
    send(event)
    assert seen == [event]
    assert counted == [("broken", False), ("good", True)]
