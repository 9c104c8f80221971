"""A believable AWS in one process: Amazon ECS with a scheduler, load balancers, and moto for the rest.

It imports nothing from the rest of the package, so it cannot share the controller's assumptions.
"""

from ecsim.account.clock import Clock, SpeedClock, VirtualClock
from ecsim.account.faults import Fault
from ecsim.account.ledger import Ledger, LedgerEntry
from ecsim.account.settings import Settings, Timings
from ecsim.simulator import Simulator

__all__ = [
    "Clock",
    "Fault",
    "Ledger",
    "LedgerEntry",
    "Settings",
    "Simulator",
    "SpeedClock",
    "Timings",
    "VirtualClock",
]
