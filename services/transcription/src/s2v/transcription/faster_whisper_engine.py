"""Whisper by CTranslate2: int8 on the processor, float16 on a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from s2v.runtime.errors import SetupError
from s2v.transcription.devices import Device
from s2v.transcription.engine import HeardSegment, HeardWord, Request, is_unsure, make_prompt
from s2v.transcription.languages import ENGLISH, WHISPER_LANGUAGES
from s2v.transcription.models import Model
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples

if TYPE_CHECKING:
    import faster_whisper

PROMPT_TOKENS = 223
"""Tokens that may stand before a window, names and context together: what is left of Whisper's 448 is for its words."""
TOKENIZER = "tokenizer.json"


class FasterWhisper:
    """One thread on the processor: two processes of one thread cost less than one of two."""

    def __init__(self, model: Model, device: Device) -> None:
        """Loads a model. Errors: SetupError."""
        import faster_whisper

        if not model.is_directory:
            raise SetupError(
                f"S2V_WHISPER_MODEL: {model.path} is a checkpoint of PyTorch; faster-whisper needs a directory in CTranslate2's "
                "format (ct2-transformers-converter makes one), or set S2V_WHISPER_ENGINE=openai-whisper"
            )
        if not (model.path / TOKENIZER).is_file():  # faster-whisper would ask a hub for one
            raise SetupError(
                f"S2V_WHISPER_MODEL: there is no {TOKENIZER} in {model.path}; copy that of the original model there, as "
                f"ct2-transformers-converter does with --copy_files {TOKENIZER} preprocessor_config.json"
            )
        self._model: faster_whisper.WhisperModel = faster_whisper.WhisperModel(
            str(model.path), device=device.kind, compute_type=device.compute_type, cpu_threads=1, local_files_only=True
        )

    @property
    def languages(self) -> frozenset[str]:
        """Those for which the model has a token: what is asked for by another comes out as nonsense."""
        if not self._model.model.is_multilingual:
            return ENGLISH
        token = self._model.hf_tokenizer.token_to_id
        return frozenset(code for code in WHISPER_LANGUAGES if token(f"<|{code}|>") is not None)

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        """Several windows go through the encoder and decoder together."""
        if len(requests) > 1:
            return self._transcribe_together(requests, beam)
        (request,) = requests
        found, _ = self._model.transcribe(
            request.samples,
            language=request.language,
            beam_size=beam,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            hotwords=make_prompt(request.vocabulary),
            initial_prompt=self._fitting_context(request) or None,
        )
        return [list(_heard(found))]

    def _fitting_context(self, request: Request) -> tuple[int, ...]:
        """Returns the end of the context that has room beside the names: faster-whisper takes 223 tokens of each."""
        names = make_prompt(request.vocabulary)
        taken = len(self._model.hf_tokenizer.encode(f" {names}", add_special_tokens=False).ids) if names else 0
        room = max(0, PROMPT_TOKENS - taken)
        return request.context[max(0, len(request.context) - room) :]

    def _transcribe_together(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        import faster_whisper

        edges = np.cumsum([0, *(len(request.samples) for request in requests)]) / SAMPLE_RATE
        found, _ = faster_whisper.BatchedInferencePipeline(self._model).transcribe(
            np.concatenate([request.samples for request in requests]),
            language=requests[0].language,
            beam_size=beam,
            temperature=0.0,
            word_timestamps=True,
            without_timestamps=False,
            clip_timestamps=[{"start": start, "end": end} for start, end in pairwise(edges)],
            batch_size=len(requests),
            hotwords=make_prompt(requests[0].vocabulary),
        )
        windows: list[list[HeardSegment]] = [[] for _ in requests]
        for segment in found:
            # `seek` is the frame, of 10 ms, at which the segment's window starts.
            window = int(np.argmin(np.abs(edges[:-1] - segment.seek / 100)))
            windows[window] += _heard([segment], float(edges[window]))
        return windows

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        """Asks the model itself, on what it is given; one of English only has no languages to choose from."""
        if not self._model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = self._model.detect_language(np.ascontiguousarray(samples))
        return language, probability


def count_gpus() -> int:
    """Returns how many GPUs CTranslate2 can use."""
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


def _heard(segments: Iterable[faster_whisper.transcribe.Segment], offset: float = 0.0) -> Iterable[HeardSegment]:
    for segment in segments:
        words = tuple(
            HeardWord(word.word, word.start - offset, word.end - offset, word.probability) for word in segment.words or ()
        )
        if words:
            unsure = is_unsure(segment.avg_logprob, segment.compression_ratio)
            yield HeardSegment(words, segment.no_speech_prob, unsure, tuple(segment.tokens), segment.avg_logprob)
