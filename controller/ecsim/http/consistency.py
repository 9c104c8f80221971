"""Eventual consistency: for a while after a write, a read that was asked before answers as it did then.

That is what a replica does that has not heard of the write yet. A read that nobody has asked before has no older
answer, and is fresh.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecsim.account.exchange import Request, Response
from ecsim.account.ledger import is_mutating


@dataclass
class Replica:
    """The answers of the past, and the writes since."""

    answers: dict[str, tuple[int, Response]] = field(default_factory=dict)  # a read → how many writes it has seen
    writes: dict[str, list[float]] = field(default_factory=dict)  # service → when each of its writes was

    def stale(self, request: Request, lags: Mapping[str, float], now: float) -> Response | None:
        """The answer from before a write that is not known everywhere yet, or None."""
        seconds = lags.get(request.name, lags.get(f"{request.service}:*", 0.0))
        known = self.answers.get(_key(request)) if seconds > 0 and not is_mutating(request.operation) else None
        if known is None:
            return None
        seen, answer = known
        unseen = self.writes.get(request.service, [])[seen:]
        return answer if unseen and now < unseen[0] + seconds else None

    def note(self, request: Request, response: Response, lags: Mapping[str, float], now: float) -> None:
        """Remember a write, or the answer to a read."""
        if not lags:
            return
        writes = self.writes.setdefault(request.service, [])
        if not is_mutating(request.operation):
            self.answers[_key(request)] = (len(writes), response)
        elif response.status < 400:
            writes.append(now)


def _key(request: Request) -> str:
    return f"{request.region} {request.name} {json.dumps(request.params, sort_keys=True, default=str)}"
