"""The checks of a request, whatever its service, and the error of a request that is denied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ecsim.access import ecs, elbv2, others
from ecsim.account.errors import AwsError
from ecsim.account.exchange import Request
from ecsim.account.faults import DENIAL, DENIALS
from ecsim.account.policy import Check, allowed
from ecsim.account.world import Call

SERVICES: dict[str, others.Checks] = {**others.SERVICES, "ecs": ecs.checks, "elbv2": elbv2.checks}
PREFIXES = {"resourcegroupstaggingapi": "tag", "service-quotas": "servicequotas"}
FREE = "sts"  # GetCallerIdentity needs no permission; the trust of a role decides about AssumeRole (moto/sts.py)


def checks(call: Call, request: Request) -> tuple[Check, ...]:
    """Return what IAM checks for a request; an action that no service above knows is checked without a resource."""
    if request.service == FREE:
        return ()
    found = SERVICES.get(request.service)
    if found is None:
        return (Check(f"{PREFIXES.get(request.service, request.service)}:{request.operation}"),)
    try:
        return tuple(found(call, request.operation))
    except (KeyError, StopIteration, TypeError, AttributeError):  # the service itself refuses such a request
        return (Check(f"{request.service}:{request.operation}"),)


def denial(
    policies: Iterable[Mapping[str, Any]], request: Request, asked: Iterable[Check], who: str
) -> AwsError | None:
    """Return the error of the first check that the policies do not allow; None if they allow all of them."""
    policies = tuple(policies)
    for one in asked:
        if not allowed(policies, one):
            code, _, status = DENIALS.get(request.service, DENIAL)
            because = f"because no identity-based policy allows the {one.action} action"
            text = f"User: {who} is not authorized to perform: {one.action} on resource: {one.resource} {because}"
            return AwsError(code, text, status)
    return None
