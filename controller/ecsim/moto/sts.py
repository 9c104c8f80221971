"""STS: roles that are assumed, also in other accounts; the calls of a session land in the account of its role."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from ecsim.account.errors import AwsError
from ecsim.account.world import Body, Call, Handler
from ecsim.moto import seams


def assume_role(call: Call) -> Body:
    """Return credentials for a role that trusts the caller, with the external id that its policy asks for.

    Session tags need sts:TagSession in the same policy. They are in the ledger, as parameters of this call.
    """
    arn, sessions = call.params["RoleArn"], call.world.sessions
    account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
    caller = sessions.caller(call.access_key)
    role, external_id = seams.role(account, name), call.params.get("ExternalId")
    for action in ("sts:AssumeRole", "sts:TagSession")[: 2 if call.params.get("Tags") else 1]:
        if role is None or role.arn != arn or not _trusts(role, caller, external_id, action):
            raise AwsError(
                "AccessDenied", f"User: {caller} is not authorized to perform: {action} on resource: {arn}", 403
            )
    assert role is not None
    key, session = f"ASIA{call.world.hex(16).upper()}", call.params["RoleSessionName"]
    sessions.roles[key] = arn
    sessions.arns[key] = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    # botocore compares it with the clock of the machine, which is not the simulated one.
    ends = datetime.now(UTC) + timedelta(seconds=call.params.get("DurationSeconds", 3600))
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": call.world.hex(40),
            "SessionToken": call.world.hex(64),
            "Expiration": ends,
        },
        "AssumedRoleUser": {"AssumedRoleId": f"{role.id}:{session}", "Arn": sessions.arns[key]},
    }


def _trusts(role: Any, caller: str, external_id: str | None, action: str) -> bool:
    document = role.assume_role_policy_document
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    return any(_allows(one, caller, external_id, action) for one in statements if one.get("Effect") == "Allow")


def _allows(statement: Body, caller: str, external_id: str | None, action: str) -> bool:
    """Return whether a statement lets a caller do this to the role. Of conditions, only the external id is known."""
    principal = statement.get("Principal", {})
    trusted = _several(principal if isinstance(principal, str) else principal.get("AWS", []))
    account = caller.split(":")[4]
    known = {"*", account, f"arn:aws:iam::{account}:root", caller, _role_of(caller)}
    wanted = {**statement.get("Condition", {})}
    identifier = wanted.pop("StringEquals", {"sts:ExternalId": external_id})
    right = identifier.keys() == {"sts:ExternalId"} and external_id in _several(identifier["sts:ExternalId"])
    return bool(known & {*trusted}) and action in _several(statement.get("Action", [])) and right and not wanted


def _role_of(caller: str) -> str:
    """Return the role of a session without a path: the principal that a policy names."""
    kind, _, rest = caller.split(":", 5)[5].partition("/")
    return f"arn:aws:iam::{caller.split(':')[4]}:role/{rest.split('/')[0]}" if kind == "assumed-role" else caller


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def get_caller_identity(call: Call) -> Body:
    """Return who calls."""
    return {"UserId": call.access_key, "Account": call.account, "Arn": call.world.sessions.caller(call.access_key)}


OPERATIONS: dict[str, Handler] = {"AssumeRole": assume_role, "GetCallerIdentity": get_caller_identity}
