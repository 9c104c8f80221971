"""`ecsync schema` in an editor: the real yaml-language-server, configured as in docs/manifests.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.kind import Kind
from ecsync.core.schema import Shape
from ecsync.language.annotations import KNOWN
from ecsync.language.settings import SHAPE as APPLICATION
from ecsync.offline.explain import plain_text
from ecsync.sources.files import is_manifest
from tests.editor.language_server import Diagnostic, LanguageServer, Place
from tests.editor.manifests import CONTAINER, LISTENER, SERVICE, SEVERAL, TARGETS, manifest, marked, pointed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCS = (ROOT / "docs" / "manifests.md").read_text().partition("\n## In an editor\n")[2]
MANIFESTS = sorted((ROOT / "manifests").rglob("*.yaml"))


def documented(pattern: str) -> str:
    """Return the text for users in docs/manifests.md that matches the pattern."""
    found = re.search(pattern, DOCS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/manifests.md does not contain {pattern}"
    return found[1]


SCHEMA = documented(r"^ecsync schema > (\S+)")
SETTINGS = json.loads(documented(r"```json\n(.*?)```"))
MODELINE = documented(r"^(# yaml-language-server: \S+)$") + "\n"


def make_schema(place: Path, *kind: str) -> None:
    ecsync = Path(sys.executable).with_name("ecsync")
    with place.open("wb") as schema:
        subprocess.run([ecsync, "schema", *kind], stdout=schema, check=True)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the schema of the command in it."""
    folder = tmp_path_factory.mktemp("workspace")
    make_schema(folder / SCHEMA)
    return folder


@pytest.fixture(scope="module")
def start() -> list[str]:
    """The command of the server. Without a server the tests are skipped, unless ECSYNC_YAML_LS is set."""
    directory = os.environ.get("ECSYNC_YAML_LS")
    found = shutil.which("yaml-language-server", path=str(Path(directory or HERE / "node_modules") / ".bin"))
    if found is None and directory:
        pytest.fail(f"ECSYNC_YAML_LS is {directory}, but it has no yaml-language-server")
    if found is None:
        pytest.skip("yaml-language-server is not installed: run `make editor`, which uses npm")
    return [found]


@pytest.fixture(scope="module")
def editor(start: list[str], workspace: Path) -> Iterator[LanguageServer]:
    """An editor with the documented settings for manifests."""
    settings = {key.removeprefix("yaml."): value for key, value in SETTINGS.items()}
    with LanguageServer(start, workspace, settings) as server:
        server.diagnostics("kind: Cluster\n")  # its answer has the schema; a hover before it is empty
        yield server


@pytest.fixture(scope="module")
def plain_editor(start: list[str], workspace: Path) -> Iterator[LanguageServer]:
    """An editor without settings for manifests."""
    with LanguageServer(start, workspace, {}) as server:
        yield server


def offered(editor: LanguageServer, text: str) -> set[str]:
    return {offer.label for offer in editor.completions(*pointed(text))}


def body(kind: Kind) -> Shape:
    assert kind.shape is not None
    return shapes.load(kind.shape)


# ---------------------------------------------------------------- valid manifests


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_example_manifests_have_no_problem(editor: LanguageServer, file: Path) -> None:
    assert editor.diagnostics(file.read_text()) == []


def test_all_example_manifests_are_read() -> None:
    assert {file.parent.name for file in MANIFESTS} == {"quickstart", "tilog", "nightly", "controller"}


@pytest.mark.parametrize(
    "text",
    [
        manifest("Service", *SERVICE, "desiredCount: ${var:COUNT}", "launchType:", "tags: {team: shop}"),
        manifest("TaskDefinition", *CONTAINER, "    environment: {PORT: 80, DEBUG: true}", "cpu: 256"),
        manifest("TargetGroup", *TARGETS, "Attributes: {deregistration_delay.timeout_seconds: 30}"),
        manifest("Cluster", annotations="{ecsync/deletion: retain, ecsync/suspend: true, other.tool/x: [1]}"),
        manifest("TaskDefinition", *CONTAINER, annotations="{ecsync/keep-revisions: 10}"),
        manifest("Application", "target: {region: eu-west-1}", "manage: [all]", "sync: {mode: enforce, interval: 30s}"),
        SEVERAL,
        SEVERAL + "---\n",
        "resources:\n  LogGroup/api: {retentionInDays: 30}\n  Cluster/main:\n",
        "family: web\ncontainerDefinitions: [{name: web, image: nginx}]\n",
        "serviceName: web\ntaskDefinition: web:7\n",
        "# nothing yet\n",
    ],
    ids=lambda text: " ".join(text.split()[:4]),
)
def test_valid_forms_have_no_problem(editor: LanguageServer, text: str) -> None:
    assert editor.diagnostics(text) == []


# ---------------------------------------------------------------- invalid manifests


@pytest.mark.parametrize(
    "text",
    [
        manifest("Service", *SERVICE, "«desiredcount»: 2"),
        manifest("Service", *SERVICE, "deploymentConfiguration:", "  «maximumPercnt»: 200"),
        manifest("Service", *SERVICE, "loadBalancers:", "  - «targetGroupARN»: arn", "    containerPort: 80"),
        manifest("Service", *SERVICE, "tags: [{key: team, «valu»: shop}]"),
        manifest("TaskDefinition", *CONTAINER, "    «memmory»: 512"),
        manifest("TaskDefinition", *CONTAINER, "    portMappings: [{«containerport»: 80}]"),
        manifest("TargetGroup", *TARGETS, "«Protcol»: HTTP"),
        manifest("TargetGroup", *TARGETS, "Matcher: {«HttpCod»: 200}"),
        manifest("Listener", *LISTENER, "«Conditions»: []"),
        manifest("Application", "sync: {«mod»: enforce}"),
        manifest("Network", "«defualt»: true"),
        manifest("Cluster", annotations="{«ecsync/deleton»: retain}"),
        manifest("Service", *SERVICE, annotations="{«ecsync/keep-revisions»: 3}"),
        manifest("Service", *SERVICE).replace("  name:", "  «nme»: x\n  name:"),
        manifest("Service", *SERVICE).replace("apiVersion", "«apiversion»"),
        "resources:\n  LogGroup/api:\n    «retention»: 30\n",
        "resources:\n  «LogGrup/api»:\n    retention: 30\n",
        SEVERAL.replace("Port: 80", "«port»: 80"),
        SEVERAL.replace("    image", "    «img»: x\n      image"),
        "serviceName: web\n«desiredcount»: 7\n",
    ],
    ids=lambda text: text.partition("«")[2].partition("»")[0],
)
def test_exactly_the_typo_is_marked_and_named(editor: LanguageServer, text: str) -> None:
    text, start, end = marked(text)
    typo = text.splitlines()[start.line][start.character : end.character]
    assert editor.diagnostics(text) == [Diagnostic(start, end, f"Property {typo} is not allowed.")]


def test_the_right_field_is_offered_for_a_typo(editor: LanguageServer) -> None:
    assert "desiredCount" in editor.fixes(manifest("Service", *SERVICE, "desiredcount: 2"))
    assert "HttpCode" in editor.fixes(manifest("TargetGroup", *TARGETS, "Matcher: {HttpCod: 200}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (manifest("Service", *SERVICE, "launchType: «FARGAT»"), '"EC2", "FARGATE", '),
        (manifest("Service", *SERVICE, "enableExecuteCommand: «on»"), "Valid values: true, false."),
        (manifest("Service", *SERVICE, "desiredCount: «two»"), "Must be a whole number, or a reference"),
        (manifest("Service", *SERVICE, "loadBalancers: «web»"), "Must be a list, or a reference to one."),
        (manifest("Service", "cluster: «[prod]»"), 'Incorrect type. Expected "string".'),
        (manifest("TaskDefinition", *CONTAINER, "networkMode: «awsvcp»"), '"bridge", "host", "awsvpc", '),
        (manifest("TaskDefinition", *CONTAINER, "    portMappings: [{protocol: «tpc»}]"), '"tcp", "udp".'),
        (manifest("TaskDefinition", *CONTAINER, "requiresCompatibilities: [EC2, «ec3»]"), '"EC2", "FARGATE", '),
        (manifest("TargetGroup", *TARGETS, "Protocol: «HTPT»"), '"HTTP", "HTTPS", "TCP", '),
        (manifest("Cluster", annotations="{ecsync/deletion: «keep»}"), 'Valid values: "delete", "retain".'),
        (manifest("TaskDefinition", *CONTAINER, annotations="{ecsync/keep-revisions: «0»}"), "below the minimum of 1"),
        (manifest("Application", "sync: {mode: «force»}"), 'Valid values: "observe", "enforce".'),
        (manifest("Application", "manage: [«Servic»]"), '"Service", '),
        (manifest("Service", *SERVICE).replace("kind: Service", "kind: «Servce»"), '"Service", '),
        (manifest("Service", *SERVICE).replace("name: web", "name: «my web»"), "Must be letters, digits"),
        (SEVERAL.replace("ecsync/v1", "«ecsync/v2»", 1), 'Valid values: "ecsync/v1".'),
    ],
    ids=lambda text: text.partition("«")[2].partition("»")[0],
)
def test_exactly_the_wrong_value_is_marked_with_the_allowed_values(
    editor: LanguageServer, text: str, message: str
) -> None:
    text, start, end = marked(text)
    (found,) = editor.diagnostics(text)
    assert (found.start, found.end) == (start, end)
    assert message in found.message


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("apiVersion: ecsync/v1\n", ['Missing property "kind".']),
        ("kind: Service\nspec: {}\n", ['Missing property "metadata".']),
        ("kind: Service\nmetadata: {labels: {}}\n", ['Missing property "name".']),
        ("metadata: {name: a}\nspec: {cluster: prod}\n", ['Missing property "kind".']),
        ("resource:\n  Cluster/a: {}\n", ['Missing property "kind".', "Property resource is not allowed."]),
        (
            manifest("Service", *SERVICE, "networkConfiguration: {awsvpcConfiguration: {}}"),
            ['Missing property "subnets".'],
        ),
    ],
)
def test_a_missing_field_is_named(editor: LanguageServer, text: str, messages: list[str]) -> None:
    assert [found.message for found in editor.diagnostics(text)] == messages


def test_a_field_of_the_describe_output_is_marked_as_ignored(editor: LanguageServer) -> None:
    text = "family: web\nrevision: 7\ncontainerDefinitions: [{name: web, image: nginx}]\n"
    assert editor.diagnostics(text) == [Diagnostic(Place(1, 0), Place(1, 11), "Ignored: AWS sets it.")]


# ---------------------------------------------------------------- completions


@pytest.mark.parametrize("kind", [kind for kind in kinds.ALL if kind.shape], ids=lambda kind: kind.name)
def test_a_spec_is_offered_exactly_the_fields_of_its_kind(editor: LanguageServer, kind: Kind) -> None:
    fields = {*body(kind).members}
    assert offered(editor, manifest(kind.name, "¦")) == fields
    assert offered(editor, f"resources:\n  {kind.name}/web:\n    ¦\n") == fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (manifest("Service", *SERVICE, "networkConfiguration:", "  ¦"), {"awsvpcConfiguration"}),
        (manifest("Service", *SERVICE, "placementStrategy:", "  - ¦"), {"type", "field"}),
        (manifest("Service", *SERVICE, "placementStrategy:", "  - type: spread", "    ¦"), {"field"}),
        (manifest("Service", *SERVICE, "tags:", "  - ¦"), {"key", "value"}),
        (manifest("TargetGroup", *TARGETS, "Matcher:", "  ¦"), {"HttpCode", "GrpcCode"}),
        (manifest("Application", "¦"), {*APPLICATION.members}),
        (manifest("Application", "sync:", "  ¦"), {"mode", "prune", "pruneLimit", "interval"}),
        (manifest("Network", "¦"), {"id", "tags", "default", "subnets"}),
        (manifest("TaskDefinition", annotations="\n    ¦"), {*KNOWN}),
        (manifest("Cluster", annotations="\n    ¦"), {*KNOWN} - {"ecsync/keep-revisions"}),
        ("apiVersion: ecsync/v1\nkind: Cluster\nmetadata: {name: a}\n¦", {"spec", "resources"}),
        ("¦", {"apiVersion", "kind", "resources"}),
        ("resources:\n  ¦\n", {f"{kind.name}/" for kind in kinds.ALL}),
    ],
)
def test_a_block_is_offered_exactly_its_missing_fields(editor: LanguageServer, text: str, fields: set[str]) -> None:
    assert offered(editor, text) == fields


def test_each_document_of_a_file_is_offered_its_own_fields(editor: LanguageServer) -> None:
    service = {*body(kinds.BY_NAME["Service"]).members} - {"cluster", "taskDefinition"}
    targets = {*body(kinds.BY_NAME["TargetGroup"]).members} - {"Name", "Port"}
    assert offered(editor, SEVERAL.replace("taskDefinition: web:7\n", "taskDefinition: web:7\n  ¦\n")) == service
    assert offered(editor, SEVERAL + "  ¦\n") == targets


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (manifest("Service", *SERVICE, "launchType: ¦"), {"EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"}),
        (manifest("Service", *SERVICE, "enableExecuteCommand: ¦"), {"true", "false"}),
        (manifest("TaskDefinition", *CONTAINER, "    portMappings: [{protocol: ¦}]"), {"tcp", "udp"}),
        (manifest("Cluster", annotations="\n    ecsync/deletion: ¦"), {"delete", "retain"}),
        (manifest("Application", "manage:", "  - ¦"), {*kinds.BY_NAME, "all"}),
        ("kind: ¦\n", {*kinds.BY_NAME, "Application"}),
        (manifest("Service", "cluster: ¦"), set()),
        (manifest("Service", "desiredCount: ¦"), set()),
    ],
)
def test_a_field_is_offered_its_allowed_values(editor: LanguageServer, text: str, values: set[str]) -> None:
    assert offered(editor, text) == values


def test_a_field_is_inserted_with_the_start_of_its_value(editor: LanguageServer) -> None:
    inserts = dict(editor.completions(*pointed(manifest("Service", "¦"))))
    assert inserts["cluster"] == "cluster: "
    assert inserts["desiredCount"] == "desiredCount: "
    assert inserts["enableExecuteCommand"] == "enableExecuteCommand: "
    assert inserts["loadBalancers"] == "loadBalancers:\n  - "
    assert inserts["networkConfiguration"] == "networkConfiguration:\n  "
    roles = dict(editor.completions(*pointed(manifest("Role", "¦"))))
    assert roles["AssumeRolePolicyDocument"] == "AssumeRolePolicyDocument: "
    assert dict(editor.completions(*pointed("resources:\n  ¦\n")))["Service/"].startswith("Service/${1:name}:")


# ---------------------------------------------------------------- hover texts


def documentation(kind: str, *path: str) -> str:
    """Return the start of AWS's documentation of a field."""
    shape = body(kinds.BY_NAME[kind])
    for part in path:
        inner = shape.element if shape.type == "list" else shape
        assert inner is not None
        shape = inner.members[part]
    return plain_text(shape.documentation)[:100]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (manifest("Service", *SERVICE, "desired¦Count: 2"), documentation("Service", "desiredCount")),
        (manifest("Service", *SERVICE, "launch¦Type: FARGATE"), documentation("Service", "launchType")),
        (
            manifest("Service", *SERVICE, "load¦Balancers: [{containerPort: 80}]"),
            documentation("Service", "loadBalancers"),
        ),
        (
            manifest("Service", *SERVICE, "loadBalancers: [{container¦Port: 80}]"),
            documentation("Service", "loadBalancers", "containerPort"),
        ),
        (
            manifest("TaskDefinition", *CONTAINER, "    mem¦ory: 512"),
            documentation("TaskDefinition", "containerDefinitions", "memory"),
        ),
        (manifest("TargetGroup", *TARGETS, "Proto¦col: HTTP"), documentation("TargetGroup", "Protocol")),
        ("resources:\n  LogGroup/api:\n    logGroup¦Name: api\n", documentation("LogGroup", "logGroupName")),
        ("resources:\n  LogGroup/¦api:\n    logGroupName: api\n", "logs.CreateLogGroup"),
        (manifest("Cluster", annotations="{ecsync/¦deletion: retain}"), "Whether pruning deletes the resource"),
        (manifest("Application", "sync: {mo¦de: enforce}"), "observe reports and writes nothing"),
        (manifest("Network", "def¦ault: true"), "the default VPC"),
        (SEVERAL.replace("Port: 80", "Po¦rt: 80"), documentation("TargetGroup", "Port")),
    ],
)
def test_the_documentation_of_a_field_is_shown(editor: LanguageServer, text: str, part: str) -> None:
    assert part
    assert part in editor.hover(*pointed(text)).replace("\\", "")


# ---------------------------------------------------------------- configuration of the editor


def test_the_schema_file_is_never_a_manifest() -> None:
    assert not is_manifest(SCHEMA)
    assert not is_manifest(f"manifests/{SCHEMA}")


def test_the_documented_settings_cover_every_document_of_the_manifests(editor: LanguageServer) -> None:
    typos = "---\n".join([manifest("Cluster", "name: x")] * 2)
    assert [found.message for found in editor.diagnostics(typos, "manifests/deeper")] == [
        "Property name is not allowed.",
        "Property name is not allowed.",
    ]
    assert editor.diagnostics(typos, "elsewhere") == []


def test_the_documented_line_covers_the_document_below_it(plain_editor: LanguageServer) -> None:
    typo = manifest("Cluster", "«name»: x")
    text, start, end = marked(MODELINE + typo)
    expected = Diagnostic(start, end, "Property name is not allowed.")
    assert plain_editor.diagnostics(text) == [expected]
    assert plain_editor.diagnostics(text.replace(MODELINE, "")) == []
    twice = plain_editor.diagnostics(text + "---\n" + text)
    assert [one.message for one in twice] == [expected.message] * 2


def test_the_schema_of_one_kind_covers_its_documents(plain_editor: LanguageServer, workspace: Path) -> None:
    make_schema(workspace / "target-group.json", "TargetGroup")
    line = MODELINE.replace(SCHEMA, "target-group.json")
    assert plain_editor.diagnostics(line + manifest("TargetGroup", *TARGETS)) == []
    text, start, end = marked(line + manifest("TargetGroup", *TARGETS, "«Protcol»: HTTP"))
    assert plain_editor.diagnostics(text) == [Diagnostic(start, end, "Property Protcol is not allowed.")]


def test_the_server_is_locked_by_hashes_without_a_registry() -> None:
    lock: Any = json.loads((HERE / "package-lock.json").read_text())
    wanted: Any = json.loads((HERE / "package.json").read_text())["dependencies"]
    installed = {name: one for name, one in lock["packages"].items() if name}
    assert wanted == lock["packages"][""]["dependencies"]
    assert {name: installed[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(one["integrity"].startswith("sha512-") for one in installed.values())
    assert not [name for name, one in installed.items() if "resolved" in one]
