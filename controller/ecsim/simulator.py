"""The simulated AWS as one object: start it, use its URL as boto3's endpoint, read its ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from werkzeug.serving import BaseWSGIServer

from ecsim import owner
from ecsim.account.account import Account
from ecsim.account.clock import Clock, VirtualClock
from ecsim.account.settings import Settings
from ecsim.account.world import World
from ecsim.application_autoscaling.store import AppAutoScalingRegion
from ecsim.autoscaling.listeners import InstanceListeners
from ecsim.cloudwatch.store import CloudWatchRegion
from ecsim.ecs.capacity.instance_lifecycle import ContainerAgents
from ecsim.ecs.store import EcsRegion
from ecsim.elbv2 import tags as elb_tags
from ecsim.elbv2.store import ElbRegion
from ecsim.http.control import Control
from ecsim.http.server import Gateway, serve
from ecsim.moto import seams

LOOPBACK = "127.0.0.1"
TICK = 0.1  # wall-clock seconds between two ticks with a SpeedClock


class Simulator(Account):
    """One simulated account, served over HTTP, by default on the loopback interface.

    moto's backends are global to the process: use one Simulator at a time. One lock guards all state.
    With a VirtualClock time passes only by `advance`. With a SpeedClock a thread ticks.
    """

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        seams.check()
        super().__init__(settings or Settings(), clock, self._connect, self._clear)
        self.gateway = Gateway(self, Control(self))
        self._server: BaseWSGIServer | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self, port: int = 0, host: str = LOOPBACK) -> str:
        """Serve on this address and return the URL for this machine. Port 0 is any free port."""
        if self._server is not None:
            raise RuntimeError(f"already serving at {self.url}")
        self._stopping.clear()
        self._server, thread = serve(self.gateway, port, host)
        self._threads = [thread]
        if not isinstance(self.clock, VirtualClock):
            ticker = threading.Thread(target=self._tick_forever, daemon=True)
            ticker.start()
            self._threads.append(ticker)
        return self.url

    def stop(self) -> None:
        """Stop serving. The account is kept."""
        if self._server is None:
            return
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)
        self._server = None

    @property
    def url(self) -> str:
        """The `endpoint_url` for boto3."""
        if self._server is None:
            raise RuntimeError("not started")
        host = self._server.host
        return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{self._server.server_port}"  # noqa: S104  # every address

    def set_image_outcome(self, match: str, outcome: str) -> None:
        """Set the outcome of tasks with an image that contains `match`: pull, exit, unhealthy or ok."""
        owner.set_image_outcome(self, match, outcome)

    def fail_provider(self, name: str, reason: str | None) -> None:
        """Make ECS give up the changes of a capacity provider, with a reason; None: it makes them again."""
        owner.fail_provider(self, name, reason)

    def make_express(self, cluster: str, service: str, region: str | None = None) -> None:
        """Make a service one of Express Mode, as AWS returns it: `resourceManagementType` is ECS."""
        owner.make_express(self, cluster, service, region)

    def code_deploy(
        self,
        cluster: str,
        service: str,
        task_definition: str,
        group: str,
        wait: float = 0.0,
        region: str | None = None,
    ) -> None:
        """Let CodeDeploy deploy a task definition behind another target group; the old tasks stop later."""
        owner.code_deploy(self, cluster, service, task_definition, group, wait, region)

    def stop_task(self, cluster: str, service: str, count: int = 1, region: str | None = None) -> tuple[str, ...]:
        """Stop running tasks of a service as if their hosts had failed. Returns their ARNs."""
        return owner.stop_task(self, cluster, service, count, region)

    def outages(self, region: str | None = None) -> list[dict[str, Any]]:
        """Return, for each rule, the simulated seconds in which its weight stood on no healthy target."""
        return owner.outages(self, region)

    def set_load(
        self,
        cluster: str,
        service: str,
        cpu: float | None = None,
        memory: float | None = None,
        region: str | None = None,
    ) -> None:
        """Set the average utilisation of a service's tasks in percent. Scaling policies react to it."""
        owner.set_load(self, cluster, service, cpu, memory, region)

    def _clear(self) -> None:
        """Empty moto's backends."""
        seams.install(self._ecs_tagged, self._elb_tagged)
        seams.reset(self.settings.seed)

    def _connect(self, world: World) -> None:
        """Prepare a new world: let Amazon ECS listen to Auto Scaling."""
        world.state(InstanceListeners).listeners.append(ContainerAgents(world))

    def _tick_forever(self) -> None:
        while not self._stopping.wait(TICK):
            self.tick()

    def _ecs_tagged(self, account: str, region: str) -> Iterator[tuple[str, dict[str, str], str]]:
        world = self.world_of(account)
        for arn, tags in list(world.store(EcsRegion, region).tags.items()):
            yield arn, tags, f"ecs:{arn.split(':')[5].split('/')[0]}"
        for arn, tags in list(world.store(CloudWatchRegion, region).tags.items()):
            yield arn, tags, "cloudwatch:alarm"
        for target in list(world.store(AppAutoScalingRegion, region).targets.values()):
            yield target.arn, target.tags, "application-autoscaling:scalable-target"
        yield from seams.tagged_repositories(account, region)

    def _elb_tagged(self, account: str, region: str) -> Iterator[tuple[str, dict[str, str], str]]:
        for arn, tags in list(self.world_of(account).store(ElbRegion, region).tags.items()):
            yield arn, tags, f"elasticloadbalancing:{elb_tags.kind(arn)}"
