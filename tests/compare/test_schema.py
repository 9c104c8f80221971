"""`ecsync schema`: what editors are told of manifests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it has none of its own

from controller import kinds, schema_export
from controller.core.nodes import plain
from controller.language import yaml12

from .language_server import LanguageServer, command

ROOT = Path(__file__).resolve().parents[2]
ALL = schema_export.for_all()
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


def test_it_is_a_schema_of_draft_7() -> None:
    Draft7Validator.check_schema(ALL)
    assert ALL["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_manifests_that_are_shipped_are_valid(file: Path) -> None:
    assert wrong(file.read_text()) == []


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_each_kind_has_one_of_its_own(kind: Any) -> None:
    schema = schema_export.for_kind(kind.name)
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
        "enableExecuteCommand: ${var:EXEC}",
        "networkConfiguration: {awsvpcConfiguration: {subnets: '${Network/main.subnetIds}'}}",
        "networkConfiguration: {awsvpcConfiguration: {subnets: ['${Network/main.subnetIds}', subnet-1]}}",
    ],
)
def test_what_the_language_allows_is_allowed(line: str) -> None:
    assert wrong(service(line)) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("desiredcount: 2", "'desiredcount' was unexpected"),
        ("desiredCount: two", "'two' is not valid"),
        ("launchType: FARGAT", "'FARGAT' is not valid"),
        ("deploymentConfiguration: {maximumPercnt: 1}", "is not valid"),
        ("loadBalancers: web", "'web' is not valid"),
    ],
)
def test_what_is_not_is_told(line: str, told: str) -> None:
    (message,) = wrong(service(line))
    assert told in message


def test_the_short_form_the_envelope_and_annotations_are_known() -> None:
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


def test_the_verb_prints_it_and_names_the_nearest_kind() -> None:
    ecsync = Path(sys.executable).with_name("ecsync")
    done = subprocess.run([ecsync, "schema", "Cluster"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == schema_export.for_kind("Cluster")
    typo = subprocess.run([ecsync, "schema", "Clustr"], capture_output=True, text=True, check=False)
    assert typo.returncode == 64
    assert 'did you mean "Cluster"?' in typo.stderr


# ---------------------------------------------------------------- in an editor


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    start = command()
    if start is None:
        pytest.skip("no yaml-language-server on PATH, and ECSYNC_YAML_LS names no node_modules")
    schema = tmp_path_factory.mktemp("schema") / "ecsync.schema.json"
    schema.write_text(json.dumps(ALL))
    server = LanguageServer(start, schema)
    yield server
    server.stop()


def test_an_editor_marks_a_typo_where_it_is(editor: LanguageServer) -> None:
    assert editor.diagnostics("file:///good.yaml", service("desiredCount: 2")) == []
    assert editor.diagnostics("file:///typo.yaml", service("desiredcount: 2")) == [
        "7: Property desiredcount is not allowed."
    ]
    (told,) = editor.diagnostics("file:///value.yaml", service("launchType: FARGAT"))
    assert told.startswith("7: Value is not accepted.")


def test_an_editor_offers_the_fields(editor: LanguageServer) -> None:
    text = service("des")
    editor.diagnostics("file:///field.yaml", text)
    line = text.splitlines().index("  des")
    assert "desiredCount" in editor.completions("file:///field.yaml", line, 5)
    deep = service("deploymentConfiguration:", "  max")
    editor.diagnostics("file:///deep.yaml", deep)
    line = deep.splitlines().index("    max")
    assert "maximumPercent" in editor.completions("file:///deep.yaml", line, 7)
    short = "resources:\n  LogGroup/api:\n    ret\n"
    editor.diagnostics("file:///short.yaml", short)
    assert "retentionInDays" in editor.completions("file:///short.yaml", 2, 7)
