"""docs/constraints.md is what the rows of the kinds are, and a row is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.constraints.rows import Constraint, Row
from ecsync.core.kind import Kind
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH
from ecsync.offline.constraints_page import page

PAGE = Path(__file__).parent.parent.parent / "docs" / "constraints.md"
ROWS = [(kind, row) for kind in kinds.ALL for row in kind.constraints]
SOURCE = re.compile(
    r"(botocore|API Reference|developer guide|IAM User Guide|ECR User Guide|EC2 User Guide|AWS Security Hub|Docker"
    r"|OCI Distribution Specification|docs/manifests\.md)\b"
)


def test_the_page_is_generated_from_the_rows() -> None:
    """After a change of a row: `make constraints`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_there_are_many_rows() -> None:
    """Each one is a mistake that AWS would refuse, or that is surely not meant."""
    assert len(ROWS) >= 150


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=lambda one: one.name if isinstance(one, Kind) else one.path)
def test_a_row_is_about_a_field_of_the_kind_and_has_its_source(kind: Kind, row: Row) -> None:
    """A path with a typo would never be tested."""
    assert SOURCE.match(row.source), row.source
    assert row.rule
    shape: Shape | None = shapes.load(kind.shape) if kind.shape else None
    for segment in row.segments:
        assert shape is not None, row.path
        if shape.type == "any":
            return  # a policy: its elements have no shape
        if segment in (EACH, ANY) or shape.type == "map":
            shape = shape.element
        else:
            assert segment in shape.members, row.path
            shape = shape.members[segment]


def test_no_row_is_there_twice() -> None:
    """Two rows about one fact give two messages."""
    seen = [(kind.name, row.path, row.rule, row.level) for kind, row in ROWS if isinstance(row, Constraint)]
    assert sorted(one for one in set(seen) if seen.count(one) > 1) == []
