"""The thread that writes a line for CloudWatch at an interval (setting `metrics.emf`)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from ecsync.config import ConfigError, MetricsSettings
from ecsync.core.ports import Clock
from ecsync.core.wording import internal_error
from ecsync.report.collectors.emf import Emf

STOP = 1.0  # seconds for the last line


class EmfWriter:
    """Writes lines until `stop`, and a last one then. A write that fails is logged, and tried again with the next."""

    def __init__(self, emf: Emf, clock: Clock, write: Callable[[str], None], interval: float) -> None:
        self._emf = emf
        self._clock = clock
        self._write = write
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="emf", daemon=True)

    def start(self) -> None:
        """Write a line at each interval from now on; the first one after an interval."""
        self._thread.start()

    def stop(self, within: float) -> None:
        """Write the last line, and end. Waits for so many seconds at most."""
        self._stopping.set()
        self._thread.join(within)

    def once(self) -> None:
        """Write a line now."""
        try:
            self._write(self._emf.line(self._clock.now().timestamp()))
        except OSError as error:
            structlog.get_logger("ecsync").error("metrics.emf: no line was written", error=str(error))
        except Exception as error:  # noqa: BLE001  # the edge of a thread: the next line may succeed
            text = internal_error(error)
            structlog.get_logger("ecsync").error("metrics.emf: no line was written", error=text, exc_info=error)

    def _loop(self) -> None:
        while not self._stopping.wait(self._interval):
            self.once()
        self.once()


def writer(settings: MetricsSettings, emf: Emf, clock: Clock) -> EmfWriter | None:
    """Return the writer of the settings; None if they have none. Raises ConfigError for a file that it cannot write."""
    if not settings.emf:
        return None
    kind, _, path = settings.emf.partition(":")
    if kind == "stdout":
        return EmfWriter(emf, clock, _to_stdout, settings.emf_interval)
    try:
        Path(path).open("a", encoding="utf-8").close()
    except OSError as error:
        fix = "make its folder, and let ecsync write there"
        raise ConfigError(f"metrics.emf: {path}: cannot be written ({error.strerror}); {fix}") from None
    return EmfWriter(emf, clock, _appends(Path(path)), settings.emf_interval)


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _appends(path: Path) -> Callable[[str], None]:
    """Return a function that appends a line. The file is opened each time: it may be moved away to rotate it."""

    def append(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    return append
