"""The control endpoint `/_sim/…`: commands for the owner of a simulated account."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from ecsim import owner
from ecsim.account.account import Account
from ecsim.account.errors import AwsError
from ecsim.account.exchange import Response
from ecsim.account.faults import Fault

Answer = dict[str, Any]


class Control:
    """Routes `/_sim/…` to the methods below. `GET /_sim/docs` shows their docstrings."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._routes: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "GET /_sim/docs": self.docs,
            "GET /_sim/health": self.health,
            "GET /_sim/ledger": self.ledger,
            "GET /_sim/faults": self.faults,
            "GET /_sim/outages": self.outages,
            "POST /_sim/reset": self.reset,
            "POST /_sim/advance": self.advance,
            "POST /_sim/stop-task": self.stop_task,
            "POST /_sim/faults": self.add_fault,
            "DELETE /_sim/faults": self.clear_faults,
            "POST /_sim/images": self.images,
            "POST /_sim/capacity-providers": self.capacity_providers,
            "POST /_sim/load": self.load,
            "POST /_sim/policies": self.policies,
            "POST /_sim/express": self.express,
            "POST /_sim/code-deploy": self.code_deploy,
        }

    def answer(self, environ: dict[str, Any], body: bytes) -> Response:
        """Answer one request in JSON. An invalid request gets status 400 and `error`."""
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].rstrip('/')}"
        action = self._routes.get(route)
        if action is None:
            return _json(404, {"error": f"no such control: {route}; see GET /_sim/docs"})
        query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            with self._account.lock:
                return _json(200, action({**query, **json.loads(body or b"{}")}))
        except (AwsError, TypeError, ValueError, KeyError) as error:
            return _json(400, {"error": str(error)})

    def docs(self, _: dict[str, Any]) -> Answer:
        """Return this list."""
        return {route: action.__doc__ for route, action in self._routes.items()}

    def health(self, _: dict[str, Any]) -> Answer:
        """Return account, Region and simulated time. `{"status": "ok"}` means that requests are served."""
        return {
            "status": "ok",
            "account": self._account.settings.account,
            "region": self._account.settings.region,
            "now": self._account.clock.now(),
            "calls": len(self._account.ledger),
        }

    def ledger(self, params: dict[str, Any]) -> Answer:
        """Return the calls. `since`: first position; `mutating=1`: only calls that may change the account."""
        since = int(params.get("since", 0))
        ledger = self._account.ledger
        found = ledger.mutations(since) if params.get("mutating") == "1" else ledger.entries(since)
        return {"entries": [entry.as_json() for entry in found], "next": len(ledger)}

    def faults(self, _: dict[str, Any]) -> Answer:
        """Return the faults, each with the number of calls that it matched (`met`)."""
        return {"faults": self._account.faults.as_json()}

    def outages(self, params: dict[str, Any]) -> Answer:
        """Return, for each rule, the seconds without a healthy target: behind all of its weight, behind a part."""
        return {"outages": owner.outages(self._account, params.get("region"))}

    def add_fault(self, params: dict[str, Any]) -> Answer:
        """Add a fault: `kind` and any of `service, operation, times, skip, code, message, status, seconds`."""
        self._account.fault(Fault.from_json(params))
        return self.faults({})

    def clear_faults(self, _: dict[str, Any]) -> Answer:
        """Remove all faults."""
        self._account.clear_faults()
        return self.faults({})

    def reset(self, _: dict[str, Any]) -> Answer:
        """Start again with an empty account, an empty ledger and no faults."""
        self._account.reset()
        return self.health({})

    def advance(self, params: dict[str, Any]) -> Answer:
        """Advance simulated time by `seconds`. Needs a virtual clock."""
        self._account.advance(float(params["seconds"]))
        return self.health({})

    def stop_task(self, params: dict[str, Any]) -> Answer:
        """Stop `count` (default 1) running tasks of `service` in `cluster`, as if their hosts had failed."""
        stopped = owner.stop_task(
            self._account,
            cluster=params["cluster"],
            service=params["service"],
            count=int(params.get("count", 1)),
            region=params.get("region"),
        )
        return {"stopped": list(stopped)}

    def images(self, params: dict[str, Any]) -> Answer:
        """Set the `outcome` of tasks with an image that contains `match`: pull, exit, unhealthy or ok."""
        return {"images": owner.set_image_outcome(self._account, params["match"], params["outcome"])}

    def capacity_providers(self, params: dict[str, Any]) -> Answer:
        """Make ECS give up the changes of the capacity provider `name`, with a `reason`; without one, make them."""
        return {"capacityProviders": owner.fail_provider(self._account, params["name"], params.get("reason"))}

    def policies(self, params: dict[str, Any]) -> Answer:
        """Set the `policies` of callers: by access key or role, lists of policies. Other callers may do everything."""
        found = {key: tuple(policies) for key, policies in params["policies"].items()}
        self._account.settings = replace(self._account.settings, policies=found)
        return {"callers": sorted(found)}

    def express(self, params: dict[str, Any]) -> Answer:
        """Make `service` in `cluster` a service of Express Mode, as AWS returns it."""
        owner.make_express(self._account, params["cluster"], params["service"], params.get("region"))
        return {"cluster": params["cluster"], "service": params["service"]}

    def code_deploy(self, params: dict[str, Any]) -> Answer:
        """Let CodeDeploy deploy `taskDefinition` to `service` in `cluster`, behind the target group `group`."""
        wait = float(params.get("wait", 0.0))
        wanted = params["cluster"], params["service"], params["taskDefinition"], params["group"], wait
        owner.code_deploy(self._account, *wanted, params.get("region"))
        return {"cluster": params["cluster"], "service": params["service"]}

    def load(self, params: dict[str, Any]) -> Answer:
        """Set the average utilisation of the tasks of `service` in `cluster`: `cpu` and `memory` in percent."""
        owner.set_load(
            self._account,
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
