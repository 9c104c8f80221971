"""What the ECS kinds share: names out of ARNs, capacity provider strategies, namespaces, and blocks of an update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ecsync.core.model import FieldChange, Present, Text
from ecsync.core.ports import Reader
from ecsync.core.rules import Clears, Default, Keyed, Rewrite, Rules, Sensitive
from ecsync.core.trees import Body, Json, Path, at, leaves, merge, thaw


def short(value: Json) -> Json:
    """Return the name that an ARN ends in (a cluster's, a service's, a capacity provider's); a name stays."""
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("arn:") else value


def revision(value: Json) -> Json:
    """Return `family:revision` of a task definition's ARN; a family or `family:revision` stays."""
    return short(value)


def role_name(value: Json) -> Json:
    """Return a role's path and name, whether it was written as an ARN, a name or a path."""
    if not isinstance(value, str):
        return value
    return (value.split(":role/", 1)[-1] if value.startswith("arn:") else value).lstrip("/")


def bare(value: Json) -> Json:
    """Return a role's path and name without the slash before it; an ARN stays as it is."""
    return value if not isinstance(value, str) or value.startswith("arn:") else value.lstrip("/")


def resolved(value: Json) -> bool:
    """Tell whether the value holds no reference that is still unknown."""
    return not any(isinstance(leaf, Text) for _, leaf in leaves(value))


def ours(present: Present, installation: str) -> bool:
    """Tell whether a live resource carries a mark of this installation."""
    return present.marks is not None and present.marks.owner.startswith(f"v1/{installation}/")


def strategy_rows(path: str) -> Rules:
    """Rows for a capacity provider strategy, of a cluster or of a service."""
    cases = ("der-sv-cps-order", "der-cl-strategy-defaults", "cap-ECS-Service.SvcServiceE0738BDC")
    return (
        Rewrite(path=f"{path}[].capacityProvider", to=short, source="normalization.md §0.10"),
        Default(path=f"{path}[].weight", value=0, source="normalization.md §2 capacityProviderStrategy", cases=cases),
        Default(path=f"{path}[].base", value=0, source="normalization.md §2 capacityProviderStrategy", cases=cases),
        Keyed(path=path, key=("capacityProvider",), source="normalization.md §2 capacityProviderStrategy"),
    )


# Options of log drivers and of fluent-bit's outputs that hold a credential; FireLens takes them in any case.
_SECRET_OPTIONS = (
    "splunk-token", "splunk_token", "Splunk_Token", "apikey", "apiKey", "api_key", "Api_Key", "license_key",
    "licenseKey", "password", "Password", "http_passwd", "HTTP_Passwd", "http_Passwd", "shared_key", "Shared_Key",
    "token", "Token", "access_token", "secret_key", "loggly_token", "bearer_token", "header", "Header",
)  # fmt: skip


def secret_options(path: str) -> Rules:
    """Rows that mask the credentials among the options of a log driver."""
    return tuple(Sensitive(path=f"{path}.{option}", source="core-rules.md 21") for option in _SECRET_OPTIONS)


# Namespaces: AWS takes a name or an ARN and prints the ARN -----------------------------------------------------------


def namespaces(reader: Reader, names: Iterable[Json]) -> dict[str, tuple[str, ...]]:
    """Return the ARNs of the Cloud Map namespaces of these names; what is no name (an ARN, nothing) is left out."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted({name for name in names if isinstance(name, str) and name and not name.startswith("arn:")}):
        filters = [{"Name": "NAME", "Values": [name], "Condition": "EQ"}]
        listed = reader.pages("servicediscovery", "ListNamespaces", "Namespaces", Filters=filters)
        found[name] = tuple(one["Arn"] for one in listed if one["Name"] == name)
    return found


def arn_by_name(found: Mapping[str, Sequence[str]], live: Json) -> dict[str, str]:
    """Return one ARN per name: the live one where a private and a public namespace share a name."""
    return {name: live if live in arns else arns[0] for name, arns in found.items() if arns}


def with_namespace_arn(block: Json, facts: Body) -> Json:
    """Return a block with its namespace as the ARN that AWS prints, where that is known."""
    arns = facts.get("namespaceArnByName") or {}
    if not isinstance(block, Mapping) or block.get("namespace") not in arns:
        return block
    return {**block, "namespace": arns[block["namespace"]]}


# What an update sends -----------------------------------------------------------------------------------------------


def value_to_send(member: str, body: Body, observed: Present, fields: Sequence[FieldChange], rules: Rules) -> Json:
    """Return what an update sends for a member that differs: as declared, or AWS's default, or what takes it away.

    A block is sent whole: what is live, what is declared over it, and what differs; a member that a partial block
    leaves out may be reset by AWS, and nobody asked for that. None: there is nothing to send.
    """
    here = [one for one in fields if one.path[0] == member]
    declared = body.get(member)
    whole = next((one for one in here if len(one.path) == 1), None)
    if whole is not None and whole.after is None:
        return declared or clearing((member,), rules, declared)
    if isinstance(declared, Mapping) or (declared is None and whole is None):
        return _block(declared or {}, observed.body.get(member) or {}, here, rules)
    return whole.after if declared is None and whole is not None else declared


def clearing(path: Path, rules: Rules, fallback: Json = None) -> Json:
    """Return the value that takes a member away, where a row says so."""
    segments = tuple(str(part) for part in path)
    row = next((rule for rule in rules if isinstance(rule, Clears) and rule.segments == segments), None)
    return thaw(row.value) if row else fallback


def _block(declared: Body, live: Body, fields: Sequence[FieldChange], rules: Rules) -> dict[str, Json]:
    block: dict[str, Json] = thaw(merge(live, declared))
    for one in fields:
        below = one.path[1:]
        if below and at(declared, below) is None:
            _set(block, below, clearing(one.path, rules) if one.after is None else one.after)
    return block


def _set(block: Json, path: Path, value: Json) -> None:
    """Put the value at the path, or take the member away; a keyed list on the way was already taken as declared."""
    *above, last = path
    for key in above:
        block = block.get(key) if isinstance(block, dict) else None
    if not isinstance(block, dict):
        return
    if value is None:
        block.pop(str(last), None)
    else:
        block[str(last)] = thaw(value)
