"""Helpers that the ECS kinds share: names in ARNs, capacity provider strategies, namespaces, blocks of an update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ecsync.core.model import FieldChange, Present, Text
from ecsync.core.ports import Reader
from ecsync.core.rules import Clears, Default, Keyed, Rewrite, Rules, Sensitive
from ecsync.core.trees import Body, Json, Path, at, leaves, merge, thaw

NAME_OR_ARN = "ECS takes a name or an ARN, and returns the ARN"  # source of a rule row


def short_name(value: Json) -> Json:
    """Return what follows the last slash of an ARN: a name, or `family:revision` of a task definition.

    A value that is no ARN is unchanged.
    """
    return value.rsplit("/", 1)[-1] if isinstance(value, str) and value.startswith("arn:") else value


def role_name(value: Json) -> Json:
    """Return the path and name of a role that is given as an ARN, a name or a path."""
    if not isinstance(value, str):
        return value
    return (value.split(":role/", 1)[-1] if value.startswith("arn:") else value).lstrip("/")


def role_path(value: Json) -> Json:
    """Return a role's path and name without the leading slash; an ARN is unchanged."""
    return value if not isinstance(value, str) or value.startswith("arn:") else value.lstrip("/")


def is_resolved(value: Json) -> bool:
    """Return whether the value contains no unresolved reference."""
    return not any(isinstance(leaf, Text) for _, leaf in leaves(value))


def strategy_rows(path: str) -> Rules:
    """Return the rows for the capacity provider strategy of a cluster or of a service."""
    cases = ("der-sv-cps-order", "der-cl-strategy-defaults", "cap-ECS-Service.SvcServiceE0738BDC")
    return (
        Rewrite(path=f"{path}[].capacityProvider", to=short_name, source=NAME_OR_ARN),
        Default(path=f"{path}[].weight", value=0, source="ecs.CapacityProviderStrategyItem: default 0", cases=cases),
        Default(path=f"{path}[].base", value=0, source="ecs.CapacityProviderStrategyItem: default 0", cases=cases),
        Keyed(path=path, key=("capacityProvider",), source="ECS ignores the order of a capacity provider strategy"),
    )


# Options of log drivers and of Fluent Bit outputs that hold no credential.
_PUBLIC_OPTIONS = frozenset({
    "awslogs-create-group", "awslogs-datetime-format", "awslogs-group", "awslogs-multiline-pattern", "awslogs-region",
    "awslogs-stream-prefix", "mode", "max-buffer-size", "max-file", "max-size", "compress", "config-file-type",
    "config-file-value", "enable-ecs-log-metadata", "log-driver-buffer-limit", "splunk-format", "splunk-index",
    "splunk-source", "splunk-sourcetype", "Name", "name", "Match", "match", "Format", "format", "Host", "host", "Port",
    "port", "TLS", "tls", "provider", "region", "auto_create_group", "bucket", "dd_service", "dd_source",
    "delivery_stream", "log_group_name", "log_stream_name", "log_stream_prefix", "stream",
})  # fmt: skip


def secret_options(path: str) -> Rules:
    """Return the row that redacts the options of a log driver, except those that are known to hold no credential."""
    return (Sensitive(path=f"{path}.*", public=_PUBLIC_OPTIONS, source="an option may hold a credential"),)


# Namespaces: ECS takes a name or an ARN and returns the ARN -----------------------------------------------------------


def namespaces(reader: Reader, names: Iterable[Json]) -> dict[str, tuple[str, ...]]:
    """Return the ARNs of the Cloud Map namespaces with these names; ARNs and empty values are ignored."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted({name for name in names if isinstance(name, str) and name and not name.startswith("arn:")}):
        filters = [{"Name": "NAME", "Values": [name], "Condition": "EQ"}]
        listed = reader.pages("servicediscovery", "ListNamespaces", "Namespaces", Filters=filters)
        found[name] = tuple(one["Arn"] for one in listed if one["Name"] == name)
    return found


def arn_by_name(found: Mapping[str, Sequence[str]], live: Json) -> dict[str, str]:
    """Return one ARN per name: the live ARN if several namespaces share the name (a private and a public one may)."""
    return {name: live if live in arns else arns[0] for name, arns in found.items() if arns}


def with_namespace_arn(block: Json, facts: Body) -> Json:
    """Return a block with its namespace as the ARN that ECS returns, if the ARN of that name was read."""
    arns = facts.get("namespaceArnByName") or {}
    if not isinstance(block, Mapping) or block.get("namespace") not in arns:
        return block
    return {**block, "namespace": arns[block["namespace"]]}


# What an update sends -----------------------------------------------------------------------------------------------


def value_to_send(member: str, body: Body, observed: Present, fields: Sequence[FieldChange], rules: Rules) -> Json:
    """Return the value that an update sends for a member that differs; None if it sends nothing.

    That is the declared value, or AWS's default, or the value that clears the member. A block is sent whole: the live
    block with the declared values and the changes on top. AWS may reset a member that a partial block leaves out.
    """
    below_member = [one for one in fields if one.path[0] == member]
    declared = body.get(member)
    whole = next((one for one in below_member if len(one.path) == 1), None)
    if whole is not None and whole.after is None:
        return declared or _clearing((member,), rules, declared)
    if isinstance(declared, Mapping) or (declared is None and whole is None):
        return _block(declared or {}, observed.body.get(member) or {}, below_member, rules)
    return whole.after if declared is None and whole is not None else declared


def _clearing(path: Path, rules: Rules, fallback: Json = None) -> Json:
    """Return the value that clears a member, from its Clears row; the fallback without a row."""
    segments = tuple(str(part) for part in path)
    row = next((rule for rule in rules if isinstance(rule, Clears) and rule.segments == segments), None)
    return thaw(row.value) if row else fallback


def _block(declared: Body, live: Body, fields: Sequence[FieldChange], rules: Rules) -> dict[str, Json]:
    block: dict[str, Json] = thaw(merge(live, declared))
    for one in fields:
        below = one.path[1:]
        if below and at(declared, below) is None:
            _set(block, below, _clearing(one.path, rules) if one.after is None else one.after)
    return block


def _set(block: Json, path: Path, value: Json) -> None:
    """Set the value at the path, or remove the member if it is None; a path through a list is already declared."""
    *above, last = path
    for key in above:
        block = block.get(key) if isinstance(block, dict) else None
    if not isinstance(block, dict):
        return
    if value is None:
        block.pop(str(last), None)
    else:
        block[str(last)] = thaw(value)
