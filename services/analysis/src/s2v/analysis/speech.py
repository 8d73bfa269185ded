"""The words of a transcript as plain arrays, numbered from 0 as the evidence numbers them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from s2v.runtime.captions import space_between
from s2v.runtime.errors import InvalidInputError
from s2v.v1.transcript_pb2 import Transcript

TOLERANCE_SECONDS = 0.011
"""Words may step back by this much: recognisers round their times to 10 ms."""


@dataclass(frozen=True)
class Speech:
    """What was said, and when."""

    texts: tuple[str, ...]
    """Words with the punctuation that belongs to them."""
    starts: tuple[float, ...]
    """Start of each word, in seconds."""
    ends: tuple[float, ...]
    """End of each word, in seconds."""
    duration: float
    """Length of the sound, in seconds."""
    language: str
    """Primary language subtag, e.g. "en"."""
    probabilities: tuple[float, ...] = ()
    """How sure the recogniser was of each word; empty when nothing says so."""

    def __len__(self) -> int:
        return len(self.texts)

    def pause_before(self, word: int) -> float:
        """Returns the silence before a word, in seconds; before the first word, its start."""
        return self.starts[word] - (self.ends[word - 1] if word else 0.0)

    def doubts(self, word: int, bound: float) -> bool:
        """Says whether the recogniser was less sure of a word than `bound`; 0 stands for a probability that nobody gave."""
        return bool(self.probabilities) and 0.0 < self.probabilities[word] < bound

    def text(self, begin: int, end: int) -> str:
        """Returns words `begin` up to `end` (not included), joined by spaces unless the language is written without them."""
        return space_between(self.language).join(self.texts[begin:end])


def read_speech(transcript: Transcript) -> Speech:
    """Reads a transcript's words.

    Errors: InvalidInputError when there are no words, or when they are empty, without times, out of order or outside the sound.
    """
    texts: list[str] = []
    starts: list[float] = []
    ends: list[float] = []
    probabilities: list[float] = []
    if not math.isfinite(transcript.duration_seconds):
        raise InvalidInputError("transcript.duration_seconds is no number", field="transcript.duration_seconds")
    for number, segment in enumerate(transcript.segments):
        if not segment.words and any(character.isalnum() for character in segment.text):
            field = f"transcript.segments[{number}].words"
            raise InvalidInputError(f"{field} is empty, though the segment has a text: give each word its times", field=field)
        for place, word in enumerate(segment.words):
            field = f"transcript.segments[{number}].words[{place}]"
            text = word.text.strip()
            if not text:
                raise InvalidInputError(f"{field}.text is empty: leave such words out", field=f"{field}.text")
            if not (math.isfinite(word.start_seconds) and math.isfinite(word.end_seconds)):
                raise InvalidInputError(f"{field} has a time that is no number", field=f"{field}.start_seconds")
            if word.end_seconds < word.start_seconds:
                raise InvalidInputError(f"{field} ends before it starts", field=f"{field}.end_seconds")
            if starts and word.start_seconds < starts[-1] - TOLERANCE_SECONDS:
                raise InvalidInputError(
                    f"{field} starts at {word.start_seconds:.3f} s, before the word in front of it: sort the words by time",
                    field=f"{field}.start_seconds",
                )
            texts.append(text)
            starts.append(max(word.start_seconds, starts[-1] if starts else 0.0))
            ends.append(max(word.end_seconds, starts[-1]))
            probabilities.append(word.probability)
    if not texts:
        raise InvalidInputError("the transcript has no words: nothing was said", reason="NO_WORDS", field="transcript.segments")
    if starts[-1] >= transcript.duration_seconds:
        raise InvalidInputError(
            f"the last word starts at {starts[-1]:.3f} s, but the sound lasts {transcript.duration_seconds:.3f} s",
            field="transcript.duration_seconds",
        )
    language = transcript.language.replace("_", "-").split("-")[0].lower()
    return Speech(tuple(texts), tuple(starts), tuple(ends), transcript.duration_seconds, language, tuple(probabilities))
