"""From what a pass did to when the next one is: the one place that owns intervals and backoff."""

from __future__ import annotations

from collections.abc import Callable

from ecsync.core.model import Done, Failed, Outcome, Progressing

SLOW = 900.0  # seconds: what was denied or invalid is tried again, slowly, and on a new revision (rule 24)
BACKOFF = (5.0, 300.0)


def delay(outcome: Outcome, *, interval: float, failures: int, jitter: Callable[[float], float]) -> float:
    """Return the seconds until the next pass.

    What is under way says itself when to look again; a pass that changed something is followed soon by one that
    looks at the result; transient failures back off; everything else comes at the interval.
    """
    results = outcome.results.values()
    soon = [one.after for one in results if isinstance(one, Progressing)]
    if any(isinstance(one, Failed) and one.retry == "soon" for one in results) or outcome.plan.unreadable:
        soon.append(jitter(min(BACKOFF[1], BACKOFF[0] * 2 ** min(failures, 10))))
    if any(isinstance(one, Done) for one in results):
        soon.append(1.0)
    if outcome.health == "Progressing":
        soon.append(15.0)
    if any(isinstance(one, Failed) and one.retry == "slow" for one in results) and not soon:
        return jitter(max(SLOW, interval))
    return min([jitter(interval), *soon])
