"""The internet gateway of the default VPC, which moto leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from ecsim.account.world import Call
from ecsim.moto import seams


@dataclass
class DefaultVpc:
    """Whether the default VPC of one Region of one account has got its gateway."""

    region: str
    account: str
    connected: bool = False


def connect(call: Call) -> None:
    """Connect the default VPC to the internet, as AWS creates it; only once: the route may be deleted.

    Source: Amazon VPC User Guide, Default VPCs: an internet gateway, and a route to it in the main route table.
    """
    vpc = call.store(DefaultVpc)
    if not vpc.connected:
        vpc.connected = True
        seams.connect_default_vpc(call.account, call.region)
