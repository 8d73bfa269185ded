"""The schema of `settings` in values.schema.json, made of the services' own settings classes."""

from __future__ import annotations

import json

from pydantic import SecretStr

from deploy.generate.chart import CHART
from s2v.analysis.settings import AnalysisSettings
from s2v.gateway.settings import GatewaySettings
from s2v.layout.settings import LayoutSettings
from s2v.rendering.settings import RenderingSettings
from s2v.runtime.settings import RuntimeSettings
from s2v.transcription.settings import TranscriptionSettings

CLASSES: dict[str, type[RuntimeSettings]] = {
    "gateway": GatewaySettings,
    "transcription": TranscriptionSettings,
    "analysis": AnalysisSettings,
    "layout": LayoutSettings,
    "rendering": RenderingSettings,
}
"""Settings classes by component."""
OWNED = {
    "listen",
    "nats_url",
    "nats_token",
    "s3_endpoint",
    "s3_access_key",
    "s3_secret_key",
    "s3_bucket",
    "s3_region",
    "drain_seconds",
    "whisper_workers",
    "analysis_workers",
    "layout_workers",
    "rendering_workers",
    "whisper_device",
    "metrics_listen",
    "spans_path",
}
"""Settings that the chart has values of its own for, or that make no sense in a pod."""


def is_credential(settings: type[RuntimeSettings], field: str) -> bool:
    """Whether a value in plain text would end in the release's own records: it is taken from a Secret only."""
    return settings.model_fields[field].annotation is SecretStr or field.endswith("_access_key")


def make_schema() -> str:
    """Returns values.schema.json with the schemas of settings made anew."""
    path = CHART / "values.schema.json"
    schema = json.loads(path.read_text())
    classes: dict[str, type[RuntimeSettings]] = {"all": RuntimeSettings, "tool": RuntimeSettings, **CLASSES}
    for name, settings in classes.items():
        kinds = {field: "secretSetting" if is_credential(settings, field) else "setting" for field in settings.model_fields}
        fields = {field: {"$ref": f"#/$defs/{kinds[field]}"} for field in sorted(kinds) if field not in OWNED}
        schema["$defs"][f"{name}Settings"] = {"type": "object", "additionalProperties": False, "properties": fields}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
