"""What passes leave behind: a steady application takes no more memory after hours."""

from __future__ import annotations

import gc
import tracemalloc

from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import PassOptions, reconcile
from tests.engine.passes import Account, shop, stack


def test_steady_passes_leave_nothing_behind() -> None:
    """Five hours at an interval of a minute, with every cadence and listing of the inventory in them."""
    account = Account()
    application = shop(*stack())
    account.settle(application)
    destination = account.destination().shared()
    catalogue = Catalogue(applications={application.name: application}, revision="1")

    def passes(count: int) -> tuple[int, int]:
        for _ in range(count):
            outcome = reconcile(application, catalogue, destination, account.step_state, PassOptions(enforce=True))
            assert not outcome.results
            account.clock.advance(60)
        del outcome
        gc.collect()
        return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]

    passes(2)
    tracemalloc.start()
    try:
        before = passes(120)
        after = passes(180)
    finally:
        tracemalloc.stop()
    assert after[0] - before[0] < 20, "objects"
    assert after[1] - before[1] < 50_000, "bytes"
