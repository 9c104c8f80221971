"""Write the dashboards as JSON to `dashboards/`: `python -m deploy.grafana.make`, or `make dashboards`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import application, aws_api, controller, drift, overview

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, Dashboard]:
    """Return each dashboard by the name of its file."""
    return {
        "overview.json": overview.build(),
        "application.json": application.build(),
        "drift.json": drift.build(),
        "controller.json": controller.build(),
        "aws-api.json": aws_api.build(),
    }


def text(builder: Dashboard) -> str:
    """Return the JSON of a dashboard. Its panels are numbered from 1."""
    built = builder.build()
    for number, panel in enumerate(built.panels or (), start=1):
        panel.id_val = number
    tree = json.loads(JSONEncoder().encode(built))
    _fit(tree)
    return json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _fit(tree: dict[str, Any]) -> None:
    """Bring the SDK's JSON to Grafana's own types: it writes members that they do not have, and leaves out others."""
    for variable in tree["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min"):  # of variables with an interval
            variable.pop(name, None)
    for link in tree["links"]:
        link.pop("placement", None)  # it would hide the link in a menu
    for panel in tree["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
        if panel["type"] == "piechart":
            panel["options"].setdefault("displayLabels", [])
            panel["options"].setdefault("sort", "desc")


def main() -> None:
    """Write the files."""
    for name, builder in dashboards().items():
        (FOLDER / name).write_text(text(builder), encoding="utf-8")


if __name__ == "__main__":
    main()
