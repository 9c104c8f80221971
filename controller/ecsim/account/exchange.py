"""One HTTP exchange: the decoded request and the response."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

ERROR_CODE = re.compile(r'<Code>([^<]+)</Code>|"(?:__type|code)"\s*:\s*"(?:[^"#]*#)?([^"]+)"')


@dataclass(frozen=True)
class Request:
    """A decoded request; `service` and `operation` are botocore's names."""

    service: str
    operation: str
    region: str
    protocol: str  # json, query, ec2 or rest
    params: dict[str, Any]
    caller: str

    @property
    def access_key(self) -> str:
        """The access key that signed the request."""
        return self.caller.partition(" ")[0]

    @property
    def name(self) -> str:
        """`service:Operation`."""
        return f"{self.service}:{self.operation}"


@dataclass
class Response:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def error_code(self) -> str | None:
        """The AWS error code in the body; None if the response is not an error."""
        if self.status < 400:
            return None
        match = ERROR_CODE.search(self.body.decode("utf-8", "replace"))
        return (match.group(1) or match.group(2)) if match else str(self.status)
