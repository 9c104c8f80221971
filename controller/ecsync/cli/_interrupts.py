"""Ctrl-C: what a verb leaves, in one line. Where calls change something, the first one lets the call under way end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_STOPPING = b"\necsync: stopping after the call under way; Ctrl-C again stops at once\n"
_NAMED = 6  # names in a list


@contextmanager
def leaving(describe: Callable[[], str]) -> Iterator[None]:
    """Have Ctrl-C in the block end the command with a line about what is left. Without it: nothing was written."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        if stopped.args:
            raise
        raise KeyboardInterrupt(describe()) from None


class Stop:
    """While it is entered, Ctrl-C during `writing` only sets `asked`, and a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self.writing = False
        self.at_once = False  # a call may have been cut off
        self._before: Any = None

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def left(self, written: Sequence[str], unwritten: Sequence[str], unread: Sequence[str]) -> str:
        """Return the line after Ctrl-C: names of changes, and of applications that were not reached."""
        from ecsync.core.wording import listed

        parts = [f"written: {listed(written, _NAMED)}" if written else "nothing was written"]
        parts += [f"not written: {listed(unwritten, _NAMED)}"] if unwritten else []
        parts += [f"not reached: {listed(unread, _NAMED)}"] if unread else []
        parts += ["the call under way may have been made"] if self.at_once else []
        parts += ["no call is half made, and AWS goes on with those that it has"] if written or self.at_once else []
        return "; ".join(parts) + ". The same command does the rest."

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was asked for."""
        self.writing = False
        if self.asked:
            raise KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked or not self.writing:
            self.at_once = self.writing
            raise KeyboardInterrupt
        self.asked = True
        os.write(2, _STOPPING)  # a print may be under way: another one within it is an error
