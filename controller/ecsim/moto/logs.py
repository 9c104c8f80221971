"""Corrections of moto's CloudWatch Logs: members that it does not keep, and checks that it does not make."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ecsim.account.errors import AwsError, invalid_parameter
from ecsim.account.exchange import Response
from ecsim.account.world import Body, Call, Handler
from ecsim.moto import seams

RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


@dataclass
class LogsRegion:
    """The members of log groups that moto does not keep, in one Region of one account."""

    region: str
    account: str
    groups: dict[str, Body] = field(default_factory=dict)  # by name


def check_retention(call: Call) -> None:
    """Refuse a number of days that CloudWatch Logs does not offer."""
    days = call.params["retentionInDays"]
    if days not in RETENTIONS:
        raise invalid_parameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member"
            f" must satisfy enum value set: {list(RETENTIONS)}"
        )


def check_delete_log_group(call: Call) -> None:
    """Refuse to delete a log group with deletion protection; else let its tags go first."""
    kept = call.store(LogsRegion).groups.get(call.params["logGroupName"], {})
    if kept.get("deletionProtectionEnabled"):
        raise AwsError("ValidationException", "Cannot delete log group with deletion protection enabled")
    seams.forget_log_group_tags(call.account, call.region, call.params["logGroupName"])


def remember_log_group(call: Call, response: Response) -> Response:
    """Keep the members that moto does not keep."""
    kept: Body = {m: call.params[m] for m in ("logGroupClass", "deletionProtectionEnabled") if m in call.params}
    call.store(LogsRegion).groups[call.params["logGroupName"]] = kept
    return response


def forget_log_group(call: Call, response: Response) -> Response:
    """Drop the members of a deleted log group."""
    call.store(LogsRegion).groups.pop(call.params["logGroupName"], None)
    return response


def complete_log_groups(call: Call, response: Response) -> Response:
    """Add class and deletion protection to moto's response."""
    body = json.loads(response.body)
    names = call.params.get("logGroupIdentifiers")
    if names is not None:  # moto ignores it, and returns a page of all groups
        known = seams.log_groups(call.account, call.region)
        body = {"logGroups": [known[name].to_describe_dict() for name in sorted(set(names)) if name in known]}
    for group in body.get("logGroups", []):
        group.setdefault("logGroupClass", "STANDARD")
        group["deletionProtectionEnabled"] = False
        group.update(call.store(LogsRegion).groups.get(group["logGroupName"], {}))
    return Response(response.status, json.dumps(body).encode(), response.headers)


def put_deletion_protection(call: Call) -> Body:
    """Set the deletion protection of a log group. moto does not implement this operation."""
    name = _name(call.params["logGroupIdentifier"])
    if name not in seams.log_groups(call.account, call.region):
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    kept = call.store(LogsRegion).groups.setdefault(name, {})
    kept["deletionProtectionEnabled"] = call.params["deletionProtectionEnabled"]
    return {}


def associate_kms_key(call: Call) -> Body:
    """Encrypt a log group with a key. moto does not implement this operation."""
    _group(call).kms_key_id = call.params["kmsKeyId"]
    return {}


def disassociate_kms_key(call: Call) -> Body:
    """Encrypt a log group without a key of the account. moto does not implement this operation."""
    _group(call).kms_key_id = None
    return {}


def _group(call: Call) -> Any:
    reference = call.params.get("logGroupName") or call.params.get("resourceIdentifier", "")
    found = seams.log_groups(call.account, call.region).get(_name(reference))
    if found is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return found


def _name(reference: str) -> str:
    return reference.split(":log-group:")[-1].removesuffix(":*")


OPERATIONS: dict[str, Handler] = {
    "AssociateKmsKey": associate_kms_key,
    "DisassociateKmsKey": disassociate_kms_key,
    "PutLogGroupDeletionProtection": put_deletion_protection,
}
