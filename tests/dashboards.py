"""What the Grafana dashboard asks Prometheus for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "observability/grafana/dashboards/streamapp.json"
#: As Grafana fills them in where all models are chosen.
_VARIABLES = {"$__rate_interval": "1m", "$model": ".*"}


def dashboard() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text()))


def panels() -> list[dict[str, Any]]:
    """Return the panels that show something; rows only part them."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Yield each query in PromQL, with the title of its panel."""
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in _VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], query
