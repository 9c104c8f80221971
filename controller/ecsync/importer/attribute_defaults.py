"""What an attribute is where nobody sets it: by the kind's own rules, else by AWS's text, which knows the newest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json

_ENTRY = re.compile(r"<li>(.*?)</li>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_KEY = re.compile(r"\s*([a-z0-9_]+(?:\.[a-z0-9_]+)+)\s")
_DEFAULT = re.compile(r"[Dd]efault\b([^.]*?)(?:\bvalue\b)?[^.]*?\bis ([\w()]+(?: \w+ \((\d+))?)")
_TYPES = ("application", "network", "gateway")


def without_defaults(
    attributes: Sequence[Body],
    body: Body,
    shape: Shape | None,
    released: Callable[[str, Body], str | None] | None = None,
) -> list[Body]:
    """Return the attributes that say something: not AWS's default, and not what a switch that is off leaves idle.

    One whose default nobody knows stays, unless it is empty. `released` are the defaults that the kind knows.
    """
    element = shape.element if shape else None
    known = _defaults(element.members["Key"].documentation if element else "", str(body.get("Type", "application")))
    values = {one["Key"]: str(one.get("Value", "")) for one in attributes}
    switches = {key.removesuffix("enabled") for key, value in values.items() if key.endswith(".enabled")}
    idle = tuple(switch for switch in switches if values[f"{switch}enabled"] == "false")

    def says(key: str, value: str) -> bool:
        default = released(key, body) if released else None
        if value in (known.get(key, [""]) if default is None else [default]):
            return False
        return key.endswith(".enabled") or not key.startswith(idle)

    return [one for one in attributes if says(one["Key"], values[one["Key"]])]


def _defaults(text: str, balancer: str) -> dict[str, list[Json]]:
    """Return the defaults by key; of several, those that the text names this type of load balancer for."""
    found: dict[str, list[Json]] = {}
    for entry in _ENTRY.findall(text):
        plain = _TAG.sub("", entry)
        key = _KEY.match(plain)
        if key is None:
            continue
        said = [(match[1].lower(), match[3] or match[2]) for match in _DEFAULT.finditer(plain)]
        typed = [value for where, value in said if balancer in where]
        others = [value for where, value in said if not any(one in where for one in _TYPES)]
        if said:
            found.setdefault(key[1], []).extend(typed or others or [value for _, value in said])
    return found
