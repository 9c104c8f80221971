"""What CloudWatch Logs accepts of a log group."""

from __future__ import annotations

from ecsync.core.constraints.rows import Constraints, Length, OneOf, Spot
from ecsync.kinds._constraint_parts import arn_constraints, row, tag_constraints, text

_RETENTION = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def _delivery(spot: Spot) -> str:
    if spot.value is None or spot.block.get("logGroupClass") != "DELIVERY":
        return ""
    return "a group of class DELIVERY keeps its events for 1 day; leave retentionInDays out"


def _reserved(spot: Spot) -> str:
    return (
        "names that begin with aws/ are reserved; use /aws/..., or another name"
        if text(spot.value).startswith("aws/")
        else ""
    )


ROWS: Constraints = (
    *tag_constraints("tags", "", service="logs"),
    row("logGroupName", "1 to 512 characters", Length(least=1, most=512), "botocore logs-2014-03-28 LogGroupName"),
    row("logGroupName", "does not begin with aws/", _reserved, "API Reference logs.CreateLogGroup",
        "Log groups starting with AWS/ are reserved for AWS"),
    row("retentionInDays", "one of AWS's periods", OneOf(_RETENTION),
        "botocore logs-2014-03-28 PutRetentionPolicy.retentionInDays: possible values",
        "Member must satisfy enum value set"),
    row("retentionInDays", "not with class DELIVERY", _delivery, "API Reference logs.CreateLogGroup", level="note"),
    *arn_constraints("kmsKeyId", "kms", "(key|alias)/", "a KMS key", source="API Reference logs.CreateLogGroup"),
)  # fmt: skip
