"""One bad application blocks no other one: each command goes on past it, and ends with the worst exit code."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ecsim import Fault
from tests.whole.support.command import Command
from tests.whole.support.environment import Environment, operations

APPLICATION = """
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec: {{target: {{region: eu-west-1{target}}}, sync: {{mode: enforce{sync}}}{more}}}
---
apiVersion: ecsync/v1
resources:
  LogGroup/{name}: {{logGroupName: /{name}, retentionInDays: {days}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for applications."""
    (tmp_path / "applications").mkdir()
    return tmp_path / "applications"


def declare(folder: Path, name: str, *, days: object = 14, target: str = "", sync: str = "", more: str = "") -> None:
    """Write an application with one log group into a folder of its own."""
    (folder / name).mkdir(exist_ok=True)
    text = APPLICATION.format(name=name, days=days, target=target, sync=sync, more=more)
    (folder / name / "all.yaml").write_text(text)


def declare_unclaimed(folder: Path, name: str) -> None:
    """Write an application with a log group that only `ecsync adopt` takes over."""
    declare(folder, name)
    path = folder / name / "all.yaml"
    head = f"kind: LogGroup\nmetadata: {{name: {name}, annotations: {{ecsync/adopt: never}}}}\nspec: {{"
    path.write_text(path.read_text().replace(f"resources:\n  LogGroup/{name}: {{", head))


def log_groups(environment: Environment) -> list[str]:
    """Return the names of the log groups in the account."""
    return sorted(one["logGroupName"] for one in environment.aws("logs").describe_log_groups()["logGroups"])


def test_an_invalid_application(folder: Path, ecsync: Command, environment: Environment) -> None:
    """The valid one is planned and applied; the exit code is that of the invalid one, 3."""
    declare(folder, "broken", days="soon")
    declare(folder, "shop")
    answer = ecsync("plan", folder, "--detailed-exitcode")
    assert answer.code == 3
    assert "LogGroup/shop" in answer.out
    answer = ecsync("apply", folder)
    assert answer.code == 3
    assert "broken/all.yaml:9:" in answer.err
    assert log_groups(environment) == ["/shop"]


def test_nothing_is_pruned_beside_an_invalid_application(
    folder: Path, ecsync: Command, environment: Environment
) -> None:
    """What the invalid one declares is not known: it may be what another one does not declare any more."""
    for name in ("other", "shop"):
        declare(folder, name, sync=", prune: true")
    assert ecsync("apply", folder).code == 0
    declare(folder, "other", days="soon")
    declare(folder, "shop", sync=", prune: true")
    path = folder / "shop" / "all.yaml"
    path.write_text(
        path.read_text().replace("LogGroup/shop: {logGroupName: /shop", "LogGroup/new: {logGroupName: /new")
    )
    assert "is not valid" in ecsync("plan", folder).out
    assert ecsync("apply", folder, "--prune", "--yes").code == 3
    assert log_groups(environment) == ["/new", "/other", "/shop"]


def test_a_refused_account(folder: Path, ecsync: Command, environment: Environment) -> None:
    """The credentials are not of that account: 9, and the other application is planned and applied."""
    declare(folder, "elsewhere", target=', account: "999999999999"')
    declare(folder, "shop")
    answer = ecsync("plan", folder, "-o", "json")
    assert answer.code == 9
    assert [one["name"] for one in answer.json["applications"]] == ["shop"]
    (failed,) = answer.json["failed"]
    assert failed["application"] == "elsewhere"
    assert "999999999999" in failed["error"]
    answer = ecsync("apply", folder)
    assert answer.code == 9
    assert "elsewhere: stopped by a safety guard" in answer.err
    assert log_groups(environment) == ["/shop"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [({"days": "soon"}, 3), ({"target": ', account: "999999999999"'}, 9)],
    ids=["invalid", "of another account"],
)
def test_status_and_adopt(
    folder: Path, ecsync: Command, environment: Environment, bad: dict[str, str], code: int
) -> None:
    """The valid one is printed and adopted; the exit code is that of the other one."""
    environment.aws("logs").create_log_group(logGroupName="/shop")
    declare(folder, "bad", **bad)
    declare_unclaimed(folder, "shop")
    answer = ecsync("status", folder, "-o", "json")
    states = {one["name"]: one for one in answer.json["applications"]}
    assert answer.code == code
    assert (states["bad"]["sync"], states["bad"]["resources"]) == ("Unknown", [])
    assert [one["name"] for one in states["shop"]["resources"]] == ["shop"]
    answer = ecsync("adopt", folder)
    assert answer.code == code
    assert answer.out == "LogGroup/shop: adopted\n"


def test_an_application_that_waits(folder: Path, ecsync: Command, environment: Environment) -> None:
    """The first one waits for AWS until the timeout, and the second one is applied meanwhile: 5."""
    environment.manifests.rename(folder / "quickstart")
    declare(folder, "shop")
    answer = ecsync("apply", folder, "--timeout", "20")
    assert answer.code == 5
    assert "shop: Synced · Healthy" in answer.err
    assert log_groups(environment) == ["/quickstart/web", "/shop"]


def test_nothing_is_written_after_the_timeout(folder: Path, ecsync: Command, environment: Environment) -> None:
    """The timeout also ends a pass: with no time left the first write is not made."""
    declare(folder, "shop")
    with environment.writes() as writes:
        answer = ecsync("apply", folder, "--timeout", "0")
    assert (answer.code, operations(writes)) == (5, [])


def test_without_waiting_a_change_that_waits_is_no_success(ecsync: Command, environment: Environment) -> None:
    """`--no-wait` ends when only waiting is left: 5 while AWS or another resource keeps a change from being sent."""
    environment.reset(settling=True)
    began = environment.time.monotonic()
    answer = ecsync("apply", environment.manifests, "--no-wait")
    assert answer.code == 5, answer
    assert environment.time.monotonic() - began < 120


def test_an_application_after_one_that_failed(folder: Path, ecsync: Command, environment: Environment) -> None:
    """It is not written, and the exit code is that of the failure: 6."""
    declare(folder, "platform")
    declare(folder, "shop", more=", after: [platform]")
    environment.simulator.fault(Fault("deny", service="logs", operation="CreateLogGroup", times=1))
    answer = ecsync("apply", folder)
    assert answer.code == 6
    assert "shop: not applied: it comes after platform, which is OutOfSync" in answer.err
    assert log_groups(environment) == []
    assert ecsync("apply", folder).code == 0
    assert log_groups(environment) == ["/platform", "/shop"]


def test_an_application_after_an_invalid_one(folder: Path, ecsync: Command, environment: Environment) -> None:
    """It is not written either: the order is part of what was declared."""
    declare(folder, "platform", days="soon")
    declare(folder, "shop", more=", after: [platform]")
    assert ecsync("apply", folder).code == 3
    assert log_groups(environment) == []


def test_the_digest_is_of_all_plans(folder: Path, ecsync: Command, environment: Environment) -> None:
    """It is checked before the first write: a change of one application refuses both."""
    declare(folder, "diga")
    declare(folder, "digb")
    answer = ecsync("plan", folder, "-o", "json")
    digest = answer.json["digest"]
    assert f"Digest of all plans: {digest}." in ecsync("plan", folder).out
    declare(folder, "digb", days=30)
    with environment.writes() as writes:
        for wrong in (digest, answer.json["applications"][0]["digest"]):
            assert ecsync("apply", folder, "--digest", wrong).code == 9
    assert operations(writes) == []
    declare(folder, "digb")
    assert ecsync("apply", folder, "--digest", digest).code == 0
    assert log_groups(environment) == ["/diga", "/digb"]


def test_an_adoption_that_has_fields_is_a_change(folder: Path, ecsync: Command, environment: Environment) -> None:
    """`plan --detailed-exitcode` is 2 where something differs that an adoption would leave to be changed."""
    logs = environment.aws("logs")
    logs.create_log_group(logGroupName="/shop")
    logs.put_retention_policy(logGroupName="/shop", retentionInDays=30)
    declare_unclaimed(folder, "shop")
    answer = ecsync("plan", folder, "--detailed-exitcode")
    assert "retentionInDays: 30 → 14 (would be changed)" in answer.out
    assert answer.code == 2


def test_a_plan_has_the_command_that_adopts(folder: Path, ecsync: Command, environment: Environment) -> None:
    """To paste: with the path, the options of the plan and the resources. After it nothing is unclaimed."""
    environment.aws("logs").create_log_group(logGroupName="/shop")
    declare_unclaimed(folder, "shop")
    answer = ecsync("plan", folder, "--region", "eu-west-1")
    shown = [one.strip() for one in answer.out.splitlines()]
    why = next(number for number, line in enumerate(shown) if "1 resource exists and has no mark of ours" in line)
    command = shown[why + 1]
    assert command == f"ecsync adopt {folder} --region eu-west-1 LogGroup/shop"
    assert ecsync(*shlex.split(command)[1:]).out == "LogGroup/shop: adopted\n"
    assert "ecsync adopt" not in ecsync("plan", folder).out


@pytest.mark.parametrize("days", [14, 30], ids=["equal", "different"])
def test_what_would_be_adopted_is_nothing_of_ours(
    folder: Path, ecsync: Command, environment: Environment, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an account that is not asserted, unmarked resources of the same names do not make the account ours."""
    monkeypatch.delenv("ECSYNC_ACCOUNT", raising=False)
    logs = environment.aws("logs")
    logs.create_log_group(logGroupName="/shop")
    logs.put_retention_policy(logGroupName="/shop", retentionInDays=14)
    declare(folder, "shop", days=days)
    with (folder / "shop" / "all.yaml").open("a") as file:
        file.write("  Cluster/new: {}\n")
    with environment.writes() as writes:
        answer = ecsync("apply", folder)
    assert (answer.code, operations(writes)) == (9, [])
    assert "--first-time" in answer.err
