"""What each document is called: what AWS calls the resource, made a name; the same for every import."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

from ecsync.core import marks
from ecsync.core.kind import Kind
from ecsync.core.model import Key
from ecsync.core.trees import Body
from ecsync.importer import display_names
from ecsync.importer.model import Item

_LONGEST = 63
_INVALID = re.compile(r"[^A-Za-z0-9_.-]+")
_OUTER = "_.-"

Owners = Mapping[Key, frozenset[Key]]  # resource -> the services that it is there for


def valid(text: str) -> str:
    """Return the text as a name: letters, digits, `_ . -`, at most 63, beginning with a letter or digit."""
    plain = _INVALID.sub("-", text).strip(_OUTER) or "unnamed"
    return plain if len(plain) <= _LONGEST else _hashed(plain, text)


def _hashed(name: str, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()[:6]
    return f"{name[: _LONGEST - 7].rstrip(_OUTER)}-{digest}"


def names(items: Iterable[Item], kinds: Mapping[str, Kind], owners: Owners) -> dict[Key, str]:
    """Return the name of every document. One that has our mark keeps its name; none has another's of its kind."""
    every = sorted(items, key=lambda item: (item.present.marks is None, item.key))
    taken: dict[str, set[str]] = {}
    found = {}
    several_networks = sum(item.key.kind == "Network" for item in every) > 1
    for item in every:
        used = taken.setdefault(item.key.kind, set())
        name = _marked(item) or _suggested(item, kinds[item.key.kind], owners, several_networks)
        if name.lower() in used:
            name = _hashed(name, item.key.name)
        used.add(name.lower())
        found[item.key] = name
    return found


def _marked(item: Item) -> str:
    parsed = marks.key_of(item.present.marks.owner) if item.present.marks and item.managed else None
    return parsed[1].name if parsed and parsed[1].kind == item.key.kind else ""


def _suggested(item: Item, kind: Kind, owners: Owners, several_networks: bool) -> str:
    body = item.present.body
    special = _SPECIAL.get(item.key.kind)
    if item.key.kind == "Network":
        return valid(str(item.present.outputs["vpcId"])) if several_networks else "main"
    own = str(body.get(kind.name_member) or item.key.name)
    if special is None:
        return valid(own)
    services = sorted(owners.get(item.key, ()))
    service = services[0].name.rsplit("/", 1)[-1] if len(services) == 1 else ""
    return valid(special(body, service))


def _rule(body: Body, service: str) -> str:
    return f"{service or display_names.balancer(body['ListenerArn'])}-{body['Priority']}"


def _scaled(body: Body, service: str) -> str:
    return service or str(body["ResourceId"]).rsplit("/", 1)[-1]


def _child(member: str) -> Callable[[Body, str], str]:
    def name(body: Body, service: str) -> str:
        own, of = str(body[member]), _scaled(body, service)
        return own if own.startswith(of) else f"{of}-{own}"

    return name


_SPECIAL: Mapping[str, Callable[[Body, str], str]] = {
    "Listener": lambda body, _: display_names.listener(body),
    "ListenerRule": _rule,
    "ScalableTarget": _scaled,
    "ScalingPolicy": _child("PolicyName"),
    "ScheduledAction": _child("ScheduledActionName"),
}
