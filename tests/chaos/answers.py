"""Answers that are known already: the same read of the same account is not sent over the wire again."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ecsim import Simulator
from ecsim.autoscaling.store import AutoScalingRegion
from ecsync.aws import lean
from tests.chaos.faults import Call, Injector
from tests.chaos.stale import StaleReads
from tests.chaos.wire import Exchange, Wire

OF_MOTO = frozenset({"iam", "logs", "ecr", "ssm", "sts"})  # only their own writes change them
NOT_KEPT = frozenset({"s3", "dynamodb"})  # their answers may be streams
CHECKED = 250  # of the answers that are known, one in so many is compared with what the wire returns

State = tuple[object, ...]  # of the account, as far as the reads of a service depend on it


@dataclass(frozen=True)
class Way:
    """The whole way of a client's calls, through botocore."""

    protocol: str
    region: str
    send: Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass
class Known:
    """The answer to a read."""

    answer: bytes  # as the caller gets it, pickled
    digest: bytes  # as ecsync makes it of the body
    exchange: Exchange
    protocol: str
    state: State  # in which it was given


@dataclass
class Answers:
    """Every call of the clients of this process: the fault that happens at it, and the answer to it.

    The simulated AWS counts what may change an answer. Until then a read is answered as before. After it, the same
    request is sent once more, and is answered as before if the response is the same. So botocore, which is most of the
    time of a pass, makes and reads only what is new.
    """

    simulator: Simulator
    injector: Injector
    stale: StaleReads
    wire: Wire
    remembers: bool = True  # False: every call goes the whole way
    before: Callable[[Call], None] = lambda _: None  # each call; it may raise
    after: Callable[[Call], None] = lambda _: None
    _known: dict[str, Known] = field(default_factory=dict)
    _written: Counter[str] = field(default_factory=Counter)  # calls, by service
    _repeated: int = 0

    def connect(self, client: Any) -> None:
        """Answer the calls of a client."""
        way = Way(client.meta.service_model.resolved_protocol, client.meta.region_name, client._make_api_call)
        service = client.meta.service_model.service_name
        client._make_api_call = lambda operation, params: self._called(Call(service, operation), params, way)

    def forget(self) -> None:
        """Forget every answer: the account is another one."""
        self._known.clear()

    def _called(self, call: Call, params: dict[str, Any], way: Way) -> dict[str, Any]:
        self.injector.before(call)
        self.before(call)
        cut = lean.unless(b"", call.service, call.operation) if self.injector.shortens else nullcontext()
        try:
            with cut:
                answer = self._answer(call, params, way)
        except ClientError as error:
            self.injector.after(call, error.response)
            raise
        self.injector.after(call, answer)
        self.after(call)
        return answer

    def _answer(self, call: Call, params: dict[str, Any], way: Way) -> dict[str, Any]:
        if call.writes:
            self._written[call.service] += 1
        if call.writes or not self.remembers or call.service in NOT_KEPT:
            return way.send(call.operation, params)
        key = f"{way.region} {call} {json.dumps(params, default=str)}"
        self.simulator.tick()
        state = self._state(call.service, way.region)
        known = self._known.get(key)
        if known is None or not self._is_valid(known, state):
            known = self._known[key] = self._sent(call, params, way, state)
        else:
            self._repeated += 1
            if self._repeated % CHECKED == 0:
                _compare(known, self._sent(call, params, way, state), call)
        asked = lean._KNOWN.get()
        if known.digest and asked is not None and asked.operation == (call.service, call.operation):
            asked.digest = known.digest
            if asked.same:
                return {}
        found: dict[str, Any] = pickle.loads(known.answer)  # noqa: S301  # ours
        return found

    def _is_valid(self, known: Known, state: State) -> bool:
        if known.state != state and self.wire.again(known.exchange, known.protocol):
            known.state = state
        return known.state == state

    def _state(self, service: str, region: str) -> State:
        if service in OF_MOTO:
            return "written", self._written[service]
        if service == "ec2":
            groups = self.simulator.world.store(AutoScalingRegion, region).groups.values()
            return (
                "written",
                self._written[service],
                *((one.id, one.state) for group in groups for one in group.instances),
            )
        snapshot = self.stale.snapshot(service)
        return ("now", self.simulator.world.changes) if snapshot is None else ("snapshot", snapshot.number)

    def _sent(self, call: Call, params: dict[str, Any], way: Way, state: State) -> Known:
        with lean.unless(b"", call.service, call.operation) as read:
            answer = way.send(call.operation, params)
        assert self.wire.last is not None
        answer.pop("ResponseMetadata", None)
        return Known(pickle.dumps(answer), read.digest, self.wire.last, way.protocol, state)


def _compare(known: Known, now: Known, call: Call) -> None:
    before, after = (pickle.loads(one.answer) for one in (known, now))  # noqa: S301  # ours
    for one in (before, after):
        one.pop("lastEvaluatedAt", None)  # of a lifecycle policy: the wall clock
    assert before == after, f"{call} was answered with {before}, and the wire returns {after}"
