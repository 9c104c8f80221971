"""docs/deploy.md, followed to the letter on the simulated AWS, which enforces the policies of the roles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ecsim import LedgerEntry
from tests.deploy.stacks import Stacks
from tests.whole.deploying.agent import Agent, Task, running
from tests.whole.deploying.aws_command import AwsCommand
from tests.whole.deploying.shell import Operator, blocks
from tests.whole.permissions.recorded import NOT_DENIED
from tests.whole.support.command import Command, Result
from tests.whole.support.environment import ACCOUNT, REGION, Environment
from tests.whole.support.in_process_daemon import advancing_time, get, wait_until

ROOT = Path(__file__).resolve().parents[3]
PAGE = blocks(ROOT / "docs" / "deploy.md")
NAME = "ecsync-production"


class Deployment:
    """A person at a shell, the account, and the machines of Fargate."""

    def __init__(self, environment: Environment, ecsync: Command, work: Path) -> None:
        self.environment = environment
        self.agent = Agent(environment, NAME)
        self.stacks = Stacks(environment.aws, ACCOUNT, REGION)
        self.aws = AwsCommand(self.stacks, work)
        self.ecsync = ecsync
        self.operator = Operator({"aws": self._aws, "ecsync": self._ecsync}, work)

    def _aws(self, arguments: Sequence[str]) -> Result:
        if arguments[1] in ("wait", "delete-stack"):  # meanwhile tasks start and stop
            return self.aws(arguments)
        with self.agent.commands:  # no task starts between a role and its policies
            answer = self.aws(arguments)
            self.agent.enforce()
            return answer

    def _ecsync(self, arguments: Sequence[str]) -> Result:
        return self.ecsync(*arguments)

    def follow(self, heading: str) -> str:
        """Follow the commands below a heading of the page."""
        return self.operator.follow(PAGE[heading])

    def newest(self) -> Task:
        """Return the newest task of the controller."""
        return list(self.agent.tasks.values())[-1]

    def wait(self, condition: Any, timeout: float = 120.0) -> None:
        """Wait until a condition is true, and fail with what the controller has logged."""
        try:
            wait_until(condition, timeout)
        except AssertionError as error:
            logs = "".join(f"== {one.name}\n{''.join(one.log[-40:])}" for one in self.agent.tasks.values())
            raise AssertionError(logs) from error

    def state(self, name: str) -> tuple[str, str]:
        """Return sync and health of an application as the newest task reports it; empty before its first reading."""
        if not self.agent.tasks or not self.newest().url:
            return "", ""
        try:
            status, body = get(f"{self.newest().url}/api/v1/applications/{name}")
        except OSError:
            return "", ""
        found = json.loads(body) if status == 200 else {}
        return found.get("sync", ""), found.get("health", "")


@pytest.fixture
def deployment(
    environment: Environment, ecsync: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """An account, and a clone of the repository as the current directory."""
    work = tmp_path / "clone"
    work.mkdir()
    for folder in ("deploy", "manifests"):
        shutil.copytree(ROOT / folder, work / folder)
    monkeypatch.chdir(work)
    made = Deployment(environment, ecsync, work)
    with advancing_time(environment), running(made.agent):
        yield made


@dataclass(frozen=True)
class Write:
    """A change of the account by a task, and the task that held the lease then (empty: none)."""

    task: str
    holder: str
    call: LedgerEntry

    def __str__(self) -> str:
        return f"{self.task} called {self.call.service}.{self.call.operation} while {self.holder or 'no task'} held it"


def writes(agent: Agent) -> list[Write]:
    """Return the changes by tasks, beside those of the lease itself.

    The lease is an item that is written by compare-and-swap: a write that lost has an error in the ledger. A record
    with a term of 0 gives it back.
    """
    found, holder = [], ""
    for task, one in agent.calls():
        if one.operation == "PutItem" and one.ok:
            holder = task if json.loads(one.params["Item"]["record"]["S"])["term"] else ""
        elif one.mutating and task and one.operation not in ("PutItem", "AssumeRole"):
            found.append(Write(task, holder, one))
    return found


def test_the_page_deploys_upgrades_and_removes_the_controller(deployment: Deployment) -> None:
    """With the rights of its roles alone it keeps the quickstart and itself; at no time two tasks write."""
    deployment.follow("2. The stack")
    deployment.wait(lambda: deployment.agent.tasks and deployment.newest().url)
    assert deployment.agent.health(deployment.newest()) == 0
    deployment.follow("3. What the roles may do")
    assert "11 to create" in deployment.follow("4. Manifests")
    deployment.wait(lambda: deployment.state("quickstart")[0] == "OutOfSync")
    assert writes(deployment.agent) == []  # it may not write yet

    deployment.follow("5. Allow writes")
    deployment.wait(lambda: deployment.state("quickstart") == ("Synced", "Healthy"))
    assert "2 to adopt. 0 API calls" in deployment.follow("6. Let it keep itself")  # nothing differs
    deployment.wait(lambda: deployment.state("controller") == ("Synced", "Healthy"))
    assert len(deployment.agent.tasks) == 2  # it has not rolled

    deployment.follow("Upgrade")
    deployment.wait(lambda: len(deployment.agent.tasks) == 3 and is_settled(deployment))
    assert deployment.newest().image.endswith("ecsync:0.2.0")

    deployment.environment.simulator.set_image_outcome("ecsync:0.3.0", "pull")  # it cannot be pulled
    change = "sed -i 's|/ecsync:0.2.0|/ecsync:0.3.0|' shop/controller/application.yaml"
    deployment.operator.follow([f"{change}\necsync publish shop $SOURCE"])
    deployment.wait(lambda: len(deployment.agent.tasks) == 4 and deployment.state("controller")[1] == "Degraded")
    assert deployment.newest().image.endswith("ecsync:0.2.0")  # ECS has rolled back, and the controller reports it
    change = "sed -i 's/InDays: 14/InDays: 7/' shop/quickstart/service.yaml"
    deployment.operator.follow([f"{change}\necsync publish shop $SOURCE"])
    deployment.wait(lambda: retention(deployment) == 7)  # and goes on with everything else

    publishing, *removing = PAGE["Remove"]
    deployment.operator.follow([publishing])
    deployment.wait(lambda: deployment.state("controller") == ("", ""))
    deployment.operator.follow(removing)
    deployment.wait(lambda: all(one.process.poll() is not None for one in deployment.agent.tasks.values()))
    assert {one.process.returncode for one in deployment.agent.tasks.values()} == {0}

    written = writes(deployment.agent)
    assert [str(one) for one in written if one.holder != one.task] == []
    assert {one.task for one in written} == {"task-2", "task-3", "task-4"}
    # Nothing was deleted, so the role that deletes was never used.
    assert {one.call.identity.split("/")[1] for one in written} == {f"{NAME}-apply"}
    assert [str(one) for task, one in deployment.agent.calls() if task and one.error_code in NOT_DENIED] == []
    assert left(deployment) == {"quickstart"}


def is_settled(deployment: Deployment) -> bool:
    """Return whether the newest task reports both applications as in sync and healthy."""
    return {deployment.state(name) for name in ("controller", "quickstart")} == {("Synced", "Healthy")}


def retention(deployment: Deployment) -> int:
    """Return the retention of the quickstart's log group."""
    groups = deployment.environment.aws("logs").describe_log_groups(logGroupNamePrefix="/quickstart")["logGroups"]
    return int(groups[0]["retentionInDays"])


def left(deployment: Deployment) -> set[str]:
    """Return the clusters with services, of which none has our tags."""
    ecs = deployment.environment.aws("ecs")
    found = set()
    for cluster in ecs.list_clusters()["clusterArns"]:
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            tags = ecs.list_tags_for_resource(resourceArn=arn)["tags"]
            assert not [tag for tag in tags if tag["key"].startswith("ecsync:")], tags
            found.add(cluster.rsplit("/", 1)[1])
    return found
