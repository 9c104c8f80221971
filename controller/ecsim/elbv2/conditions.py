"""Conditions of listener rules as Elastic Load Balancing returns them."""

from __future__ import annotations

from ecsim.account.errors import validation_error
from ecsim.account.order import shuffled
from ecsim.account.world import Body

CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
MIRRORED = ("host-header", "path-pattern")


def conditions(given: list[Body]) -> list[Body]:
    """Check conditions, and return them with `Values` in both places, in AWS's order."""
    if not given:
        raise validation_error("A condition value must be specified")
    return shuffled(_condition(condition) for condition in given)


def _condition(given: Body) -> Body:
    field = given.get("Field") or next((f for f, member in CONFIGS.items() if member in given), None)
    if field not in CONFIGS:
        valid = ",".join(CONFIGS)
        raise validation_error(f"Condition field '{field}' must be one of '[{valid}]'")
    foreign = [member for member in CONFIGS.values() if member in given and member != CONFIGS[field]]
    if foreign:
        raise validation_error(f"The condition field '{field}' cannot have {foreign[0]}")
    config = dict(given.get(CONFIGS[field], {}))
    values = config.get("Values") or given.get("Values") or []
    if "RegexValues" in config or given.get("RegexValues"):
        if values:
            raise validation_error(f"The condition field '{field}' cannot have both values and regular expressions")
        return {**given, "Field": field, "Values": []}
    if not values:
        raise validation_error("A condition value must be specified")
    if field == "query-string":
        values = [dict(sorted(pair.items())) for pair in values]
    config["Values"] = list(values) if field == "host-header" else shuffled(values)
    return {"Field": field, "Values": config["Values"] if field in MIRRORED else [], CONFIGS[field]: config}
