"""The state of Amazon EC2 in one Region, as far as moto does not keep it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecsim.account.world import Body


@dataclass
class Ec2Region:
    """Amazon EC2 in one Region of one account."""

    region: str
    account: str
    templates: dict[str, Body] = field(default_factory=dict)  # by id
