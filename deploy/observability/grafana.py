"""Grafana's dashboard model, as much of it as the dashboards here need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SCHEMA_VERSION = 41
"""Of Grafana 12; newer versions take it and migrate it when it is opened."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
HEIGHT = 8

Json = Mapping[str, object]


@dataclass(frozen=True)
class Query:
    """One PromQL expression of a panel; `$stage` and `$__rate_interval` are Grafana's variables."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A graph, or a single number (`kind` "stat"), of some queries in one unit."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    """Grafana's id: "s", "bytes", "percentunit", "short", "ops"."""
    kind: str = "timeseries"
    width: int = 8
    """Of 24 columns."""
    about: str = ""
    """What it shows and what is good, in a sentence."""
    limits: Sequence[tuple[str, float]] = ()
    """Colours and the values from which they hold."""
    stacked: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, in rows as they fit."""

    name: str
    """Of the file, and the end of the uid."""
    about: str
    panels: Sequence[Panel]
    by_stage: bool = False
    """Whether it has a choice of stages."""
    tags: Sequence[str] = field(default=("s2v",))


def to_json(dashboard: Dashboard) -> Json:
    """Returns the dashboard as Grafana imports it."""
    variables: list[Json] = [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0}
    ]
    if dashboard.by_stage:
        query = "label_values(s2v_stage_duration_seconds_count, stage)"
        variables.append(
            {
                "name": "stage",
                "label": "Stage",
                "type": "query",
                "datasource": DATASOURCE,
                "definition": query,
                "query": {"query": query, "refId": "stage"},
                "refresh": 2,
                "includeAll": True,
                "allValue": ".+",
                "multi": True,
                "current": {"text": ["All"], "value": ["$__all"]},
            }
        )
    return {
        "uid": f"s2v-{dashboard.name}",
        "title": f"Speech to Visuals / {dashboard.name}",
        "description": dashboard.about,
        "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables},
        "links": [{"type": "dashboards", "tags": ["s2v"], "title": "Speech to Visuals", "asDropdown": True, "keepTime": True}],
        "panels": list(_panels(dashboard.panels)),
    }


def _panels(panels: Sequence[Panel]) -> Iterator[Json]:
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        yield _panel(number, panel, x, y)
        x += panel.width


def _panel(number: int, panel: Panel, x: int, y: int) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": color, "value": value} for color, value in panel.limits]
    custom: dict[str, object] = {"fillOpacity": 30 if panel.stacked else 0, "showPoints": "never", "lineWidth": 1}
    if panel.stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    if panel.limits and panel.kind == "timeseries":
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options: Json = (
        {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
        if panel.kind == "stat"
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    )
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "custom": custom if panel.kind == "timeseries" else {},
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "exemplar": "_bucket" in query.expr,
            }
            for place, query in enumerate(panel.queries)
        ],
    }
