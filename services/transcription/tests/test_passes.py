"""How often a window is listened to: it depends on what is heard in it, and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from s2v.transcription.cleaning import clean
from s2v.transcription.engine import HeardSegment, HeardWord, Request, Search, hear
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples

UNSURE, LOOP, SURE = -0.9, -0.1, -0.2


class Doubtful:
    """Is unsure of the sound as it came; of the cleaned one it says what it is told to. Stands in for speech that is as hard."""

    def __init__(self, sound: Samples, cleaned: Sequence[HeardSegment]) -> None:
        self.sound, self.cleaned = sound, list(cleaned)
        self.beams: list[int] = []

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        self.beams.append(beam)
        return [[said("noisy", UNSURE, low=True)] if one.samples is self.sound else self.cleaned for one in requests]

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        return "en", 1.0


def said(text: str, log_probability: float, *, low: bool = False) -> HeardSegment:
    return HeardSegment((HeardWord(f" {text}", 0.0, 1.0, 0.5),), 0.0, low_confidence=low, log_probability=log_probability)


def noise(seconds: float = 1.0) -> Samples:
    return (0.003 * np.random.default_rng(3).normal(size=int(seconds * SAMPLE_RATE))).astype(np.float32)


@pytest.mark.parametrize(
    ("passes", "cleaned", "text", "beams"),
    [
        (1, [said("clean", SURE)], "noisy", [1]),
        (2, [said("clean", SURE)], "noisy", [1, 5]),
        (3, [said("clean", SURE)], "clean", [1, 5, 5]),
        (3, [said("worse", UNSURE - 0.1, low=True)], "noisy", [1, 5, 5]),
        (3, [said("la la la la", LOOP, low=True)], "noisy", [1, 5, 5]),
        (3, [], "noisy", [1, 5, 5]),
    ],
)
def test_an_unsure_window_gets_the_passes_it_may_have(
    passes: int, cleaned: list[HeardSegment], text: str, beams: list[int]
) -> None:
    sound = noise()
    engine = Doubtful(sound, cleaned)
    ((segment,),) = hear(engine, [Request(sound, "en")], Search(1, passes))
    assert segment.words[0].text == f" {text}"
    assert engine.beams == beams
    assert segment.passes == passes
    assert segment.cleaned == (text == "clean")


class Deaf(Doubtful):
    """Passes over the sound until it searches with five beams, as the library does with a voice that it takes for none."""

    def transcribe(self, requests: Sequence[Request], beam: int) -> list[list[HeardSegment]]:
        self.beams.append(beam)
        return [self.cleaned if beam > 1 else [] for _ in requests]


@pytest.mark.parametrize("heard", [[said("after all", SURE)], []])
def test_a_window_in_which_no_word_is_heard_is_heard_again_once(heard: list[HeardSegment]) -> None:
    engine = Deaf(noise(), heard)
    (words,) = hear(engine, [Request(engine.sound, "en")], Search())
    assert engine.beams == [1, 5]
    assert [segment.words[0].text for segment in words] == [segment.words[0].text for segment in heard]


def test_cleaning_takes_noise_out_keeps_the_rest_and_is_the_same_each_time() -> None:
    sound = noise(4.0)
    cleaned = clean(sound)
    assert cleaned.shape == sound.shape
    assert cleaned.dtype == np.float32
    assert np.std(cleaned) < 0.8 * np.std(sound)
    np.testing.assert_array_equal(clean(sound), cleaned)
    moments = np.arange(len(sound)) / SAMPLE_RATE
    tone = (0.1 * np.sin(2 * np.pi * 440 * moments) * (moments % 1 < 0.5)).astype(np.float32)  # on for half of each second
    kept = clean(tone + sound)
    assert np.corrcoef(kept, tone)[0, 1] > 0.99
    assert np.std(kept - tone) < 0.9 * np.std(sound)


def test_a_short_or_silent_window_is_cleaned_too() -> None:
    for silent in (np.zeros(1, np.float32), np.zeros(SAMPLE_RATE, np.float32)):
        np.testing.assert_array_equal(clean(silent), silent)


def test_the_switch_is_a_part_of_what_the_words_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TranscriptionSettings().passes == 2
    monkeypatch.setenv("S2V_WHISPER_PASSES", "3")
    assert TranscriptionSettings().passes == 3
    monkeypatch.setenv("S2V_SELF_OPTIMISATION", "off")
    assert TranscriptionSettings().passes == 1
