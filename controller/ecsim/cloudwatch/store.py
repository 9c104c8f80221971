"""The state of Amazon CloudWatch in one Region."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.world import Body


@dataclass
class CloudWatchRegion:
    """Amazon CloudWatch in one Region of one account."""

    region: str
    account: str
    alarms: dict[str, Body] = field(default_factory=dict)  # by name, as DescribeAlarms returns them
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # by ARN

    def arn(self, name: str) -> str:
        """Return the ARN of an alarm."""
        return f"arn:aws:cloudwatch:{self.region}:{self.account}:alarm:{name}"
