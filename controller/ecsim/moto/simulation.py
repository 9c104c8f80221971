"""iam.SimulatePrincipalPolicy, which moto does not have: what the policies of a role allow."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from ecsim.account.errors import AwsError
from ecsim.account.policy import Check, allowed
from ecsim.account.world import Body, Call, Handler
from ecsim.moto import seams


def simulate_principal_policy(call: Call) -> Body:
    """Return a decision for each action and resource."""
    source = call.params["PolicySourceArn"]
    role = seams.role(call.account, source.rsplit("/", 1)[-1])
    if role is None or role.arn != source:
        raise AwsError("NoSuchEntity", f"The role with name {source} cannot be found.", 404)
    policies = [_tree(one) for one in seams.policies_of(role)]
    asked = [
        Check(action, resource)
        for action in call.params["ActionNames"]
        for resource in call.params.get("ResourceArns") or ["*"]
    ]
    results: list[Body] = [
        {
            "EvalActionName": one.action,
            "EvalResourceName": one.resource,
            "EvalDecision": "allowed" if allowed(policies, one) else "implicitDeny",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for one in asked
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _tree(document: Any) -> Any:
    return json.loads(unquote(document)) if isinstance(document, str) else document


OPERATIONS: dict[str, Handler] = {"SimulatePrincipalPolicy": simulate_principal_policy}
