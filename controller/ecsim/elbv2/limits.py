"""The quotas of Elastic Load Balancing."""

from __future__ import annotations

from ecsim.account.world import Body, Call, Handler

# ELB User Guide, Quotas: the default values of a Region.
DEFAULTS = {
    "application-load-balancers": 50,
    "network-load-balancers": 50,
    "target-groups": 3000,
    "listeners-per-application-load-balancer": 50,
    "listeners-per-network-load-balancer": 50,
    "rules-per-application-load-balancer": 100,
}


def describe_account_limits(call: Call) -> Body:
    """Return the quotas; those of the account's settings take the place of the defaults."""
    own = call.world.settings.quotas
    return {"Limits": [{"Name": name, "Max": str(own.get(name, value))} for name, value in DEFAULTS.items()]}


OPERATIONS: dict[str, Handler] = {"DescribeAccountLimits": describe_account_limits}
