"""The analysis in a worker process: what the service calls, as bytes in and bytes out."""

from __future__ import annotations

import os
from dataclasses import dataclass

from s2v.analysis.analysis import analyze, load_analyst
from s2v.runtime.engine import EnginePool, preload
from s2v.v1.transcript_pb2 import Transcript

PRELOADED = ("spacy", "onnxruntime", "tokenizers", "s2v.analysis.engine")
LOAD_SECONDS = 120.0
"""Wall time in which a worker must load the models, in seconds."""
LANGUAGE = "en"
"""Language whose models are loaded before the first talk comes."""


@dataclass(frozen=True)
class Analyzed:
    """A storyboard and its report, serialised: protobuf messages of either kind cross process borders as bytes."""

    storyboard: bytes
    report: bytes


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    # Else glibc gives each thread a heap of its own, whose gaps the others can't use: 30 MB of a worker.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    preload(PRELOADED)


def make_pool(workers: int) -> EnginePool:
    """Makes the worker processes; each loads the models when it starts."""
    return EnginePool(workers, load)


def load() -> None:
    """Loads the models into this process. Errors: SetupError."""
    load_analyst(LANGUAGE)


def analyze_bytes(transcript: bytes, strict: bool) -> Analyzed:
    """Analyses a serialised Transcript. Errors: as `analyze`."""
    storyboard, report = analyze(Transcript.FromString(transcript), strict)
    return Analyzed(storyboard.SerializeToString(deterministic=True), report.SerializeToString(deterministic=True))
