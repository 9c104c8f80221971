"""The values of each service and balancer of a site: names, ids, and the marks, which are hashes of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.fleet import ACCOUNT, Fleet, balancer_of, priority_of
from benchmarks.load.template import Template
from ecsync.core import marks
from ecsync.core.model import PhysicalId


@dataclass(frozen=True, slots=True)
class Applied:
    """What the mark `ecsync:applied` of a kind records: its flags, and each member's hash of the name and value."""

    flags: str
    members: tuple[tuple[bytes, Template], ...]

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the mark of one service or balancer."""
        entries = sorted((path, hashlib.sha256(value.fill(values)).digest()[:2]) for path, value in self.members)
        return f"{self.flags}:".encode() + base64.b64encode(b"".join(path + value for path, value in entries))


def natural(kind: str, number: int, region: str, balancer: str, listener: str) -> str:
    """Return the natural name of the resource of a kind that belongs to a service, or to its balancer."""
    name = f"bench-{balancer_of(number)}"
    arn = f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}"
    of = {
        "LogGroup": f"/bench/web-{number}",
        "TaskDefinition": f"bench-web-{number}",
        "TargetGroup": f"bench-web-{number}",
        "Service": f"bench/web-{number}",
        "ScalableTarget": f"ecs/service/bench/web-{number}/ecs:service:DesiredCount",
        "ListenerRule": f"{arn}:listener/app/{name}/{balancer}/{listener}",
        "LoadBalancer": name,
        "Listener": f"{arn}:loadbalancer/app/{name}/{balancer}:80",
    }
    return of[kind]


def mark_id(kind: str, natural_name: str, region: str) -> str:
    """Return the mark `ecsync:id` of a resource."""
    return marks.identity(PhysicalId(account=ACCOUNT, region=region, kind=kind, natural=natural_name))


class Values:
    """The values of one site by the places of the templates. A service's are computed when first needed."""

    def __init__(self, fleet: Fleet, applied: Mapping[str, Applied]) -> None:
        self._fleet = fleet
        self._applied = applied
        self._known: dict[int, dict[str, bytes]] = {}

    def of(self, number: int) -> Mapping[str, bytes]:
        """Return the values of a service and of its balancer."""
        if number not in self._known:
            self._known[number] = self._made(number)
        return self._known[number]

    def hexadecimal(self, what: str, number: int, length: int = 16) -> str:
        """Return an id of this length, which is another one for each site, use and number."""
        text = f"{self._fleet.region} {what} {number}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def _made(self, number: int) -> dict[str, bytes]:
        fleet, balancer = self._fleet, balancer_of(number)
        uuid = self.hexadecimal("policy", number, 32)
        texts = {
            "number": str(number),
            "application": fleet.application_of(number),
            "shared": fleet.shared,
            "region": fleet.region,
            "priority": str(priority_of(number)),
            "balancer name": f"bench-{balancer}",
            "balancer key": f"lb-{balancer}",
            "group": self.hexadecimal("group", number),
            "rule": self.hexadecimal("rule", number),
            "target": self.hexadecimal("target", number, 36),
            "policy": "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])),
            "deployment": str(int(self.hexadecimal("deployment", number), 16))[:19].ljust(19, "0"),
            "revision": str(int(self.hexadecimal("revision", number), 16))[:19].ljust(19, "0"),
            "balancer": self.hexadecimal("balancer", balancer),
            "listener": self.hexadecimal("listener", balancer),
            "default rule": self.hexadecimal("default rule", balancer),
        }
        for kind in self._applied:
            name = natural(kind, number, fleet.region, texts["balancer"], texts["listener"])
            texts[f"id {kind}"] = mark_id(kind, name, fleet.region)
        values = {name: text.encode() for name, text in texts.items()}
        for kind, applied in self._applied.items():
            values[f"applied {kind}"] = applied.fill(values)
        return values
