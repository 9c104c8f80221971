"""What AWS accepts gives no alarm: the manifests of the project, the examples of the kinds, and real definitions."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecsync.awsmodel import shapes
from ecsync.core.constraints.find import Breach, breaches, constraint_table
from ecsync.kinds import ALL, BY_NAME
from ecsync.language.check import check
from tests.language.cases import contents, load_files

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", ["nightly", "quickstart", "tilog"])
def test_a_manifest_of_the_project_has_no_problem_and_no_note(name: str) -> None:
    loaded = load_files(contents(ROOT / "manifests" / name))
    assert loaded.applications
    assert [str(one) for one in (*loaded.problems, *loaded.notes)] == []


def test_the_examples_of_the_kinds_have_no_problem_together() -> None:
    """They are one stack; a note may be about a part that the example leaves out."""
    body = "\n".join(textwrap.indent(kind.example.strip(), "  ") for kind in ALL)
    loaded = load_files({"all.yaml": f"apiVersion: ecsync/v1\nresources:\n{body}\n".encode()})
    assert [str(one) for one in loaded.problems if "; " in one.message and "(AWS:" in one.message] == []


# ---------------------------------------------------------------- real definitions


# What AWS refuses indeed: file of the corpus -> the words that each message about it has.
REFUSED: Mapping[str, tuple[str, ...]] = {
    "taskdefs/Poss111__mrbot__1.json": ("it is missing", "the options lack"),  # template values are empty texts
    "taskdefs/aws__aws-app-mesh-examples__1.json": ("no container has the name",),
    "taskdefs/aws-samples__aws-containers-task-definitions__10.json": ("it is missing, and container",),
    "servicedefs/Vehicle-Tracking__Agents__1.json": ("is not a security group", "is not a target group", "keep one"),
    "servicedefs/bkc1__go-outyet__1.json": ("has no public IPs for tasks",),
    "servicedefs/kayac__ecspresso__2.json": ("has no public IPs for tasks",),
}
# Documents without a part that AWS requires: the index of the corpus names it too.
INCOMPLETE = {"no-memory-anywhere", "container-without-image", "mountPoint-undefined-volume"}


def _found(kind: str, body: Mapping[str, Any]) -> Iterator[Breach]:
    own = BY_NAME[kind]
    assert own.shape is not None
    checked = check(body, shapes.load(own.shape), name=kind, rules=own.rules)
    return breaches(constraint_table(own.constraints), checked.body, name=kind)


@pytest.mark.skipif("ECSYNC_CORPUS" not in os.environ, reason="ECSYNC_CORPUS is not set")
def test_a_real_definition_has_no_error_but_those_that_aws_reports() -> None:
    root = Path(os.environ["ECSYNC_CORPUS"])
    alarms, documents = [], 0
    for entry in json.loads((root / "index.json").read_text(encoding="utf-8")):
        kind = {"taskdef": "TaskDefinition", "servicedef": "Service"}.get(entry["kind"])
        body = _read(root / entry["file"]) if kind else None
        if kind is None or body is None:
            continue
        documents += 1
        known = REFUSED.get(entry["file"], ())
        named = INCOMPLETE & set(entry.get("semantic_issues") or ())
        alarms += [
            f"{entry['file']}: {one.message}"
            for one in _found(kind, body)
            if one.level == "error" and not any(word in one.message for word in known) and not named
        ]
    assert documents > 150
    assert alarms == []


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None  # a template, or no YAML
    if isinstance(found, dict) and isinstance(found.get("taskDefinition"), dict):
        found = found["taskDefinition"]
    return found if isinstance(found, dict) else None


# The cases are fragments of bodies with every field: what such a fragment lacks or contradicts is no false alarm.
FRAGMENTS = (
    "it has no memory", "no container has the name", "no other container has the name", "the options lack",
    "no volume has the name", "it has containerPort and containerPortRange", "is in environment too", "it is missing",
    "it has no port", "needs a certificate", "is not in capacityProviders", "a role is for load balancers",
    "ECS uses its service-linked role here", "tasks on Fargate use awsvpc", "it has 0 elements",
    "names nothing to start", "it names no target group",
)  # fmt: skip


@pytest.mark.skipif("ECSYNC_CASES" not in os.environ, reason="ECSYNC_CASES is not set")
def test_a_recorded_pair_has_no_error_but_about_what_it_leaves_out() -> None:
    """The declared side of each pair."""
    cases = json.loads(Path(os.environ["ECSYNC_CASES"]).read_text(encoding="utf-8"))
    kinds = {name[0].lower() + name[1:]: name for name in BY_NAME}
    alarms, bodies = [], 0
    for case in cases:
        kind = kinds.get(case["kind"])
        if kind is None or not isinstance(case.get("desired"), dict):
            continue
        bodies += 1
        alarms += [
            f"{case['id']}: {one.message}"
            for one in _found(kind, case["desired"])
            if one.level == "error" and not any(word in one.message for word in FRAGMENTS)
        ]
    assert bodies > 300
    assert alarms == []
