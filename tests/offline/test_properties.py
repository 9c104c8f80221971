"""Properties of every body that AWS's shapes allow, for every kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsync import compare, kinds
from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind
from ecsync.core.model import Origin
from ecsync.core.normalise import normalise
from ecsync.core.rules import Keyed, Unordered
from ecsync.core.trees import locate, thaw
from ecsync.language.nodes import to_nodes
from ecsync.offline.compare import written_as
from tests.shapes import bodies

each_kind = pytest.mark.parametrize(
    "kind", [kind for kind in kinds.ALL if kind.shape is not None], ids=lambda kind: kind.name
)
some = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def body_of(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    assert kind.shape is not None
    return bodies(load(kind.shape), kind.rules, kind.tagging.member if kind.tagging else "")


@each_kind
def test_normalisation_is_idempotent(kind: Kind) -> None:
    @some
    @given(body_of(kind))
    def holds(body: dict[str, Any]) -> None:
        checked = written_as(kind, to_nodes(body, Origin("")))
        assert not checked.problems
        once = normalise(checked.body, kind.rules)
        assert normalise(once, kind.rules) == once

    holds()


@each_kind
def test_a_body_does_not_differ_from_itself(kind: Kind) -> None:
    @some
    @given(body_of(kind))
    def holds(body: dict[str, Any]) -> None:
        assert compare(kind.name, body, body) == ()

    holds()


@each_kind
def test_two_bodies_can_always_be_compared(kind: Kind) -> None:
    @some
    @given(body_of(kind), body_of(kind))
    def holds(desired: dict[str, Any], live: dict[str, Any]) -> None:
        compare(kind.name, desired, live)

    holds()


@each_kind
def test_the_order_of_a_set_has_no_effect(kind: Kind) -> None:
    sets = [row for row in kind.rules if isinstance(row, (Keyed, Unordered))]

    @some
    @given(body_of(kind), st.randoms(use_true_random=False))
    def holds(body: dict[str, Any], random: Any) -> None:
        shuffled = thaw(body)
        for row in sets:
            for container, key, _ in list(locate(shuffled, row.segments)):
                below = container.get(key) if isinstance(container, dict) else container[key]
                if isinstance(below, list):
                    random.shuffle(below)
        assert compare(kind.name, body, shuffled) == ()

    holds()
