"""Whisper by OpenAI's own code on PyTorch, on the processor or a GPU."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from s2v.runtime.errors import SetupError
from s2v.transcription.checkpoint import read_checkpoint
from s2v.transcription.devices import CPU, Device
from s2v.transcription.engine import HeardSegment, HeardWord, Request, is_unsure, make_prompt
from s2v.transcription.languages import ENGLISH
from s2v.transcription.models import Model
from s2v.transcription.voice_activity import Samples

if TYPE_CHECKING:
    import whisper.model


class _Word(TypedDict):
    word: str
    start: float
    end: float
    probability: float


class _Segment(TypedDict):
    words: list[_Word]
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class OpenAIWhisper:
    """One thread on the processor, as its twin; takes the same directories, and OpenAI's checkpoints."""

    def __init__(self, model: Model, device: Device) -> None:
        try:
            import torch
            import whisper
        except ImportError as error:
            raise SetupError(
                "S2V_WHISPER_ENGINE is openai-whisper, which is not installed: pip install 's2v-transcription[openai-whisper]'"
            ) from error
        if device.kind == CPU:
            torch.set_num_threads(1)
        self._half = device.compute_type == "float16"
        if model.is_directory:
            self._model = _from_directory(model)
        else:
            self._model = whisper.load_model(str(model.path), device=CPU)
            _set_published_heads(self._model, model)
        self._model = self._model.to(device.kind).eval()

    @property
    def languages(self) -> frozenset[str]:
        """As many of OpenAI's list as the model was made for; newer models have more."""
        if not self._model.is_multilingual:
            return ENGLISH
        from whisper.tokenizer import LANGUAGES

        return frozenset(islice(LANGUAGES, self._model.num_languages))

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        """The windows are heard one after the other: OpenAI's code decodes one window at a time."""
        return [list(_heard(self._transcribe(request, beam))) for request in requests]

    def _transcribe(self, request: Request, beam: int) -> list[_Segment]:
        import whisper

        result = whisper.transcribe(
            self._model,
            np.ascontiguousarray(request.samples, np.float32),
            language=request.language,
            beam_size=beam if beam > 1 else None,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
            initial_prompt=make_prompt(request.vocabulary),
            carry_initial_prompt=bool(request.vocabulary),
            fp16=self._half,
            verbose=None,
        )
        segments: list[_Segment] = result["segments"]
        return segments

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        """Asks the model itself, on what it is given; one of English only has no languages to choose from."""
        if not self._model.is_multilingual:
            return "en", 1.0
        import whisper

        padded = whisper.pad_or_trim(np.ascontiguousarray(samples, np.float32))
        mel = whisper.log_mel_spectrogram(padded, self._model.dims.n_mels).to(self._model.device)
        _, probabilities = self._model.detect_language(mel.half() if self._half else mel)
        language = max(probabilities, key=probabilities.__getitem__)
        return language, float(probabilities[language])


def count_gpus() -> int:
    """Returns how many GPUs PyTorch can use. Errors: SetupError when it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise SetupError("PyTorch is not installed: pip install 's2v-transcription[openai-whisper]'") from error
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _from_directory(model: Model) -> whisper.model.Whisper:
    """Builds the model from a directory in CTranslate2's format; that also names the heads which word times come from."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    checkpoint = read_checkpoint(model.path)
    built = Whisper(ModelDimensions(**checkpoint.dimensions))
    built.load_state_dict({name: torch.from_numpy(array) for name, array in checkpoint.weights.items()}, strict=True)
    if checkpoint.alignment_heads:
        mask = np.zeros((built.dims.n_text_layer, built.dims.n_text_head), bool)
        mask[tuple(zip(*checkpoint.alignment_heads, strict=True))] = True
        built.set_alignment_heads(_dump(mask))
    return built


def _set_published_heads(built: whisper.model.Whisper, model: Model) -> None:
    """A checkpoint loaded by its path says nothing of its alignment heads; without them word times are poor.

    Source: whisper/__init__.py, where the digest is a part of each published model's address.
    Errors: SetupError for a checkpoint that OpenAI has not published.
    """
    import whisper

    for name, address in whisper._MODELS.items():
        if model.sha256 in address:
            built.set_alignment_heads(whisper._ALIGNMENT_HEADS[name])
            return
    beside = model.path.with_suffix(".heads.json")
    if not beside.is_file():
        raise SetupError(
            f"S2V_WHISPER_MODEL: {model.path} is none of OpenAI's checkpoints, and its alignment heads are not known: "
            f"write them as [[layer, head], …] into {beside.name} beside it"
        )
    mask = np.zeros((built.dims.n_text_layer, built.dims.n_text_head), bool)
    mask[tuple(zip(*json.loads(beside.read_text()), strict=True))] = True
    built.set_alignment_heads(_dump(mask))


def _dump(mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> bytes:
    """Packs a mask of heads, shape (layers, heads), as Whisper's `set_alignment_heads` takes it."""
    import base64

    return base64.b85encode(gzip.compress(mask.tobytes()))


def _heard(segments: Iterable[_Segment]) -> Iterable[HeardSegment]:
    for segment in segments:
        words = tuple(HeardWord(word["word"], word["start"], word["end"], word["probability"]) for word in segment["words"])
        if words:
            unsure = is_unsure(segment["avg_logprob"], segment["compression_ratio"])
            yield HeardSegment(words, segment["no_speech_prob"], unsure, log_probability=segment["avg_logprob"])
