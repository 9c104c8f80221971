"""Every recorded pair through the public API, and every single change of the live side of equivalent pairs."""

from __future__ import annotations

import os

import pytest

from ecsync import compare
from tests.offline.pairs import Pair, changes, pairs, written
from tests.offline.unseen import DELEGATED, SERVER_OWNED, WHILE_UNDECLARED, declared

PAIRS = pairs()
# Cases that AWS does not document. ecsync decides that they are no difference, so it makes no write for them.
UNCERTAIN = {
    "der-cd-init-false": "an init process that is off is none (Docker's default): no new revision",
    "der-cd-restart-defaults": "a restart policy without a period has the 300 seconds of ECS: no new revision",
    "der-sv-taskdef-family": "a bare family is any revision of it: no deployment",
}


def of(some: list[Pair]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", some, ids=lambda pair: pair["id"])


@pytest.mark.skipif("ECSYNC_CASES" not in os.environ, reason="ECSYNC_CASES is not set")
def test_the_whole_collection_runs_if_it_is_available() -> None:
    assert {"captured", "documented", "unit-test", "derived"} <= {pair["confidence"] for pair in PAIRS}
    assert {pair["id"] for pair in PAIRS if pair["confidence"] == "derived-uncertain"} == UNCERTAIN.keys()


@of([pair for pair in PAIRS if pair["id"] not in UNCERTAIN])
def test_a_pair_differs_exactly_if_it_is_not_equivalent(pair: Pair) -> None:
    found = compare(pair["kind"], pair["desired"], pair["live"], context=pair.get("context"))
    assert (not found) == pair["equivalent"], pair["note"]


@of([pair for pair in PAIRS if pair["id"] in UNCERTAIN])
def test_an_undocumented_case_is_no_difference(pair: Pair) -> None:
    assert not compare(pair["kind"], pair["desired"], pair["live"]), UNCERTAIN[pair["id"]]


@of([pair for pair in PAIRS if pair["equivalent"]])
def test_a_change_of_any_leaf_is_detected_unless_another_owner_has_it(pair: Pair) -> None:
    kind, desired = pair["kind"], pair["desired"]
    for place, live in changes(pair["live"]):
        if compare(kind, desired, live, context=pair.get("context")):
            continue
        name = written(place)
        if name not in SERVER_OWNED[kind] and name not in DELEGATED.get(pair["id"], ()):
            assert name in WHILE_UNDECLARED.get(kind, ()), f"a change of {name} is not detected"
            assert not declared(desired, pair["live"], place), (
                f"a change of {name} is not detected, although it is declared"
            )


@of([pair for pair in PAIRS if "scale" not in pair["live"]])  # a task set is not a service
def test_a_live_document_does_not_differ_from_itself(pair: Pair) -> None:
    assert not compare(pair["kind"], pair["live"], pair["live"], context=pair.get("context"))
