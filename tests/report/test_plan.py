"""Plans for people: what is not known is never shown as in sync, and what goes is named as AWS calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.kind import Kind
from ecsync.core.model import Key, Phase, Plan, Step
from ecsync.report import plan_markdown, plan_text
from ecsync.report.plan_json import Planned
from tests.report.outcomes import API, TARGET, WEB, delete, step

NOTE = "what is left over stays: web is being deployed"


def planned(*steps: Step, notes: dict[Key, str] | None = None, **known: Any) -> Planned:
    """A plan of `shop`."""
    plan = Plan(application="shop", target=TARGET, revision="1", steps=steps, **known)
    kinds: dict[str, Kind] = {}  # nothing here has a call to show
    return Planned(plan=plan, kinds=kinds, notes=notes or {})


def both(one: Planned) -> tuple[str, str]:
    """The plan as text and as Markdown."""
    return "\n".join(line.text for line in plan_text.lines([one])), plan_markdown.render([one])


def test_what_is_not_known_is_not_in_sync() -> None:
    """What could not be read, and what was given up, are said with why, and nothing else is claimed."""
    for text in both(planned(unreadable={API: "ecs.X: AccessDenied"}, stopped={WEB: "rolled | back"})):
        assert "n sync" not in text
        assert "Service/api" in text
        assert "AccessDenied" in text
        assert "TargetGroup/web" in text
    assert "rolled \\| back" in both(planned(stopped={WEB: "rolled | back"}))[1]
    assert all("n sync: nothing to do" in text for text in both(planned()))


def test_what_we_own_and_could_not_be_listed_is_said() -> None:
    """There may be more of it than the plan says, and none of it goes."""
    for text in both(planned(incomplete="Role resources with our marks could not be listed: AccessDenied")):
        assert "nothing is pruned: Role resources with our marks could not be listed: AccessDenied" in text


@pytest.mark.parametrize("phase", ["late", "prune"])
def test_what_a_resource_left_over_is_named(phase: Phase) -> None:
    """The manifest cannot say which revision or target group it is; the resource of the key is what it says."""
    assert "delete   arn:old" in both(planned(step(API, delete(API, "arn:old"), phase)))[0]
    assert "arn:api" not in both(planned(step(API, delete(API, "arn:api"))))[0]


def test_what_waits_says_for_what_and_what_stays_says_why() -> None:
    """In a comment on a pull request as on a terminal."""
    waits = replace(step(API, delete(API, "arn:old"), "late"), calls=(), waiting="web still runs it")
    for text in both(planned(waits, notes={WEB: NOTE})):
        assert "web still runs it" in text
        assert NOTE in text
