"""Metric alarms: PutMetricAlarm overwrites a whole alarm, DescribeAlarms returns what was put."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.cloudwatch.store import CloudWatchRegion

PAGE = 50
MOST_NAMES = 100
MOST_TAGS = 50
WATCHED = ("MetricName", "Metrics", "EvaluationCriteria")
STATE = {"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation"}


def put_metric_alarm(call: Call) -> Body:
    """Create an alarm, or overwrite one; its state stays, and tags of an existing alarm are ignored."""
    store, name = call.store(CloudWatchRegion), call.params["AlarmName"]
    _check(call.params)
    before = store.alarms.get(name)
    tags = tags_to_dict(call.params.get("Tags"), key="Key", value="Value")
    if before is None:
        if len(tags) > MOST_TAGS:
            raise _invalid(f"The number of tags exceeds the limit of {MOST_TAGS}")
        store.tags[store.arn(name)] = tags
    kept = {member: value for member, value in call.params.items() if member != "Tags"}
    state = {member: (before or STATE)[member] for member in STATE}
    store.alarms[name] = {
        "ActionsEnabled": True,
        **kept,
        **state,
        "AlarmArn": store.arn(name),
        "AlarmConfigurationUpdatedTimestamp": call.world.now,
    }
    return {}


def _check(params: Body) -> None:
    watched = [member for member in WATCHED if params.get(member)]
    if len(watched) != 1:
        raise _invalid("Exactly one of the parameters MetricName, Metrics and EvaluationCriteria must be specified")
    if watched == ["MetricName"]:
        if bool(params.get("Statistic")) == bool(params.get("ExtendedStatistic")):
            raise _invalid("Exactly one of the parameters Statistic and ExtendedStatistic must be specified")
        for member in ("Namespace", "Period", "EvaluationPeriods", "ComparisonOperator"):
            if params.get(member) is None:
                raise AwsError("MissingParameter", f"The parameter {member} is required.")
    if (params.get("DatapointsToAlarm") or 0) > (params.get("EvaluationPeriods") or 0):
        raise _invalid("The parameter DatapointsToAlarm must be less than or equal to EvaluationPeriods")


def describe_alarms(call: Call) -> Body:
    """Return metric alarms by name or prefix; a name without an alarm is left out."""
    store, names = call.store(CloudWatchRegion), call.params.get("AlarmNames")
    if names is not None and len(names) > MOST_NAMES:
        raise _invalid(f"AlarmNames must have at most {MOST_NAMES} members")
    if "MetricAlarm" not in (call.params.get("AlarmTypes") or ["MetricAlarm"]):
        return {"MetricAlarms": [], "CompositeAlarms": []}
    prefix = call.params.get("AlarmNamePrefix", "")
    found = [
        alarm
        for name, alarm in sorted(store.alarms.items())
        if name.startswith(prefix) and (names is None or name in names)
    ]
    return {"CompositeAlarms": [], **by_token("MetricAlarms", found, call.params, PAGE, "cloudwatch")}


def delete_alarms(call: Call) -> Body:
    """Delete alarms; nothing is deleted where one of them does not exist."""
    store, names = call.store(CloudWatchRegion), call.params["AlarmNames"]
    if any(name not in store.alarms for name in names):
        raise AwsError("ResourceNotFound", "One or more of the alarms do not exist", 404)
    for name in names:
        del store.alarms[name]
        store.tags.pop(store.arn(name), None)
    return {}


def tag_resource(call: Call) -> Body:
    """Add or change tags of an alarm."""
    tags = {**_tags(call), **tags_to_dict(call.params["Tags"], key="Key", value="Value")}
    if len(tags) > MOST_TAGS:
        raise _invalid(f"The number of tags exceeds the limit of {MOST_TAGS}")
    call.store(CloudWatchRegion).tags[call.params["ResourceARN"]] = tags
    return {}


def untag_resource(call: Call) -> Body:
    """Remove tags of an alarm by key."""
    for key in call.params["TagKeys"]:
        _tags(call).pop(key, None)
    return {}


def list_tags_for_resource(call: Call) -> Body:
    """Return the tags of an alarm."""
    return {"Tags": tags_to_list(_tags(call), key="Key", value="Value")}


def _tags(call: Call) -> dict[str, str]:
    tags = call.store(CloudWatchRegion).tags.get(call.params["ResourceARN"])
    if tags is None:
        raise AwsError("ResourceNotFoundException", "Unknown resource", 404)
    return tags


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


OPERATIONS: dict[str, Handler] = {
    "PutMetricAlarm": put_metric_alarm,
    "DescribeAlarms": describe_alarms,
    "DeleteAlarms": delete_alarms,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
