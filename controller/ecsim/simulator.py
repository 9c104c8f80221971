"""The simulated AWS as one object: start it, point boto3 at its URL, look at what happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from werkzeug.serving import BaseWSGIServer

from ecsim.account.clock import Clock, SpeedClock, VirtualClock
from ecsim.account.faults import Fault
from ecsim.account.ledger import Ledger
from ecsim.account.settings import Settings
from ecsim.account.world import World
from ecsim.application_autoscaling import target_tracking
from ecsim.ecs import images, tasks
from ecsim.elbv2 import tags as elb_tags
from ecsim.http.consistency import Replica
from ecsim.http.control import Control
from ecsim.http.server import Gateway, Hook, serve
from ecsim.moto import seams

TICK = 0.1  # wall-clock seconds between ticks in demo mode


class Simulator:
    """One simulated account, served over HTTP on the loopback interface.

    moto's backends are global to the process: use one Simulator at a time. All state is behind one lock.
    With a VirtualClock nothing happens between requests except by `advance`; with a SpeedClock a thread ticks.
    """

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or Settings()
        self.clock: Clock = clock or SpeedClock(self.settings.speed)
        seams.check()
        self._empty_moto()
        self.world = World(self.settings, self.clock)
        self.gateway = Gateway(self.world, self.clock, Control(self))
        self._server: BaseWSGIServer | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self, port: int = 0) -> str:
        """Serve on 127.0.0.1 (0: any free port) and return the URL."""
        if self._server is not None:
            raise RuntimeError(f"already serving at {self.url}")
        self._stopping.clear()
        self._server, thread = serve(self.gateway, port)
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
        """What to give boto3 as `endpoint_url`."""
        if self._server is None:
            raise RuntimeError("not started")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def ledger(self) -> Ledger:
        """Every call since the last reset."""
        return self.gateway.ledger

    def reset(self) -> None:
        """Begin again with an empty account (and its default VPC), an empty ledger, no faults and no hooks."""
        with self.gateway.lock:
            self._empty_moto()
            self.world = World(self.settings, self.clock)
            self.gateway.world = self.world
            self.gateway.ledger = Ledger()
            self.gateway.replica = Replica()
            self.gateway.faults.clear()
            self.gateway.before_call = self.gateway.after_call = None

    def tick(self) -> None:
        """Let everything happen that is due; every request does this too."""
        with self.gateway.lock:
            self.world.run()

    def advance(self, seconds: float) -> None:
        """Let simulated time pass, with a VirtualClock."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("only a VirtualClock can be advanced")
        self.clock.advance(seconds)
        self.tick()

    def fault(self, fault: Fault) -> None:
        """Set a fault."""
        with self.gateway.lock:
            self.gateway.faults.add(fault)

    def clear_faults(self) -> None:
        """Take all faults away."""
        with self.gateway.lock:
            self.gateway.faults.clear()

    def on_call(self, *, before: Hook | None = None, after: Hook | None = None) -> None:
        """Call `before(service, operation)` and `after(…)` around every AWS call.

        What a hook raises breaks the caller's connection there: before means it never happened, after means
        it happened and nobody was told.
        """
        with self.gateway.lock:
            self.gateway.before_call, self.gateway.after_call = before, after

    def set_image_outcome(self, match: str, outcome: str) -> None:
        """Say what becomes of tasks whose image contains `match`: pull, exit, unhealthy or ok."""
        if outcome not in images.OUTCOMES:
            raise ValueError(f"unknown outcome {outcome!r}: one of {', '.join(images.OUTCOMES)}")
        with self.gateway.lock:
            self.world.image_outcomes[match] = outcome

    def stop_task(self, cluster: str, service: str, count: int = 1, region: str | None = None) -> tuple[str, ...]:
        """Kill running tasks of a service as if their hosts had died; their ARNs."""
        with self.gateway.lock:
            self.world.run()
            ecs = self.world.ecs(region or self.settings.region)
            found = ecs.service(ecs.cluster(cluster), service)
            running = [task for task in found.tasks if task.last == "RUNNING"][:count]
            for task in running:
                tasks.die(self.world, ecs, task)
            return tuple(task.arn for task in running)

    def set_load(
        self,
        cluster: str,
        service: str,
        cpu: float | None = None,
        memory: float | None = None,
        region: str | None = None,
    ) -> None:
        """Make a service's tasks as busy as this, on average and in percent; scaling policies take it from there.

        The work stays the same when the number of tasks changes: on twice as many it is half the percent.
        """
        percents = {name: float(value) for name, value in (("cpu", cpu), ("memory", memory)) if value is not None}
        with self.gateway.lock:
            self.world.run()
            target_tracking.set_load(self.world, region or self.settings.region, cluster, service, percents)

    def _empty_moto(self) -> None:
        seams.install(self._ecs_tagged, self._elb_tagged)
        seams.reset(self.settings.seed)

    def _tick_forever(self) -> None:
        while not self._stopping.wait(TICK):
            self.tick()

    def _ecs_tagged(self, region: str) -> Iterator[tuple[str, dict[str, str], str]]:
        for arn, tags in list(self.world.ecs(region).tags.items()):
            yield arn, tags, f"ecs:{arn.split(':')[5].split('/')[0]}"
        yield from seams.tagged_repositories(self.settings.account, region)

    def _elb_tagged(self, region: str) -> Iterator[tuple[str, dict[str, str], str]]:
        for arn, tags in list(self.world.elb(region).tags.items()):
            yield arn, tags, f"elasticloadbalancing:{elb_tags.kind(arn)}"
