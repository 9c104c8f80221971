"""Reading ahead on threads: a pass has the same result as without it, and makes no more calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Lock
from typing import Any

import pytest

from ecsync.core.kind import Kind, Wanted, World
from ecsync.core.model import Application, Key, Observed, Unreadable
from ecsync.core.outcome import Plan
from ecsync.core.ports import AwsError, Deferred, Reader
from ecsync.core.trees import Body
from ecsync.engine.ahead import ask_ahead
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.packing import content_of
from ecsync.engine.reconciler import look
from ecsync.engine.step_state import StepState
from ecsync.engine.trace import Asked, Trace
from tests.engine.passes import KINDS, Account, document, key, shop, stack


@pytest.fixture
def threads() -> Iterator[Executor]:
    """Threads to read ahead with."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def account() -> Account:
    """An account with the stack in it, and with a resource that nothing declares."""
    account = Account()
    account.settle(shop(*stack(), document("Leaf/orphan")))
    return account


class Seen:
    """A look with threads or without: its plan, its world, and the calls that it made."""

    def __init__(
        self, account: Account, application: Application, threads: Executor | None, kinds: Mapping[str, Kind] = KINDS
    ) -> None:
        self.calls: Counter[str] = Counter()
        lock, before = Lock(), account.cloud.before

        def count(operation: str, params: Mapping[str, Any]) -> None:
            with lock:
                self.calls[operation] += 1
            before(operation, params)

        account.cloud.before = count
        destination = replace(account.destination(), threads=threads, kinds=kinds)
        catalogue = Catalogue(applications={application.name: application}, revision="1")
        try:
            looked = look(application, catalogue, destination, StepState())
        finally:
            account.cloud.before = before
        self.plan: Plan = looked.plan
        self.world: Mapping[Key, Observed] = looked.inputs.world


def changed() -> Application:
    """Return the stack with a resource that differs, and without one that it had."""
    base, app, leaf, _ = stack()
    return shop(replace(base, body={**base.body, "size": 4}), app, leaf)


@pytest.mark.parametrize("application", [shop(*stack()), changed()], ids=["in sync", "changed"])
def test_the_result_and_the_calls_are_those_of_one_thread(
    account: Account, threads: Executor, application: Application
) -> None:
    """The plan, the world with its order, and each call."""
    alone, ahead = Seen(account, application, None), Seen(account, application, threads)
    assert ahead.plan == alone.plan
    assert list(ahead.world.items()) == list(alone.world.items())
    assert ahead.calls == alone.calls


def test_what_does_not_depend_on_each_other_is_read_at_the_same_time(account: Account, threads: Executor) -> None:
    """Each of the two calls ends only when both are under way."""
    both = Barrier(2, timeout=30)

    def meet(operation: str, _: Mapping[str, Any]) -> None:
        if operation in ("DescribeBase", "DescribeLeaf"):
            both.wait()

    account.cloud.before = meet
    seen = Seen(account, shop(document("Base/base", size=3), document("Leaf/alone")), threads)
    assert all(not isinstance(one, Unreadable) for one in seen.world.values())


def test_resources_with_a_call_each_are_read_at_the_same_time(account: Account, threads: Executor) -> None:
    """A kind that is read apart is read on several threads."""
    both = Barrier(2, timeout=30)

    def meet(operation: str, params: Mapping[str, Any]) -> None:
        if operation == "DescribeLeaf" and len(params["names"]) == 1:  # the pass itself asks for both in one call
            both.wait()

    account.cloud.before = meet
    kinds = {**KINDS, "Leaf": replace(KINDS["Leaf"], apart=True)}
    seen = Seen(account, shop(document("Leaf/leaf", colour="red"), document("Leaf/alone")), threads, kinds)
    assert all(not isinstance(one, Unreadable) for one in seen.world.values())


def test_a_kind_is_read_after_the_kinds_that_decide_its_calls(account: Account, threads: Executor) -> None:
    """It sees their live state."""
    worlds: list[set[str]] = []
    leaf = KINDS["Leaf"]

    def read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
        worlds.append({at.kind for at in world})
        yield from leaf.read(reader, wanted, world)

    kinds = {**KINDS, "Leaf": replace(leaf, read=read, reads_after=("Base",))}
    Seen(account, shop(document("Base/base", size=3), document("Leaf/alone")), threads, kinds)
    assert worlds == [{"Base"}, {"Base"}]  # ahead, then by the pass


def test_a_kind_does_not_wait_for_what_does_not_identify_it(account: Account, threads: Executor) -> None:
    """The call for a resource is the same whether its reference is resolved or not."""
    both = Barrier(2, timeout=30)

    def meet(operation: str, _: Mapping[str, Any]) -> None:
        if operation in ("DescribeBase", "DescribeApp"):
            both.wait()

    account.cloud.before = meet
    seen = Seen(account, shop(*stack()), threads)
    assert all(not isinstance(one, Unreadable) for one in seen.world.values())


def test_a_child_is_read_ahead_when_its_parent_is_known(account: Account, threads: Executor) -> None:
    """What another resource identifies is asked for after it."""
    worlds: list[set[str]] = []
    leaf = KINDS["Leaf"]

    def read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
        if wanted:
            worlds.append({at.kind for at in world})
        yield from leaf.read(reader, wanted, world)

    def natural(body: Body) -> str | None:
        return str(body["name"]) if isinstance(body.get("app"), str) else None

    kinds = {**KINDS, "Leaf": replace(leaf, natural=natural, read=read)}
    application = shop(*stack()[:-1])
    alone, ahead = Seen(account, application, None, kinds), Seen(account, application, threads, kinds)
    assert worlds == [{"Base", "App"}] * 3  # alone; ahead, then by the pass
    assert ahead.world == alone.world
    assert ahead.calls == alone.calls


def test_a_failed_read_is_unreadable(account: Account, threads: Executor) -> None:
    """It is asked for once, and the others are read."""

    def deny(operation: str, _: Mapping[str, Any]) -> None:
        if operation == "DescribeBase":
            raise AwsError("denied", "Code", "no", "memory.DescribeBase")

    account.cloud.before = deny
    alone, ahead = Seen(account, shop(*stack()), None), Seen(account, shop(*stack()), threads)
    assert isinstance(ahead.world[key("Base/base")], Unreadable)
    assert ahead.world == alone.world
    assert ahead.calls == alone.calls


def test_lost_credentials_end_the_look(account: Account, threads: Executor) -> None:
    """As without threads: the answer to everything is unknown."""

    def refuse(operation: str, _: Mapping[str, Any]) -> None:
        raise AwsError("credentials", "ExpiredToken", "no", f"memory.{operation}")

    account.cloud.before = refuse
    with pytest.raises(AwsError, match="ExpiredToken"):
        Seen(account, shop(*stack()), threads)


def test_nothing_is_inquired_about_before_the_world_is_known(account: Account, threads: Executor) -> None:
    """A difference that is only a reference that is not resolved yet is none."""
    inquired: list[list[str]] = []

    def inquire(_reader: Any, desired: Any, present: Any, fields: Any) -> Mapping[str, Any]:
        del desired, present
        inquired.append([str(one.path) for one in fields])
        return {}

    kinds = {**KINDS, "App": replace(KINDS["App"], inquire=inquire)}
    Seen(account, shop(*stack()), threads, kinds)
    assert inquired == []


@pytest.mark.parametrize("other", [("farm", "Describe"), ("zoo", "DescribeTags")])
def test_a_quiet_pass_asks_several_operations_at_the_same_time(threads: Executor, other: tuple[str, str]) -> None:
    """It waits for all rate limits. Each call ends only when those of both operations are under way."""
    operations = (("zoo", "Describe"), other)
    asked = [Asked(service, operation, {"names": [name]}) for service, operation in operations for name in "ab"]
    trace, both, lock = Trace(), Barrier(2, timeout=30), Lock()
    for one in asked:
        trace.add(one, content_of(one.params["names"]))
    trace.end()
    seen: list[Asked] = []

    def content(one: Asked) -> bytes:
        both.wait()
        with lock:
            seen.append(one)
        return content_of(one.params["names"])

    ask_ahead(trace, content, threads)
    assert sorted(map(repr, seen)) == sorted(map(repr, asked))


def test_a_quiet_pass_asks_an_operation_for_nothing_after_an_answer_that_differs(threads: Executor) -> None:
    """The pass is made in full then, and may ask for something else."""
    asked = [Asked("zoo", "Describe", {"names": [name]}) for name in "abc"]
    trace = Trace()
    for one in asked:
        trace.add(one, content_of(one.params["names"]))
    trace.end()
    seen: list[Asked] = []

    def content(one: Asked) -> bytes:
        seen.append(one)
        return content_of(one.params["names"] if len(seen) == 1 else "another")

    ask_ahead(trace, content, threads)
    assert [one.params["names"] for one in seen] == [["a"], ["b"]]


def test_a_quiet_pass_that_waits_ends_when_the_process_stops(threads: Executor) -> None:
    """No thread is left, and the pass itself gets the reason."""
    trace = Trace()
    for service in ("zoo", "farm"):
        trace.add(Asked(service, "Describe", {"names": ["a"]}), content_of(["a"]))
    trace.end()

    def stops(one: Asked) -> bytes:
        raise Deferred(one.service, 0.0, one.name)

    ask_ahead(trace, stops, threads)
    with pytest.raises(Deferred):
        trace.holds(stops)
