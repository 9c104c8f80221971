"""A believable AWS in one process: Amazon ECS with a scheduler, load balancers, and moto for the rest.

It imports nothing from the rest of the package, so it cannot share the controller's assumptions.
"""

from controller.simulator.clock import Clock, SpeedClock, VirtualClock
from controller.simulator.faults import Fault
from controller.simulator.ledger import Ledger, LedgerEntry
from controller.simulator.settings import Settings, Timings
from controller.simulator.simulator import Simulator

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
