"""`ecsync diff`: the difference of two files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsync import cli

WRITTEN = """\
apiVersion: ecsync/v1
kind: Service
metadata: {name: web}
spec:
  cluster: prod
  taskDefinition: web:7
  desiredCount: 2
  networkConfiguration:
    awsvpcConfiguration:
      subnets: [subnet-1]
"""
DESCRIBED: dict[str, Any] = {
    "serviceName": "web",
    "clusterArn": "arn:aws:ecs:eu-west-1:111111111111:cluster/prod",
    "taskDefinition": "web:7",
    "desiredCount": 2,
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}},
}


class Files:
    """Two files, and the command on them."""

    def __init__(self, at: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.desired, self.live, self._capsys = at / "service.yaml", at / "live.json", capsys
        self.desired.write_text(WRITTEN)
        self.describe()

    def describe(self, **changes: Any) -> None:
        self.live.write_text(json.dumps({"services": [{**DESCRIBED, **changes}], "failures": []}))

    def diff(self, *options: str, kind: str = "Service") -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["diff", "--kind", kind, str(self.desired), str(self.live), *options])
        printed = self._capsys.readouterr()
        return ended.value.code, printed.out, printed.err


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


def test_equal_documents_exit_0_and_print_no_data(files: Files) -> None:
    assert files.diff() == (0, "", "no difference\n")


def test_a_difference_exits_1_and_has_its_origin(files: Files) -> None:
    files.describe(desiredCount=3)
    code, out, _ = files.diff()
    assert code == 1
    assert out == f"desiredCount: 3 → 2 {files.desired}:7\n"


def test_an_undeclared_field_has_the_origin_of_the_block_above_it(files: Files) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}}
    files.describe(networkConfiguration=network)
    code, out, _ = files.diff("-o", "json")
    assert code == 1
    assert json.loads(out) == {
        "apiVersion": "ecsync/v1",
        "kind": "Diff",
        "of": "Service",
        "fields": [
            {
                "path": "/networkConfiguration/awsvpcConfiguration/assignPublicIp",
                "before": "ENABLED",
                "after": "DISABLED",
                "effect": "rolls-tasks",
                "origin": f"{files.desired}:9",
            }
        ],
    }


def test_the_context_is_read_from_a_file(files: Files, tmp_path: Path) -> None:
    files.describe(desiredCount=3)
    facts = tmp_path / "facts.yaml"
    facts.write_text("scalableTarget: {MinCapacity: 2, MaxCapacity: 4}\n")
    assert files.diff("--context", str(facts))[0] == 0


@pytest.mark.parametrize(
    ("written", "live", "kind", "message"),
    [
        (WRITTEN.replace("desiredC", "desiredc"), None, "Service", 'service.yaml:7: unknown field "desiredcount"'),
        (WRITTEN, None, "Cluster", "must declare exactly one Cluster, but declares Service/web"),
        (WRITTEN + "---\n" + WRITTEN, None, "Service", "must contain exactly one document, but contains 2"),
        ("- a\n", None, "Service", "must be a map of fields"),
        ("a: [\n", None, "Service", "service.yaml:"),
        (WRITTEN, "{", "Service", "live.json:"),
        (WRITTEN, "{}", "Servce", "unknown kind 'Servce'"),
    ],
)  # fmt: skip
def test_an_invalid_document_exits_2_with_the_reason(
    files: Files, written: str, live: str | None, kind: str, message: str
) -> None:
    files.desired.write_text(written)
    if live is not None:
        files.live.write_text(live)
    code, out, err = files.diff(kind=kind)
    assert (code, out) == (2, "")
    assert message in err


def test_a_missing_file_exits_2(files: Files) -> None:
    files.live.unlink()
    assert files.diff()[0] == 2
