"""`explain` and the JSON Schema have the constraints, too."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ecsync.core.constraints.rows import Constraint, Pattern
from ecsync.kinds import ALL
from ecsync.offline import explain, json_schema


def lines(place: str) -> list[str]:
    return list(explain.lines(explain.find(place)))


def test_explain_prints_what_aws_accepts_and_what_is_meant() -> None:
    assert "  accepted   on Fargate a value that its cpu allows" in lines("TaskDefinition.memory")
    assert "  meant      with name" in lines("TaskDefinition.containerDefinitions.portMappings.appProtocol")
    assert any(
        "a port of that container; checked across documents" in one
        for one in lines("Service.loadBalancers.containerPort")
    )


def member(kind: str, *path: str) -> Any:
    """Return the schema of a member of a kind."""
    schema = json_schema.for_kind(kind)
    found = schema["definitions"][kind]
    for name in path:
        for below in found.get("allOf", ()):
            found = schema["definitions"][below["$ref"].rsplit("/", 1)[-1]]
        found = found["properties"][name]
        found = found.get("items", found)
    return found


def test_the_schema_has_ranges() -> None:
    storage = member("TaskDefinition", "ephemeralStorage", "sizeInGiB")
    assert (storage["minimum"], storage["maximum"]) == (21, 200)


@pytest.mark.parametrize("value", ["web", "${Kind/name}", "web-${env:STAGE}", "", "{{ .Name }}"])
def test_a_pattern_of_the_schema_accepts_what_validate_accepts(value: str) -> None:
    assert re.search(member("Service", "serviceName")["pattern"], value)


def test_a_pattern_of_the_schema_refuses_what_validate_refuses() -> None:
    name = member("Service", "serviceName")
    assert not re.search(name["pattern"], "웹")
    assert "letters, digits" in name["errorMessage"]


def test_every_pattern_is_one_of_javascript_too() -> None:
    """Editors read it with the flag `u`: a backslash stands before a sign of the syntax, or is part of a class."""
    patterns = {
        row.test.allowed
        for kind in ALL
        for row in kind.constraints
        if isinstance(row, Constraint) and isinstance(row.test, Pattern)
    }
    known = re.compile(r"\\(?![dDwWsSbBnrtfvxu0/^$\\.*+?()\[\]{}|-])")
    assert len(patterns) > 20
    assert [one for one in patterns if known.search(one)] == []
