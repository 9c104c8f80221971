"""The reference is that of the code: generated pages are equal, written ones name everything."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from docs.generate import permissions, verbs
from docs.generate.pages import DOCS, generated
from ecsync.core.model import Create, Desired, FieldChange, Key, Origin, Problem
from ecsync.core.outcome import (
    Event,
    Health,
    LeftBehind,
    Outcome,
    Pass,
    Plan,
    ResourceStatus,
    Step,
    StepId,
    Withheld,
    WithheldReason,
)
from ecsync.guards.requests import VERBS
from ecsync.http import bodies
from ecsync.http.app import _EVENT_FILTERS, create_app
from ecsync.http.guards import _MEMBERS, Guards
from ecsync.http.hooks import Hooks
from ecsync.http.view import SourceView
from ecsync.kinds import ALL
from ecsync.offline import operator_settings
from ecsync.report.drift import Transition
from ecsync.report.event_types import TYPES
from ecsync.report.events import _VERBS
from ecsync.wiring import SystemClock
from tests.docs.pages import ROOT, inline_code
from tests.views import NOW, TARGET, FakeView, state

MANUAL = "docs/cli.md"
EVENTS = "docs/reference/events.md"
API = "docs/reference/http-api.md"


class TestGenerated:
    """The pages that `make reference` writes."""

    def test_every_generated_page_is_as_committed(self) -> None:
        """Also the picture of the demo; no other page of a kind is there."""
        pages = generated()
        differ = [
            str(path.relative_to(ROOT))
            for path, text in pages.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text
        ]
        left = [path.name for path in (DOCS / "reference" / "kinds").glob("*.md") if path not in pages]
        assert (differ, left) == ([], []), "run `make reference`, and commit what it writes"

    def test_every_verb_has_its_exit_codes_in_the_manual(self) -> None:
        """The generated page takes them from the table of verbs of docs/cli.md."""
        found = dict(verbs._exit_codes(ROOT / MANUAL))
        assert [one for one in verbs.verbs() if not found.get(one)] == [], (
            "add a row to the table of verbs in docs/cli.md"
        )

    def test_every_exit_code_has_a_meaning(self) -> None:
        """A new code in cli/_exits.py has a line in docs/generate/verbs.py."""
        assert verbs.exit_codes() - verbs._CODES.keys() == set()

    def test_every_setting_has_a_meaning(self) -> None:
        """In the model; `ecsync explain config` and the page print it. So has each group."""
        assert [one.name for one in operator_settings.settings() if not one.text] == [], "add a description"
        assert [name for name, text in operator_settings.groups().items() if not text] == []

    def test_a_kind_has_a_line_for_each_of_its_fields(self) -> None:
        """As many rows as members at the top of its shape, at least; what AWS cannot change is marked."""
        page = (DOCS / "reference" / "kinds" / "TargetGroup.md").read_text(encoding="utf-8")
        rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", page, re.MULTILINE))
        assert rows["Port"].startswith("replaces the resource")
        assert rows["HealthCheckPath"] == "in place"

    @pytest.mark.parametrize("mode", ["observe", "apply", "prune"])
    def test_a_policy_of_the_page_is_what_the_command_prints(self, mode: Any) -> None:
        """The example of docs/reference/iam.md; a mode contains the one before it."""
        made = permissions.policy(ROOT / "manifests" / "nightly", mode)
        actions = {one for statement in made["Statement"] for one in _listed(statement["Action"])}
        assert "application-autoscaling:DescribeScalableTargets" in actions
        assert ("application-autoscaling:PutScheduledAction" in actions) == (mode != "observe")
        assert ("application-autoscaling:DeleteScheduledAction" in actions) == (mode == "prune")

    def test_every_kind_has_a_page(self) -> None:
        """Named as the kind."""
        pages = {path.stem for path in (DOCS / "reference" / "kinds").glob("*.md")}
        assert pages == {one.name for one in ALL} | {"index"}


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------- events


def event_types() -> Iterator[str]:
    """Yield every type of event that the code makes: texts, and those with a part that is decided later."""
    for path in sorted((ROOT / "controller" / "ecsync").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                given = [one.value for one in node.keywords if one.arg == "type"] if name == "Event" else []
                given += node.args[:1] if name == "_event" and "report" in path.parts else []
                for one in given:
                    yield from _types(one, path)


def _types(value: ast.expr, path: Path) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id="type_"):  # a helper that is given the type: its callers are found
            return
        case ast.JoinedStr():
            source = ast.unparse(value)
            assert source in PARTS, f"{path.name}: {source}: add the values of this type to PARTS in this file"
            yield from PARTS[source]
        case _:
            raise AssertionError(f"{path.name}: {ast.unparse(value)}: write the type of an event as a text")


PARTS = {
    "f'drift.{transition.state}'": tuple(f"drift.{one}" for one in get_args(get_type_hints(Transition)["state"])),
    "f'resource.{verb}'": tuple(f"resource.{one}" for one in _VERBS.values()),
    "f'{type_}.{state}'": (
        *(f"{one}.{end}" for one in ("freeze", "override") for end in ("began", "ended")),
        "approval.given",
        "approval.ended",
    ),
}


def test_every_type_of_event_is_in_the_reference() -> None:
    """And each type of the reference is one of the code."""
    listed = {
        text for _, text in inline_code(EVENTS) if re.fullmatch(r"[a-z]+\.[a-z]+", text) and not text.startswith("git.")
    }
    assert set(event_types()) == listed, "correct the tables in docs/reference/events.md"
    assert set(TYPES) == listed, "correct report/event_types.py"


def test_an_event_has_the_members_of_the_reference() -> None:
    """Those that the API prints."""
    one = Event(type="drift.detected", time=NOW, application="shop", message="", fields=(CHANGE,))
    body = bodies.event(one)
    named = {text for _, text in inline_code(EVENTS)}
    assert {*body, *_members(body["fields"])} - named == set(), "name them in docs/reference/events.md"


# ---------------------------------------------------------------- the API

CHANGE = FieldChange(path=("desiredCount",), before=1, after=2)
KEY = Key(application="shop", kind="Service", name="web")


def application() -> Any:
    """Return the application of HTTP, with hooks and guards."""
    hooks = Hooks({"github": (b"0123456789abcdef",)}, lambda: None, lambda *_: None, SystemClock())
    guards = Guards(b"token", VERBS, lambda *_: ("done", ""))
    return create_app(FakeView(), lambda _: (b"", ""), hooks=hooks, guards=guards)


def test_every_path_of_the_api_is_in_the_reference() -> None:
    """And each path of the reference is one of the daemon."""
    routes = {route.path for route in application()._app.routes}
    listed = {text for _, text in inline_code(API) if text.startswith("/")}
    assert routes == listed


def test_every_member_of_a_body_is_in_the_reference() -> None:
    """Of an application with resources, problems, held steps and what it left behind; of parameters and guards too."""
    problem = Problem(Origin(file="a.yaml", line=1, column=1), "wrong", "shop")
    step = Step(id=StepId(key=KEY), change=Create(desired=Desired(key=KEY, body={}), marks={}), calls=())
    status = ResourceStatus(key=KEY, sync="OutOfSync", health=Health(status="Healthy"), fields=(CHANGE,))
    held = Withheld(step=step, reason=WithheldReason("suspended", "held"))
    plan = Plan(application="shop", target=TARGET, revision="1", withheld=(held,))
    outcome = Outcome(plan=plan, statuses=(status,))
    left = LeftBehind(target=TARGET, seen=NOW, resources={KEY: "arn"})
    last = Pass(reconcile_id="1", started=NOW, ended=NOW + timedelta(seconds=1), result="synced")
    app = state(problems=(problem,), outcome=outcome, left_behind=(left,), last_pass=last)
    source = SourceView(url="s3://bucket/prefix", about={"commit": "1", "author": "2", "subject": "3"})
    found = set(_members(bodies.application(app, source)))
    named = {text for _, text in inline_code(API)}
    assert found - named == set(), "name them in docs/reference/http-api.md"
    assert {*_EVENT_FILTERS, *_MEMBERS, *VERBS} - named == set()


def _members(body: Any) -> Iterator[str]:
    """Yield the names of all members of a body."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield str(name)
            yield from _members(value)
    elif isinstance(body, list | tuple):
        for one in body:
            yield from _members(one)
