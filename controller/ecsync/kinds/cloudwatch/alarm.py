"""Alarm: a CloudWatch metric alarm, such as the ones that roll a deployment back.

PutMetricAlarm overwrites the whole alarm, so an update sends every member. The state of an alarm (OK, ALARM) is not
its health: an alarm that fires works as declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Collection, Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Update
from ecsync.core.ports import Reader
from ecsync.core.rules import Computed, Default, Immutable, Keyed, Reverts, Unordered
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    operations,
    pick,
    read_tags,
    tag_rows,
    tagged_arns,
    tags_by_arn,
    without,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.cloudwatch import _constraints

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _natural(body: Body) -> str | None:
    """Return AWS's name of the alarm; None while it contains an unresolved reference."""
    name = body.get("AlarmName")
    return name if isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    """Return the outputs that the body alone gives: a service may name the alarm before it exists."""
    name = _natural(body)
    return {"name": name} if name else {}


_SCALING_PREFIX = "TargetTracking-"  # Application Auto Scaling creates and deletes these alarms itself

TAGGING = arn_tagging(
    "cloudwatch",
    "Key/Value",
    member="Tags",
    params=("ResourceARN", "Tags", "TagKeys"),
)

# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(operation="cloudwatch.PutMetricAlarm", describe="cloudwatch.DescribeAlarms:MetricAlarms[]")

_WATCHED = ("MetricName", "Metrics", "EvaluationCriteria")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    watched = [member for member in _WATCHED if body.get(member)]
    if len(watched) != 1:
        yield (), f"exactly one of {', '.join(_WATCHED)} is required, and {len(watched)} are declared"
    if "MetricName" in watched and bool(body.get("Statistic")) == bool(body.get("ExtendedStatistic")):
        yield ("MetricName",), "exactly one of Statistic and ExtendedStatistic is required with MetricName"


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _percentile(body: Body) -> bool:
    return str(body.get("ExtendedStatistic", "")).startswith("p")


_PUT = "cloudwatch.PutMetricAlarm"

RULES = (
    *tag_rows("Tags", "Key", "Value"),
    Keyed(path="Dimensions", key=("Name",), value="Value", source=f"{_PUT}: a dimension has one value"),
    Keyed(path="Metrics[].MetricStat.Metric.Dimensions", key=("Name",), value="Value", source=f"{_PUT}: as Dimensions"),
    Keyed(path="Metrics", key=("Id",), source=f"{_PUT}: Id is unique among the metrics"),
    Unordered(path="AlarmActions", source=f"{_PUT}: the actions are a set of ARNs"),
    Unordered(path="OKActions", source=f"{_PUT}: the actions are a set of ARNs"),
    Unordered(path="InsufficientDataActions", source=f"{_PUT}: the actions are a set of ARNs"),
    Default(path="ActionsEnabled", value=True, source=f"{_PUT}: the default is TRUE"),
    Default(path="TreatMissingData", value="missing", source=f"{_PUT}: if omitted, missing is used"),
    Default(
        path="DatapointsToAlarm",
        value=lambda _, body: body.get("EvaluationPeriods"),
        description="EvaluationPeriods",
        source="CloudWatch user guide, Evaluating an alarm: N of N where it is left out",
    ),
    Default(
        path="EvaluateLowSampleCountPercentile",
        value="evaluate",
        when=_percentile,
        description="evaluate, for percentiles",
        source=f"{_PUT}: if omitted, the alarm is always evaluated",
    ),
    Default(path="Metrics[].ReturnData", value=True, source="cloudwatch MetricDataQuery: the default of True is used"),
    Computed(path="EvaluationWindow", source=f"{_PUT}: without it the alarm uses a sliding window"),
    Reverts(path="EvaluationWindow", value=lambda _: {"SlidingWindow": {}}, source=f"{_PUT}: the window without one"),
    Immutable(path="AlarmName", source="an alarm has no rename"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_NAMES = 100  # cloudwatch.DescribeAlarms: the length limit of AlarmNames


_COLLECTIONS = (
    Collection(
        operation="cloudwatch.DescribeAlarms",
        cadence="medium",
        ids="AlarmNames",
        size=_MAX_NAMES,
        items="MetricAlarms",
        key="AlarmName",
    ),
    tags_by_arn("cloudwatch.ListTagsForResource", "ResourceARN", "Tags", "Key/Value"),
)


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    alarms = _describe(reader, (want.body["AlarmName"] for want in wanted))
    for want in wanted:
        alarm = alarms.get(want.body["AlarmName"])
        yield want.key, _present(reader, alarm) if alarm else Absent()


def _describe(reader: Reader, names: Iterable[str]) -> dict[str, Body]:
    """Read metric alarms by name, a hundred in a call; AWS leaves out those that do not exist."""
    found: dict[str, Body] = {}
    for batch in batches(sorted(set(names)), _MAX_NAMES):
        alarms = reader.pages(
            "cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNames=batch, AlarmTypes=["MetricAlarm"]
        )
        found |= {alarm["AlarmName"]: alarm for alarm in alarms}
    return found


def _present(reader: Reader, alarm: Body) -> Present:
    arn = alarm["AlarmArn"]
    tags, marks, foreign = read_tags(reader.call("cloudwatch", "ListTagsForResource", ResourceARN=arn).get("Tags"))
    if alarm["AlarmName"].startswith(_SCALING_PREFIX):
        foreign = "Application Auto Scaling"
    return Present(
        body={**pick(alarm, *_MEMBERS), "Tags": tags},
        outputs={"name": alarm["AlarmName"], "arn": arn},
        marks=marks,
        foreign=foreign,
    )


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    names = (arn.split(":alarm:", 1)[1] for arn in tagged_arns(reader, "cloudwatch:alarm", scope))
    for name, alarm in _describe(reader, names).items():
        present = _present(reader, alarm)
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=name, present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=marks):
            return (_put(with_marks(TAGGING, without(desired.body), marks)),)
        case Update():
            return (_put(_overwritten(change)),)
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"AlarmNames": [observed.outputs["name"]]}
            return (Call(service="cloudwatch", operation="DeleteAlarms", params=params),)


def _overwritten(change: Update) -> dict[str, Json]:
    """Return the whole alarm: PutMetricAlarm resets what it does not receive, and ignores tags of an existing alarm."""
    members = dict.fromkeys([*change.observed.body, *change.desired.body])
    return without_nones(
        {member: member_to_send(change, member, RULES) for member in members if member != TAGGING.member}
    )


def _put(body: Body) -> Call:
    return Call(service="cloudwatch", operation="PutMetricAlarm", params=body)


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "ActionConfiguration": "AlarmTagsPropagation",
    "AlarmPromQLCriteria": "PendingPeriod Query RecoveryPeriod",
    "AlarmTagsPropagation": "Enabled ExcludedTagKeys IncludedTagKeys",
    "Dimension": "Name Value",
    "EvaluationCriteria": "PromQLCriteria",
    "EvaluationWindow": "SlidingWindow WallClockWindow",
    "Metric": "Dimensions MetricName Namespace",
    "MetricDataQuery": "AccountId Expression Id Label MetricStat Period ReturnData",
    "MetricStat": "Metric Period Stat Unit",
    "PutMetricAlarmInput": (
        "ActionConfiguration ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator "
        "DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile EvaluationCriteria EvaluationInterval "
        "EvaluationPeriods EvaluationWindow ExtendedStatistic InsufficientDataActions MetricName Metrics Namespace "
        "OKActions Period Statistic Tags Threshold ThresholdMetricId TreatMissingData Unit WarmUpConfiguration"
    ),
    "SlidingWindow": "",
    "Tag": "Key Value",
    "WallClockWindow": "Timezone",
    "WarmUpConfiguration": "OnlyStartEvaluatingAfterWarmUpPeriodEnds WarmUpPeriodDurationInMinutes",
}
_MEMBERS = tuple(name for name in REVIEWED["PutMetricAlarmInput"].split() if name != TAGGING.member)

KIND = Kind(
    name="Alarm",
    example="""
Alarm/errors:
  AlarmName: shop-errors
  Namespace: AWS/ApplicationELB
  MetricName: HTTPCode_Target_5XX_Count
  Dimensions: {LoadBalancer: app/shop/0123456789abcdef}
  Statistic: Sum
  Period: 60
  EvaluationPeriods: 3
  Threshold: 10
  ComparisonOperator: GreaterThanThreshold
""",
    # 1 IDENTITY
    natural=_natural,
    name_member="AlarmName",
    name_limit=255,
    primary="name",
    outputs=OUTPUTS["Alarm"],
    known=_known,
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    # 2 SHAPE
    shape=SHAPE,
    reviewed=REVIEWED,
    check=_check,
    # 3 RULES
    constraints=_constraints.ROWS,
    rules=RULES,
    referred_by={"Service": ("deploymentConfiguration.alarms.alarmNames[]",)},
    # 4 READ
    read=_read,
    owned=_owned,
    tagged_as="cloudwatch:alarm",
    collections=_COLLECTIONS,
    reads=operations("cloudwatch", "DescribeAlarms", "ListTagsForResource")
    | operations("resourcegroupstaggingapi", "GetResources"),
    # 5 CALLS
    calls=_calls,
    writes=operations("cloudwatch", "PutMetricAlarm"),
    deletes=operations("cloudwatch", "DeleteAlarms"),
    rights=("iam:CreateServiceLinkedRole",),  # the first alarm that stops, reboots or terminates an instance
    # Only some kinds
    from_reference=lambda name: {"AlarmName": name},
)
