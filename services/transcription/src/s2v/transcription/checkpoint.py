"""Whisper's weights in CTranslate2's format, read into the names and shapes of OpenAI's checkpoints.

Source: CTranslate2's `model_spec.py` (binary versions 5 and 6) and `specs/whisper_spec.py`; OpenAI's `whisper/model.py`.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2v.runtime.errors import SetupError

Array = npt.NDArray[np.float32]

_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_OLDEST = 5
_HEAD_SIZE = 64  # of every published Whisper


@dataclass(frozen=True)
class Checkpoint:
    """A model as OpenAI's code builds it."""

    dimensions: dict[str, int]
    """The fields of `whisper.model.ModelDimensions`."""
    weights: dict[str, Array]
    """By the names of `Whisper.state_dict()`."""
    alignment_heads: list[tuple[int, int]]
    """(layer, head) of the decoder's cross attention that follow the sound; empty if the directory names none."""


def read_checkpoint(directory: Path) -> Checkpoint:
    """Reads model.bin and config.json of a directory.

    Errors: SetupError when they are not Whisper's, or of a version that is too old.
    """
    path = directory / "model.bin"
    try:
        weights = _Weights(path)
        heads = json.loads((directory / "config.json").read_text()).get("alignment_heads") or []
        return weights.convert([(layer, head) for layer, head in heads])
    except (struct.error, KeyError, IndexError, ValueError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} holds no Whisper model in CTranslate2's format ({type(error).__name__}: {error})") from error


class _Weights:
    """The variables of a model.bin by name, as views of the file."""

    def __init__(self, path: Path) -> None:
        self._data = memoryview(path.read_bytes())
        self._place = 0
        version = self._number("I")
        if version < _OLDEST:
            raise SetupError(
                f"{path} is of CTranslate2's binary version {version}; at least {_OLDEST} is needed: convert it again"
            )
        self._text()  # the name of the specification
        self._number("I")  # its revision
        self._variables: dict[str, npt.NDArray[np.generic]] = {}
        for _ in range(self._number("I")):
            name = self._text()
            shape = [self._number("I") for _ in range(self._number("B"))]
            kind, size = self._number("B"), self._number("I")
            content = self._data[self._place : self._place + size]
            self._place += size
            self._variables[name] = np.frombuffer(content, _TYPES[kind]).reshape(shape)
        for _ in range(self._number("I")):
            alias, target = self._text(), self._text()
            self._variables[alias] = self._variables[target]

    def _number(self, form: str) -> int:
        (value,) = struct.unpack_from(f"<{form}", self._data, self._place)
        self._place += struct.calcsize(f"<{form}")
        return int(value)

    def _text(self) -> str:
        length = self._number("H")
        text = bytes(self._data[self._place : self._place + length]).rstrip(b"\0").decode()
        self._place += length
        return text

    def convert(self, heads: list[tuple[int, int]]) -> Checkpoint:
        weights: dict[str, Array] = {}
        for place in (1, 2):
            self._linear(weights, f"encoder.conv{place}", f"encoder/conv{place}")
        width, mels, _ = weights["encoder.conv1.weight"].shape
        encoding = "encoder/position_encodings/encodings"
        weights["encoder.positional_embedding"] = (
            self._array(encoding) if encoding in self._variables else _sinusoids(1500, width)
        )
        layers = {half: self._count_layers(half) for half in ("encoder", "decoder")}
        for half, count in layers.items():
            for layer in range(count):
                block, source = f"{half}.blocks.{layer}", f"{half}/layer_{layer}"
                self._attention(weights, f"{block}.attn", f"{source}/self_attention", fused=3)
                if half == "decoder":
                    self._attention(weights, f"{block}.cross_attn", f"{source}/attention", fused=2)
                self._norm(weights, f"{block}.mlp_ln", f"{source}/ffn/layer_norm")
                self._linear(weights, f"{block}.mlp.0", f"{source}/ffn/linear_0")
                self._linear(weights, f"{block}.mlp.2", f"{source}/ffn/linear_1")
        self._norm(weights, "encoder.ln_post", "encoder/layer_norm")
        self._norm(weights, "decoder.ln", "decoder/layer_norm")
        weights["decoder.token_embedding.weight"] = self._array("decoder/embeddings/weight")
        weights["decoder.positional_embedding"] = self._array("decoder/position_encodings/encodings")
        named = self._variables.get("encoder/num_heads")
        head_count = int(named) if named is not None else width // _HEAD_SIZE
        dimensions = {
            "n_mels": mels,
            "n_audio_ctx": len(weights["encoder.positional_embedding"]),
            "n_audio_state": width,
            "n_audio_head": head_count,
            "n_audio_layer": layers["encoder"],
            "n_vocab": len(weights["decoder.token_embedding.weight"]),
            "n_text_ctx": len(weights["decoder.positional_embedding"]),
            "n_text_state": width,
            "n_text_head": head_count,
            "n_text_layer": layers["decoder"],
        }
        return Checkpoint(dimensions, weights, heads)

    def _count_layers(self, half: str) -> int:
        return len({name.split("/")[1] for name in self._variables if name.startswith(f"{half}/layer_") and name[14].isdigit()})

    def _array(self, name: str) -> Array:
        """Returns a copy in float32, taken out of its 8- or 16-bit integers if it is stored so."""
        stored = self._variables[name]
        array = np.array(stored, np.float32)
        if stored.dtype in (np.int8, np.int16):
            scale = np.asarray(self._variables[f"{name}_scale"], np.float32)
            array /= scale[:, None] if scale.ndim else scale
        return array

    def _linear(self, weights: dict[str, Array], name: str, source: str) -> None:
        weights[f"{name}.weight"] = self._array(f"{source}/weight")
        weights[f"{name}.bias"] = self._array(f"{source}/bias")

    def _norm(self, weights: dict[str, Array], name: str, source: str) -> None:
        weights[f"{name}.weight"] = self._array(f"{source}/gamma")
        weights[f"{name}.bias"] = self._array(f"{source}/beta")

    def _attention(self, weights: dict[str, Array], name: str, source: str, *, fused: int) -> None:
        """CTranslate2 keeps query, key and value in one matrix (across: key and value); Whisper's keys have no bias."""
        self._norm(weights, f"{name}_ln", f"{source}/layer_norm")
        linear = 0
        if fused == 2:
            self._linear(weights, f"{name}.query", f"{source}/linear_0")
            linear = 1
        parts = ("query", "key", "value")[-fused:]
        matrices = np.split(self._array(f"{source}/linear_{linear}/weight"), fused)
        biases = np.split(self._array(f"{source}/linear_{linear}/bias"), fused)
        for part, matrix, bias in zip(parts, matrices, biases, strict=True):
            weights[f"{name}.{part}.weight"] = matrix
            if part != "key":
                weights[f"{name}.{part}.bias"] = bias
        self._linear(weights, f"{name}.out", f"{source}/linear_{linear + 1}")


def _sinusoids(length: int, channels: int) -> Array:
    """Returns the encoder's position encodings, shape (length, channels). Source: `sinusoids` of whisper/model.py."""
    scales = np.exp(-np.log(10_000) / (channels // 2 - 1) * np.arange(channels // 2))
    angles = np.arange(length)[:, None] * scales[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
