"""AWS's request rates as AWS applies them: token buckets for each site, of which other clients may use a part."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache

from ecsync.aws.limits_table import BUCKETS, OPERATIONS


@cache
def buckets_of(name: str) -> tuple[str, ...]:
    """Return the buckets of an operation, such as `ecs.DescribeServices`. The part after a slash makes one for each."""
    found = next(buckets for pattern, buckets in OPERATIONS if fnmatchcase(name, pattern))
    own = {"operation": name, "service": name.partition(".")[0]}
    return tuple("/".join([bucket, *(own[by] for by in split)]) for bucket, *split in (one.split("/") for one in found))


@dataclass
class Buckets:
    """The tokens of one site. `others` is the part of each bucket that other clients use all the time."""

    others: float = 0.0
    left: dict[str, tuple[float, float]] = field(default_factory=dict)  # bucket -> tokens, and the time of that count

    def take(self, name: str, now: float) -> bool:
        """Take a token of each bucket of an operation; False if one is empty, and then none is taken."""
        levels = {bucket: self._level(bucket, now) for bucket in buckets_of(name)}
        granted = all(level >= 1 for level in levels.values())
        for bucket, level in levels.items():
            self.left[bucket] = (level - granted, now)
        return granted

    def _level(self, bucket: str, now: float) -> float:
        rate, own = BUCKETS[bucket.partition("/")[0]], 1 - self.others
        level, since = self.left.get(bucket, (rate.burst * own, now))
        return min(rate.burst * own, level + (now - since) * rate.refill * own)
