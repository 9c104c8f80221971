"""The dashboards: the files are what the code makes, they fit Grafana's types, and they name what the registry has."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # jsonschema has no types

from deploy.grafana import make
from tests.observability import promql
from tests.observability.panels import FOLDER, ROOT, RULES, Query, dashboards, queries, variables

TYPES = json.loads(Path(__file__).with_name("grafana").joinpath("schema.json").read_text(encoding="utf-8"))
OF_PROMETHEUS = ("expr", "step", "titleFormat")  # of annotations: the data source adds them, and Grafana's types do not
BOARDS = dashboards()
QUERIES = list(queries())


def panels(board: Any) -> list[Any]:
    """Return the panels of a dashboard without the titles of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def violations(board: Any) -> Iterator[str]:
    """Yield where a dashboard does not fit Grafana's types, which allow no unknown member."""
    marks = [
        {name: value for name, value in one.items() if name not in OF_PROMETHEUS}
        for one in board.get("annotations", {}).get("list", ())
    ]
    parts = [("Dashboard", board | {"annotations": {"list": marks}})]
    for panel in panels(board):
        kind = panel["type"].replace("-", "").capitalize()
        parts.append((f"{kind}Options", panel["options"]))
        custom = panel["fieldConfig"]["defaults"].get("custom")
        parts += [(f"{kind}FieldConfig", custom)] if custom is not None else []
    for name, part in parts:
        validator = Draft7Validator(TYPES["definitions"]["Grafana"]["properties"][name])
        yield from (f"{name} {error.json_path}: {error.message}" for error in validator.iter_errors(part))


def test_the_files_are_what_the_code_makes() -> None:
    """`make dashboards` writes them."""
    made = {name: make.text(builder) for name, builder in make.dashboards().items()}
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert files == made, "run `make dashboards`"


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_fits_the_types_of_grafana(name: str) -> None:
    """The types are those that Grafana publishes as @grafana/schema, as JSON Schema."""
    assert list(violations(BOARDS[name])) == []


@pytest.mark.parametrize("name", BOARDS)
def test_the_sdk_reads_a_dashboard_without_a_loss(name: str) -> None:
    """Its models have every panel, query and variable of the file."""
    read = Dashboard.from_json(copy.deepcopy(BOARDS[name]))
    assert [panel.title for panel in read.panels or ()] == [panel["title"] for panel in BOARDS[name]["panels"]]
    assert read.templating is not None
    names = [variable["name"] for variable in BOARDS[name]["templating"]["list"]]
    assert [variable.name for variable in read.templating.list_val or ()] == names


def test_a_misspelt_member_does_not_fit() -> None:
    """The check can fail: in the dashboard, in the options of a panel, and in its fields."""
    board = copy.deepcopy(BOARDS["drift.json"])
    board["refrsh"] = "30s"
    graph = next(panel for panel in panels(board) if panel["type"] == "timeseries")
    graph["options"]["legend"]["displayMode"] = "sideways"
    graph["fieldConfig"]["defaults"]["custom"]["drawStyl"] = "line"
    found = " ".join(violations(board))
    assert all(part in found for part in ("refrsh", "sideways", "drawStyl"))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_names_what_the_registry_has(query: Query) -> None:
    """Metrics, labels and values; and the series that the rules record."""
    assert list(promql.mistakes(query.expr)) == []
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    names = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    assert promql.recorded(query.expr) <= names


@pytest.mark.parametrize(("board", "query"), list(variables()))
def test_a_variable_takes_the_values_of_a_label_that_exists(board: str, query: str) -> None:
    """`label_values(metric, label)`."""
    found = re.fullmatch(r"label_values\((\w+)(?:\{[^}]*\})?, (\w+)\)", query)
    assert found, board
    assert list(promql.mistakes(f"sum by ({found[2]}) ({found[1]})")) == []


@pytest.mark.parametrize("name", BOARDS)
def test_a_panel_has_a_title_a_unit_and_a_description_of_a_sentence(name: str) -> None:
    """A stranger reads what it shows."""
    for panel in panels(BOARDS[name]):
        about = panel["description"]
        assert panel["title"], panel
        assert len(about) > 15, panel["title"]
        assert about.endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_no_two_panels_overlap(name: str) -> None:
    """Each cell of the grid of 24 columns has one panel at most."""
    cells: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells |= own


def test_every_link_leads_to_a_dashboard_that_exists() -> None:
    """In panels, in tables, and in the rules; and sets a variable of it."""
    names = {board["uid"]: {one["name"] for one in board["templating"]["list"]} for board in BOARDS.values()}
    text = "".join(path.read_text(encoding="utf-8") for path in (*FOLDER.glob("*.json"), RULES))
    linked = set(re.findall(r"/d/([\w-]+)(?:\?var-(\w+)=)?", text))
    assert {uid for uid, _ in linked} == names.keys()
    assert [(uid, name) for uid, name in linked if name and name not in names[uid]] == []


def test_grafana_finds_the_folder_of_the_dashboards() -> None:
    """The provisioning files are YAML with one source and one provider."""
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "ecsync.yaml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "ecsync.yaml").read_text(encoding="utf-8"))["providers"]
    assert source["type"] == "prometheus"
    assert provider["type"] == "file"
    assert provider["options"]["path"]
