"""What the inventories of reads hold as metrics: the reads by reason, and the age of what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SITE = ("account", "region")


class Inventory(Protocol):
    """What was read of one account and Region."""

    @property
    def reads(self) -> Mapping[tuple[str, str], int]:
        """The requests to AWS, by operation and reason."""

    @property
    def size(self) -> int:
        """The number of answers that are kept."""

    def ages(self) -> Mapping[str, float]:
        """The age in seconds of the oldest answer in use, by operation."""


class Inventories(Collector):
    """The metrics of the inventories, computed at each scrape. Two roles of one account count together."""

    def __init__(self, inventories: Callable[[], Sequence[tuple[str, str, Inventory]]]) -> None:
        self._inventories = inventories

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without series too."""
        counts: dict[tuple[str, ...], float] = {}
        oldest: dict[tuple[str, ...], float] = {}
        kept: dict[tuple[str, ...], float] = {}
        for account, region, inventory in self._inventories():
            site = account, region
            kept[site] = kept.get(site, 0) + inventory.size
            for (operation, reason), number in dict(inventory.reads).items():
                key = (*site, operation, reason)
                counts[key] = counts.get(key, 0) + number
            for operation, age in inventory.ages().items():
                oldest[*site, operation] = max(oldest.get((*site, operation), 0), age)
        reads = CounterMetricFamily(
            "ecsync_inventory_reads",
            "Requests to AWS: because of their age (cadence), for a difference (confirm), or before a write (fresh)",
            labels=(*_SITE, "operation", "reason"),
        )
        ages = GaugeMetricFamily(
            "ecsync_inventory_age_seconds",
            "Age of the oldest answer that is in use, by operation",
            labels=(*_SITE, "operation"),
        )
        answers = GaugeMetricFamily("ecsync_inventory_answers", "Answers that are kept", labels=_SITE)
        for family, values in ((reads, counts), (ages, oldest), (answers, kept)):
            for labels, value in values.items():
                family.add_metric(labels, value)
        yield from (reads, ages, answers)
