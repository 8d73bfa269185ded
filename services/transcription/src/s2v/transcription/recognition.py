"""What worker processes do: find the speech of a sound, and hear a window of it. The engine is loaded once in each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from s2v.runtime.captions import WITHOUT_SPACES
from s2v.runtime.errors import SetupError
from s2v.transcription.devices import Device
from s2v.transcription.engine import HeardSegment, Request, Search, load_engine
from s2v.transcription.guards import remove_loops
from s2v.transcription.languages import check_known, language_tag, whisper_language
from s2v.transcription.loudness import find_gain
from s2v.transcription.models import Model
from s2v.transcription.resident import ResidentEngine
from s2v.transcription.voice_activity import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE,
    Samples,
    Span,
    Window,
    cut_windows,
    find_speech,
    kept_sound,
    read_samples,
    speech_probabilities,
    to_samples,
)
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.report_pb2 import Degradation
from s2v.v1.transcript_pb2 import Segment, TranscriptWindow, Word
from s2v.v1.work_pb2 import TranscriptionPart

LANGUAGE_SECONDS = 30.0  # speech that a language is detected on
ATTENTION_LEAD_SECONDS = 0.07
"""Whisper places words this much too early: mean over 840 words whose times are known from a synthesiser, and 43 from a forced
aligner. With it 97 % of the starts are within 200 ms, without it 87 %."""
MAX_WORD_SECONDS = 2.0  # a longer word has swallowed what is around it
MIN_WORD_SECONDS = 0.02  # one step of Whisper's clock
TAIL_SECONDS = 0.1  # a word may ring so long after the detector says that speech is over

CHAINED_WINDOWS = 4
"""Windows that are heard one after the other, each going on from the one before, at most. With two or four of them word errors
are 1.5 % on 13 minutes of speech, without 2.1 %; longer chains gain nothing, and those of different chains are heard side by
side."""
CONTEXT_TOKENS = 220
"""Tokens that a window goes on from, at most: what Whisper takes (223). With 100 of them word errors are 1.6 %."""

CPU_FALLBACK = "TRANSCRIPTION_CPU"

Item = tuple[bytes | Path, TranscriptionPart]
"""The sound of a window and the window; a path is the whole sound, bytes the window's own. 16 kHz mono s16le."""

_resident: ResidentEngine | None = None
_search = Search()


@dataclass(frozen=True)
class Examination:
    """What a sound is, before it is transcribed."""

    sound_seconds: float
    speech_seconds: float
    windows: tuple[Window, ...]
    """In order; empty if nobody speaks."""
    language: str
    """Whisper's code; empty if nobody speaks."""
    language_probability: float
    gain: float
    """What the sound is multiplied with before it is heard."""


def load(engine: str, model: Model, device: Device, search: Search, idle_seconds: float) -> None:
    """Loads the engine into this process, to search as hard as that."""
    global _resident, _search
    resident = ResidentEngine(partial(load_engine, engine, model), device, idle_seconds)
    resident.load()
    _resident, _search = resident, search


def check_loaded() -> None:
    """Says nothing if the engine has been loaded. Errors: SetupError."""
    _engine()


def _engine() -> ResidentEngine:
    if _resident is None:
        raise SetupError("no model is loaded in this process")
    return _resident


def examine(pcm: Path, language: str) -> Examination:
    """Finds the speech in a file of 16 kHz mono s16le, its windows and, unless `language` is given, its language.

    Errors: InvalidInputError when the model does not know the language that is given.
    """
    if language:
        check_known(language, _engine().languages)
    seconds = pcm.stat().st_size / BYTES_PER_SAMPLE / SAMPLE_RATE
    gain = find_gain(pcm)
    speech = find_speech(speech_probabilities(pcm, gain))
    windows = tuple(cut_windows(speech, seconds))
    spoken = sum(span.seconds for span in speech)
    if not windows or language:
        return Examination(seconds, spoken, windows, language, 1.0, gain)
    heard: list[Samples] = []
    for window in windows:
        for span in kept_sound(window.speech, window.start, window.end):
            heard.append(read_samples(pcm, round(span.start * SAMPLE_RATE), round(span.seconds * SAMPLE_RATE), gain))
        if sum(map(len, heard)) >= LANGUAGE_SECONDS * SAMPLE_RATE:
            break
    found, probability = _engine().detect_language(np.concatenate(heard)[: int(LANGUAGE_SECONDS * SAMPLE_RATE)])
    return Examination(seconds, spoken, windows, found, probability, gain)


def parts(examination: Examination, vocabulary: Sequence[str], *, in_chains: bool) -> list[TranscriptionPart]:
    """Returns a part for each window, without the reference to its sound. `vocabulary` holds the talk's names and jargon.

    In chains, a window goes on from what was heard in the one before it, unless it is the first of its chain.
    """
    first = _chain_starts(len(examination.windows)) if in_chains else range(len(examination.windows))
    return [
        TranscriptionPart(
            start_seconds=window.start,
            end_seconds=window.end,
            speech=[TimeSpan(start_seconds=span.start, end_seconds=span.end) for span in window.speech],
            language=language_tag(examination.language),
            language_probability=examination.language_probability,
            sound_seconds=examination.sound_seconds,
            gain=examination.gain,
            vocabulary=vocabulary,
            goes_on=number not in first,
        )
        for number, window in enumerate(examination.windows)
    ]


def _chain_starts(windows: int) -> frozenset[int]:
    """Returns the windows that begin a chain: an even number of chains of like length, so that two workers are done together."""
    chains = math.ceil(windows / CHAINED_WINDOWS)
    chains = min(windows, chains + chains % 2)
    return frozenset(round(chain * windows / chains) for chain in range(chains))


def byte_range(part: TranscriptionPart) -> tuple[int, int]:
    """Returns where the window's sound is in the PCM: offset and length, in bytes."""
    start = round(part.start_seconds * SAMPLE_RATE)
    return start * BYTES_PER_SAMPLE, (round(part.end_seconds * SAMPLE_RATE) - start) * BYTES_PER_SAMPLE


def recognize(sound: bytes | Path, part: TranscriptionPart) -> TranscriptWindow:
    """Transcribes a window, given its own sound or the file of the whole: 16 kHz mono s16le.

    Errors: EngineError; whatever the engine raises.
    """
    (window,) = recognize_batch([(sound, part)])
    return window


def recognize_batch(items: Sequence[Item]) -> list[TranscriptWindow]:
    """Transcribes windows that `speaks_alike` says may go together, in one pass if the device takes so many.

    Errors: EngineError; whatever the engine raises.
    """
    heard = _engine().hear([make_request(sound, part) for sound, part in items], _search)
    lost = _engine().degradation
    degradations = [Degradation(code=CPU_FALLBACK, reason=lost)] if lost else []
    return [make_window(segments, part, degradations) for segments, (_, part) in zip(heard, items, strict=True)]


def speaks_alike(one: Item, other: Item) -> bool:
    """Says whether two windows may be heard in one pass."""
    return one[1].language == other[1].language and one[1].vocabulary == other[1].vocabulary


def make_request(sound: bytes | Path, part: TranscriptionPart) -> Request:
    """Returns the speech of a window as the engine gets it: pauses shortened, at the talk's gain."""
    offset, length = byte_range(part)
    if isinstance(sound, bytes):
        samples = to_samples(sound, part.gain)
    else:
        samples = read_samples(sound, offset // BYTES_PER_SAMPLE, length // BYTES_PER_SAMPLE, part.gain)
    origin = part.start_seconds
    pieces = [
        samples[round((span.start - origin) * SAMPLE_RATE) : round((span.end - origin) * SAMPLE_RATE)] for span in _kept(part)
    ]
    return Request(np.concatenate(pieces), whisper_language(part.language), tuple(part.vocabulary), tuple(part.context_tokens))


def make_window(heard: Sequence[HeardSegment], part: TranscriptionPart, degradations: Sequence[Degradation]) -> TranscriptWindow:
    """Returns what was heard of a window, with times of the whole sound and without what the engine has made up."""
    said, repeated = remove_loops(heard)
    return TranscriptWindow(
        start_seconds=part.start_seconds,
        end_seconds=part.end_seconds,
        segments=place_words(said, _kept(part), _speech(part), part.language),
        language=part.language,
        language_probability=part.language_probability,
        sound_seconds=part.sound_seconds,
        degradations=degradations,
        repeated_words=repeated,
        context_tokens=_context(heard, part) if not repeated else (),
        passes=max((segment.passes for segment in heard), default=1),
        cleaned=any(segment.cleaned for segment in heard),
    )


def _context(heard: Sequence[HeardSegment], part: TranscriptionPart) -> list[int]:
    """Returns what the next window may go on from: nothing if the engine is unsure, as it would go on being wrong."""
    if any(segment.low_confidence or not segment.tokens for segment in heard):
        return []
    tokens = [*part.context_tokens, *(token for segment in heard for token in segment.tokens)]
    return tokens[-CONTEXT_TOKENS:]


def _speech(part: TranscriptionPart) -> list[Span]:
    return [Span(span.start_seconds, span.end_seconds) for span in part.speech]


def _kept(part: TranscriptionPart) -> list[Span]:
    return kept_sound(_speech(part), part.start_seconds, part.end_seconds)


def place_words(heard: Sequence[HeardSegment], kept: Sequence[Span], speech: Sequence[Span], language: str) -> list[Segment]:
    """Returns the segments with times of the whole sound, words in order and without overlap.

    Each word is held within the speech that it overlaps most: Whisper likes to start a word in the pause before it.
    """
    segments = []
    spaced = language not in WITHOUT_SPACES
    earliest = kept[0].start
    for utterance in heard:
        words: list[Word] = []
        for word in utterance.words:
            start, end = _within_speech(*_in_whole_sound(word.start, word.end, kept), speech)
            start = max(start, earliest)
            earliest = end = min(max(end, start + MIN_WORD_SECONDS), start + MAX_WORD_SECONDS)
            if words and ((spaced and not word.text.startswith(" ")) or not any(map(str.isalnum, word.text))):
                # "-Lee" belongs to "Berners"; a dash by itself is no word.
                words[-1].text += word.text.rstrip()
                words[-1].end_seconds = end
                continue
            words.append(Word(text=word.text.strip(), start_seconds=start, end_seconds=end, probability=word.probability))
        if words:
            segments.append(
                Segment(
                    start_seconds=words[0].start_seconds,
                    end_seconds=words[-1].end_seconds,
                    text="".join(word.text for word in utterance.words).strip(),
                    words=words,
                    probability=sum(word.probability for word in words) / len(words),
                    no_speech_probability=utterance.no_speech_probability,
                    low_confidence=utterance.low_confidence,
                )
            )
    return segments


def _in_whole_sound(start: float, end: float, kept: Sequence[Span]) -> tuple[float, float]:
    """Maps times in the pieces put together to times in the sound; both ends into the piece where the middle is."""
    middle, before = (start + end) / 2, 0.0
    for piece in kept[:-1]:
        if middle <= before + piece.seconds:
            break
        before += piece.seconds
    else:
        piece = kept[-1]
    return max(piece.start, piece.start + start - before), min(piece.end, piece.start + end - before)


def _within_speech(start: float, end: float, speech: Sequence[Span]) -> tuple[float, float]:
    start, end = start + ATTENTION_LEAD_SECONDS, end + ATTENTION_LEAD_SECONDS
    span = max(speech, key=lambda span: (min(end, span.end) - max(start, span.start), span.start))
    if end <= span.start or start >= span.end:
        # Speech so soft that the detector missed it: its time stands.
        return start, end
    return max(start, span.start), min(end, span.end + TAIL_SECONDS)
