"""Values of a live body that may be secrets in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsync.core.kind import Kind
from ecsync.core.rules import Sensitive
from ecsync.core.trees import Body, Path, at, leaves

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|private_?key|credential|access_?key|dsn", re.IGNORECASE
)
_URL_WITH_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def paths(kind: Kind, body: Body) -> Iterator[str]:
    """Yield the path of each sensitive value with the name of a secret, or with a password in a URL."""
    for rule in kind.rules:
        for _, _, path in rule.places(body) if isinstance(rule, Sensitive) else ():
            value = at(body, path)
            steps = [_step(body, path[:end]) for end in range(1, len(path) + 1)] if value is not None else [""]
            has_password = any(_URL_WITH_PASSWORD.search(str(leaf)) for _, leaf in leaves(value))
            if _SECRET_NAME.search(steps[-1]) or has_password:
                yield "".join(steps).lstrip(".")


def _step(body: Body, path: Path) -> str:
    """Return the last step of a path: an element of a list by its name, where it has one."""
    name = at(body, (*path, "name"), path[-1])
    return f"[{name}]" if isinstance(path[-1], int) else f".{name}"
