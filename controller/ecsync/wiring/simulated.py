"""A simulated AWS in this process, as the endpoint of all clients of this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ecsync import config
from ecsync.config import ConfigError
from ecsync.installed import command_for

if TYPE_CHECKING:
    from ecsim import Simulator

REGION = "eu-west-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A running simulated AWS."""

    simulator: Simulator
    url: str
    account: str
    speed: float  # simulated seconds in one second


def start(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    settling: bool = True,
    settles_in: float = 0.0,
    region: str = REGION,
) -> Simulated:
    """Start a simulated AWS and make it the endpoint of this process. Raises ConfigError if it is not installed.

    `settles_in`: the simulated seconds until a new role and the service-linked role work; 0: as long as in AWS.
    """
    try:
        from ecsim import Settings, Simulator, SpeedClock
    except ImportError as error:
        raise ConfigError(
            f"the simulated AWS is not installed ({error.name} is missing): {command_for('simulator')}"
        ) from error
    settings = Settings(region=region, speed=speed, settling=settling)
    if settles_in:
        settings = replace(settings, role_seconds=settles_in, service_linked_role_seconds=settles_in)
    simulator = Simulator(settings, SpeedClock(speed))
    url = simulator.start(port, host)
    config.use_simulated(url, region)
    return Simulated(simulator=simulator, url=url, account=settings.account, speed=speed)


def quickstart() -> str:
    """Return the folder of the quickstart manifests: in the installed package, or in the checkout."""
    package = Path(__file__).resolve().parent.parent  # ecsync
    installed, checkout = package / "manifests" / "quickstart", package.parent.parent / "manifests" / "quickstart"
    return str(installed if installed.is_dir() else checkout)
