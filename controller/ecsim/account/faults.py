"""Things that go wrong on the way to AWS and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal["throttle", "error", "reset", "lost-response", "latency", "deny"]

# How each service says "too fast"; every other JSON service says ThrottlingException.
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
    """One fault: which calls it hits, and how.

    It passes over the first `skip` matching calls and hits the `times` after that; `times=None` is for ever.
    `service` and `operation` are botocore's names; `*` is any.

    Kinds: `throttle` and `deny` answer as the service would; `error` answers `code`, `message`, `status`;
    `reset` drops the connection before anything happens; `lost-response` lets it happen and drops the
    answer; `latency` lets `seconds` pass before it happens.
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

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(get_args(Kind))}")

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Fault:
        """A fault as the control endpoint takes it."""
        return cls(**body)

    def matches(self, service: str, operation: str) -> bool:
        """Whether a call is one that this fault counts."""
        return self.service in ("*", service) and self.operation in ("*", operation)

    def error(self, service: str, operation: str) -> tuple[str, str, int]:
        """Code, message and HTTP status of the kinds that answer with an error."""
        if self.kind == "throttle":
            return THROTTLES.get(service, THROTTLE)
        if self.kind == "deny":
            code, message, status = DENIALS.get(service, DENIAL)
            return code, message.format(operation=f"{service}:{operation}"), status
        return self.code, self.message, self.status


class Faults:
    """The faults that are set, and how often each has been met."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Set one more fault; the one set first wins."""
        self._faults.append((fault, 0))

    def clear(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The faults as the control endpoint shows them."""
        return [{**asdict(fault), "met": met} for fault, met in self._faults]

    def next(self, service: str, operation: str) -> Fault | None:
        """Count one call, and say what hits it."""
        for index, (fault, met) in enumerate(self._faults):
            if not fault.matches(service, operation):
                continue
            if fault.times is not None and met >= fault.skip + fault.times:
                continue
            self._faults[index] = (fault, met + 1)
            if met >= fault.skip:
                return fault
        return None
