"""Test doubles for ecsync and for code that is built on it. They are part of the package, small, and do not model AWS.

`FakeClock` replaces time. `MemoryCloud` is an account of named objects. `memory_kind` makes kinds for that account.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ecsync.core import marks
from ecsync.core.graph import late
from ecsync.core.kind import Kind, Owned, Tagging, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Ref, Replace, Text, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Computed, Immutable, Keyed, Rules, Verbatim
from ecsync.core.trees import Body, leaves, thaw


class FakeClock:
    """A clock that moves only by `advance` or `sleep` (`core.ports.Clock`). Safe for use in several threads."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self._held: list[threading.Condition] = []

    def now(self) -> datetime:
        """The wall time, with a time zone."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """The monotonic time in seconds. It does not start at zero, so that no code can mistake it for "never"."""
        return 1000.0 + self._elapsed

    def advance(self, seconds: float) -> None:
        """Move the time forward, and wake the threads that wait in `hold`."""
        if seconds < 0:
            raise ValueError(f"the time cannot go back: {seconds}")
        with self._lock:
            self._elapsed += seconds
            held, self._held = self._held, []
        for condition in held:
            with condition:
                condition.notify_all()

    def sleep(self, seconds: float) -> None:
        """Move the time forward, in place of `time.sleep`."""
        self.advance(seconds)

    def skip(self, _condition: threading.Condition, seconds: float | None) -> None:
        """Move the time forward, in place of `Condition.wait`. For tests with one thread: no other thread notifies."""
        if seconds is None:
            raise RuntimeError("waits for ever: no work is due, and no other thread runs")
        self.advance(seconds)

    def hold(self, condition: threading.Condition, _seconds: float | None) -> None:
        """Wait for a notification or for `advance`, in place of `Condition.wait`. For tests with several threads."""
        with self._lock:
            self._held.append(condition)
        condition.wait()


# ---------------------------------------------------------------- an account in memory

SERVICE = "memory"
Hook = Callable[[str, Mapping[str, Any]], None]


class MemoryCloud:
    """An account of named objects (`core.ports.Cloud`), with the operations that `memory_kind` compiles.

    `before` and `after` run around every call and read, with the operation and its parameters. The caller receives the
    exception that they raise. If `before` raises, the call has no effect. If `after` raises, it has its effect.
    """

    def __init__(self, account: str = "111111111111") -> None:
        self.account = account
        self.objects: dict[str, dict[str, Any]] = {}  # id -> body, with `tags` as a map
        self.writes: list[str] = []  # `CreateWidget web`: the calls with an effect, in order
        self.refused: list[str] = []  # the calls that the account rejected
        self.hidden: set[str] = set()  # ids that reads do not return yet
        self.before: Hook = _nothing
        self.after: Hook = _nothing
        self._made = 0

    def named(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return the object with that name; None if it does not exist."""
        found = (one for id_, one in self.objects.items() if id_.startswith(f"{kind}-") and one["name"] == name)
        return next(found, None)

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one read: `Describe<Kind>` by names, or `List<Kind>`."""
        assert service == SERVICE, service
        self.before(operation, params)
        verb, kind = _split(operation, "Describe", "List")
        found = [
            {"id": id_, **thaw(one)}
            for id_, one in self.objects.items()
            if id_.startswith(f"{kind}-")
            and id_ not in self.hidden
            and (verb == "List" or one["name"] in params["names"])
        ]
        self.after(operation, params)
        return {"found": found}

    def call_unless(
        self, _known: bytes, service: str, operation: str, /, **params: Any
    ) -> tuple[bytes, Mapping[str, Any] | None]:
        """Make one read. No answer has a digest."""
        return b"", self.call(service, operation, **params)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item. The result is always one page."""
        yield from self.call(service, operation, **params)[result]

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make the read again: no result is cached."""
        return self.call(service, operation, **params)

    def keeps(self, _service: str, _operation: str, /, **_: Any) -> bool:
        """Return False: no result is cached."""
        return False

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one mutating call. Raises AwsError `exists` or `missing`."""
        assert service == SERVICE, service
        unresolved = [str(leaf) for _, leaf in leaves(params) if isinstance(leaf, Text)]
        assert not unresolved, f"{operation} was sent references: {unresolved}"
        self.before(operation, params)
        verb, kind = _split(operation, "Create", "Update", "Delete", "Untag", "Tag")
        id_ = self._create(kind, params) if verb == "Create" else self._existing(operation, params["id"])
        one = self.objects[id_]
        self.writes.append(f"{operation} {one['name']}")
        match verb:
            case "Update":
                one |= {key: value for key, value in params.items() if key != "id"}
                self.objects[id_] = {key: value for key, value in one.items() if value is not None}
            case "Delete":
                del self.objects[id_]
            case "Tag":
                one["tags"] = {**one.get("tags", {}), **params["tags"]}
            case "Untag":
                one["tags"] = {key: value for key, value in one["tags"].items() if key not in params["keys"]}
        self.after(operation, params)
        return {"id": id_}

    def _create(self, kind: str, params: Mapping[str, Any]) -> str:
        if self.named(kind, params["name"]):
            raise self._refuse("exists", f"Create{kind}", f"{kind} {params['name']} already exists")
        self._made += 1
        id_ = f"{kind}-{self._made}"
        self.objects[id_] = thaw(params)
        return id_

    def _existing(self, operation: str, id_: str) -> str:
        if id_ not in self.objects:
            raise self._refuse("missing", operation, f"{id_} does not exist")
        return id_

    def _refuse(self, kind: Any, operation: str, message: str) -> AwsError:
        self.refused.append(f"{operation}: {message}")
        return AwsError(kind, kind.title(), message, f"{SERVICE}.{operation}")


def _nothing(_operation: str, _params: Mapping[str, Any]) -> None:
    """Do nothing."""


def _split(operation: str, *verbs: str) -> tuple[str, str]:
    verb = next(verb for verb in verbs if operation.startswith(verb))
    return verb, operation.removeprefix(verb)


# ---------------------------------------------------------------- kinds of that account


def memory_kind(name: str, *, rules: Rules = (), second: Sequence[str] = (), **parts: Any) -> Kind:
    """Return a kind of a MemoryCloud. Its body has a `name`, `tags` and any other members; outputs `id` and `name`.

    A second call, after the create, sets the members in `second`. `parts` replace other parts of the kind.
    """

    def read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
        names = [want.body["name"] for want in wanted]
        found = {one["name"]: one for one in reader.pages(SERVICE, f"Describe{name}", "found", names=names)}
        for want in wanted:
            one = found.get(want.body["name"])
            yield want.key, _present(one) if one else Absent()

    def owned(reader: Reader, scope: str) -> Iterator[Owned]:
        for one in reader.pages(SERVICE, f"List{name}", "found"):
            present = _present(one)
            if present.marks and marks.in_scope(present.marks.owner, scope):
                yield Owned(marks=present.marks, natural=one["name"], present=present)

    def calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
        match change:
            case Create(desired=desired, marks=ours):
                now = {key: value for key, value in desired.body.items() if not late(table, (key,))}
                first = {key: value for key, value in now.items() if key not in second}
                body = with_marks(tagging, first, ours)
                create = Call(service=SERVICE, operation=f"Create{name}", params=body, captures={"id": ("id",)})
                then = {key: now[key] for key in second if key in now}
                own_id = Text((Ref(desired.key, "id"),))
                return (create, _call("Update", {"id": own_id, **then})) if then else (create,)
            case Update(desired=desired, observed=observed, fields=fields):
                members = {str(one.path[0]): desired.body.get(str(one.path[0])) for one in fields}
                return (_call("Update", {"id": observed.outputs["id"], **members}),)
            case Replace(observed=observed) | Delete(observed=observed):
                return (_call("Delete", {"id": observed.outputs["id"]}),)

    def _call(verb: str, params: Body) -> Call:
        return Call(service=SERVICE, operation=f"{verb}{name}", params=params)

    tagging = Tagging(
        style="map",
        put=lambda present, tags: (_call("Tag", {"id": present.outputs["id"], "tags": dict(tags)}),),
        remove=lambda present, keys: (_call("Untag", {"id": present.outputs["id"], "keys": list(keys)}),),
    )
    table = (*_TAGS, Immutable(path="name"), *rules)
    defaults: dict[str, Any] = {
        "natural": lambda body: body["name"] if isinstance(body.get("name"), str) else None,
        "name_member": "name",
        "primary": "id",
        "outputs": {"id": "", "name": ""},
        "known": lambda body: {"name": body["name"]} if isinstance(body.get("name"), str) else {},
        "invalidates": {"replace": ("id", "name")},
        "tagging": tagging,
        "read": read,
        "owned": owned,
        "reads": frozenset({f"{SERVICE}.Describe{name}", f"{SERVICE}.List{name}"}),
        "calls": calls,
    }
    return Kind(name=name, rules=table, **(defaults | parts))


_TAGS: Rules = (
    Verbatim(path="tags[]"),
    Keyed(path="tags", key=("key",), value="value"),
    Computed(path="tags.*"),
    Computed(path="tags"),
)


def _present(one: Mapping[str, Any]) -> Present:
    tags = one.get("tags", {})
    body = {key: value for key, value in one.items() if key != "id"} | {"tags": marks.user_tags(tags)}
    outputs = {"id": one["id"], "name": one["name"]}
    return Present(body=body, outputs=outputs, marks=marks.read(tags), foreign=marks.other_tool(tags))
