"""Packed models: botocore finds in them what it finds in its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.session import Session

from ecsync.awsmodel.models import Packed, PackedFiles, Used, shared_loader
from ecsync.wiring import all_reads
from tests.aws import fake_aws

EXTRAS = {"s3", "secretsmanager"}  # botocore merges a file of extras into their models, which are not packed
SERVICES = sorted({operation.partition(".")[0] for operation in all_reads()} - EXTRAS | {"sts"})


@pytest.mark.parametrize("service", SERVICES)
def test_a_packed_model_has_everything_but_the_documentation(service: str) -> None:
    """All shapes, and all operations, of the services that ecsync calls."""
    stock = fake_aws.LOADER.load_service_model(service, "service-2")
    packed = shared_loader().load_service_model(service, "service-2")
    assert isinstance(packed["shapes"], Packed)
    assert dict(packed["shapes"]) == {name: _undocumented(shape) for name, shape in stock["shapes"].items()}
    assert packed["operations"] == {name: _undocumented(one) for name, one in stock["operations"].items()}
    ignored = {"shapes": 0, "operations": 0, "documentation": 0}
    assert {**packed, **ignored} == {**stock, **ignored}


def _undocumented(value: Any) -> Any:
    if isinstance(value, list):
        return [_undocumented(below) for below in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _undocumented(below) for name, below in value.items() if (name, type(below)) != ("documentation", str)
    }


def test_a_value_is_a_new_copy() -> None:
    """A change of it does not change the model."""
    packed = Packed({"a": {"b": [1]}})
    packed["a"]["b"].append(2)
    assert packed["a"] == {"b": [1]}
    assert "a" in packed
    assert "b" not in packed


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_a_model_in_another_layout_is_packed_too(tmp_path: Path, indent: int | None) -> None:
    """Shapes are cut out of the text where it is indented as botocore's files are; a text in quotes is no shape."""
    shapes = {
        "A": {
            "type": "structure",
            "members": {
                "documentation": {"shape": "B"},
                "B": {"documentation": "first", "shape": "B", "enum": [' "documentation":"x",', "\n  y"]},
                "C": {"documentation": "alone"},
            },
            "documentation": '\n    "C":{}\n  }\\" ,\\',
        },
        "B": {"documentation": "", "type": "string"},
        "Empty": {},
    }
    model = {"metadata": {"a": 1}, "operations": {"Do": {"name": "Do"}}, "shapes": shapes, "version": "2.0"}
    path = tmp_path / "service-2"
    path.with_suffix(".json").write_text(json.dumps(model, indent=indent, separators=(",", ":")))
    found = PackedFiles().load_file(str(path))
    assert found is not None
    assert isinstance(found["shapes"], Packed)
    assert {**found, "shapes": dict(found["shapes"])} == _undocumented(model)


def test_the_endpoints_are_those_of_botocore() -> None:
    """In every partition."""
    found = {}
    for name, loader in (("stock", fake_aws.LOADER), ("packed", shared_loader())):
        session = Session()
        session.set_credentials("a", "b")
        session.register_component("data_loader", loader)
        regions = {partition: session.get_available_regions("ecs", partition) for partition in ("aws", "aws-cn")}
        made = [
            session.create_client(service, region_name=region).meta.endpoint_url
            for service in ("ecs", "iam", "sts", "resourcegroupstaggingapi")
            for region in ("eu-west-1", "cn-north-1", "us-gov-west-1")
        ]
        found[name] = (regions, made)
    assert found["packed"] == found["stock"]
    assert found["stock"][0]["aws"]


def test_a_model_with_extras_is_not_packed(tmp_path: Path) -> None:
    """Botocore merges them into dictionaries."""
    model: dict[str, Any] = {"operations": {}, "shapes": {"A": {"type": "string"}, "B": {"type": "string"}}}
    folder = tmp_path / "things" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model))
    (folder / "service-2.sdk-extras.json").write_text(json.dumps({"merge": {"shapes": {"A": {"min": 1}}}}))
    loader = Loader(extra_search_paths=[str(tmp_path)], file_loader=PackedFiles(), include_default_search_paths=False)
    assert loader.load_service_model("things", "service-2")["shapes"] == {
        "A": {"type": "string", "min": 1},
        "B": {"type": "string"},
    }


def test_a_used_value_is_decoded_once() -> None:
    """So that thousands of members share one dictionary; what is added wins."""
    used = Used(Packed({"a": {"b": 1}, "c": {}}), {"c": {"added": 1}})
    assert used["a"] is used["a"]
    assert used["c"] == {"added": 1}
    with pytest.raises(KeyError):
        used["x"]
