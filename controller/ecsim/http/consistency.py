"""Eventual consistency: for some time after a write, a repeated read returns its response from before the write.

This simulates a replica that has not received the write yet. A read that was not made before is never stale.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecsim.account.exchange import Request, Response
from ecsim.account.ledger import is_mutating


@dataclass
class Replica:
    """The last response of each read, and the times of the writes."""

    answers: dict[str, tuple[int, Response]] = field(default_factory=dict)  # read → writes seen, response
    writes: dict[str, list[float]] = field(default_factory=dict)  # service → times of its writes

    def stale(self, request: Request, lags: Mapping[str, float], now: float) -> Response | None:
        """Return the response from before a write that has not reached the replica; None if the read is fresh."""
        seconds = lags.get(request.name, lags.get(f"{request.service}:*", 0.0))
        known = self.answers.get(_key(request)) if seconds > 0 and not is_mutating(request.operation) else None
        if known is None:
            return None
        seen, answer = known
        unseen = self.writes.get(request.service, [])[seen:]
        return answer if unseen and now < unseen[0] + seconds else None

    def note(self, request: Request, response: Response, lags: Mapping[str, float], now: float) -> None:
        """Record a write, or the response to a read."""
        if not lags:
            return
        writes = self.writes.setdefault(request.service, [])
        if not is_mutating(request.operation):
            self.answers[_key(request)] = (len(writes), response)
        elif response.status < 400:
            writes.append(now)


def _key(request: Request) -> str:
    return f"{request.region} {request.name} {json.dumps(request.params, sort_keys=True, default=str)}"
