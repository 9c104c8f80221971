"""`ecsync plan -o markdown` against the simulated AWS: the comment on a pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.test_plan_markdown import assert_harmless
from tests.whole.support.command import Command

HOSTILE = "</details> @octocat #1 [a](http://b.example) | `c` <img src=x> \\\\"  # in a double-quoted scalar of YAML
TASK = """
  TaskDefinition/web:
    family: web
    networkMode: bridge
    containerDefinitions:
    - name: web
      image: nginx
      memory: 64
      environment: [{name: PASSWORD, value: hunter-one}]
"""


def edit(directory: Path, before: str, after: str) -> None:
    """Replace a text in the manifests."""
    file = directory / "all.yaml"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


def test_a_pending_change_with_hostile_values(ecsync: Command, small: Path) -> None:
    """The comment has it, and is harmless; the exit code stays that of the plan; a second plan is the same text."""
    assert ecsync("apply", small).code == 0
    edit(small, "retentionInDays: 14", f'retentionInDays: 30, tags: {{note: "{HOSTILE}"}}')
    done = ecsync("plan", small, "-o", "markdown", "--detailed-exitcode", "--name", "prod")
    assert done.code == 2
    assert_harmless(done.out)
    assert done.out.startswith("<!-- ecsync plan prod -->\n### Plan of `prod`\n\nPlan: 0 to create, 1 to update")
    assert "retentionInDays: 14 → 30 [pending] all.yaml:" in done.out
    assert "@octocat" in done.out
    assert done.out == ecsync("plan", small, "-o", "markdown", "--name", "prod").out
    assert ecsync("apply", small).code == 0
    same = ecsync("plan", small, "-o", "markdown", "--detailed-exitcode")
    assert same.code == 0
    assert same.out.startswith("<!-- ecsync plan test -->\n")  # the installation
    assert "<summary>In sync: 1</summary>" in same.out


def test_a_secret_is_not_in_the_comment(ecsync: Command, small: Path) -> None:
    """Neither the old value nor the new one, nor the invalid one."""
    edit(small, "retentionInDays: 14}\n", "retentionInDays: 14}" + TASK)
    assert ecsync("apply", small).code == 0
    edit(small, "hunter-one", "hunter-two")
    changed = ecsync("plan", small, "-o", "markdown", "--detailed-exitcode")
    assert changed.code == 2
    assert "(sensitive)" in changed.out
    assert "hunter" not in changed.out
    edit(small, "value: hunter-two", "value: [hunter-two]")
    invalid = ecsync("plan", small, "-o", "markdown")
    assert invalid.code == 3
    assert "✖ all.yaml:" in invalid.out
    assert "hunter" not in invalid.out


def test_a_deletion_stands_first(ecsync: Command, small: Path) -> None:
    """Also one that is held: a plan of files does not prune."""
    assert ecsync("apply", small).code == 0
    edit(small, "  Cluster/main: {clusterName: small}\n", "")
    done = ecsync("plan", small, "-o", "markdown")
    assert done.code == 0
    assert_harmless(done.out)
    arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/small"
    assert f"\n**Deleted or replaced**\n\n```diff\n- small: Cluster/main delete {arn} (held)\n```\n" in done.out


def test_an_invalid_manifest_and_a_refused_application_are_in_the_comment(ecsync: Command, small: Path) -> None:
    """And the exit code stays."""
    refused = ecsync("plan", small, "-o", "markdown", "--account", "999999999999")
    assert refused.code == 9
    assert_harmless(refused.out)
    assert "**Incomplete: 1 problem, listed below.**" in refused.out
    assert "✖ small has no plan: " in refused.out
    edit(small, "retentionInDays: 14", "retentionInDays: fourteen")
    invalid = ecsync("plan", small, "-o", "markdown", "--detailed-exitcode")
    assert invalid.code == 3
    assert_harmless(invalid.out)
    assert "✖ all.yaml:" in invalid.out


@pytest.mark.parametrize("name", ["a b", "-->", "x" * 65])
def test_a_name_that_is_no_name_is_a_wrong_command_line(ecsync: Command, small: Path, name: str) -> None:
    """It would be in the marker of the comment."""
    done = ecsync("plan", small, "-o", "markdown", f"--name={name}")
    assert done.code == 64
    assert "--name" in done.err
