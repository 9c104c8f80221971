"""deploy/ci/pull_request.py with a server of comments: what is there afterwards.

The tests of the whole way run the real ecsync in the simulated AWS; the others a program that prints a plan.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ecsim import Simulator
from tests.ci.forge import BOT, IDENTITY, TOKEN, Forge, served
from tests.cli.conftest import SMALL

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "ci" / "pull_request.py"
MARKER = "<!-- ecsync plan prod -->"


PLAN = f"{MARKER}\n### Plan of `prod`\n\nPlan: 2 to create\n"
LOG = "The log of the job has the reason.\n"
STAND_IN = """#!/bin/sh
echo "$@" > "$0.arguments"
env > "$0.environment"
cat "$0.output"
exit "$(cat "$0.code")"
"""


@dataclass
class Job:
    """A job on a runner: its files and its environment."""

    folder: Path
    forge: Forge
    environment: dict[str, str]
    event: Mapping[str, object] = field(default_factory=dict)
    real: bool = False

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        (self.folder / "event.json").write_text(json.dumps(self.event))
        python = sys.executable if self.real else str(self.folder / "bin" / "python")  # ecsync is beside it
        environment = {**self.environment, **more}
        return subprocess.run(
            [python, SCRIPT], env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )

    def stands_in(self, code: int, output: str) -> None:
        """Put a program in the place of ecsync. It keeps its arguments and its environment."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "python").unlink(missing_ok=True)
        (folder / "python").symlink_to(sys.executable)
        (folder / "ecsync").write_text(STAND_IN)
        (folder / "ecsync").chmod(0o755)
        (folder / "ecsync.code").write_text(str(code))
        (folder / "ecsync.output").write_text(output)

    def received(self, what: str) -> str:
        """Return the arguments or the environment of the program in the place of ecsync."""
        return (self.folder / "bin" / f"ecsync.{what}").read_text()

    @property
    def summary(self) -> str:
        """Return the summary of the job."""
        file = self.folder / "summary.md"
        return file.read_text() if file.exists() else ""

    @property
    def outputs(self) -> str:
        """Return the outputs of the step."""
        return (self.folder / "output").read_text()

    def edit(self, before: str, after: str) -> None:
        """Replace a text in the manifests."""
        file = self.folder / "manifests" / "all.yaml"
        assert before in file.read_text()
        file.write_text(file.read_text().replace(before, after))


@pytest.fixture(scope="module")
def account() -> Iterator[Simulator]:
    """An AWS account in which nothing is."""
    served_account = Simulator()
    served_account.start()
    yield served_account
    served_account.stop()


@pytest.fixture
def job(tmp_path: Path, account: Simulator) -> Iterator[Job]:
    """A job of a pull request of the repository itself, with a role."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "all.yaml").write_text(SMALL)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ECSYNC_", "GITHUB_"))}
    with served() as forge:
        environment = {
            **kept,
            "PYTHONPATH": str(ROOT / "controller"),
            "AWS_ENDPOINT_URL": account.url,
            "ECSYNC_INSTALLATION": "prod",
            "ECSYNC_ACCOUNT": "123456789012",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REPOSITORY": "acme/deploy",
            "GITHUB_API_URL": forge.url,
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{forge.url}/identity?v=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": TOKEN,
            "PLAN_PATH": "manifests",
            "PLAN_NAME": "prod",
            "PLAN_ROLE": "arn:aws:iam::123456789012:role/ecsync-plan",
            "PLAN_TOKEN": TOKEN,
        }
        event = {"pull_request": {"number": 12, "head": {"repo": {"full_name": "acme/deploy"}}}}
        made = Job(tmp_path, forge, environment, event)
        made.stands_in(2, PLAN)
        yield made


@pytest.fixture
def real_job(job: Job) -> Job:
    """The same with the real ecsync."""
    job.real = True
    return job


@pytest.fixture
def merge_request(job: Job) -> Job:
    """The same as a job of a merge request of GitLab."""
    for name in [name for name in job.environment if name.startswith(("GITHUB_", "ACTIONS_"))]:
        del job.environment[name]
    job.environment |= {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": job.forge.url,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
        "PLAN_ID_TOKEN": IDENTITY,
    }
    return job


def test_three_runs_leave_one_comment_with_the_last_plan(real_job: Job) -> None:
    """It is updated in place; comments of others stay. The credentials are those of the role."""
    job = real_job
    job.forge.add("looks good", login="octocat")
    first = job.run()
    assert first.returncode == 0, first.stderr  # pending changes are what a pull request is for
    assert job.forge.bodies[1].startswith(f"{MARKER}\n### Plan of `prod`\n\nPlan: 2 to create, 0 to update")
    assert job.summary == job.forge.bodies[1]
    assert job.outputs == "exit-code=2\nchanges=true\n"
    job.run()
    job.edit("/small", "/small-logs")
    assert job.run().returncode == 0
    assert len(job.forge.comments) == 2
    assert job.forge.comments[1]["user"]["login"] == BOT
    assert job.forge.bodies[0] == "looks good"
    assert "+   LogGroup/main" in job.forge.bodies[1]


def test_the_comment_is_found_behind_a_hundred_others(job: Job) -> None:
    """The list has pages."""
    for at in range(130):
        job.forge.add(f"comment {at}", login="octocat")
    mine = job.forge.add(f"{MARKER}\nold")
    job.forge.add("later", login="octocat")
    job.run()
    assert len(job.forge.comments) == 132
    assert mine["body"].startswith(f"{MARKER}\n### Plan of `prod`")


def test_a_comment_of_another_author_with_our_marker_is_not_overwritten(job: Job) -> None:
    """Nor one of ours for another plan, nor one that only quotes the marker."""
    others = [
        job.forge.add(f"{MARKER}\nnot yours", login="octocat"),
        job.forge.add("<!-- ecsync plan staging -->\nanother plan"),
        job.forge.add(f"> {MARKER}"),
    ]
    before = [dict(one) for one in others]
    job.run()
    assert [dict(one) for one in others] == before
    assert len(job.forge.comments) == 4
    assert job.forge.bodies[3].startswith(MARKER)


@pytest.mark.parametrize("head", [{"repo": {"full_name": "stranger/deploy"}}, {"repo": None}], ids=["fork", "deleted"])
def test_a_fork_is_only_validated(job: Job, head: dict[str, object]) -> None:
    """Also on a runner with credentials of its own, and although a role and a token are set."""
    job.stands_in(0, "1 application, 2 resources: valid\n")
    job.event = {"pull_request": {"number": 12, "head": head}}
    assert job.run(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b").returncode == 0
    assert job.received("arguments") == "validate manifests\n"
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in job.received("environment")
    assert job.forge.comments == []


def test_a_fork_gets_the_problems_of_its_manifests_in_the_log(real_job: Job) -> None:
    """And no comment: its token may not write."""
    job = real_job
    job.event = {"pull_request": {"number": 12, "head": {"repo": {"full_name": "stranger/deploy"}}}}
    assert job.run().returncode == 0
    assert "The manifests are valid. There is no plan: a fork gets no credentials." in job.summary
    assert job.forge.comments == []
    job.edit("retentionInDays: 14", "retentionInDays: fourteen")
    done = job.run()
    assert done.returncode == 3
    assert "all.yaml:" in done.stderr
    assert job.forge.comments == []


def test_without_credentials_it_only_validates(job: Job) -> None:
    """The comment states that there is no plan."""
    job.stands_in(0, "1 application, 2 resources: valid\n")
    assert job.run(PLAN_ROLE="").returncode == 0
    (body,) = job.forge.bodies
    assert body.startswith(MARKER)
    assert "There is no plan: no role is set, and there are no credentials." in body


def test_an_invalid_manifest_is_in_the_comment_and_fails_the_job(real_job: Job) -> None:
    """With the file and the line."""
    job = real_job
    job.edit("retentionInDays: 14", "retentionInDays: fourteen")
    assert job.run().returncode == 3
    (body,) = job.forge.bodies
    assert "**Incomplete: 1 problem, listed below.**" in body
    assert re.search(r"^✖ all\.yaml:\d+:\d+: .*retentionInDays", body, re.MULTILINE)
    assert "exit-code=3\n" in job.outputs


def test_without_a_plan_the_comment_is_not_that_of_an_older_commit(job: Job) -> None:
    """It has the exit code, and no text of an error: that is in the log."""
    job.forge.add(f"{MARKER}\nthe plan of an older commit")
    job.stands_in(8, "half a plan")
    assert job.run().returncode == 8
    (body,) = job.forge.bodies
    assert body.startswith(f"{MARKER}\n### Plan of `prod`\n\nNo plan: `ecsync plan` ended with exit code 8.")


def test_pending_changes_fail_the_job_where_that_is_wanted(job: Job) -> None:
    """The exit code of --detailed-exitcode is that of the job."""
    assert job.run(PLAN_FAIL_ON_CHANGES="true").returncode == 2


def test_a_token_that_may_not_write_fails_the_job(job: Job) -> None:
    """The message has the permission to add; the plan is in the summary."""
    job.forge.read_only = True
    done = job.run()
    assert done.returncode == 1
    assert "HTTP 403. The token needs `permissions: pull-requests: write`" in done.stderr
    assert "2 to create" in job.summary


def test_no_token_is_printed_or_passed_on(job: Job) -> None:
    """Neither the one of the comment nor the one of the identity."""
    done = job.run()
    shown = done.stdout + done.stderr + job.summary + job.outputs + "".join(job.forge.bodies)
    assert TOKEN not in shown
    assert IDENTITY not in shown
    environment = job.received("environment")
    assert TOKEN not in environment
    assert IDENTITY not in environment


def test_ecsync_gets_the_role_alone(job: Job) -> None:
    """Credentials of the runner do not replace it, and the file with the token is gone afterwards."""
    job.run(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_PROFILE="c")
    received = dict(line.split("=", 1) for line in job.received("environment").splitlines() if "=" in line)
    assert received["AWS_ROLE_ARN"] == "arn:aws:iam::123456789012:role/ecsync-plan"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} & received.keys()
    assert not Path(received["AWS_WEB_IDENTITY_TOKEN_FILE"]).exists()


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_events_with_which_a_fork_has_our_rights_are_refused(job: Job, event: str) -> None:
    """Nothing is planned and nothing is written."""
    done = job.run(GITHUB_EVENT_NAME=event)
    assert done.returncode == 64
    assert "use pull_request" in done.stderr
    assert job.forge.comments == []


def test_a_push_has_a_summary_and_no_comment(job: Job) -> None:
    """There is no pull request."""
    job.event = {"ref": "refs/heads/main"}
    assert job.run(GITHUB_EVENT_NAME="push").returncode == 0
    assert "2 to create" in job.summary
    assert job.forge.comments == []


def test_a_role_without_the_right_to_a_token_is_reported(job: Job) -> None:
    """The message has the permission to add, and the comment is not the plan of an older commit."""
    job.forge.add(f"{MARKER}\nthe plan of an older commit")
    done = job.run(ACTIONS_ID_TOKEN_REQUEST_URL="")
    assert done.returncode == 64
    assert job.forge.bodies == [f"{MARKER}\n### Plan of `prod`\n\nNo plan: there are no credentials of the role. {LOG}"]
    assert "`permissions: id-token: write`" in done.stderr


def test_a_file_name_is_no_command_of_the_runner(job: Job) -> None:
    """What ecsync prints is between two lines that stop and resume commands."""
    job.stands_in(3, "")
    done = job.run()
    stopped = re.search(r"^::stop-commands::([0-9a-f]{32})\n(?:.*\n)*::\1::$", done.stdout, re.MULTILINE)
    assert stopped


@pytest.mark.parametrize("name", ["PLAN_PATH", "PLAN_NAME"])
def test_an_input_that_looks_like_an_option_is_refused(job: Job, name: str) -> None:
    """It would be one of ecsync's."""
    done = job.run(**{name: "--config=x"})
    assert done.returncode == 64
    assert name in done.stderr


def test_three_runs_on_gitlab_leave_one_note(merge_request: Job) -> None:
    """Notes of other authors and of the system stay, also with our marker."""
    forge = merge_request.forge
    forge.add(f"{MARKER}\nnot yours", author=8)
    forge.add(f"{MARKER}\nrenamed", system=True)
    assert merge_request.run().returncode == 0
    merge_request.run()
    merge_request.stands_in(2, f"{PLAN}the last one\n")
    merge_request.run()
    assert forge.bodies[:2] == [f"{MARKER}\nnot yours", f"{MARKER}\nrenamed"]
    assert len(forge.comments) == 3
    assert forge.bodies[2] == f"{PLAN}the last one\n"


def test_a_fork_on_gitlab_is_only_validated(merge_request: Job) -> None:
    """Also where its pipeline runs in our project."""
    merge_request.stands_in(0, "")
    done = merge_request.run(CI_MERGE_REQUEST_SOURCE_PROJECT_ID="6")
    assert done.returncode == 0
    assert "The manifests are valid. There is no plan: a fork gets no credentials." in done.stdout
    assert merge_request.forge.comments == []
