"""Which attributes of a load balancer or target group have AWS's default value.

The default comes from the kind's own rules, else from the documentation in botocore's model, which lists the newest
attributes too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json

# An entry of botocore's text: an attribute's key, what it does, and "The default is 60 seconds".
_ENTRY = re.compile(r"<li>(.*?)</li>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_KEY = re.compile(r"\s*([a-z0-9_]+(?:\.[a-z0-9_]+)+)\s")
_DEFAULT = re.compile(r"[Dd]efault\b([^.]*?)(?:\bvalue\b)?[^.]*?\bis ([\w()]+(?: \w+ \((\d+))?)")
_BALANCER_TYPES = ("application", "network", "gateway")


def without_defaults(
    attributes: Sequence[Body],
    body: Body,
    shape: Shape | None,
    kind_default: Callable[[str, Body], str | None] | None = None,
) -> list[Body]:
    """Return the attributes without those that have AWS's default, and without those of a feature that is off.

    An attribute without a documented default stays, unless it is empty. `kind_default` is the default in the kind's
    own rules; None where they have none.
    """
    element = shape.element if shape else None
    documentation = element.members["Key"].documentation if element else ""
    documented = _documented_defaults(documentation, str(body.get("Type", "application")))
    values = {one["Key"]: str(one.get("Value", "")) for one in attributes}
    features = {key.removesuffix("enabled") for key in values if key.endswith(".enabled")}
    off = tuple(prefix for prefix in features if values[f"{prefix}enabled"] == "false")

    def stays(key: str, value: str) -> bool:
        default = kind_default(key, body) if kind_default else None
        if value in (documented.get(key, [""]) if default is None else [default]):
            return False
        return key.endswith(".enabled") or not key.startswith(off)

    return [one for one in attributes if stays(one["Key"], values[one["Key"]])]


def _documented_defaults(documentation: str, balancer_type: str) -> dict[str, list[Json]]:
    """Return the documented defaults by key: those of this type of load balancer, where types differ."""
    defaults: dict[str, list[Json]] = {}
    for entry in _ENTRY.findall(documentation):
        plain = _TAG.sub("", entry)
        key = _KEY.match(plain)
        found = [(match[1].lower(), match[3] or match[2]) for match in _DEFAULT.finditer(plain)]
        if key is None or not found:
            continue
        same_type = [value for scope, value in found if balancer_type in scope]
        any_type = [value for scope, value in found if not any(one in scope for one in _BALANCER_TYPES)]
        defaults.setdefault(key[1], []).extend(same_type or any_type or [value for _, value in found])
    return defaults
