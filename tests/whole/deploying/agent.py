"""What Fargate does for the controller: a process for each running task, with the credentials of its role.

With `ECSYNC_IMAGE`, the name of a local image of ecsync, a task is a container of that image.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ecsim import LedgerEntry
from ecsync.core.trees import Body
from tests.whole.support.command import ECSYNC
from tests.whole.support.environment import ACCOUNT, Environment

IMAGE, ENGINE = os.environ.get("ECSYNC_IMAGE", ""), os.environ.get("ECSYNC_ENGINE", "docker")
IN_THE_IMAGE = "/opt/ecsync/bin/ecsync"  # the entry point of the Dockerfile
_KEY = "ASIA"  # the beginning of the access keys of tasks: ASIAtask-1
# Time runs a hundred times as fast as on the clock by which the processes wait. And all tasks share one network here.
FASTER = {"ECSYNC_LOOP_SOURCE_INTERVAL": "1", "ECSYNC_LOOP_INTERVAL": "5", "ECSYNC_HTTP_PORT": "0"}


@dataclass
class Task:
    """A running task: its process, and the lines of its log."""

    name: str  # task-1
    image: str
    process: subprocess.Popen[str]
    environment: dict[str, str]
    log: list[str] = field(default_factory=list)
    stopped: bool = False  # ECS has sent SIGTERM
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log += iter(self.process.stderr.readline, "")

    @property
    def url(self) -> str:
        """Return the URL of metrics and API; empty until it is in the log."""
        found = (re.search(r"http://\S+(?=/metrics)", line) for line in list(self.log))
        return next((one[0] for one in found if one), "")

    def end(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        code = self.process.wait(30)
        self.reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


@dataclass
class Agent:
    """Starts a process for each task of a service that runs, and sends SIGTERM when ECS stops the task."""

    environment: Environment
    family: str
    commands: threading.Lock = field(default_factory=threading.Lock)  # held while the operator's command runs
    tasks: dict[str, Task] = field(default_factory=dict)  # by ARN, oldest first

    def enforce(self) -> None:
        """Enforce for each role what IAM has for it: inline and attached policies."""
        iam = self.environment.aws("iam")
        simulator = self.environment.simulator
        policies: dict[str, Any] = dict.fromkeys(simulator.settings.policies, ())  # a deleted role may do nothing
        for role in iam.list_roles()["Roles"]:
            name = role["RoleName"]
            found = [
                iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"]
                for one in iam.list_role_policies(RoleName=name)["PolicyNames"]
            ]
            for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                version = iam.get_policy(PolicyArn=one["PolicyArn"])["Policy"]["DefaultVersionId"]
                document = iam.get_policy_version(PolicyArn=one["PolicyArn"], VersionId=version)
                found.append(document["PolicyVersion"]["Document"])
            policies[role["Arn"]] = tuple(found)
        simulator.settings = replace(simulator.settings, policies=policies)

    def calls(self) -> Iterator[tuple[str, LedgerEntry]]:
        """Yield the calls so far, each with the name of its task (empty: of another client), oldest first.

        The keys of an assumed role are of the task that assumed it. The account makes one for each AssumeRole.
        """
        entries = self.environment.simulator.ledger.entries(0)
        own = {f"{_KEY}{task.name}": task.name for task in self.tasks.values()}
        made = [key for key in self.environment.simulator.world_of(ACCOUNT).sessions.arns if key not in own]
        for one in entries:
            key = one.caller.partition(" ")[0]
            if one.operation == "AssumeRole" and one.ok:
                own[made.pop(0)] = own[key]
            yield own.get(key, ""), one
        assert made == []

    def look(self) -> None:
        """Start and stop processes as ECS wants the tasks."""
        ecs = self.environment.aws("ecs")
        found: dict[str, Body] = {}
        for cluster in ecs.list_clusters()["clusterArns"]:
            for status in ("RUNNING", "STOPPED"):
                arns = ecs.list_tasks(cluster=cluster, family=self.family, desiredStatus=status)["taskArns"]
                described = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
                found |= {one["taskArn"]: one for one in described}
        for arn, one in found.items():
            if arn not in self.tasks and one["lastStatus"] == one["desiredStatus"] == "RUNNING":
                self.tasks[arn] = self._started(one)
        for arn, task in self.tasks.items():
            if not task.stopped and found.get(arn, {}).get("desiredStatus") != "RUNNING":
                task.stopped = True
                task.process.send_signal(signal.SIGTERM)

    def _started(self, described: Body) -> Task:
        ecs = self.environment.aws("ecs")
        definition = ecs.describe_task_definition(taskDefinition=described["taskDefinitionArn"])["taskDefinition"]
        (container,) = definition["containerDefinitions"]
        name = f"task-{len(self.tasks) + 1}"
        own = {one["name"]: one["value"] for one in container["environment"]}
        given = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECSYNC_"))}
        given |= {key: os.environ[key] for key in ("AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED")}
        given |= {**FASTER, **own, **self.credentials(definition["taskRoleArn"], name)}
        command = self._command(container, [name for name in given if name.startswith(("AWS_", "ECSYNC_"))])
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, text=True, env=given)
        return Task(name, container["image"], process, given)

    @staticmethod
    def _command(container: Body, names: Sequence[str]) -> list[str]:
        """Return the command of a task: a process, or a container of the image that `ECSYNC_IMAGE` names."""
        if not IMAGE:
            return [str(ECSYNC), *container["command"]]
        assert container["readonlyRootFilesystem"] is True
        given = [part for name in names for part in ("--env", name)]
        return [ENGINE, "run", "--rm", "--read-only", "--network=host", *given, IMAGE, *container["command"]]

    def credentials(self, role: str, name: str) -> dict[str, str]:
        """Return what a task, or another client with this name, gets for a role."""
        sessions, key = self.environment.simulator.world_of(ACCOUNT).sessions, f"{_KEY}{name}"
        sessions.roles[key] = role
        sessions.arns[key] = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rsplit('/', 1)[1]}/{name}"
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_SESSION_TOKEN": "simulated",
        }

    def health(self, task: Task) -> int:
        """Run the health check of the newest task definition in a task, and return its exit code."""
        ecs = self.environment.aws("ecs")
        definition = ecs.describe_task_definition(taskDefinition=self.family)["taskDefinition"]
        check = definition["containerDefinitions"][0]["healthCheck"]["command"]
        assert check[:2] == ["CMD", IN_THE_IMAGE], shlex.join(check)
        port = task.url.rsplit(":", 1)[1]
        own = {**task.environment, "ECSYNC_HTTP_PORT": port}
        return subprocess.run([str(ECSYNC), *check[2:]], env=own, check=False, timeout=30).returncode


@contextmanager
def running(agent: Agent) -> Iterator[Agent]:
    """Let an agent look at its tasks several times a second, during the block."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.2):
            with agent.commands:
                agent.look()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        stop.set()
        thread.join(5)
        for task in agent.tasks.values():
            if task.process.poll() is None:
                task.process.kill()
            task.end()
