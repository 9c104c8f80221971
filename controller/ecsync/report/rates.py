"""The state of the rate limits as metrics: the waits, the throttles and the rate of each bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_LABELS = ("account", "region", "bucket")


class Reading(Protocol):
    """The state of one bucket. An empty account is not known yet; an empty Region is all Regions."""

    @property
    def account(self) -> str:
        """The id of the account."""

    @property
    def region(self) -> str:
        """The Region."""

    @property
    def bucket(self) -> str:
        """The name of the bucket."""

    @property
    def rate(self) -> float:
        """The tokens per second now."""

    @property
    def waited(self) -> float:
        """The seconds that calls have waited for it."""

    @property
    def throttles(self) -> int:
        """The calls that AWS has throttled."""


class Buckets(Collector):
    """The metrics of the rate limits, computed at each scrape. A bucket has series from its first use on."""

    def __init__(self, readings: Callable[[], Sequence[Reading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without series too."""
        waited = CounterMetricFamily(
            "ecsync_aws_bucket_wait_seconds", "Seconds that calls waited for a rate limit, by bucket", labels=_LABELS
        )
        throttles = CounterMetricFamily("ecsync_aws_bucket_throttles", "Calls that AWS throttled", labels=_LABELS)
        rate = GaugeMetricFamily(
            "ecsync_aws_bucket_rate", "Calls per second that ecsync allows itself now, by bucket", labels=_LABELS
        )
        for one in self._readings():
            labels = [one.account, one.region, one.bucket]
            waited.add_metric(labels, one.waited)
            throttles.add_metric(labels, one.throttles)
            rate.add_metric(labels, one.rate)
        yield from (waited, throttles, rate)
