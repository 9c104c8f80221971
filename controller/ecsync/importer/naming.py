"""The name of each document: AWS's own name, made valid. Every import gives the same names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind
from ecsync.core.model import Key
from ecsync.core.trees import Body
from ecsync.importer import display_names
from ecsync.importer.model import LiveResource

_LONGEST = 63
_INVALID = re.compile(r"[^A-Za-z0-9_.-]+")
_NOT_AT_THE_ENDS = "_.-"

Owners = Mapping[Key, frozenset[Key]]  # resource -> the services that use it


def to_name(text: str) -> str:
    """Return the text as a document name: letters, digits, `_ . -`, at most 63, a letter or digit first."""
    plain = _INVALID.sub("-", text).strip(_NOT_AT_THE_ENDS) or "unnamed"
    return plain if len(plain) <= _LONGEST else _with_hash(plain, text)


def _with_hash(name: str, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()[:6]
    return f"{name[: _LONGEST - 7].rstrip(_NOT_AT_THE_ENDS)}-{digest}"


def names(resources: Iterable[LiveResource], kinds: Mapping[str, Kind], owners: Owners) -> dict[Key, str]:
    """Return the name of every document, unique in its kind. A resource that carries our mark keeps its name."""
    marked_first = sorted(resources, key=lambda resource: (resource.present.marks is None, resource.key))
    several_networks = sum(resource.key.kind == "Network" for resource in marked_first) > 1
    taken: dict[str, set[str]] = {}
    result = {}
    for resource in marked_first:
        used = taken.setdefault(resource.key.kind, set())
        name = _marked_name(resource) or _suggested(resource, kinds[resource.key.kind], owners, several_networks)
        if name.lower() in used:
            name = _with_hash(name, resource.key.name)
        used.add(name.lower())
        result[resource.key] = name
    return result


def _marked_name(resource: LiveResource) -> str:
    live = resource.present.marks if resource.managed else None
    parsed = marks.key_of(live.owner) if live else None
    return parsed[1].name if parsed and parsed[1].kind == resource.key.kind else ""


def _suggested(resource: LiveResource, kind: Kind, owners: Owners, several_networks: bool) -> str:
    body = resource.present.body
    if resource.key.kind == "Network":
        return to_name(str(resource.present.outputs["vpcId"])) if several_networks else "main"
    special = _BY_KIND.get(resource.key.kind)
    if special is None:
        return to_name(str(body.get(kind.name_member) or resource.key.name))
    services = sorted(owners.get(resource.key, ()))
    service = services[0].name.rsplit("/", 1)[-1] if len(services) == 1 else ""
    return to_name(special(body, service))


def _rule_name(body: Body, service: str) -> str:
    return f"{service or display_names.balancer(body['ListenerArn'])}-{body['Priority']}"


def _scaled_name(body: Body, service: str) -> str:
    return service or str(body["ResourceId"]).rsplit("/", 1)[-1]


def _child_name(member: str) -> Callable[[Body, str], str]:
    def name(body: Body, service: str) -> str:
        own, parent = str(body[member]), _scaled_name(body, service)
        return own if own.startswith(parent) else f"{parent}-{own}"

    return name


# Kinds without a name of their own: the name from the body and the only service that uses it ("" if several do).
_BY_KIND: Mapping[str, Callable[[Body, str], str]] = {
    "Listener": lambda body, _: display_names.listener(body),
    "ListenerRule": _rule_name,
    "ScalableTarget": _scaled_name,
    "ScalingPolicy": _child_name("PolicyName"),
    "ScheduledAction": _child_name("ScheduledActionName"),
}
