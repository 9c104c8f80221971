"""`make corpus`: a table with the results of all documents of the corpus."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ecsync import config
from ecsync.aws.clients import Access, Clients
from tests.chaos.wire import Wire
from tests.corpus.account import REGION, Account, simulator
from tests.corpus.checks import Corpus
from tests.corpus.results import REJECTED, SKIPPED, Result


@contextmanager
def opened(directory: Path) -> Iterator[Corpus]:
    """Open the corpus, with a simulated account that runs until the end of the block."""
    served = simulator()
    config.use_simulated(served.url, REGION)
    clients = Clients(Access(region=REGION, endpoint_url=served.url))
    Wire(served.gateway).connect(clients)
    try:
        yield Corpus(directory, Account(served, clients))
    finally:
        served.stop()


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table: document, outcome, count; then the filled-in values, and details."""
    counts = Counter((one.what, one.outcome) for one in results)
    skipped = sum(count for (_, outcome), count in counts.items() if outcome == SKIPPED)
    for (what, outcome), count in sorted(counts.items()):
        if outcome != SKIPPED:
            yield f"  {what:<24}{outcome:<32}{count:>5}"
    yield f"  {'other kinds':<24}{SKIPPED:<32}{skipped:>5}"
    filled = Counter(value for one in results for value in one.filled)
    yield "filled in: " + ", ".join(f"{value} {count}" for value, count in filled.most_common())
    for one in results:
        if not one.expected or one.outcome == REJECTED:
            yield f"{one.outcome}: {one.file}: {one.why}"


def main() -> int:
    """Print the table. Return 1 if an outcome is not an expected one, or if the corpus is missing."""
    place = os.environ.get("ECSYNC_CORPUS")
    if not place:
        print("nothing is tested: ECSYNC_CORPUS is not set; set it to a directory of real definitions", file=sys.stderr)
        return 1
    started = time.monotonic()
    with opened(Path(place)) as corpus:
        results = list(corpus.results())
    for line in table(results):
        print(line)
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if all(one.expected for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
