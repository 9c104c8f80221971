"""Copies of this process: the simulated world is copied with it, for the price of a fork."""

from __future__ import annotations

import gc
import os
import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

PROCESSES = 2
Given = TypeVar("Given")


@dataclass(frozen=True)
class Broken:
    """A copy ended without a result: with an exception, or killed."""

    why: str
    explained: tuple[str, ...] = ()


@dataclass
class Copy:
    """A copy of this process that hands over one result."""

    inside: bool  # in the copy itself
    pipe: int
    process: int = 0

    @classmethod
    def start(cls) -> Copy:
        """Copy the process."""
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            gc.disable()  # it would copy the pages that it looks at
            os.close(read)
            return cls(True, write)
        os.close(write)
        return cls(False, read, process)

    @classmethod
    def of(cls, make: Callable[[], Any]) -> Copy:
        """Make a result in a copy."""
        copy = cls.start()
        with handing_over([copy] if copy.inside else []):
            if copy.inside:
                copy.end(make())
        return copy

    def end(self, result: Any) -> None:
        """Hand over the result, and end this copy."""
        with os.fdopen(self.pipe, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)

    def result(self) -> Any:
        """Wait for the result."""
        with os.fdopen(self.pipe, "rb") as pipe:
            data = pipe.read()
        os.waitpid(self.process, 0)
        return pickle.loads(data) if data else Broken("the process ended without a result")  # noqa: S301  # ours


@contextmanager
def handing_over(own: Sequence[Copy]) -> Iterator[None]:
    """Hand over an exception of the block as the result of the copy that this process is, if it is one (`own`)."""
    try:
        yield
    except Exception as error:
        if not own:
            raise
        own[0].end(Broken(f"{type(error).__name__}: {error}", tuple(traceback.format_exc().splitlines()[-12:])))


def in_copies(make: Callable[[Given], Any], items: Iterable[Given]) -> Iterator[tuple[Given, Any]]:
    """Yield the result of each item, made in its own copy; two at a time."""
    running: list[tuple[Given, Copy]] = []
    for item in items:
        running.append((item, Copy.of(lambda item=item: make(item))))  # type: ignore[misc]
        if len(running) == PROCESSES:
            first, copy = running.pop(0)
            yield first, copy.result()
    for item, copy in running:
        yield item, copy.result()
