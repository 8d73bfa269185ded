"""What diagram a passage asks for, read by a transformer: all-mpnet-base-v2 whose upper layers are learned, in int8.

Model: Song et al., "MPNet", 2020 (arXiv 2004.09297). The lower layers come from packages (`base_weights`); the upper ones and the
head are in the distribution, learned by `training/train_encoder.py`. Each token's activations have a scale of their own: a few
tokens have values far beyond all others, and one scale for all would leave the rest nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from s2v.analysis.base_weights import LAYERS, Arrays, Floats, read_learned, read_lower

NAME = "diagram-types-mpnet-int8"
GRAPH = Path(__file__).with_name("passage_encoder.onnx")
"""The operations, without any weights."""
LEARNED = Path(__file__).with_name("passage_encoder.npz")
"""Weights of the upper layers and of the head."""
GRAPH_SHA256 = "51d7ee627fdf8716cdcc2b561f1532d0c45a42a9644abe6145242f164bbb071c"
SHA256 = "c39dbeae75bdf0822ee872ceff022f245bd6aaf88ace68469299bff5a133770f"
"""Digest of the learned weights' file."""
MAX_TOKENS = 256
"""Tokens of a passage that are read."""
KEPT_READINGS = 128
"""Readings kept for texts that come again: those of half an hour of speech, 150 kB each."""
_BUCKETS = 32
_MAX_DISTANCE = 128
"""Distances between tokens fall into buckets, the far ones by their logarithm, as in T5 (arXiv 1910.10683)."""
_FIRST_POSITION = 2
_EPSILON = 1e-5

Logits = NDArray[np.float32]
"""Shape (types,), in the order of `classification.NAMES`; not calibrated."""


@dataclass(frozen=True)
class PassageReading:
    """What the encoder says of a passage. The arrays are read-only."""

    logits: Logits
    states: NDArray[np.float16]
    """What each token means in its place, shape (tokens, 768)."""
    offsets: tuple[tuple[int, int], ...]
    """Characters of each token in the passage as (begin, end); (0, 0) for the marks at its ends."""


class PassageEncoder:
    """The transformer with its head; a passage is read on one thread. One caller at a time."""

    def __init__(self, cache: Path) -> None:
        """Loads the weights; `cache` is the directory of models. Errors: SetupError when they are missing or damaged."""
        graph, learned = read_learned(GRAPH, GRAPH_SHA256), read_learned(LEARNED, SHA256)
        arrays, vocabulary = read_lower(cache)
        with np.load(BytesIO(learned)) as file:
            arrays = {**arrays, **{name: file[name] for name in file.files}}
        self._tokenizer = open_tokenizer(vocabulary)
        self._embedding = Embedding(arrays)
        self._session = open_session(graph, arrays, range(LAYERS))
        self._readings: OrderedDict[bytes, PassageReading] = OrderedDict()
        self._ahead: dict[bytes, Future[PassageReading]] = {}

    @contextmanager
    def reading_ahead(self, texts: Sequence[str]) -> Iterator[None]:
        """Reads passages in order on a thread of its own, beside the caller who will `encode` them; at the end it stops."""
        with ThreadPoolExecutor(1, thread_name_prefix="passages") as thread:
            wanted = {_digest(text): text for text in texts}
            self._ahead = {key: thread.submit(self._run, text) for key, text in wanted.items() if key not in self._readings}
            try:
                yield
            finally:
                self._ahead = {}
                thread.shutdown(cancel_futures=True)

    def encode(self, text: str) -> PassageReading:
        """Reads a passage.

        A passage that was read lately, in this talk or another, is not read again. What is kept is known by the text's digest
        alone and holds none of it.
        """
        key = _digest(text)
        reading = self._readings.pop(key, None)
        if reading is None:
            coming = self._ahead.pop(key, None)
            # What the other thread has not begun is read here: nobody waits for more than one passage.
            reading = self._run(text) if coming is None or coming.cancel() else coming.result()
        self._readings[key] = reading
        if len(self._readings) > KEPT_READINGS:
            self._readings.popitem(last=False)
        return reading

    def _run(self, text: str) -> PassageReading:
        encoding = self._tokenizer.encode(text)
        given = {"tokens": self._embedding.tokens(encoding.ids), "bias": self._embedding.bias(len(encoding.ids))}
        scores, rows = self._session.run(None, given)
        logits, states = np.asarray(scores[0], dtype=np.float32), np.asarray(rows, dtype=np.float16)
        logits.setflags(write=False)
        states.setflags(write=False)
        return PassageReading(logits, states, tuple(encoding.offsets))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class Embedding:
    """What the layers are given: tokens as vectors, and what attention adds for how far apart two are."""

    def __init__(self, arrays: Arrays) -> None:
        """Takes what `base_weights.read_lower` returns."""
        self._word, self._position, self._relative = arrays["word"], arrays["position"], arrays["relative"]
        self._gain, self._shift = arrays["embedding.g"], arrays["embedding.b"]

    def tokens(self, ids: Sequence[int]) -> Floats:
        """Returns the normalised vectors, shape (tokens, 768)."""
        words = self._word[list(ids)].astype(np.float32) + self._position[_FIRST_POSITION : _FIRST_POSITION + len(ids)]
        centred = words - words.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
        return np.asarray(centred / scale * self._gain + self._shift, dtype=np.float32)

    def bias(self, length: int) -> Floats:
        """Returns the attention's bias, shape (1, 12, length, length)."""
        return np.ascontiguousarray(self._relative[relative_buckets(length)].transpose(2, 0, 1)[None], dtype=np.float32)


def open_tokenizer(vocabulary: Path) -> Tokenizer:
    """Returns the tokenizer of a file, which cuts a passage after `MAX_TOKENS`."""
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def open_session(graph: bytes, arrays: Arrays, layers: range) -> onnxruntime.InferenceSession:
    """Gives a graph of some layers, and of the head if it has one, its weights; it runs on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A pattern is kept for each length of a passage, and reserves its memory whole.
    options.enable_mem_pattern = False
    # Beyond the basic level the runtime (1.32) fuses the products with one scale for all rows, and the answers are wrong.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    names = [name for name in arrays if name.startswith((*(f"L{number}." for number in layers), "head."))]
    options.add_external_initializers(names, [onnxruntime.OrtValue.ortvalue_from_numpy(arrays[name]) for name in names])
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def relative_buckets(length: int) -> NDArray[np.int64]:
    """Returns the bucket of each pair of places, shape (length, length)."""
    places = np.arange(length)
    distance = places[None, :] - places[:, None]
    half, exact = _BUCKETS // 2, _BUCKETS // 4
    far = np.log(np.maximum(np.abs(distance), 1) / exact) / math.log(_MAX_DISTANCE / exact) * (half - exact)
    near = np.where(np.abs(distance) < exact, np.abs(distance), np.minimum(exact + far.astype(np.int64), half - 1))
    return np.asarray(near + half * (distance > 0), dtype=np.int64)
