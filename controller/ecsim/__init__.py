"""A simulated AWS in one process: Amazon ECS with its scheduler, load balancers, Auto Scaling; moto serves the rest.

It imports nothing of ecsync, so that it shares none of the controller's assumptions.
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
