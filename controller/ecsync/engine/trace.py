"""The trace of a pass: what it asked the inventory, and the content of each answer.

If a pass would get the same answers in the same order, it would ask the same. So it is enough to ask again, and to
compare contents: nothing needs to be read from the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from ecsync.core.ports import AwsError
from ecsync.engine.answers import Pages
from ecsync.engine.views import View

Reply: TypeAlias = tuple[Any, object]  # an answer, and its content: the same object until the answer differs


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
    """What was asked, and the content of each answer: an object, or a tuple of contents."""

    def __init__(self) -> None:
        # By operation, result and names of parameters: their values, and the content. There is one for each answer of
        # each resource.
        self._replies: dict[tuple[str, str, str, bool, tuple[str, ...]], list[tuple[tuple[Any, ...], object]]] = {}
        self._failed = False

    def add(self, asked: Asked, content: object) -> None:
        """Note an answer."""
        service, operation, params, result, for_ever = asked
        before = self._replies.setdefault((service, operation, result, for_ever, tuple(params)), [])
        before.append((tuple(params.values()), content))

    def fail(self) -> None:
        """Note that a read failed: what was made of this trace cannot be made again."""
        self._failed = True

    def end(self) -> None:
        """Note that everything has been read: the contents of listings are known now."""
        for before in self._replies.values():
            before[:] = [(values, content_of(content)) for values, content in before]

    def _each(self) -> Iterator[tuple[Asked, object]]:
        for (service, operation, result, for_ever, names), before in self._replies.items():
            for values, content in before:
                yield Asked(service, operation, dict(zip(names, values, strict=True)), result, for_ever), content

    def holds(self, content: Callable[[Asked], object]) -> bool:
        """Return whether each answer is what it was. `content` reads it, and may raise AwsError."""
        try:
            return not self._failed and all(_same(content(asked), before) for asked, before in self._each())
        except AwsError:
            return False  # the pass meets the error again


def content_of(content: object) -> object:
    """Return the content of what may be a listing."""
    return content.content if isinstance(content, Pages) else content


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    if not isinstance(one, tuple) or not isinstance(other, tuple) or len(one) != len(other):
        return False
    return all(map(_same, one, other))


class Answers(Protocol):
    """What a reader asks: an inventory. Raises AwsError."""

    def answer(self, view: View, asked: Asked) -> Reply:
        """Return the answer to one call."""

    def items(self, view: View, asked: Asked) -> Reply:
        """Return the items of all pages."""

    def cached(self, view: View, asked: Asked) -> Reply:
        """Return what AWS never changes."""

    def content(self, view: View, asked: Asked) -> object:
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

    def content(self, asked: Asked) -> object:
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
