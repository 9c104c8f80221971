"""Plans for people: an unknown state is never shown as in sync, and a deleted old resource has its AWS name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.kind import Kind
from ecsync.core.model import Adopt, Desired, FieldChange, Key, Present, Reason
from ecsync.core.outcome import Phase, Plan, Step, Unmanaged
from ecsync.report import plan_markdown, plan_text
from ecsync.report.plan_json import Planned
from tests.report.outcomes import API, TARGET, WEB, delete, step, update

NOTE = "the old revision is kept: web is being deployed"


def planned(*steps: Step, notes: dict[Key, str] | None = None, **fields: Any) -> Planned:
    """Return a plan of `shop`; every field is declared in line 9."""
    plan = Plan(application="shop", target=TARGET, revision="1", steps=steps, **fields)
    kinds: dict[str, Kind] = {}  # no test prints a call
    return Planned(plan=plan, kinds=kinds, notes=notes or {}, where=lambda key, _: f"{key.name}.yaml:9")


def both(one: Planned) -> tuple[str, str]:
    """Return the plan as text and as Markdown."""
    return "\n".join(line.text for line in plan_text.lines([one])), plan_markdown.render([one])


def test_an_unknown_state_is_not_in_sync() -> None:
    """An unreadable resource and one that is not retried are printed with the reason, and not as in sync."""
    for text in both(planned(unreadable={API: "ecs.X: AccessDenied"}, stopped={WEB: "rolled | back"})):
        assert "n sync" not in text
        assert "Service/api" in text
        assert "AccessDenied" in text
        assert "TargetGroup/web" in text
        assert "rolled | back" in text
    assert all("n sync: " in text for text in both(planned()))


def test_an_incomplete_list_of_owned_resources_is_reported() -> None:
    """The plan may not have all of them, so nothing will be pruned."""
    for text in both(planned(incomplete="what we own of Role could not be listed: AccessDenied")):
        assert "nothing will be pruned: what we own of Role could not be listed: AccessDenied" in text


@pytest.mark.parametrize("phase", ["late", "prune"])
def test_a_deleted_old_resource_has_its_aws_name(phase: Phase) -> None:
    """No manifest contains the name of an old revision or target group; the key is the name of a current resource."""
    assert "delete   arn:old" in both(planned(step(API, delete(API, "arn:old"), phase)))[0]
    assert "arn:api" not in both(planned(step(API, delete(API, "arn:api"))))[0]


def test_a_waiting_step_and_a_kept_resource_have_their_reasons() -> None:
    """In a comment on a pull request and on a terminal."""
    waits = replace(step(API, delete(API, "arn:old"), "late"), calls=(), waiting="web still runs it")
    for text in both(planned(waits, notes={WEB: NOTE})):
        assert "web still runs it" in text
        assert NOTE in text


@pytest.mark.parametrize("reason", ["drift", "pending", "lookup"])
def test_a_change_has_the_same_line_as_text_and_as_markdown(reason: Reason) -> None:
    """Path, values, reason, effect, and the place in the manifest."""
    change = FieldChange(path=("cpu",), before="256", after="512", reason=reason, effect="rolls-tasks")
    text, markdown = both(planned(step(API, update(API, change))))
    line = f'cpu: "256" → "512" [{reason}] (rolls tasks) api.yaml:9'
    assert f"\n        {line}\n" in text
    assert f"\n      {line}\n" in markdown
    assert "update (rolls tasks)" in text


def test_what_is_left_to_another_controller_has_a_line_with_the_declared_value() -> None:
    """On a terminal also without `--full`; on a pull request beside changes."""
    left = Unmanaged(key=API, path=("desiredCount",), value=5, owner="the autoscaler (2 to 6)", declared=2)
    other = Unmanaged(key=API, path=("platformVersion",), value="1.4.0")
    bounded = FieldChange(path=("desiredCount",), before=1, after=2, note="clamped to MinCapacity")
    for text in both(planned(step(API, update(API, bounded)), unmanaged=(left, other))):
        assert "5   left to the autoscaler (2 to 6); declared: 2 api.yaml:9\n" in text
        assert "desiredCount: 1 → 2 [drift] (clamped to MinCapacity) api.yaml:9\n" in text
    text, markdown = both(planned(unmanaged=(left, other)))
    assert "declared: 2" in text
    assert "(1 value is left alone; --full lists them)" in text
    assert "declared: 2" not in markdown, "an application in sync has one line"


def test_an_adoption_prints_what_enforcing_would_change() -> None:
    """Without a reason: a resource that is not adopted does not drift."""
    change = FieldChange(path=("cpu",), before=1, after=2, effect="rolls-tasks")
    reset = FieldChange(path=("memory",), before=3, after=None)
    adopt = Adopt(
        desired=Desired(key=API, body={}),
        observed=Present(body={}, outputs={}),
        fields=(change, reset),
        resets=(reset,),
        marks={},
    )
    for text in both(planned(step(API, adopt))):
        assert "cpu: 1 → 2 (would be changed; rolls tasks) api.yaml:9" in text
        assert "memory: 3 → (not set) (would be reset) api.yaml:9" in text
        assert "adopt (" not in text
