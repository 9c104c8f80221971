"""What ECR accepts of a repository and of its lifecycle policy."""

from __future__ import annotations

from collections.abc import Mapping

from ecsync.core.constraints.rows import Constraints, Length, Pattern, Spot
from ecsync.core.trees import Json
from ecsync.core.wording import quoted, suggestion
from ecsync.kinds._constraint_parts import blocks, number, row, tag_constraints, text
from ecsync.kinds._policy_constraints import resource_policy_constraints

_LIFECYCLE = "ECR User Guide, lifecycle policy properties"
_R = "lifecyclePolicy.rules[]"


def _kms_key(spot: Spot) -> str:
    kind = text(spot.block.get("encryptionType"))
    return f"encryptionType {kind} has no key; use KMS, or leave kmsKey out" if spot.value and kind == "AES256" else ""


def _rules(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping) or spot.value.get("rules"):
        return ""
    return "it has no rules; declare rules: [{rulePriority: 1, selection: {...}, action: {type: expire}}]"


def _keys(*known: str) -> Json:
    def test(spot: Spot) -> str | tuple[tuple[str | int, ...], str]:
        for key in spot.value if isinstance(spot.value, Mapping) else ():
            if key not in known:
                return (key,), f"{quoted(key)} is not known{suggestion(str(key), known)}"
        return ""

    return test


def _required(*names: str) -> Json:
    def test(spot: Spot) -> str:
        missing = [name for name in names if isinstance(spot.value, Mapping) and spot.value.get(name) is None]
        return f"it has no {missing[0]}; declare it" if missing else ""

    return test


def _priority_once(spot: Spot) -> str:
    rules = blocks(spot.body["lifecyclePolicy"].get("rules"))[: int(spot.path[2])]
    taken = number(spot.value) is not None and any(one.get("rulePriority") == spot.value for one in rules)
    return f"priority {spot.value} is declared twice; use another one" if taken else ""


def _of(values: tuple[str, ...]) -> Json:
    def test(spot: Spot) -> str:
        value = text(spot.value)
        return "" if not value or value in values else f"{quoted(value)} is not known{suggestion(value, values)}"

    return test


def _prefixes(spot: Spot) -> str:
    if spot.value != "tagged" or spot.block.get("tagPrefixList") or spot.block.get("tagPatternList"):
        return ""
    return "tagged needs the tags; declare tagPatternList or tagPrefixList"


def _unit(spot: Spot) -> str:
    if spot.value != "sinceImagePushed" or spot.block.get("countUnit"):
        return ""
    return "sinceImagePushed needs a unit; declare countUnit: days"


def _count(spot: Spot) -> str:
    value = number(spot.value)
    return f"{value} is too low; use 1 or more" if value is not None and value < 1 else ""


ROWS: Constraints = (
    *tag_constraints("tags", "Key", "Value", service="ecr"),
    *resource_policy_constraints("policy"),
    row("repositoryName", "2 to 256 characters", Length(least=2, most=256), "botocore ecr-2015-09-21 RepositoryName"),
    row("repositoryName", "lower-case letters, digits and . _ - /",
        Pattern(allowed=r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
                text="lower-case letters and digits, with single . _ or /, or -, between them"),
        "botocore ecr-2015-09-21 RepositoryName", "Member must satisfy regular expression pattern"),
    row("encryptionConfiguration.kmsKey", "with KMS", _kms_key, "API Reference ecr.EncryptionConfiguration"),
    row("lifecyclePolicy", "rules", _rules, _LIFECYCLE),
    row("lifecyclePolicy", "rules alone", _keys("rules"), _LIFECYCLE),
    row(_R, "rulePriority, selection and action", _required("rulePriority", "selection", "action"), _LIFECYCLE),
    row(_R, "known elements", _keys("rulePriority", "description", "selection", "action"), _LIFECYCLE),
    row(f"{_R}.rulePriority", "each priority once", _priority_once, _LIFECYCLE),
    row(f"{_R}.rulePriority", "1 or more", _count, _LIFECYCLE),
    row(f"{_R}.selection", "tagStatus, countType and countNumber", _required("tagStatus", "countType", "countNumber"),
        _LIFECYCLE),
    row(f"{_R}.selection.tagStatus", "tagged, untagged or any", _of(("tagged", "untagged", "any")), _LIFECYCLE),
    row(f"{_R}.selection.tagStatus", "tagged with tags", _prefixes, _LIFECYCLE),
    row(f"{_R}.selection.countType", "sinceImagePushed with countUnit", _unit, _LIFECYCLE),
    row(f"{_R}.selection.countNumber", "1 or more", _count, _LIFECYCLE),
)  # fmt: skip
