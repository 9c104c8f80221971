"""The canonical form of a rule's conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ecsync.core.normalise import keyed
from ecsync.core.trees import Body, Json, Path, canonical

_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
_LISTS = ("Values", "RegexValues")


def mixed(conditions: Json) -> Iterator[tuple[Path, str]]:
    """Yield a problem for each condition with values and regular expressions."""
    places = enumerate(conditions if isinstance(conditions, list) else ())
    for index, condition in ((index, one) for index, one in places if isinstance(one, Mapping)):
        config = condition.get(_CONFIGS.get(str(condition.get("Field")), ""))
        blocks = [condition, config if isinstance(config, Mapping) else {}]
        if all(any(block.get(member) for block in blocks) for member in _LISTS):
            yield ("Conditions", index), "a condition has Values or RegexValues, not both; make a rule of each"


def canonical_conditions(conditions: Json) -> Json:
    """Return the conditions as a map by field: AWS returns conditions and their values in any order."""
    if not isinstance(conditions, list):
        return conditions
    return keyed(sorted(map(_one_spelling, conditions), key=canonical), ("Field",))


def _one_spelling(condition: Body) -> Body:
    """Move values beside the config into it, because AWS returns both; contradicting values stay and differ."""
    field = condition.get("Field")
    name = _CONFIGS.get(str(field), "")
    config = dict(condition.get(name) or {})
    rest = {member: value for member, value in condition.items() if member != name}
    for member in _LISTS if name else ():
        beside, inside = (_sorted_values(field, member, block.get(member)) for block in (rest, config))
        if beside and (not inside or beside == inside):
            del rest[member]
        elif beside:
            rest[member] = beside
        if beside or inside:
            config[member] = inside or beside
    header = config.get("HttpHeaderName")
    if isinstance(header, str):
        config["HttpHeaderName"] = header.lower()  # elbv2.HttpHeaderConditionConfig: it is case insensitive
    return {**rest, name: config} if config else rest


def _sorted_values(field: Json, member: str, values: Json) -> list[Json]:
    """Return the values sorted; only host names are case insensitive in AWS."""
    fold = field == "host-header" and member == "Values"
    return sorted([one.lower() if fold and isinstance(one, str) else one for one in values or ()], key=canonical)
