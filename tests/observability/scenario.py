"""What happens in the test with a real Prometheus: faults of many sorts, and their repair, in a simulated AWS.

Every wait is for a condition, with a deadline.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import boto3
import yaml

from ecsim import Fault, Settings, Simulator, SpeedClock
from tests.git.repository import Repository
from tests.observability import manifests
from tests.observability.programs import Prometheus, free_port
from tests.whole.support.daemon_process import Process
from tests.whole.support.environment import ACCOUNT, REGION, use_simulated_aws
from tests.whole.support.in_process_daemon import get, wait_until

SPEED = 60.0  # simulated seconds in one second
_DEADLINE = 120.0  # seconds for each wait: on a busy machine the daemon alone needs twenty to start
_TOKEN = "a-token-of-the-scenario"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/ecsync"


@dataclass
class Stage:
    """A simulated AWS, the manifests in git, and a daemon on a fixed port."""

    folder: Path
    simulator: Simulator
    repository: Repository
    config: Path
    lease: Path
    port: int
    fired: list[str] = field(default_factory=list)  # alerts in the order in which the scenario waited for them
    daemon: Process | None = None
    prometheus: Prometheus | None = None

    @property
    def target(self) -> str:
        """Return what Prometheus scrapes."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the daemon."""
        where = f"git+file://{self.repository.bare}@main"
        self.daemon = Process(
            where, "--http-port", str(self.port), "--config", str(self.config), "--lease", f"file:{self.lease}"
        )

    def commit(self, *files: dict[str, str | bytes] | dict[str, str]) -> None:
        """Commit files, of several applications too."""
        self.repository.commit({name: text for one in files for name, text in one.items()})

    def aws(self, service: str) -> Any:
        """Return a client of another person or program."""
        return boto3.client(service, region_name=REGION, endpoint_url=self.simulator.url)

    def application(self, name: str) -> Any:
        """Return an application as the daemon's API has it; an empty map if it does not answer."""
        try:
            status, body = get(f"http://{self.target}/api/v1/applications/{name}")
        except OSError:
            return {}
        return json.loads(body) if status == 200 else {}

    def is_in_order(self, name: str) -> bool:
        """Return whether the daemon reports an application as Synced and Healthy."""
        found = self.application(name)
        return (found.get("sync"), found.get("health")) == ("Synced", "Healthy")

    def guard(self, verb: str, **members: str) -> None:
        """Freeze, unfreeze or approve, by the API of the daemon: it takes effect at once."""
        headers = {"authorization": f"Bearer {_TOKEN}", "content-type": "application/json"}
        body = json.dumps({"reason": "incident 4711", **members}).encode()
        request = Request(f"http://{self.target}/api/v1/guards/{verb}", data=body, headers=headers)
        with build_opener(ProxyHandler({})).open(request, timeout=10) as response:
            assert response.status == 200

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true. The error has the state of what is not in order."""
        try:
            wait_until(condition, timeout=_DEADLINE)
        except AssertionError as error:
            names = [name for name in manifests.APPLICATIONS if not self.is_in_order(name)]
            states = "\n".join(json.dumps(self.application(name)) for name in names)
            raise AssertionError(f"{error}; not in order: {states}") from None

    def wait_for(self, *alerts: str) -> None:
        """Wait until alerts fire."""
        assert self.prometheus is not None
        at = self.prometheus
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.update(at.firing())
            return set(alerts) <= seen

        try:
            self.wait(all_seen)
        except AssertionError:
            raise AssertionError(f"did not fire: {set(alerts) - seen}; fired: {seen}") from None
        self.fired += alerts

    def wait_until_quiet(self, *alerts: str) -> None:
        """Wait until none of the alerts fires."""
        assert self.prometheus is not None
        at = self.prometheus
        try:
            self.wait(lambda: not set(alerts) & at.firing())
        except AssertionError:
            raise AssertionError(f"still fire: {set(alerts) & at.firing()}") from None


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Build the stage; the daemon is not started yet, and is killed at the end."""
    simulator = Simulator(Settings(region=REGION, speed=SPEED, settling=False), SpeedClock(SPEED))
    simulator.start()
    with use_simulated_aws(simulator.url):
        made = Stage(
            folder=folder,
            simulator=simulator,
            repository=Repository.create(folder),
            config=folder / "ecsync.yaml",
            lease=folder / "lease",
            port=free_port(),
        )
        roles = {"observe": _ROLE, "apply": _ROLE, "prune": _ROLE}
        settings = {
            "freeze": f"file:{folder / 'freeze'}",
            "approval": ["delete"],
            "http": {"token_file": str(folder / "token")},
            "targets": {"other": {"account": ACCOUNT, "region": REGION, "roles": roles}},
        }
        (folder / "token").write_text(_TOKEN)
        made.config.write_text(yaml.safe_dump(settings))
        try:
            yield made
        finally:
            if made.daemon is not None and made.daemon.running():
                made.daemon.kill()
            simulator.stop()


def prepare(on: Stage) -> None:
    """Create the role of a target and a target group without our mark, commit the manifests, and start the daemon."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    on.aws("iam").create_role(RoleName="ecsync", AssumeRolePolicyDocument=document)
    network = on.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    on.aws("elbv2").create_target_group(
        Name=manifests.FOREIGN, Protocol="HTTP", Port=80, TargetType="ip", VpcId=network, HealthCheckPath="/other"
    )
    on.commit(manifests.web(), manifests.groups(), manifests.idle(), manifests.other())
    on.start()


def play(on: Stage) -> None:
    """Break one thing after the other, and repair each."""
    for step in (_converge, _drift, _frozen, _rollback, _invalid, _approval, _source_gone, _killed, _end):
        began = time.monotonic()
        step(on)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s")


def _converge(on: Stage) -> None:
    """All is created."""
    on.wait(lambda: on.is_in_order("quickstart") and on.is_in_order("groups"))


def _drift(on: Stage) -> None:
    """Another client edits seven target groups at once; ecsync repairs them."""
    client = on.aws("elbv2")
    for name in manifests.GROUPS:
        arn = client.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
        client.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/wrong")
    on.wait_for("EcsyncDriftFlapping")


def _frozen(on: Stage) -> None:
    """While a freeze is in force, drift stays: a service has no tasks, and its rule is gone."""
    on.guard("freeze")
    on.aws("ecs").update_service(cluster="quickstart", service="web", desiredCount=0, healthCheckGracePeriodSeconds=30)
    client = on.aws("elbv2")
    (balancer,) = client.describe_load_balancers()["LoadBalancers"]
    (listener,) = client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    (rule,) = (one for one in rules if not one["IsDefault"])
    client.delete_rule(RuleArn=rule["RuleArn"])
    on.wait_for("EcsyncDriftPersisting", "EcsyncAppOutOfSync", "EcsyncAppUnhealthy")
    on.guard("unfreeze")
    on.wait(lambda: on.is_in_order("quickstart"))


def _rollback(on: Stage) -> None:
    """A commit has an image that ends, a replacement, and a group of another owner. The next one repairs all."""
    groups = manifests.groups((*manifests.GROUPS, manifests.FOREIGN), description="second")
    on.commit(manifests.web("public.ecr.aws/nginx/nginx:crash"), groups)
    on.wait_for("EcsyncDeploymentRolledBack", "EcsyncSyncFailed", "EcsyncChangesHeld", "EcsyncUnclaimed")
    on.commit(manifests.web("public.ecr.aws/nginx/nginx:1.28"), manifests.groups())
    on.wait_for("EcsyncAppSuspended", "EcsyncNotEnabled")  # since the start
    on.commit(manifests.idle(annotations=""), manifests.other(mode="observe"))
    on.wait_until_quiet(
        "EcsyncSyncFailed", "EcsyncChangesHeld", "EcsyncUnclaimed", "EcsyncAppSuspended", "EcsyncNotEnabled"
    )


def _invalid(on: Stage) -> None:
    """A manifest is invalid, so what another application no longer declares is not deleted."""
    broken = manifests.web()
    broken["web/network.yaml"] = broken["web/network.yaml"].replace("HealthCheckPath:", "HealthCheckPat:")
    on.commit(broken, manifests.groups(manifests.GROUPS[:-1]))
    on.wait_for("EcsyncManifestInvalid", "EcsyncPruneBlocked")


def _approval(on: Stage) -> None:
    """The deletion waits for a person. Meanwhile AWS throttles, and then ECS fails."""
    on.commit(manifests.web())
    on.wait(lambda: on.application("groups").get("approval"))
    on.simulator.fault(Fault("throttle", service="elbv2", operation="DescribeTargetGroups", times=None))
    on.wait_for("EcsyncAwsThrottled")
    on.simulator.clear_faults()
    on.simulator.fault(Fault("error", service="ecs", times=None))
    on.wait_for("EcsyncAwsErrors", "EcsyncAppUnknown")
    on.simulator.clear_faults()
    on.wait_for("EcsyncApprovalWaiting")
    on.guard("approve", application="groups", digest=on.application("groups")["approval"])
    on.wait(lambda: on.is_in_order("quickstart") and on.is_in_order("groups"))
    names = {one["TargetGroupName"] for one in on.aws("elbv2").describe_target_groups()["TargetGroups"]}
    assert manifests.GROUPS[-1] not in names


def _source_gone(on: Stage) -> None:
    """The repository is not there, and comes back."""
    away = on.repository.bare.with_name("away")
    on.repository.bare.rename(away)
    on.wait_for("EcsyncSourceStale")
    away.rename(on.repository.bare)
    on.wait_until_quiet("EcsyncSourceStale")


def _killed(on: Stage) -> None:
    """The daemon is killed, and the next one finds the lease taken for a while."""
    assert on.daemon is not None
    on.daemon.kill()
    on.wait_for("EcsyncDown")
    with on.lease.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        on.start()
        on.wait_for("EcsyncNoLeaseHolder")
    on.wait_until_quiet("EcsyncDown", "EcsyncNoLeaseHolder")


def _end(on: Stage) -> None:
    """All is in order."""
    on.wait(lambda: on.is_in_order("quickstart") and on.is_in_order("groups"))
    on.wait_until_quiet(*on.fired)
