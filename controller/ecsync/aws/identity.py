"""Which account the credentials belong to, and the check that it is the one that was meant (rule 11)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from ecsync.core.ports import AwsError

WHO = "sts.GetCallerIdentity"  # the one read that every cloud makes


class WrongAccount(AwsError):
    """The credentials belong to another account than the target names: nothing is written with them."""

    def __init__(self, expected: str, actual: str, operation: str) -> None:
        message = f"the credentials belong to account {actual}, the target is {expected}; nothing was written"
        super().__init__("denied", "WrongAccount", message, operation)
        self.expected = expected
        self.actual = actual


def caller(call: Callable[[str, str], Mapping[str, Any]]) -> str:
    """Return the id of the account that the credentials belong to; `call` is that of a Reader."""
    return str(call("sts", "GetCallerIdentity")["Account"])


class Identity:
    """The account of one set of credentials: asked once, and again after they failed. `expected` may be empty."""

    def __init__(self, ask: Callable[[], str], expected: str = "") -> None:
        self._ask = ask
        self._expected = expected
        self._known = ""
        self._lock = threading.Lock()

    def account(self) -> str:
        """Return the account that the credentials belong to."""
        with self._lock:
            account = self._known or self._ask()
            self._known = account
            return account

    def assert_account(self, operation: str) -> None:
        """Raise WrongAccount unless the credentials belong to the expected account, where one is expected."""
        actual = self.account() if self._expected else ""
        if actual != self._expected:
            raise WrongAccount(self._expected, actual, operation)

    def forget(self) -> None:
        """Ask again the next time: new credentials may be somebody else's."""
        self._known = ""
