"""When the next pass over an application comes, and how long a retry waits: the one place that owns these numbers."""

from __future__ import annotations

import random
from collections.abc import Callable

from ecsync.core.outcome import Done, Failed, Outcome, Progressing
from ecsync.engine.queue import Priority

SLOW = 900.0  # seconds until a denied or invalid call is retried, unless its document changes (docs/rules.md R24)
BACKOFF = (5.0, 300.0)  # seconds: the first delay and the longest
MAX_JITTER = 10.0  # seconds: drift is seen within the interval plus this
AFTER_CHANGE = 2.0  # seconds until the pass after a change: a read just after a write often shows the state before it
PASS_WAIT = 1.0  # seconds that the calls of a pass may wait for the rate limit together, before the pass is deferred


def delay(outcome: Outcome, *, interval: float, jitter: Callable[[float], float]) -> float:
    """Return the seconds until the next pass: the interval, or less.

    - A step that is under way or that waits for its retry sets its own delay.
    - After a change the next pass comes soon and observes the result, unless a step waits for the rate limit: then it
      comes when several tokens are there.
    - No failure makes it later than the interval: the pass also observes and repairs the other resources.
    """
    results = outcome.results.values()
    soon = [one.after for one in results if isinstance(one, Progressing)]
    soon += [one.after for one in results if isinstance(one, Failed) and one.after is not None]
    if any(isinstance(one, Done) for one in results) and not waits_for_rate(outcome):
        soon.append(AFTER_CHANGE)
    if outcome.health == "Progressing":
        soon.append(15.0)
    return min([jitter(interval), *soon])


def waits_for_rate(outcome: Outcome) -> bool:
    """Return whether a step waits for our rate limit."""
    return any(isinstance(one, Progressing) and one.deferred for one in outcome.results.values())


def priority(outcome: Outcome) -> Priority:
    """Return the priority of the next pass: by what this one tried to do."""
    results = outcome.results.values()
    if any(isinstance(one, Failed) and one.retry == "soon" for one in results):
        return "repair"
    tried = {step for step, one in outcome.results.items() if isinstance(one, Done | Progressing)}
    drift = {step.id for step in outcome.plan.steps if any(one.reason == "drift" for one in step.fields)}
    return "change" if tried - drift else "drift" if tried else "look"


def failed_transiently(outcome: Outcome) -> bool:
    """Return whether a step failed that is retried soon, or a resource could not be read."""
    failed = any(isinstance(one, Failed) and one.retry == "soon" for one in outcome.results.values())
    return failed or bool(outcome.plan.unreadable)


def backoff(failures: int) -> float:
    """Return the seconds until the retry after this many failures in a row."""
    first, longest = BACKOFF
    return min(longest, first * 2.0 ** min(failures, 10))


def jittered(seconds: float, share: float) -> float:
    """Return the seconds moved at random by at most the share, and by at most MAX_JITTER: applications spread out."""
    spread = min(seconds * share, MAX_JITTER)
    return seconds + random.uniform(-spread, spread)  # noqa: S311  # spreads load, no secret


def lengthened(seconds: float, share: float) -> float:
    """Return the seconds, longer at random by at most the share: retries spread out, and none comes early."""
    return seconds + random.uniform(0.0, seconds * share)  # noqa: S311  # spreads load, no secret
