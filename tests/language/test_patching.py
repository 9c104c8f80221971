"""Patches: merge rules and origins."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.awsmodel import shapes
from ecsync.core.kind import ShapeOf
from ecsync.core.model import Origin
from ecsync.core.rules import Keyed
from ecsync.language.expand import patched
from ecsync.language.nodes import plain, to_nodes

RULES = (
    Keyed(path="containerDefinitions", key=("name",)),
    Keyed(path="containerDefinitions[].portMappings", key=("containerPort", "protocol")),
)
WEB = {"name": "web", "cpu": 1, "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
LOG = {"name": "log", "cpu": 2}
BASE = {"family": "f", "cpu": "256", "containerDefinitions": [WEB, LOG]}


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"cpu": "512"}, {"cpu": "512"}),
        ({"cpu": None}, {"cpu": ...}),
        ({"runtimePlatform": {"cpuArchitecture": "ARM64"}}, {"runtimePlatform": {"cpuArchitecture": "ARM64"}}),
        ({"containerDefinitions": [{"name": "web", "cpu": 9}]}, {"containerDefinitions": [WEB | {"cpu": 9}, LOG]}),
        ({"containerDefinitions": {"log": {"cpu": 9}}}, {"containerDefinitions": [WEB, LOG | {"cpu": 9}]}),
        ({"containerDefinitions": {"log": None}}, {"containerDefinitions": [WEB]}),
        ({"containerDefinitions": [{"name": "new"}]}, {"containerDefinitions": [WEB, LOG, {"name": "new"}]}),
        (
            {"containerDefinitions": {"web": {"environment": {"A": None, "B": "x", "C": "3"}}}},
            {"containerDefinitions": [
                WEB | {"environment": [{"name": "B", "value": "x"}, {"name": "C", "value": "3"}]}, LOG]},
        ),
        (
            {"containerDefinitions": {"web": {"environment": [{"name": "A", "value": "x"}]}}},
            {"containerDefinitions": [
                WEB | {"environment": [{"name": "A", "value": "x"}, {"name": "B", "value": "2"}]}, LOG]},
        ),
        (
            {"containerDefinitions": {"log": {"command": ["a"], "portMappings": [{"containerPort": 80}]}}},
            {"containerDefinitions": [WEB, LOG | {"command": ["a"], "portMappings": [{"containerPort": 80}]}]},
        ),
        ({"containerDefinitions": "nonsense"}, {"containerDefinitions": "nonsense"}),
    ],
)  # fmt: skip
def test_a_patch_changes_exactly_its_fields(patch: dict[str, Any], changed: dict[str, Any]) -> None:
    """Null removes, maps merge, keyed lists merge by their key, and other lists are replaced."""
    shape = shapes.load(ShapeOf(operation="ecs.RegisterTaskDefinition"))
    result = patched(to_nodes(BASE, Origin("base", 1)), to_nodes(patch, Origin("patch", 1)), shape=shape, rules=RULES)
    expected = {key: value for key, value in (BASE | changed).items() if value is not ...}
    assert plain(result) == expected


def test_a_patched_field_has_the_origin_of_the_patch() -> None:
    """The other fields keep their origin."""
    shape = shapes.load(ShapeOf(operation="ecs.RegisterTaskDefinition"))
    patch = to_nodes({"containerDefinitions": {"web": {"cpu": 9}}}, Origin("patch", 7))
    result = patched(to_nodes(BASE, Origin("base", 1)), patch, shape=shape, rules=RULES)
    web = result.value["containerDefinitions"].value[0]
    assert (web.value["cpu"].origin.file, web.value["name"].origin.file) == ("patch", "base")


def test_a_map_in_place_of_a_list_is_merged_as_a_map() -> None:
    """A base that is a map accepts a map or a list as its patch."""
    shape = shapes.load(ShapeOf(operation="ecs.CreateService"))
    base = to_nodes({"tags": {"a": "1", "b": "2"}}, Origin("f"))
    assert plain(patched(base, to_nodes({"tags": {"a": None}}, Origin("f")), shape=shape)) == {"tags": {"b": "2"}}
    listed = to_nodes({"tags": [{"key": "a", "value": "9"}]}, Origin("f"))
    assert plain(patched(base, listed, shape=shape)) == {
        "tags": [{"key": "a", "value": "9"}, {"key": "b", "value": "2"}]
    }
