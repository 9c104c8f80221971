"""The account of the credentials, and the check that it is the expected one (docs/rules.md R11)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ecsync.core.ports import AwsError

WHO = "sts.GetCallerIdentity"  # the one read that every cloud makes


class WrongAccount(AwsError):
    """The credentials belong to another account than the target: nothing is written."""

    def __init__(self, expected: str, actual: str, operation: str) -> None:
        message = f"nothing was written: the credentials belong to account {actual}, the target is {expected}"
        super().__init__("denied", "WrongAccount", message, operation)
        self.expected = expected
        self.actual = actual


def caller(call: Callable[[str, str], Mapping[str, Any]]) -> str:
    """Return the id of the account that the credentials belong to. `call` is `Reader.call`."""
    return str(call("sts", "GetCallerIdentity")["Account"])


class Identity:
    """The account of one set of credentials: read once, and again after they failed. `expected` may be empty."""

    def __init__(self, ask: Callable[[], str], expected: str = "") -> None:
        self._ask = ask
        self._expected = expected
        self._known = ""
        self._lock = threading.Lock()

    @property
    def known(self) -> str:
        """Return the account without a call; empty while it is not known."""
        return self._known

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        with self._lock:
            account = self._known or self._ask()
            self._known = account
            return account

    def assert_account(self, operation: str) -> None:
        """Raise WrongAccount where the credentials do not belong to the expected account."""
        actual = self.account() if self._expected else ""
        if actual != self._expected:
            raise WrongAccount(self._expected, actual, operation)

    def forget(self) -> None:
        """Read the account again at the next use: new credentials may belong to another one."""
        self._known = ""
