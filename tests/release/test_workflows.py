"""The workflows of this project: pinned actions, least rights, no secret, and commands that are there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOWS: dict[str, dict[Any, Any]] = {file.name: yaml.safe_load(file.read_text()) for file in FILES}
RELEASE = WORKFLOWS["release.yml"]
# What each job may do beside reading the checkout.
RIGHTS = {
    ("release.yml", "package"): {"id-token": "write"},
    ("release.yml", "image"): {"contents": "read", "packages": "write"},
    ("release.yml", "notes"): {"contents": "write", "id-token": "write", "attestations": "write"},
}
EVENTS = {
    "test.yml": {"push", "pull_request", "workflow_call", "workflow_dispatch", "schedule"},
    "image.yml": {"push", "pull_request", "workflow_dispatch"},
    "release.yml": {"push"},
}
each = pytest.mark.parametrize("name", WORKFLOWS)


def jobs(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from WORKFLOWS[name]["jobs"].items()


def steps(name: str) -> Iterator[dict[str, Any]]:
    for _, job in jobs(name):
        yield from job.get("steps", [])


@each
def test_every_action_is_pinned_by_a_commit_with_its_version(name: str) -> None:
    """One action has one pin in all workflows."""
    pins: dict[str, set[str]] = {}
    lines = [line for file in FILES for line in file.read_text().splitlines() if "uses: " in line]
    for line in lines:
        found = re.fullmatch(r"\s+(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
        if not found:
            assert re.match(r"\s+uses: \./\.github/workflows/[a-z]+\.yml\b", line), line
            continue
        pins.setdefault(found[1], set()).add(f"{found[2]} {found[3]}")
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}
    used = {step["uses"].partition("@")[0] for step in steps(name) if "uses" in step}
    assert used <= pins.keys()


@each
def test_no_right_is_given_that_is_not_listed_here(name: str) -> None:
    """Nothing by default; each job names what it needs."""
    assert WORKFLOWS[name]["permissions"] == {}
    for job, content in jobs(name):
        assert content["permissions"] == RIGHTS.get((name, job), {"contents": "read"}), job


@each
def test_it_starts_on_known_events_alone(name: str) -> None:
    """With pull_request_target or workflow_run, code of a fork could get the rights of the repository."""
    events = WORKFLOWS[name][True]  # YAML 1.1 reads the key `on` as True
    assert set(events) == EVENTS[name]
    if name == "release.yml":
        assert events["push"] == {"tags": ["v*"]}


@each
def test_it_uses_no_secret(name: str) -> None:
    """The token of the job is enough, and only the jobs of a release get it."""
    text = (ROOT / ".github" / "workflows" / name).read_text()
    assert "secrets" not in text.replace("no secret", "")
    assert ("github.token" in text) == (name == "release.yml")


@each
def test_the_checkout_leaves_no_token_behind(name: str) -> None:
    """Later steps could read it."""
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


@each
def test_no_script_contains_an_expression_of_the_event(name: str) -> None:
    """A name of a branch would be a part of the script: values come in by the environment."""
    for step in steps(name):
        script = step.get("run", "")
        assert "${{" not in script
        assert "\n" not in script or script.startswith("set -euo pipefail\n")
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@each
def test_every_job_has_a_limit_of_time(name: str) -> None:
    """And a runner with a fixed version; a called workflow has its own."""
    for job, content in jobs(name):
        if "uses" not in content:
            assert content["timeout-minutes"] <= 60, job
            assert content["runs-on"] == "ubuntu-24.04", job


@each
def test_every_command_of_the_project_is_there(name: str) -> None:
    """Targets of make, modules and scripts."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps(name):
        script = step.get("run", "")
        assert set(re.findall(r"\bmake ([a-z]+)", script)) <= targets
        for module in re.findall(r"-m (deploy[\w.]+)", script):
            assert (ROOT / (module.replace(".", "/") + ".py")).is_file()
        for file in re.findall(r"\b(deploy/[\w/.]+\.sh)", script):
            assert (ROOT / file).stat().st_mode & 0o111


def test_the_tests_run_on_every_supported_python() -> None:
    """Those that the classifiers of the package name, with the lowest and the newest dependencies on one each."""
    project = (ROOT / "pyproject.toml").read_text()
    supported = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    assert WORKFLOWS["test.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert f'requires-python = ">={supported[0]}"' in project
    made = [step.get("run", "").split(" ")[1] for step in steps("test.yml") if step.get("run", "").startswith("make")]
    assert made == ["check", "test", "oldest", "newest", "wheel"]


def test_nothing_is_published_before_the_tests_passed() -> None:
    """And the release appears last, with what the index already has."""
    needs = {job: content.get("needs", []) for job, content in jobs("release.yml")}
    assert needs == {
        "test": [],
        "build": [],
        "package": ["test", "build"],
        "image": ["test", "build"],
        "notes": ["package", "image"],
    }
    assert RELEASE["concurrency"]["cancel-in-progress"] is False
    for job in ("package", "image"):
        assert RELEASE["jobs"][job]["environment"] == "release"


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.name)
def test_a_form_for_issues_is_one_that_github_takes(file: Path) -> None:
    """Known keys, known types, ids that are unique."""
    content = yaml.safe_load(file.read_text())
    if file.name == "config.yml":
        assert set(content) <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= set(content)
    ids = [field["id"] for field in content["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    for field in content["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert "value" in field["attributes"] if field["type"] == "markdown" else field["attributes"]["label"]
        if field["type"] == "dropdown":
            assert len(field["attributes"]["options"]) == len(set(field["attributes"]["options"]))
