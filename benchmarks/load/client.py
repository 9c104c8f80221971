"""The load AWS for its users: a process that they start, set up and read the counts of."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from benchmarks.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What the load AWS received since its last settings, by `Region service.Operation`."""

    calls: Mapping[str, int]
    throttles: Mapping[str, int]
    writes: Mapping[str, int]
    repairs: Mapping[str, int]
    errors: Mapping[str, int]

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    def operations(self) -> Counter[str]:
        """Return the calls by operation, of all sites together."""
        found: Counter[str] = Counter()
        for where, count in self.calls.items():
            found[where.partition(" ")[2]] += count
        return found


class Remote:
    """A running load AWS at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, fleets: Iterable[Fleet] | None = None, **options: Any) -> None:
        """Change the sites or the options, and begin to count again."""
        if fleets is not None:
            options["fleets"] = [asdict(fleet) for fleet in fleets]
        self._ask("/_load/settings", options)

    def received(self) -> Received:
        """Return the counts."""
        return Received(**self._ask("/_load/counts", None))

    def _ask(self, path: str, body: object) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data, timeout=60) as response:  # noqa: S310  # our own server
            return json.load(response)


class LoadAws(Remote):
    """The load AWS in a process of its own, so that the CPU and the memory of the controller are measured alone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the load AWS did not start")
        super().__init__(f"http://127.0.0.1:{port}")

    def __enter__(self) -> LoadAws:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)  # closes its input, which ends it
