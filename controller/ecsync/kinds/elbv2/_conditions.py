"""The conditions of a rule in one canonical form."""

from __future__ import annotations

from ecsync.core.normalise import keyed
from ecsync.core.trees import Body, Json, canonical

_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
_LISTS = ("Values", "RegexValues")


def canonical_conditions(conditions: Json) -> Json:
    """Return the conditions as a map by field: neither they nor their values have an order."""
    if not isinstance(conditions, list):
        return conditions
    return keyed(sorted(map(_one_spelling, conditions), key=canonical), ("Field",))


def _one_spelling(condition: Body) -> Body:
    """Move the values that AWS echoes beside the config into it; values that contradict it stay, and are seen."""
    field = condition.get("Field")
    name = _CONFIGS.get(str(field), "")
    config = dict(condition.get(name) or {})
    rest = {member: value for member, value in condition.items() if member != name}
    for member in _LISTS if name else ():
        lists = [_as_set(field, member, block.get(member)) for block in (rest, config)]
        beside, inside = lists
        if beside and (not inside or beside == inside):
            del rest[member]
        elif beside:
            rest[member] = beside
        if beside or inside:
            config[member] = inside or beside
    header = config.get("HttpHeaderName")
    if isinstance(header, str):
        config["HttpHeaderName"] = header.lower()  # AWS: the header name is case insensitive
    return {**rest, name: config} if config else rest


def _as_set(field: Json, member: str, values: Json) -> list[Json]:
    """Sort the values; host names are case insensitive to AWS, everything else is compared as it is written."""
    fold = field == "host-header" and member == "Values"
    return sorted([one.lower() if fold and isinstance(one, str) else one for one in values or ()], key=canonical)
