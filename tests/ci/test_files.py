"""The files that people paste into GitHub, GitLab and pre-commit: what a machine can check without them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "deploy" / "ci"
ACTION = CI / "github" / "action.yml"
WORKFLOW = CI / "github" / "workflow.yml"
TEMPLATE = CI / "gitlab" / "ecsync.gitlab-ci.yml"
PLACEHOLDER = "PLACEHOLDER-COMMIT-ID-OF-ECSYNC"  # who pastes the file replaces it: this project has no id of itself


def content(file: Path) -> dict[Any, Any]:
    """Return a YAML file. YAML 1.1 reads the key `on` of a workflow as True."""
    loaded = yaml.safe_load(file.read_text())
    assert isinstance(loaded, dict)
    return loaded


def under(tree: Any, name: str) -> Iterator[Any]:
    """Yield every value of this key, at every depth."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield value
            yield from under(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from under(value, name)


@pytest.mark.parametrize("file", [ACTION, WORKFLOW], ids=lambda file: file.name)
def test_every_action_is_pinned_by_the_id_of_a_commit(file: Path) -> None:
    """Or by the placeholder, which is no reference of git and so cannot run."""
    for used in under(content(file), "uses"):
        name, _, commit = used.partition("@")
        ours = name == "OWNER/ecsync/deploy/ci/github" and commit == PLACEHOLDER
        assert ours or re.fullmatch(r"[0-9a-f]{40}", commit), used


def test_the_action_uses_no_other_action() -> None:
    """What is pinned with it is all that runs."""
    assert list(under(content(ACTION), "uses")) == []


@pytest.mark.parametrize("file", [ACTION, WORKFLOW], ids=lambda file: file.name)
def test_no_script_contains_an_expression(file: Path) -> None:
    """A title or a branch name would be a part of the script: values come in by the environment."""
    for script in under(content(file), "run"):
        assert "${{" not in script
        assert script.startswith("set -euo pipefail\n")


def test_the_workflow_runs_for_pull_requests_alone() -> None:
    """With the events that GitHub also has, a fork has the rights of the repository."""
    assert list(content(WORKFLOW)[True]) == ["pull_request"]


def test_the_workflow_has_the_least_rights() -> None:
    """The only right to write at GitHub is that to comment; `id-token` asks for a token."""
    workflow = content(WORKFLOW)
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    assert job["steps"][0]["with"] == {"persist-credentials": False}
    assert "secrets." not in WORKFLOW.read_text()


def test_the_workflow_gives_the_action_inputs_that_it_has() -> None:
    """And the action gives each input to the script."""
    action, workflow = content(ACTION), content(WORKFLOW)
    (job,) = workflow["jobs"].values()
    assert set(job["steps"][1]["with"]) <= set(action["inputs"])
    passed = " ".join(action["runs"]["steps"][1]["env"].values())
    assert set(re.findall(r"inputs\.([a-z-]+)", passed)) == set(action["inputs"])
    script = (CI / "pull_request.py").read_text()
    for name in action["runs"]["steps"][1]["env"]:
        assert name == "PLAN_REGION" or f'"{name}"' in script


def test_the_gitlab_job_is_for_merge_requests_and_has_no_secret() -> None:
    """The role comes by a token of the job; the token for notes is a variable of the project."""
    (job,) = content(TEMPLATE).values()
    assert [rule["if"] for rule in job["rules"]] == ['$CI_PIPELINE_SOURCE == "merge_request_event"']
    assert list(job["id_tokens"]) == ["PLAN_ID_TOKEN"]
    assert job["variables"]["PLAN_COMMIT"] == PLACEHOLDER
    assert "PLAN_TOKEN" not in job["variables"]
    (script,) = job["script"]
    assert script.startswith("set -euo pipefail\n")


@pytest.mark.parametrize("commit", [PLACEHOLDER, "main", "abc", "$(id)"])
def test_the_gitlab_job_runs_no_code_that_is_not_pinned(commit: str, tmp_path: Path) -> None:
    """It stops before anything is fetched."""
    (job,) = content(TEMPLATE).values()
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PLAN_COMMIT": commit}
    done = subprocess.run(
        ["bash", "-c", job["script"][0]], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 64
    assert "must be the 40 digits" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_shell_scripts_parse_and_stop_at_the_first_error() -> None:
    """Those of the project and those in YAML."""
    scripts = [*under(content(ACTION), "run"), *next(under(content(TEMPLATE), "script"))]
    scripts += [file.read_text() for file in CI.glob("*.sh")]
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        assert "set -euo pipefail" in script
        assert "eval" not in script


def test_the_hook_of_pre_commit_runs_validate() -> None:
    """pre-commit installs this project with pip, and runs the entry with `args`."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (hook,) = hooks
    known = {"id", "name", "description", "entry", "language", "types_or", "pass_filenames", "args"}
    assert set(hook) == known
    assert hook["id"] == "ecsync-validate"
    assert hook["language"] == "python"
    assert hook["pass_filenames"] is False  # validate takes one PATH: references go across files
    command, verb = hook["entry"].split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert command in project["scripts"]
    assert (ROOT / "controller" / "ecsync" / "cli" / f"{verb}.py").exists()
    assert all(isinstance(argument, str) for argument in hook["args"])


def test_the_trust_policies_of_the_documentation_are_for_one_project() -> None:
    """Each one is JSON, and checks the audience and the subject of the token."""
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        (statement,) = json.loads(block)["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        checked = {name for test in statement["Condition"].values() for name in test}
        assert {name.rpartition(":")[2] for name in checked} == {"aud", "sub"}


def test_the_documentation_names_each_input() -> None:
    """And each file is there."""
    text = (ROOT / "docs" / "ci.md").read_text()
    for name in content(ACTION)["inputs"]:
        assert f"`{name}`" in text
    for file in re.findall(r"\]\(\.\./(deploy/[^)]+)\)", text):
        assert (ROOT / file).exists(), file
