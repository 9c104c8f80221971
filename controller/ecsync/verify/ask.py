"""Questions to AWS: each one is asked once, however many documents need the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body, canonical
from ecsync.verify.model import LACKS, Refusal
from ecsync.verify.rights import RIGHTS

T = TypeVar("T")


class Ask:
    """The answers of AWS in one account and Region. Safe across threads; an error is an answer too."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, ...], Future[Any]] = {}

    def call(self, service: str, operation: str, /, **params: Any) -> Body:
        """Return the answer to one call. Raises AwsError."""
        return self.once(
            ("call", service, operation, canonical(params)), lambda: self._reader.call(service, operation, **params)
        )

    def items(self, service: str, operation: str, result: str, /, **params: Any) -> Sequence[Any]:
        """Return the items of all pages. Raises AwsError."""
        return self.once(
            ("items", service, operation, canonical(params)),
            lambda: tuple(self._reader.pages(service, operation, result, **params)),
        )

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """Return what a function returns, made once for the key. Raises AwsError as the function does."""
        with self._lock:
            mine = key not in self._answers
            answer: Future[T] = self._answers.setdefault(key, Future())
        if mine:
            try:
                answer.set_result(make())
            except AwsError as error:
                answer.set_exception(error.again())
            except BaseException as error:
                answer.set_exception(error)
                raise
        try:
            return answer.result()
        except AwsError as error:
            raise error.again() from None


def refusal(error: AwsError) -> Refusal:
    """Return why AWS did not answer a call, with the IAM action that the caller lacks.

    The action is that in AWS's message; a call can need the right of another one.
    """
    named = LACKS.search(error.message)
    return Refusal.of(error, named[1] if named else RIGHTS.get(error.operation, error.operation.replace(".", ":", 1)))


def parts(values: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the values in parts of at most `size`, in order: as many as one call takes."""
    return [values[start : start + size] for start in range(0, len(values), size)]
