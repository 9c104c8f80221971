"""The control endpoint `/_sim/…`: what only the owner of a simulated account can do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ecsim.account.clock import VirtualClock
from ecsim.account.errors import AwsError
from ecsim.account.faults import Fault
from ecsim.http.protocol import Response

if TYPE_CHECKING:
    from ecsim.simulator import Simulator

Answer = dict[str, Any]


class Control:
    """Routes `/_sim/…` to the methods below."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._routes: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "GET /_sim/docs": self.docs,
            "GET /_sim/health": self.health,
            "GET /_sim/ledger": self.ledger,
            "GET /_sim/faults": self.faults,
            "POST /_sim/reset": self.reset,
            "POST /_sim/advance": self.advance,
            "POST /_sim/stop-task": self.stop_task,
            "POST /_sim/faults": self.add_fault,
            "DELETE /_sim/faults": self.clear_faults,
            "POST /_sim/images": self.images,
            "POST /_sim/load": self.load,
        }

    def answer(self, environ: dict[str, Any], body: bytes) -> Response:
        """Answer one request as JSON; what is wrong with it is status 400 and `error`."""
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].rstrip('/')}"
        action = self._routes.get(route)
        if action is None:
            return _json(404, {"error": f"no such control: {route}; see GET /_sim/docs"})
        query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            return _json(200, action({**query, **json.loads(body or b"{}")}))
        except (AwsError, TypeError, ValueError, KeyError) as error:
            return _json(400, {"error": str(error)})

    def docs(self, _: dict[str, Any]) -> Answer:
        """This list."""
        return {route: action.__doc__ for route, action in self._routes.items()}

    def health(self, _: dict[str, Any]) -> Answer:
        """Account, Region and the simulated time; `{"status": "ok"}` once requests are served."""
        world = self._simulator.world
        return {
            "status": "ok",
            "account": world.settings.account,
            "region": world.settings.region,
            "now": world.clock.now(),
            "calls": len(self._simulator.ledger),
        }

    def ledger(self, params: dict[str, Any]) -> Answer:
        """The calls so far. `since`: position to begin at; `mutating=1`: only those that change something."""
        since = int(params.get("since", 0))
        ledger = self._simulator.ledger
        found = ledger.mutations(since) if params.get("mutating") == "1" else ledger.entries(since)
        return {"entries": [entry.as_json() for entry in found], "next": len(ledger)}

    def faults(self, _: dict[str, Any]) -> Answer:
        """The faults that are set, and how many calls each has counted."""
        return {"faults": self._simulator.gateway.faults.as_json()}

    def add_fault(self, params: dict[str, Any]) -> Answer:
        """Set a fault: `kind` and any of `service, operation, times, skip, code, message, status, seconds`."""
        self._simulator.gateway.faults.add(Fault.from_json(params))
        return self.faults({})

    def clear_faults(self, _: dict[str, Any]) -> Answer:
        """Take all faults away."""
        self._simulator.gateway.faults.clear()
        return self.faults({})

    def reset(self, _: dict[str, Any]) -> Answer:
        """Begin again with an empty account, an empty ledger and no faults."""
        self._simulator.reset()
        return self.health({})

    def advance(self, params: dict[str, Any]) -> Answer:
        """Let `seconds` pass; only with a virtual clock."""
        clock = self._simulator.clock
        if not isinstance(clock, VirtualClock):
            raise TypeError("time passes by itself here: the simulator was not started with a virtual clock")
        clock.advance(float(params["seconds"]))
        self._simulator.tick()
        return self.health({})

    def stop_task(self, params: dict[str, Any]) -> Answer:
        """Stop `count` (1) running tasks of `service` in `cluster`, as if their hosts had died."""
        stopped = self._simulator.stop_task(
            cluster=params["cluster"],
            service=params["service"],
            count=int(params.get("count", 1)),
            region=params.get("region"),
        )
        return {"stopped": list(stopped)}

    def images(self, params: dict[str, Any]) -> Answer:
        """Say what becomes of tasks whose image contains `match`: `outcome` pull, exit, unhealthy or ok."""
        self._simulator.set_image_outcome(params["match"], params["outcome"])
        return {"images": self._simulator.world.image_outcomes}

    def load(self, params: dict[str, Any]) -> Answer:
        """Make the tasks of `service` in `cluster` busy: `cpu` and `memory` are the average, in percent."""
        self._simulator.set_load(
            cluster=params["cluster"],
            service=params["service"],
            cpu=params.get("cpu"),
            memory=params.get("memory"),
            region=params.get("region"),
        )
        return {"cluster": params["cluster"], "service": params["service"]}


def _json(status: int, body: Answer) -> Response:
    text = json.dumps(body, default=str).encode()
    return Response(status, text, {"Content-Type": "application/json"})
