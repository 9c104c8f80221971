"""`ecsync schema`: the schema of manifests. The tests with a real language server are in `tests/editor`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # jsonschema has no types

from ecsync import kinds
from ecsync.awsmodel.shapes import load
from ecsync.core.constraints.find import breaches, constraint_table
from ecsync.core.constraints.rows import Constraint
from ecsync.core.kind import Kind, ShapeOf
from ecsync.language import yaml12
from ecsync.language.annotations import KNOWN
from ecsync.language.check import check
from ecsync.language.nodes import plain
from ecsync.offline import json_schema
from tests.shapes import bodies

ROOT = Path(__file__).resolve().parents[2]
ALL = json_schema.for_all()
MANIFESTS = sorted((ROOT / "manifests").rglob("*.yaml"))


def documents(text: str, name: str = "m.yaml") -> list[Any]:
    parsed = yaml12.parse(name, text.encode())
    assert not parsed.problems
    return [plain(node) for node in parsed.documents if node.value is not None]


def wrong(text: str, schema: Any = ALL) -> list[str]:
    return [error.message for document in documents(text) for error in Draft7Validator(schema).iter_errors(document)]


def service(*lines: str) -> str:
    fields = "".join(f"  {line}\n" for line in ("cluster: prod", "taskDefinition: web:7", *lines))
    return f"apiVersion: ecsync/v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n{fields}"


def test_the_schema_is_valid_draft_7() -> None:
    Draft7Validator.check_schema(ALL)
    assert ALL["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_example_manifests_are_valid(file: Path) -> None:
    assert wrong(file.read_text()) == []


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_each_kind_has_its_own_schema(kind: Any) -> None:
    schema = json_schema.for_kind(kind.name)
    Draft7Validator.check_schema(schema)
    assert schema["properties"]["kind"]["enum"] == [kind.name]
    assert wrong(f"kind: {kind.name}\nmetadata: {{name: a}}\nspec: {{}}\n", schema) == []
    assert wrong(f"kind: {kind.name}\nmetadata: {{name: a}}\nspec: {{x-y: 1}}\n", schema)


@pytest.mark.parametrize(
    "line",
    [
        "desiredCount: 2",
        "desiredCount: '2'",
        "desiredCount: ${var:COUNT}",
        "desiredCount: null",
        "launchType: FARGATE",
        "launchType: ${env:TYPE}",
        "tags: {team: shop, cost: 12}",
        "tags: [{key: team, value: shop}]",
        "launchType: ''",
        "runningCount: 2",
        "clientToken: abc",
        "enableExecuteCommand: ${var:EXEC}",
        "networkConfiguration: {awsvpcConfiguration: {subnets: '${Network/main.subnetIds}'}}",
        "networkConfiguration: {awsvpcConfiguration: {subnets: ['${Network/main.subnetIds}', subnet-1]}}",
    ],
)
def test_valid_manifests_match_the_schema(line: str) -> None:
    assert wrong(service(line)) == []


def test_a_value_that_the_model_lacks_is_accepted() -> None:
    document = "kind: TaskDefinition\nmetadata: {name: web}\nspec: {networkMode: %s}\n"
    assert wrong(document % "default") == []
    assert wrong(document % "nat")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("desiredcount: 2", "'desiredcount' was unexpected"),
        ("desiredCount: two", "'two' is not valid"),
        ("launchType: FARGAT", "'FARGAT' is not valid"),
        ("deploymentConfiguration: {maximumPercnt: 1}", "'maximumPercnt' was unexpected"),
        ("loadBalancers: web", "'web' does not match"),
    ],
)
def test_invalid_manifests_do_not_match_the_schema(line: str, part: str) -> None:
    (message,) = wrong(service(line))
    assert part in message


def test_the_schema_covers_the_short_form_the_envelope_and_annotations() -> None:
    assert wrong("resources:\n  LogGroup/api: {retentionInDays: 30}\n  Cluster/main:\n") == []
    assert wrong("resources:\n  LogGrup/api: {}\n")
    assert wrong("resources:\n  LogGroup/api: {retention: 30}\n")
    assert wrong("kind: Servce\nmetadata: {name: a}\n")
    assert wrong("kind: Cluster\nmetadata: {nam: a}\n")
    assert wrong("kind: Cluster\nmetadata: {name: a, annotations: {ecsync/deletion: retain, other: x}}\n") == []
    assert wrong("kind: Cluster\nmetadata: {name: a, annotations: {ecsync/deletion: keep}}\n")
    assert wrong("kind: Cluster\nmetadata: {name: a, annotations: {ecsync/delete: retain}}\n")
    assert wrong("kind: Application\nmetadata: {name: a}\nspec: {sync: {mode: enforce}}\n") == []
    assert wrong("kind: Application\nmetadata: {name: a}\nspec: {sync: {mode: force}}\n")


def test_every_annotation_is_in_the_schema_with_a_description() -> None:
    known = ALL["definitions"]["annotations"]["properties"]
    assert {*known} == {*KNOWN}
    assert all(one["description"] for one in known.values())
    assert wrong("kind: TaskDefinition\nmetadata: {name: a, annotations: {ecsync/keep-revisions: 3}}\n") == []
    assert wrong("kind: Cluster\nmetadata: {name: a, annotations: {ecsync/keep-revisions: 3}}\n")
    assert wrong("kind: Application\nmetadata: {name: a, annotations: {ecsync/deletion: retain}}\n")
    assert wrong("kind: Application\nmetadata: {name: a, annotations: {ecsync/suspend: load test}}\n") == []


def test_a_plain_aws_document_matches_the_schema() -> None:
    assert wrong("family: a\nrevision: 1\ncontainerDefinitions: [{name: a}]\n") == []
    assert wrong("serviceName: a\nclusterArn: arn\nevents: []\n") == []
    assert wrong("serviceName: a\ndesiredcount: 1\n")
    assert wrong("kind: Service\nmetadata: {name: a}\nserviceName: a\n")


# How the schema refuses what a row of the kind refuses.
OF_ROWS = frozenset(("pattern", "minimum", "maximum", "enum", "anyOf", "if", "type"))


def refused(kind: Kind, body: Any) -> bool:
    """Return whether a row that the schema can express refuses the body: `validate` refuses it, too."""
    assert kind.shape is not None
    checked = check(body, load(kind.shape), name=kind.name, rules=kind.rules, partial=True)
    found = breaches(constraint_table(kind.constraints), checked.body, name=kind.name)
    return any(isinstance(one.row, Constraint) and not callable(one.row.test) for one in found)


def taken(kind: Kind, body: Any) -> bool:
    """Return whether `validate` accepts the body, as far as its shape is concerned."""
    assert kind.shape is not None
    describe = load(ShapeOf(operation="", describe=kind.shape.describe))
    tags = kind.tagging.member if kind.tagging else ""
    checked = check(
        body, load(kind.shape), name=kind.name, rules=kind.rules, describe=describe, tags=tags, partial=True
    )
    return not checked.problems


def respelt(value: Any) -> Any:
    """Return the body in another form with the same meaning: numbers and booleans as text, pairs as a map."""
    if isinstance(value, dict):
        return {key: respelt(below) for key, below in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(below, dict) and below.keys() == {"name", "value"} for below in value):
            return {below["name"]: respelt(below["value"]) for below in value}
        return [respelt(below) for below in value]
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


@pytest.mark.parametrize("kind", [kind for kind in kinds.ALL if kind.shape], ids=lambda kind: kind.name)
def test_every_body_that_validate_accepts_matches_the_schema(kind: Kind) -> None:
    assert kind.shape is not None
    validator = Draft7Validator(json_schema.for_kind(kind.name))
    tags = kind.tagging.member if kind.tagging else ""
    written = bodies(load(kind.shape), kind.rules, tags)
    printed = bodies(load(ShapeOf(operation="", describe=kind.shape.describe)), (), tags)

    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.one_of(written, written.map(respelt), printed))
    def holds(body: dict[str, Any]) -> None:
        assume(taken(kind, body))
        errors = validator.iter_errors({"kind": kind.name, "metadata": {"name": "a"}, "spec": body})
        # The describe output may lack fields that the input requires: ignore `required`.
        ignored = OF_ROWS if refused(kind, body) else frozenset[str]()
        assert [error.message for error in errors if error.validator not in {"required", *ignored}] == []

    holds()


def test_the_command_prints_the_schema_and_names_the_nearest_kind() -> None:
    ecsync = Path(sys.executable).with_name("ecsync")
    done = subprocess.run([ecsync, "schema", "Cluster"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json_schema.for_kind("Cluster")
    typo = subprocess.run([ecsync, "schema", "Clustr"], capture_output=True, text=True, check=False)
    assert typo.returncode == 64
    assert 'did you mean "Cluster"?' in typo.stderr
