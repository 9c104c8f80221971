"""What Elastic Load Balancing accepts of a listener rule."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ecsync.core.constraints.find import is_placeholder
from ecsync.core.constraints.rows import Across, Constraints, Length, OneOf, Pattern, Range, Spot
from ecsync.core.trees import Json, Path
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import (
    arn_constraints,
    blocks,
    cidr_problem,
    member,
    row,
    tag_constraints,
    text,
)
from ecsync.kinds.elbv2.constraints.actions import action_constraints
from ecsync.kinds.elbv2.constraints.listener import group_fits

_RULE = "API Reference elbv2.CreateRule"

_FIELDS = ("host-header", "path-pattern", "http-header", "http-request-method", "query-string", "source-ip")
_CONFIG = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}


def _condition_has_values(spot: Spot) -> str:
    field = text(spot.value)
    if field not in _CONFIG:
        return ""
    config = spot.block.get(_CONFIG[field])
    if any(member(block, name) for block in (spot.block, config) for name in ("Values", "RegexValues")):
        return ""
    return f"{field} has no values; declare {_CONFIG[field]}: {{Values: [...]}}"


def _own_values(spot: Spot) -> str:
    """Return the problem of a condition with the values of another field."""
    field = text(spot.value)
    others = [name for of, name in _CONFIG.items() if of != field and spot.block.get(name)]
    if field not in _CONFIG or not others or not spot.block.get(_CONFIG[field]):
        return ""
    return f"{field} has no {others[0]}; keep {_CONFIG[field]}, and use a condition of its own for the rest"


def _values(conditions: Json) -> int:
    """Return the number of values of all conditions. One in the short and in the long form counts once."""
    total = 0
    for one in blocks(conditions):
        config = next((one[name] for name in _CONFIG.values() if isinstance(one.get(name), Mapping)), None)
        values = member(config, "Values") or one.get("Values")
        total += len(values) if isinstance(values, (list, tuple)) else 0
    return total


def _five_values(spot: Spot) -> str:
    total = _values(spot.value) if blocks(spot.value) else 0
    return f"the conditions have {total} values; use at most 5, and several rules" if total > 5 else ""


def _one_of_a_field(spot: Spot) -> str:
    fields = [text(one.get("Field")) for one in blocks(spot.value)]
    single = ("host-header", "path-pattern", "http-request-method", "source-ip")
    twice = next((one for index, one in enumerate(fields) if one in single and one in fields[:index]), "")
    return f"{twice} is declared twice; put its values into one condition" if twice else ""


def _slash(spot: Spot) -> str:
    value = text(spot.value)
    if not value or value.startswith(("/", "*", "?")):
        return ""
    return f"every path begins with /, so {quoted(value)} matches none; write /{value}"


def _ip(spot: Spot) -> str:
    value = text(spot.value)
    if not value:
        return ""
    if "/" not in value:
        return f"{quoted(value)} is no CIDR block; write {value}{'/128' if ':' in value else '/32'}"
    return cidr_problem(value, version=6 if ":" in value else 4)


_PATH = Pattern(allowed=r"""[A-Za-z0-9_\-.$/~"'@:+&*?%!,;=()]{1,128}""",
                text="1 to 128 of letters, digits and _ - . $ / ~ \" ' @ : + & * ?")  # fmt: skip
_HOST = Pattern(allowed=r"[A-Za-z0-9\-.*?_]{1,128}", text="1 to 128 of letters, digits and - . * ?")
_OF_VALUES = {"path-pattern": _PATH, "host-header": _HOST}


def _short_values(spot: Spot) -> str | tuple[Path, str]:
    """Test `Values`, the short form of two fields."""
    pattern = _OF_VALUES.get(text(spot.block.get("Field")))
    for index, one in enumerate(spot.value if pattern is not None and isinstance(spot.value, (list, tuple)) else ()):
        value = text(one)
        if pattern is not None and value and not is_placeholder(value) and not re.fullmatch(pattern.allowed, value):
            return (index,), f"{quoted(value)} is not what AWS accepts; use {pattern.text}"
    return ""


_METHOD = Pattern(allowed=r"[A-Z_-]{1,40}", text="a method in upper case, such as GET")


ROWS: Constraints = (
    *tag_constraints("Tags", "Key", "Value", service="elbv2"),
    *action_constraints("Actions"),
    *arn_constraints("ListenerArn", "elasticloadbalancing", "listener/", "a listener", source=_RULE),
    row("Priority", "1 to 50000", Range(least=1, most=50000),
        "botocore elasticloadbalancingv2-2015-12-01 RulePriority"),
    row("Conditions", "at least one", Length(least=1, most=10), _RULE, "A condition must be specified"),
    row("Conditions", "at most 5 values", _five_values, "developer guide, quotas: condition values of a rule",
        level="note"),
    row("Conditions", "host-header, path-pattern, http-request-method and source-ip once", _one_of_a_field, _RULE),
    row("Conditions[].Field", "a field of requests", OneOf(_FIELDS), "API Reference elbv2.RuleCondition",
        "Condition field must be one of host-header, path-pattern, ..."),
    row("Conditions[].Field", "with values", _condition_has_values, "API Reference elbv2.RuleCondition"),
    row("Conditions[].Field", "with the values of this field alone", _own_values, "API Reference elbv2.RuleCondition"),
    row("Conditions[].PathPatternConfig.Values[]", "a path", _PATH, "API Reference elbv2.RuleCondition"),
    row("Conditions[].Values", "a path or a host name", _short_values, "API Reference elbv2.RuleCondition"),
    row("Conditions[].PathPatternConfig.Values[]", "begins with /", _slash, "API Reference elbv2.RuleCondition",
        level="note"),
    row("Conditions[].HostHeaderConfig.Values[]", "a host name", _HOST, "API Reference elbv2.RuleCondition"),
    row("Conditions[].HttpRequestMethodConfig.Values[]", "a method", _METHOD,
        "API Reference elbv2.HttpRequestMethodConditionConfig"),
    row("Conditions[].SourceIpConfig.Values[]", "a CIDR block", _ip, "API Reference elbv2.SourceIpConditionConfig"),
    Across(path="Actions[].TargetGroupArn", rule="a target group with a protocol of the load balancer",
           test=group_fits, source="API Reference elbv2.CreateTargetGroup"),
)  # fmt: skip
