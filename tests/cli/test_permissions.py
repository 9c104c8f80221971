"""`ecsync permissions`: the policy on stdout, notes on stderr, what a given policy lacks, and no call to AWS."""

from __future__ import annotations

import json
from pathlib import Path

from tests.whole.support.command import Command
from tests.whole.support.environment import Environment


def test_the_policy_is_on_stdout_and_aws_is_not_called(environment: Environment, ecsync: Command, small: Path) -> None:
    """Whatever the mode; what is unknown is on stderr."""
    for mode in ("observe", "apply", "prune"):
        answer = ecsync("permissions", small, "--mode", mode)
        assert (answer.code, answer.err) == (0, "")
        assert answer.json["Version"] == "2012-10-17"
    assert len(environment.simulator.ledger) == 0


def test_a_list_is_printed_where_one_policy_is_too_long(environment: Environment, ecsync: Command) -> None:
    """A message states how many there are."""
    answer = ecsync("permissions", environment.manifests)
    assert [one["Version"] for one in answer.json] == ["2012-10-17"] * 2
    assert answer.err.startswith("the permissions are longer than a managed policy may be: they are a list of 2")


def test_a_role_that_is_assumed_is_named(ecsync: Command, small: Path, tmp_path: Path) -> None:
    """The account is that of the target in the settings."""
    config = tmp_path / "ecsync.yaml"
    role = "arn:aws:iam::111111111111:role/ecsync"
    config.write_text(f'targets: {{prod: {{account: "111111111111", role: "{role}"}}}}\n')
    text = (small / "all.yaml").read_text()
    (small / "all.yaml").write_text(text.replace("target: {", "target: {account: prod, "))
    answer = ecsync("permissions", small, "--mode", "apply", "--config", config)
    assert answer.err == f"small: {role} needs its permissions, and ecsync sts:AssumeRole on that\n"
    assert "arn:aws:ecs:eu-west-1:111111111111:cluster/small" in answer.out


def test_check_exits_with_2_and_a_line_for_each_missing_permission(
    ecsync: Command, small: Path, tmp_path: Path
) -> None:
    """The policy of a smaller mode lacks what the larger one has, and its own mode lacks nothing."""
    policy = tmp_path / "policy.json"
    policy.write_text(ecsync("permissions", small, "--mode", "apply").out)
    same = ecsync("permissions", small, "--mode", "apply", "--check", policy)
    assert (same.code, same.out) == (0, "")
    more = ecsync("permissions", small, "--check", policy)
    cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/small"
    assert more.code == 2
    assert more.out.splitlines() == [
        f"ecs.DeleteCluster: allow ecs:DeleteCluster on {cluster} (Cluster/small/main)",
    ]
    assert more.err == "1 permission missing\n"


def test_what_cannot_be_used_is_an_error_with_its_place(ecsync: Command, small: Path, tmp_path: Path) -> None:
    """A wrong mode, a file that is no policy, and manifests that are not valid."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"Version":\n')
    assert ecsync("permissions", small, "--mode", "all").code == 64
    answer = ecsync("permissions", small, "--check", broken)
    assert answer.code == 64
    assert f"{broken}:2: not JSON" in answer.err
    broken.write_text(json.dumps({"Version": "2012-10-17"}))
    assert "not a policy of IAM" in ecsync("permissions", small, "--check", broken).err
    (small / "all.yaml").write_text("apiVersion: ecsync/v1\nresources:\n  Cluster/main: {name: small}\n")
    invalid = ecsync("permissions", small)
    assert (invalid.code, invalid.out) == (3, "")
    assert "all.yaml:3" in invalid.err
