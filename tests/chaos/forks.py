"""Copies of this process: the simulated world is copied with it, for the price of a fork."""

from __future__ import annotations

import gc
import os
import pickle
import select
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

PROCESSES = 2  # that work at the same time
Given = TypeVar("Given")


class Cores:
    """One token for each process that may work: a copy takes one at its start, and gives it back at its end."""

    def __init__(self, count: int) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.write(self._write, b"x" * count)

    def take(self) -> bool:
        """Take a token; return False if there is none."""
        try:
            return bool(os.read(self._read, 1))
        except BlockingIOError:
            return False

    def wait(self) -> None:
        """Take a token, as soon as there is one."""
        while not self.take():
            select.select([self._read], [], [])

    def give(self) -> None:
        """Give a token back."""
        os.write(self._write, b"x")


CORES = Cores(PROCESSES)


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
    cores: Cores | None = None  # of its token

    @classmethod
    def start(cls, cores: Cores | None = None) -> Copy:
        """Copy the process. With `cores`, the copy has the token that this process took for it."""
        read, write = os.pipe()
        process = os.fork()
        if process == 0:
            gc.disable()  # it would copy the pages that it looks at
            os.close(read)
            return cls(True, write, cores=cores)
        os.close(write)
        return cls(False, read, process, cores)

    @classmethod
    def of(cls, make: Callable[[], Any], cores: Cores | None = None) -> Copy:
        """Make a result in a copy."""
        copy = cls.start(cores)
        with handing_over([copy] if copy.inside else []):
            if copy.inside:
                copy.end(make())
        return copy

    def end(self, result: Any) -> None:
        """Hand over the result, and end this copy."""
        data = pickle.dumps(result)
        if self.cores is not None:
            self.cores.give()
        with os.fdopen(self.pipe, "wb") as pipe:
            pipe.write(data)
        os._exit(0)

    def has_ended(self) -> bool:
        """Return whether the result can be read."""
        return bool(select.select([self.pipe], [], [], 0)[0])

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


def in_copies(
    make: Callable[[Given], Any], items: Iterable[Given], cores: Cores = CORES
) -> Iterator[tuple[Given, Any]]:
    """Yield the result of each item, made in its own copy; as many at a time as there are tokens."""
    running: list[tuple[Given, Copy]] = []
    for item in items:
        cores.wait()
        running.append((item, Copy.of(lambda item=item: make(item), cores)))  # type: ignore[misc]
        while running and running[0][1].has_ended():
            first, copy = running.pop(0)
            yield first, copy.result()
    for item, copy in running:
        yield item, copy.result()
