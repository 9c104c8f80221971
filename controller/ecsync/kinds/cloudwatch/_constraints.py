"""What CloudWatch accepts of an alarm."""

from __future__ import annotations

import re

from ecsync.core.constraints.rows import Constraints, Length, OneOf, Pattern, Range, Spot
from ecsync.core.wording import quoted
from ecsync.kinds._constraint_parts import number, row, text

_PUT = "API Reference cloudwatch.PutMetricAlarm"


def _period(spot: Spot) -> str:
    value = number(spot.value)
    if value is None or value in (10, 20, 30) or (value > 0 and value % 60 == 0):
        return ""
    return f"a period of {value} s does not exist; use 10, 20, 30, or a multiple of 60"


def _whole_time(spot: Spot) -> str:
    period, count = number(spot.block.get("Period")), number(spot.value)
    most = 604800 if period is not None and period >= 3600 else 86400
    if period is None or count is None or period * count <= most:
        return ""
    return f"{count} periods of {period} s are longer than {most // 86400} d; use fewer periods"


def _datapoints(spot: Spot) -> str:
    wanted, count = number(spot.value), number(spot.body.get("EvaluationPeriods"))
    if wanted is None or count is None or wanted <= count:
        return ""
    return f"{wanted} of {count} periods is not possible; use {count} or less"


def _has_threshold(spot: Spot) -> str:
    if spot.value is not None or spot.body.get("ThresholdMetricId") or not spot.body.get("MetricName"):
        return ""
    return "it is missing; declare the value that is compared with the metric"


def _has_period(spot: Spot) -> str:
    if spot.value is not None or not spot.body.get("MetricName"):
        return ""
    return "it is missing; declare Period, such as 60"


_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)|(IQM|(tm|tc|ts|wm)\d+(\.\d+)?|(TM|TC|TS|WM|PR)\(.*\))")


def _statistic(spot: Spot) -> str:
    value = text(spot.value)
    return (
        ""
        if not value or _PERCENTILE.fullmatch(value)
        else f"{quoted(value)} is no statistic; use one such as p95 or tm90"
    )


def _fast_period(spot: Spot) -> str:
    if number(spot.value) not in (10, 20, 30) or not str(spot.body.get("Namespace", "")).startswith("AWS/"):
        return ""
    return "AWS's own metrics have a value each minute, so the alarm has no data; use 60"


def _actions_are_off(spot: Spot) -> str:
    if spot.value is False and (spot.body.get("AlarmActions") or spot.body.get("OKActions")):
        return "ActionsEnabled false turns the actions off; use true, or leave the actions out"
    return ""


ROWS: Constraints = (
    row("AlarmName", "1 to 255 characters", Length(least=1, most=255), "botocore cloudwatch-2010-08-01 AlarmName"),
    row("Namespace", "does not begin with :, at most 255",
        Pattern(allowed=r"[^:].{0,254}", text="1 to 255 characters, and no : at the start"),
        "botocore cloudwatch-2010-08-01 Namespace"),
    row("Period", "10, 20, 30, or a multiple of 60", _period, _PUT, "Period must be 10, 20, 30 or a multiple of 60"),
    row("Period", "required with MetricName", _has_period, _PUT, absent=True),
    row("Period", "60 or more for AWS's own metrics", _fast_period, _PUT, level="note"),
    row("EvaluationPeriods", "at most a day, or 7 days with periods of an hour and more", _whole_time, _PUT,
        "Metrics cannot be checked across more than a day"),
    row("EvaluationPeriods", "1 or more", Range(least=1, most=2**31 - 1), _PUT),
    row("DatapointsToAlarm", "at most EvaluationPeriods", _datapoints, _PUT),
    row("Threshold", "required with MetricName", _has_threshold, _PUT, absent=True),
    row("TreatMissingData", "breaching, notBreaching, ignore or missing",
        OneOf(("breaching", "notBreaching", "ignore", "missing")), _PUT),
    row("ExtendedStatistic", "a percentile or a trimmed statistic", _statistic, _PUT),
    row("EvaluateLowSampleCountPercentile", "evaluate or ignore", OneOf(("evaluate", "ignore")), _PUT),
    row("ActionsEnabled", "true with actions", _actions_are_off, _PUT, level="note"),
    row("Dimensions", "at most 30", Length(most=30), "botocore cloudwatch-2010-08-01 Dimensions"),
    *(
        row(f"{name}[]", "an ARN", Pattern(allowed=r"arn:.+", text="an ARN, such as that of an SNS topic"), _PUT,
            level="note")
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions")
    ),
    *(
        row(name, "at most 5", Length(most=5), _PUT)
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions")
    ),
)  # fmt: skip
