"""Writes dashboards/*.json from their description: `python -m deploy.observability`."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.observability.boards import DASHBOARDS
from deploy.observability.grafana import Dashboard, to_json

FOLDER = Path(__file__).parent / "dashboards"


def text_of(dashboard: Dashboard) -> str:
    """Returns the file of a dashboard."""
    return json.dumps(to_json(dashboard), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(text_of(dashboard))
