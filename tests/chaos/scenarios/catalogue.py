"""All scenarios by name."""

from __future__ import annotations

from tests.chaos.scenarios import actors, manifests, tilog, traffic
from tests.chaos.scenarios.scenario import by_name

SCENARIOS = by_name(*manifests.SCENARIOS, *actors.SCENARIOS, *traffic.SCENARIOS, *tilog.SCENARIOS)
