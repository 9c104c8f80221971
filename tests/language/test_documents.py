"""The forms of a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.awsmodel import shapes
from ecsync.core.model import Desired, Key
from ecsync.core.ports import Snapshot
from ecsync.language.manifest import Loaded, load
from tests.language.sample_kinds import KINDS


def loaded(files: Mapping[str, str], **more: Any) -> Loaded:
    """Load files with the sample kinds."""
    snapshot = Snapshot(revision="r", files={name: text.encode() for name, text in files.items()})
    options: dict[str, Any] = {"kinds": KINDS, "shape_of": shapes.load, "environment": {}, "root_name": "here"} | more
    return load(snapshot, **options)


def resources(result: Loaded, application: str = "here") -> dict[str, Desired]:
    """Return the resources of an application that has no problem."""
    assert [str(problem) for problem in result.problems] == []
    (found,) = (one for one in result.applications if one.name == application)
    return {str(resource.key): resource for resource in found.resources}


def test_an_envelope_and_resources_give_the_same_result() -> None:
    """The two forms give equal resources."""
    envelope = """
apiVersion: ecsync/v1
kind: LogGroup
metadata: {name: api, annotations: {ecsync/deletion: delete}, labels: {a: b}}
spec: {retentionInDays: 30}
"""
    short = """
apiVersion: ecsync/v1
metadata: {annotations: {ecsync/deletion: delete}}
resources: {LogGroup/api: {retentionInDays: 30}}
"""
    one, other = resources(loaded({"a.yaml": envelope})), resources(loaded({"a.yaml": short}))
    assert one["LogGroup/api"].body == other["LogGroup/api"].body == {"logGroupName": "api", "retentionInDays": 30}
    assert one["LogGroup/api"].options == other["LogGroup/api"].options


def test_an_empty_spec_is_valid() -> None:
    """A kind without required fields accepts an empty spec, or none."""
    text = "resources: {Cluster/a: {}, Cluster/b: }\n---\nkind: Cluster\nmetadata: {name: c}\n"
    assert list(resources(loaded({"a.yaml": text}))) == ["Cluster/a", "Cluster/b", "Cluster/c"]


def test_the_name_is_filled_into_the_body_unless_spec_has_one() -> None:
    """`metadata.name` is the AWS name by default, also if the name in spec is null."""
    text = "resources:\n  Cluster/a: {clusterName: other}\n  Cluster/b: {clusterName: null}\n"
    found = resources(loaded({"a.yaml": text}))
    assert [one.body["clusterName"] for one in found.values()] == ["other", "b"]


TASK = {"family": "web", "containerDefinitions": [{"name": "web", "image": "nginx", "memory": 64}]}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (TASK, ["TaskDefinition/web"]),
        ({"taskDefinition": TASK | {"revision": 3, "status": "ACTIVE"}, "tags": [{"key": "a", "value": "b"}]},
         ["TaskDefinition/web"]),
        ({"serviceName": "api", "taskDefinition": "web:1"}, ["Service/api"]),
        ({"services": [{"serviceName": "a", "events": []}, {"serviceName": "b"}], "failures": []},
         ["Service/a", "Service/b"]),
    ],
)  # fmt: skip
def test_a_plain_aws_document_is_a_document(content: Any, names: list[str]) -> None:
    """The input and the output of the AWS CLI are accepted, in JSON and YAML."""
    for name in ("a.json", "a.yaml"):
        assert list(resources(loaded({name: json.dumps(content)}))) == names


def test_a_described_service_keeps_its_cluster_and_service_connect() -> None:
    """The cluster is taken from `clusterArn`, and Service Connect from the PRIMARY deployment."""
    connect = {"enabled": True, "namespace": "n"}
    service = {
        "serviceName": "api",
        "clusterArn": "arn:c",
        "status": "ACTIVE",
        "deployments": [
            {"status": "ACTIVE", "serviceConnectConfiguration": {"enabled": False}},
            {"status": "PRIMARY", "serviceConnectConfiguration": connect},
        ],
    }
    result = loaded({"a.json": json.dumps({"services": [service]})})
    body = resources(result)["Service/api"].body
    assert body == {"serviceName": "api", "cluster": "arn:c", "serviceConnectConfiguration": connect}
    assert [note.message for note in result.notes] == [
        'ignored "clusterArn": AWS sets it',
        'ignored "status": AWS sets it',
        'ignored "deployments": AWS sets it',
    ]


def test_tags_next_to_a_described_task_definition_are_its_tags() -> None:
    """`describe-task-definition --include TAGS` prints them next to `taskDefinition`."""
    text = json.dumps({"taskDefinition": TASK, "tags": [{"key": "a", "value": "b"}]})
    assert resources(loaded({"a.json": text}))["TaskDefinition/web"].body["tags"] == [{"key": "a", "value": "b"}]


def test_annotations_become_options() -> None:
    """Every annotation sets an option, the kind has the defaults, and annotations of other tools are ignored."""
    text = """
kind: Service
metadata:
  name: api
  annotations:
    ecsync/adopt: if-untagged
    ecsync/replace: allow
    ecsync/deletion: retain
    ecsync/state: absent
    ecsync/undeclared: ignore
    ecsync/suspend: true
    ecsync/manage: read
    ecsync/after: "LogGroup/api, Cluster/main"
    example.com/team: web
---
resources: {LogGroup/api: {}, Cluster/main: {}, Network/main: {default: true}}
"""
    found = resources(loaded({"a.yaml": text}))
    options = found["Service/api"].options
    assert (options.adopt, options.replace, options.deletion) == ("if-untagged", "allow", "retain")
    assert (options.state, options.undeclared, options.suspend, options.manage) == ("absent", "ignore", True, False)
    assert options.after == tuple(
        Key(application="here", kind=kind, name=name) for kind, name in (("LogGroup", "api"), ("Cluster", "main"))
    )
    assert (found["LogGroup/api"].options.adopt, found["LogGroup/api"].options.deletion) == ("if-untagged", "retain")
    assert (found["Cluster/main"].options.adopt, found["Cluster/main"].options.deletion) == ("never", "delete")
    assert found["Cluster/main"].options.undeclared == "adopted"
    assert found["Network/main"].options.manage is False


def test_a_lookup_requires_only_its_name() -> None:
    """The fields that AWS requires for a create may be absent."""
    text = "kind: Role\nmetadata: {name: exec, annotations: {ecsync/manage: read}}\n"
    assert resources(loaded({"a.yaml": text}))["Role/exec"].body == {"RoleName": "exec"}


def test_every_path_of_a_body_has_an_origin() -> None:
    """Coerced, converted and filled-in values have a file and line too."""
    text = """
kind: TaskDefinition
metadata: {name: api}
spec:
  containerDefinitions:
  - name: web
    image: nginx
    environment:
      A: 1
      B: two
"""
    resource = resources(loaded({"a.yaml": text}))["TaskDefinition/api"]
    lines = {path: origin.line for path, origin in resource.origins.items()}
    assert lines[("family",)] == 2
    assert lines[("containerDefinitions", 0, "image")] == 7
    assert lines[("containerDefinitions", 0, "environment", 1, "value")] == 10
    assert ("containerDefinitions", 1) not in resource.origins
    assert ("family", "x") not in resource.origins
    assert len(resource.origins) == len(lines)
