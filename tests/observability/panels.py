"""The queries of the dashboards, as the files have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
METRIC = re.compile(r"\b(?:ecsync|process|python)_\w+")
RECORDED = re.compile(r"\b\w+:\w+:\w+\b")


@dataclass(frozen=True)
class Query:
    """A query of a panel."""

    dashboard: str
    panel: str
    letter: str
    expr: str

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel} / {self.letter}"


def dashboards() -> dict[str, Any]:
    """Return each dashboard by the name of its file."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def queries() -> Iterator[Query]:
    """Yield the queries of all panels and annotations."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield Query(name.removesuffix(".json"), panel["title"], target["refId"], target["expr"])
        for annotation in dashboard.get("annotations", {}).get("list", ()):
            yield Query(name.removesuffix(".json"), annotation["name"], "annotation", annotation["expr"])


def variables() -> Iterator[tuple[str, str]]:
    """Yield the dashboard and the query of each variable with values of Prometheus."""
    for name, dashboard in dashboards().items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield name, variable["query"]["query"]


def substituted(expr: str, values: Mapping[str, str]) -> str:
    """Return an expression with the values of its variables. Raises KeyError for an unknown one."""
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expr)
