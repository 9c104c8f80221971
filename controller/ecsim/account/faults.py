"""Injected faults: throttling, errors, broken connections, latency, denied access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal["throttle", "error", "reset", "lost-response", "latency", "deny"]

# Code, message and HTTP status of a throttled call, by service; THROTTLE for all other services.
THROTTLES: dict[str, tuple[str, str, int]] = {
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "elbv2": ("Throttling", "Rate exceeded", 400),
    "iam": ("Throttling", "Rate exceeded", 400),
    "autoscaling": ("Throttling", "Rate exceeded", 400),
    "sts": ("Throttling", "Rate exceeded", 400),
    "cloudwatch": ("Throttling", "Rate exceeded", 400),
}
THROTTLE = ("ThrottlingException", "Rate exceeded", 400)

# The same for a denied call.
DENIALS: dict[str, tuple[str, str, int]] = {
    "ec2": ("UnauthorizedOperation", "You are not authorized to perform this operation.", 403),
    "s3": ("AccessDenied", "Access Denied", 403),
    "elbv2": ("AccessDenied", "User is not authorized to perform: {operation}", 403),
    "iam": ("AccessDenied", "User is not authorized to perform: {operation}", 403),
    "autoscaling": ("AccessDenied", "User is not authorized to perform: {operation}", 403),
    "sts": ("AccessDenied", "User is not authorized to perform: {operation}", 403),
}
DENIAL = ("AccessDeniedException", "User is not authorized to perform: {operation}", 400)


@dataclass(frozen=True)
class Fault:
    """One fault: the calls that it affects, and its effect.

    It skips the first `skip` matching calls and affects the next `times`; `times=None` has no limit.
    `service` and `operation` are botocore's names; `*` matches any, also of `account`, which receives the calls.

    Kinds: `throttle` and `deny` return the error of the service. `error` returns `code`, `message` and `status`.
    `reset` drops the connection before the call is executed. `lost-response` executes the call and drops the
    response. `latency` waits `seconds` before the call is executed.
    """

    kind: Kind
    service: str = "*"
    operation: str = "*"
    times: int | None = 1
    skip: int = 0
    code: str = "InternalFailure"
    message: str = "The service is having a bad day."
    status: int = 500
    seconds: float = 0.0
    account: str = "*"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(get_args(Kind))}")

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Fault:
        """Return the fault of a request to the control endpoint."""
        return cls(**body)

    def matches(self, service: str, operation: str, account: str) -> bool:
        """Return whether a call matches the service, the operation and the account of this fault."""
        given = ((self.service, service), (self.operation, operation), (self.account, account))
        return all(wanted in ("*", found) for wanted, found in given)

    def error(self, service: str, operation: str) -> tuple[str, str, int]:
        """Return code, message and HTTP status, for the kinds that return an error."""
        if self.kind == "throttle":
            return THROTTLES.get(service, THROTTLE)
        if self.kind == "deny":
            code, message, status = DENIALS.get(service, DENIAL)
            return code, message.format(operation=f"{service}:{operation}"), status
        return self.code, self.message, self.status


class Faults:
    """The active faults, each with the number of calls that it matched."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Add a fault. Of two faults that match, the first one applies."""
        self._faults.append((fault, 0))

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Return the faults for the control endpoint."""
        return [{**asdict(fault), "met": met} for fault, met in self._faults]

    def next(self, service: str, operation: str, account: str) -> Fault | None:
        """Count one call, and return the fault that affects it, if any."""
        for index, (fault, met) in enumerate(self._faults):
            if not fault.matches(service, operation, account):
                continue
            if fault.times is not None and met >= fault.skip + fault.times:
                continue
            self._faults[index] = (fault, met + 1)
            if met >= fault.skip:
                return fault
        return None
