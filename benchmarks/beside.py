"""Passes of a small application beside 1,000 busy services in another Region: `python -m benchmarks.beside`.

The real daemon against the load AWS with AWS's rates and 30 ms of latency, in real time, from its start. The small
application has five services and an interval of 10 s. A pass is late if it starts more than the interval, its random
part and two seconds after the one before ended.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from itertools import pairwise

from benchmarks.daemon import manifests, passes_of, running
from benchmarks.fleet import REGIONS, Fleet, sites
from benchmarks.load.client import LoadAws, Remote

INTERVAL = 10.0
JITTER = 0.1  # the daemon's default
GRACE = 2.0
LATENCY = 0.03
FIRST = 30.0  # seconds in which the first pass must end


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What happened to the small application. Times are seconds."""

    seconds: float
    passes: int
    late: int
    first_pass: float | None  # from the start of the daemon to the end of the first pass
    longest_gap: float
    throttles: int
    writes: int


def beside(aws: Remote, services: int, applications: int, seconds: float) -> Beside:
    """Run the daemon for so many seconds."""
    busy = sites(services, applications)[0]
    small = Fleet(5, 1, region=REGIONS[1], prefix="small-", interval=f"{INTERVAL:.0f}s")
    aws.set([busy, small], buckets=True, others=0.0, latency=LATENCY, throttled=[])
    with manifests([busy, small]) as folder:
        started = time.time()
        with running(aws.url, folder) as daemon:
            passes = passes_of(daemon, small.shared, seconds)
        ended = started + seconds
    received = aws.received()
    first = passes[0].ended - started if passes else None
    gaps = [later.started - earlier.ended for earlier, later in pairwise(passes)]
    gaps.append(max(0.0, ended - passes[-1].ended - 1) if passes else ended - started)
    longest = INTERVAL * (1 + JITTER) + GRACE
    return Beside(
        seconds=seconds,
        passes=len(passes),
        late=sum(gap > longest for gap in gaps) + (first is None or first > FIRST),
        first_pass=first,
        longest_gap=max(gaps),
        throttles=sum(received.throttles.values()),
        writes=sum(received.writes.values()),
    )


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--applications", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=90.0)
    wanted = parser.parse_args()
    with LoadAws() as aws:
        found = beside(aws, wanted.services, wanted.applications, wanted.seconds)
    print(json.dumps(asdict(found), indent=1))


if __name__ == "__main__":
    main()
