"""Makes counters, gauges and histograms of one registry, and knows the labels of each."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Families:
    """The families that it has made: the names of their labels, by name without `_total`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.labels: dict[str, tuple[str, ...]] = {}

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Return a new counter."""
        return Counter(f"{self._named(name, labels)}_total", text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Return a new gauge."""
        return Gauge(self._named(name, labels), text, labels, registry=self._registry)

    def histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        """Return a new histogram."""
        return Histogram(self._named(name, labels), text, labels, registry=self._registry, buckets=buckets)

    def _named(self, name: str, labels: tuple[str, ...]) -> str:
        """Note the labels of a family, and return its name."""
        full = f"ecsync_{name}"
        self.labels[full] = labels
        return full
