"""Callers: the account of an access key, and the roles that were assumed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ACCOUNT = re.compile(r"\d{12}")


@dataclass
class Sessions:
    """The sessions of assumed roles by access key. An access key of twelve digits is of the owner of that account."""

    account: str  # of every other access key
    arns: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)  # ARNs of the roles themselves

    def account_of(self, access_key: str) -> str:
        """Return the account in which the calls with an access key land."""
        if access_key in self.arns:
            return self.arns[access_key].split(":")[4]
        return access_key if ACCOUNT.fullmatch(access_key) else self.account

    def caller(self, access_key: str) -> str:
        """Return the ARN of who calls with an access key."""
        return self.arns.get(access_key) or f"arn:aws:sts::{self.account_of(access_key)}:user/moto"

    def subject(self, access_key: str) -> str:
        """Return by what policies are found: the ARN of an assumed role, else the access key."""
        return self.roles.get(access_key, access_key)
