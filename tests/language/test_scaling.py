"""The work of one application is linear in its number of documents: twice the services take twice the calls.

The calls of functions are counted, not the time, so the result is the same on every machine.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from benchmarks import scaling
from ecsync.core import graph
from ecsync.core.inputs import Inputs
from ecsync.core.wording import MOST_OPTIONS
from ecsync.kinds import BY_NAME

SERVICES = 60
MOST = 2.3  # a quadratic part of a tenth of the work gives more


def calls(work: Callable[[], object]) -> int:
    """Return how many functions, generators and built-in functions the work calls or resumes."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def growth(prepare: Callable[[int], Callable[[], object]], services: int = SERVICES) -> float:
    """Return how many times the calls grow from one number of services to twice that number."""
    prepare(2)()  # what is done once per process
    return calls(prepare(2 * services)) / calls(prepare(services))


def loading(services: int, edit: Callable[[str], str] = lambda text: text) -> Callable[[], object]:
    """Return a load of the manifests, each one edited."""
    files = {name: edit(text.decode()).encode() for name, text in scaling.manifests(services).items()}
    return lambda: scaling.load_files(files)


def inputs(services: int) -> Inputs:
    """Return the inputs of a plan in an empty account."""
    return scaling.unread(scaling.loaded(scaling.manifests(services)))


def test_loading_is_linear() -> None:
    """With a reference from every document to another."""
    assert growth(loading) < MOST


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("desiredCount: 2", "desiredCount: 99"),
        ("{logGroupName: /shop/api-", "{logGroupName: /shop/api, x: /"),
    ],
    ids=["a count outside the range", "one name for all, and an unknown field"],
)
def test_loading_manifests_with_problems_is_linear(before: str, after: str) -> None:
    """One problem in every file."""
    assert growth(lambda services: loading(services, lambda text: text.replace(before, after))) < MOST


def test_loading_unknown_names_is_linear() -> None:
    """References and `ecsync/after`. Above 1,000 documents no similar name is searched for (`wording.MOST_OPTIONS`)."""

    def edit(text: str) -> str:
        service = re.search(r"Service/(api-\d+)", text)
        if service is None:
            return text
        metadata = f"{{name: {service[1]}, annotations: {{ecsync/after: Service/unknown}}}}"
        after = f"---\napiVersion: ecsync/v1\nkind: Repository\nmetadata: {metadata}\nspec: {{}}\n"
        return text.replace("${Service/api-", "${Service/unknown-") + after

    assert growth(lambda services: loading(services, edit), services=MOST_OPTIONS // 8 + 1) < MOST


def test_the_order_of_the_steps_is_linear() -> None:
    """The edges, and the order that they give."""

    def prepare(services: int) -> Callable[[], object]:
        documents = inputs(services).application.documents
        return lambda: graph.order(graph.edges(documents, BY_NAME))

    assert growth(prepare) < MOST


@pytest.mark.parametrize("state", [scaling.in_sync, lambda made: made], ids=["in sync", "all new"])
def test_a_plan_and_its_statuses_are_linear(state: Callable[[Inputs], Inputs]) -> None:
    """Also where every resource has a step."""

    def prepare(services: int) -> Callable[[], object]:
        made = state(inputs(services))
        return lambda: scaling.planned(made)

    assert growth(prepare) < MOST
