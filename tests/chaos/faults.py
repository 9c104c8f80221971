"""What goes wrong at one call, before its effect or after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ecsim import Simulator
from ecsim.account.faults import DENIAL, DENIALS, THROTTLE, THROTTLES
from ecsim.account.ledger import is_mutating

Fault = Literal[
    "error",  # a 500 before the effect
    "error-after",  # a 500 after the effect
    "lost",  # the effect, and no answer
    "reset",  # the connection breaks before the effect
    "throttled",  # once
    "throttled-long",  # every call of the service, for a minute
    "denied",  # every call of the operation, for ten minutes
    "expired",  # the credentials, before the effect
    "expired-after",  # the credentials, with the effect
    "broken",  # the answer cannot be parsed
    "short",  # half of the elements of the answer are not there, and no next page
    "stale",  # a read returns what was there before the last write
    "slow",  # 400 s before the effect and 400 s until the answer
    "clock",  # the wall clock is set, by an hour or a day, there or back
    "killed",  # the process, before the effect
    "killed-after",  # the process, after the effect
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
READS_ONLY = frozenset({"short", "stale"})
LASTING: Mapping[Fault, float] = {"throttled-long": 60.0, "denied": 600.0}  # seconds
CLOCKS = (3600.0, -3600.0, 86_400.0, -86_400.0)
COUNTED = ("Create", "Delete", "Register", "Deregister", "Run", "Terminate")  # operations: as often as without a fault
_URL = "https://aws.invalid/"


class Killed(BaseException):
    """Ends the process: ecsync catches no BaseException."""


@dataclass(frozen=True)
class Call:
    """One call of the controller."""

    service: str
    operation: str

    @property
    def writes(self) -> bool:
        """Whether it may change the account."""
        return is_mutating(self.operation)

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}"


@dataclass
class Injector:
    """Counts the calls of the controller, and makes one of them go wrong.

    `visit` is called before each call, with its index; the fault that it returns happens there.
    """

    simulator: Simulator
    set_clock: Callable[[float], None]  # by so many seconds
    set_stale: Callable[[bool], None]
    visit: Callable[[int, Call], Fault | None] = lambda _index, _call: None
    calls: list[Call] = field(default_factory=list)
    active: bool = False  # False: the calls are those of another client
    ends_at: float = 0.0  # simulated seconds: until then the fault lasts
    happened: int = -1  # the index of the call with the fault
    fault: Fault | None = None
    _lasting: tuple[Fault, Call] | None = None
    _after: Fault | None = None

    def start(self, visit: Callable[[int, Call], Fault | None]) -> None:
        """Count from zero."""
        self.visit, self.calls, self.happened, self.ends_at = visit, [], -1, 0.0
        self.fault = self._lasting = self._after = None

    @property
    def lasts(self) -> bool:
        """Return whether the fault still affects calls."""
        return self.simulator.clock.now() < self.ends_at

    @property
    def shortens(self) -> bool:
        """Whether the answer to the call that is made now will be cut: then it is another one than AWS gave."""
        return self.active and self._after == "short"

    def before(self, call: Call) -> None:
        """Count a call, and raise what goes wrong before its effect."""
        if not self.active:
            return
        index = len(self.calls)
        self.calls.append(call)
        fault = self.visit(index, call)
        if fault is not None:
            self.happened, self.fault = index, fault
        fault = fault or self._continued(call)
        if fault is not None:
            self._happens(fault, index, call)

    def _continued(self, call: Call) -> Fault | None:
        if self._lasting is None or not self.lasts:
            return None
        fault, first = self._lasting
        same = call == first if fault == "denied" else call.service == first.service
        return fault if same else None

    def _happens(self, fault: Fault, index: int, call: Call) -> None:
        if fault in LASTING and self._lasting is None:
            self._lasting, self.ends_at = (fault, call), self.simulator.clock.now() + LASTING[fault]
        if fault == "slow":
            self.simulator.advance(400.0)
        if fault == "clock":
            self.set_clock(CLOCKS[index % len(CLOCKS)])
        if fault == "stale":
            self.set_stale(True)
        if fault == "killed":
            raise Killed
        error = _errors(call).get(fault)
        if error is not None:
            raise error
        self._after = fault

    def after(self, call: Call, parsed: dict[str, Any]) -> None:
        """Change the answer, or raise what goes wrong after the effect of a call."""
        fault, self._after = self._after, None
        if fault is None or not self.active:
            return
        self.set_stale(False)
        if fault == "slow":
            self.simulator.advance(400.0)
        if fault == "killed-after":
            raise Killed
        if fault == "short":
            _halve(parsed)
        error = _errors_after(call).get(fault)
        if error is not None:
            raise error


def _errors(call: Call) -> dict[str, Exception]:
    """Return the errors that come instead of the effect."""
    denied = DENIALS.get(call.service, DENIAL)
    throttled = _error(call, *THROTTLES.get(call.service, THROTTLE))
    return {
        "error": _error(call, "InternalFailure", "a bad day", 500),
        "reset": boto.ConnectionClosedError(endpoint_url=_URL, error="reset"),
        "throttled": throttled,
        "throttled-long": throttled,
        "denied": _error(call, denied[0], denied[1].format(operation=str(call)), denied[2]),
        "expired": _error(call, "ExpiredTokenException", "The security token included in the request is expired", 400),
    }


def _errors_after(call: Call) -> dict[str, Exception]:
    """Return the errors that come instead of the answer."""
    return {
        "error-after": _error(call, "InternalFailure", "a bad day", 500),
        "lost": boto.ReadTimeoutError(endpoint_url=_URL, error="timeout"),
        "expired-after": _error(call, "ExpiredToken", "The security token included in the request is expired", 403),
        "broken": ResponseParserError("Unable to parse response: unclosed token"),
    }


def _error(call: Call, code: str, message: str, status: int) -> boto.ClientError:
    error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(error, call.operation)


def _halve(parsed: dict[str, Any]) -> None:
    """Leave out the second half of each list, and the token of the next page."""
    for name, value in tuple(parsed.items()):
        if isinstance(value, list):
            parsed[name] = value[: len(value) // 2]
        elif name in ("nextToken", "NextToken", "NextMarker", "Marker", "PaginationToken"):
            del parsed[name]
