"""The trace of a pass: what it asked the inventory, and the content of each answer.

If a pass would get the same answers in the same order, it would ask the same. So it is enough to ask again, and to
compare contents: nothing needs to be read from the answers. Between two passes a trace is packed: there is an entry for
each answer of each resource.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from ecsync.core.ports import AwsError
from ecsync.engine.answers import Content, Pages
from ecsync.engine.packing import NEVER
from ecsync.engine.views import View

Reply: TypeAlias = tuple[Any, Content]  # an answer, and its content
_SIZE = 16  # bytes of a content


class Asked(NamedTuple):
    """One read of an operation. With `result`, of the items of that list on all pages."""

    service: str
    operation: str
    params: Mapping[str, Any]
    result: str = ""
    for_ever: bool = False  # AWS never changes the answer

    @property
    def name(self) -> str:
        """The operation: `ecs.DescribeServices`."""
        return f"{self.service}.{self.operation}"


class Trace:
    """What was asked, and the content of each answer."""

    def __init__(self) -> None:
        # By operation, result and names of parameters: the values of each call.
        self._asked: dict[tuple[str, str, str, bool, tuple[str, ...]], list[tuple[Any, ...]]] = {}
        self._replies: dict[tuple[str, str, str, bool, tuple[str, ...]], list[Content]] = {}
        self._packed = b""  # after `end`: what was asked
        self._contents = b""  # after `end`
        self._failed = False

    def add(self, asked: Asked, content: Content) -> None:
        """Note an answer."""
        service, operation, params, result, for_ever = asked
        key = service, operation, result, for_ever, tuple(params)
        self._asked.setdefault(key, []).append(tuple(params.values()))
        self._replies.setdefault(key, []).append(content)

    def fail(self) -> None:
        """Note that a read failed: what was made of this trace cannot be made again."""
        self._failed = True

    def end(self) -> None:
        """Note that everything has been read: the contents of listings are known now. Nothing is added after it."""
        contents = [ended(content) for replies in self._replies.values() for content in replies]
        try:
            self._packed = zlib.compress(marshal.dumps(self._asked), 1)
        except ValueError:
            self._failed = True  # a parameter that is not plain data
        self._failed = self._failed or NEVER in contents
        self._contents = b"".join(contents)
        self._asked, self._replies = {}, {}

    def _each(self) -> Iterator[tuple[Asked, bytes]]:
        all_asked = marshal.loads(zlib.decompress(self._packed))  # noqa: S302  # made by `end`, in this process
        position = 0
        for (service, operation, result, for_ever, names), calls in all_asked.items():
            for values in calls:
                asked = Asked(service, operation, dict(zip(names, values, strict=True)), result, for_ever)
                yield asked, self._contents[position : position + _SIZE]
                position += _SIZE

    def by_operation(self) -> Mapping[str, Sequence[tuple[Asked, bytes]]]:
        """Return what was asked of each operation, with the content of each answer."""
        found: dict[str, list[tuple[Asked, bytes]]] = {}
        for asked, before in self._each() if not self._failed else ():
            found.setdefault(asked.name, []).append((asked, before))
        return found

    def holds(self, content: Callable[[Asked], bytes]) -> bool:
        """Return whether each answer is what it was. `content` reads it, and may raise AwsError."""
        try:
            return not self._failed and all(content(asked) == before for asked, before in self._each())
        except AwsError:
            return False  # the pass meets the error again


def ended(content: Content) -> bytes:
    """Return the content of an answer that has been read to its end."""
    return content.content if isinstance(content, Pages) else content


class Answers(Protocol):
    """What a reader asks: an inventory. Raises AwsError."""

    def answer(self, view: View, asked: Asked) -> Reply:
        """Return the answer to one call."""

    def items(self, view: View, asked: Asked) -> Reply:
        """Return the items of all pages."""

    def cached(self, view: View, asked: Asked) -> Reply:
        """Return what AWS never changes."""

    def content(self, view: View, asked: Asked) -> bytes:
        """Return the content of an answer alone."""


class InventoryReader:
    """The Reader port over an inventory: it takes the answers of one view, and notes them in a trace."""

    def __init__(self, answers: Answers, view: View, trace: Trace) -> None:
        self._answers = answers
        self._view = view
        self._trace = trace

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the answer to one call."""
        answer: Mapping[str, Any] = self._noted(Asked(service, operation, params), self._answers.answer)
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of the list member `result`, from all pages."""
        items: Iterator[Any] = self._noted(Asked(service, operation, params, result), self._answers.items)
        return items

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`, for data that AWS never changes."""
        answer: Mapping[str, Any] = self._noted(Asked(service, operation, params, for_ever=True), self._answers.cached)
        return answer

    def content(self, asked: Asked) -> bytes:
        """Return the content of an answer alone."""
        return self._answers.content(self._view, asked)

    def _noted(self, asked: Asked, read: Callable[[View, Asked], Reply]) -> Any:
        try:
            answer, content = read(self._view, asked)
        except AwsError:
            self._trace.fail()
            raise
        self._trace.add(asked, content)
        return answer
