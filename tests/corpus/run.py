"""`make corpus`: what became of every document of the corpus, as a table."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from botocore.loaders import create_loader

from ecsync import config
from ecsync.aws.clients import Access, Clients
from tests.corpus.account import REGION, Account, simulator
from tests.corpus.checks import Corpus
from tests.corpus.results import REFUSED, Result


@contextmanager
def opened(directory: Path) -> Iterator[Corpus]:
    """Open the corpus, with a simulated account that serves for as long."""
    served = simulator()
    config.use_simulated(served.url, REGION)
    clients = Clients(Access(region=REGION, endpoint_url=served.url), loader=create_loader())
    try:
        yield Corpus(directory, Account(served, clients))
    finally:
        served.stop()


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table: what was tried, what became of it, what was filled in."""
    counts = Counter((one.what, one.word) for one in results)
    elsewhere = sum(count for (_, word), count in counts.items() if word == "not for this")
    for (what, word), count in sorted(counts.items()):
        if word != "not for this":
            yield f"  {what:<24}{word:<32}{count:>5}"
    yield f"  {'other kinds':<24}{'not for this':<32}{elsewhere:>5}"
    filled = Counter(word for one in results for word in one.filled)
    yield "filled in: " + ", ".join(f"{word} {count}" for word, count in filled.most_common())
    for one in results:
        if not one.good or one.word == REFUSED:
            yield f"{one.word}: {one.file}: {one.why}"


def main() -> int:
    """Print the table; 1 where something is not as it should be, or nothing can be tried."""
    place = os.environ.get("ECSYNC_CORPUS")
    if not place:
        print("ECSYNC_CORPUS names no directory of real definitions: nothing to try", file=sys.stderr)
        return 1
    started = time.monotonic()
    with opened(Path(place)) as corpus:
        results = list(corpus.results())
    for line in table(results):
        print(line)
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if all(one.good for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
