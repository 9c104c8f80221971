"""Members of log groups that moto forgets, and what it does not refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ecsim.account.errors import AwsError, invalid_parameter
from ecsim.account.exchange import Response
from ecsim.account.world import Body, Call, Handler
from ecsim.moto import seams

RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
CLASSES = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")


@dataclass
class LogsRegion:
    """The members of log groups that moto does not keep, in one Region of one account."""

    region: str
    account: str
    groups: dict[str, Body] = field(default_factory=dict)  # by name


def check_create_log_group(call: Call) -> None:
    """Refuse a log class that does not exist."""
    if call.params.get("logGroupClass", "STANDARD") not in CLASSES:
        raise invalid_parameter(f"logGroupClass must be one of [{', '.join(CLASSES)}]")


def check_retention(call: Call) -> None:
    """Only some numbers of days are possible."""
    days = call.params["retentionInDays"]
    if days not in RETENTIONS:
        raise invalid_parameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member"
            f" must satisfy enum value set: {list(RETENTIONS)}"
        )


def check_delete_log_group(call: Call) -> None:
    """A protected log group stays."""
    kept = call.store(LogsRegion).groups.get(call.params["logGroupName"], {})
    if kept.get("deletionProtectionEnabled"):
        raise AwsError("ValidationException", "Cannot delete log group with deletion protection enabled")


def remember_log_group(call: Call, response: Response) -> Response:
    """Keep what moto drops."""
    kept: Body = {m: call.params[m] for m in ("logGroupClass", "deletionProtectionEnabled") if m in call.params}
    call.store(LogsRegion).groups[call.params["logGroupName"]] = kept
    return response


def forget_log_group(call: Call, response: Response) -> Response:
    """The name is free again."""
    call.store(LogsRegion).groups.pop(call.params["logGroupName"], None)
    return response


def complete_log_groups(call: Call, response: Response) -> Response:
    """Add class and deletion protection to what moto describes."""
    body = json.loads(response.body)
    for group in body.get("logGroups", []):
        group.setdefault("logGroupClass", "STANDARD")
        group["deletionProtectionEnabled"] = False
        group.update(call.store(LogsRegion).groups.get(group["logGroupName"], {}))
    return Response(response.status, json.dumps(body).encode(), response.headers)


def put_deletion_protection(call: Call) -> Body:
    """Protect a log group, or not; moto has no such operation."""
    name = call.params["logGroupIdentifier"].split(":log-group:")[-1].removesuffix(":*")
    if name not in seams.log_groups(call.world.settings.account, call.region):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    kept = call.store(LogsRegion).groups.setdefault(name, {})
    kept["deletionProtectionEnabled"] = call.params["deletionProtectionEnabled"]
    return {}


OPERATIONS: dict[str, Handler] = {"PutLogGroupDeletionProtection": put_deletion_protection}
