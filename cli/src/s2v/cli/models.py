"""`s2v models`: the Whisper models of this machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from s2v.cli.exits import results
from s2v.transcription.fetching import fetch_from_hub
from s2v.transcription.models import BASE, DIGEST, find_model
from s2v.transcription.settings import TranscriptionSettings


@dataclass(frozen=True)
class Listed:
    """A model that is here."""

    name: str
    """What S2V_WHISPER_MODEL is set to for it."""
    sha256: str
    path: str
    in_use: bool


def fetch(name: str, sha256: str) -> None:
    """Fetches a model from the hub and prints where it is, and its digest."""
    model = fetch_from_hub(name, _cache(), sha256)
    results.print(f"{model.path}\nSHA-256 {model.sha256}\nUse it: S2V_WHISPER_MODEL={name}", highlight=False, soft_wrap=True)


def show(*, as_json: bool) -> None:
    """Prints the models that are here, each verified."""
    used = TranscriptionSettings().whisper_model
    cache = _cache()
    fetched = [str(note.parent.relative_to(cache)) for note in sorted(cache.glob(f"**/{DIGEST}"))]
    listed = [_listed(name, name == used) for name in (BASE, *fetched)]
    if used not in (BASE, *fetched) and not used.startswith("s3://"):
        listed.append(_listed(used, True))
    if as_json:
        print(json.dumps([asdict(model) for model in listed], indent=2))
        return
    table = Table("model", "SHA-256", "folder", "", box=box.SIMPLE)
    for model in listed:
        table.add_row(model.name, f"{model.sha256[:12]}…", model.path, "in use" if model.in_use else "")
    results.print(table)


def _listed(name: str, in_use: bool) -> Listed:
    model = find_model(name, _cache())
    return Listed(name, model.sha256, str(model.path), in_use)


def _cache() -> Path:
    return TranscriptionSettings().model_cache.expanduser()
