"""How many calls a fleet needs, by the limit model: `python -m benchmarks.size --services 1000 --interval 60`.

For one site, an account and Region, with the shape of benchmarks/fleet.py. Nothing is measured.
"""

from __future__ import annotations

import argparse

from benchmarks.fleet import Fleet
from benchmarks.limit import cadences, limit, mean_limit, seconds
from benchmarks.load.buckets import buckets_of
from ecsync.aws.limits_table import BUCKETS

SHARE = 0.5  # the controller's default share of AWS's rates
MONTH = 30 * 86_400.0


def use_of_buckets(services: int, interval: float, share: float) -> dict[str, float]:
    """Return the part of our share of each bucket that is used all the time; above 1 it never suffices."""
    used: dict[str, float] = {}
    for operation, calls in mean_limit(Fleet(services, 1).counts, interval).items():
        for bucket in buckets_of(operation):
            rate = BUCKETS[bucket.partition("/")[0]].refill * share
            used[bucket] = used.get(bucket, 0.0) + calls / interval / rate
    return used


def shortest_interval(services: int, share: float) -> float:
    """Return the shortest interval, in whole seconds, at which every bucket gets as many tokens as it gives."""
    return next(
        float(interval) for interval in range(5, 86_401) if max(use_of_buckets(services, interval, share).values()) <= 1
    )


def main() -> None:
    """Print the calls of one site."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=60.0, help="seconds between two passes of an application")
    parser.add_argument("--share", type=float, default=SHARE, help="our share of AWS's rates")
    wanted = parser.parse_args()
    counts, age = Fleet(wanted.services, 1).counts, cadences(wanted.interval)
    used = use_of_buckets(wanted.services, wanted.interval, wanted.share)
    calls = mean_limit(counts, wanted.interval)
    total = sum(calls.values())
    print(f"{wanted.services:,} services at {wanted.interval:.0f} s; ", end="")
    print(f"medium {age['medium']:.0f} s, slow {age['slow']:.0f} s")
    print(f"calls of a mean round: {total:,.1f}; a month: {total / wanted.interval * MONTH:,.0f}")
    print(f"one check with every read that is not slow: {sum(limit(counts).values()):,} calls, ", end="")
    print(f"{seconds(limit(counts), wanted.share):.0f} s from full buckets at a share of {wanted.share:.0%}")
    print(f"shortest interval that the rates allow: {shortest_interval(wanted.services, wanted.share):.0f} s")
    print("use of our share of each bucket:")
    for bucket, part in sorted(used.items(), key=lambda one: -one[1]):
        print(f"  {bucket:<40}{part:>8.1%}")


if __name__ == "__main__":
    main()
