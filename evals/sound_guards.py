"""Whether the transcription can be fooled: sound without speech, and speech that is hard to hear.

    python -m evals.sound_guards --manifest FILE.tsv [--reduce-noise]

Prints one JSON object. 30 s each of silence, white noise, hum and tones must give no word and cost next to
nothing. Copies of 20 recordings, made quiet, reverberant or noisy, must lose no words against their clean copies: `lost` is the
share of the words of the clean copy's transcript in whose place the changed copy's has none.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.recordings import count_word_errors, read_manifest
from evals.transcription import transcribe
from s2v.runtime import sandbox
from s2v.transcription.direct import DirectTranscriber, engine_pool, preload_engine
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, read_samples
from s2v.v1.transcription_service_pb2 import TranscribeOptions

Sound = NDArray[np.float64]
"""16 kHz mono, −1 to 1, shape (samples,)."""

SECONDS = 30
SPEECH_SECONDS = (5.0, 30.0)
CLIPS = 20
SEED = 7


@dataclass(frozen=True)
class Silent:
    """A sound in which nobody speaks."""

    sound: str
    words: int
    wall_s: float


@dataclass(frozen=True)
class Changed:
    """A recording and its changed copy."""

    file: str
    change: str
    words: int
    lost: float
    wer: float | None
    """Of the changed copy against what is said; None where that is not known."""
    wer_clean: float | None


@dataclass(frozen=True)
class GuardReport:
    """What is printed."""

    false_words: int
    slowest_silent_s: float
    lost: float
    """Over all changed copies."""
    wer: float | None
    wer_clean: float | None
    silent: list[Silent]
    changed: list[Changed]


def main() -> None:
    """Makes the sounds and transcribes them."""
    parser = argparse.ArgumentParser(prog="python -m evals.sound_guards", description="Try to fool the transcription.")
    parser.add_argument("--manifest", type=Path, required=True, help="TSV with a column file, and reference where it is known")
    parser.add_argument("--reduce-noise", action="store_true", help="take out steady noise first")
    arguments = parser.parse_args()
    settings = TranscriptionSettings()
    preload_engine(settings)
    report = asyncio.run(measure(arguments.manifest, settings, reduce_noise=arguments.reduce_noise))
    print(json.dumps(asdict(report), indent=2, ensure_ascii=False))


async def measure(manifest: Path, settings: TranscriptionSettings, *, reduce_noise: bool) -> GuardReport:
    """Transcribes all sounds, one after the other."""
    options = TranscribeOptions(language="en", reduce_noise=reduce_noise)
    async with engine_pool(settings) as (pool, listener):
        transcriber = DirectTranscriber(settings, pool, listener)
        with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
            file = Path(folder) / "sound.wav"

            async def hear(sound: Sound) -> tuple[str, float]:
                write_wav(file, sound)
                started = time.monotonic()
                found = await transcribe(transcriber, file, options)
                return found.text, time.monotonic() - started

            silent = []
            for name, sound in silent_sounds().items():
                text, wall = await hear(sound)
                silent.append(Silent(name, len(text.split()), round(wall, 2)))
            changed = []
            edits = said = clean_edits = lost = heard_clean = 0
            for number, (path, reference, sound) in enumerate(await speech(manifest, Path(folder))):
                change = list(CHANGES)[number % len(CHANGES)]
                clean, _ = await hear(sound)
                other, _ = await hear(CHANGES[change](sound, np.random.default_rng(SEED + number)))
                against = count_word_errors(clean, other)
                lost, heard_clean = lost + against.lost, heard_clean + against.words
                rates: tuple[float | None, float | None] = (None, None)
                if reference:
                    errors, before = count_word_errors(reference, other), count_word_errors(reference, clean)
                    edits, said, clean_edits = edits + errors.edits, said + errors.words, clean_edits + before.edits
                    rates = (round(errors.edits / errors.words, 4), round(before.edits / before.words, 4))
                print(f"{path.name}, {change}: {against.lost} of {against.words} words lost", file=sys.stderr)
                changed.append(Changed(path.name, change, against.words, round(against.lost / max(against.words, 1), 4), *rates))
    return GuardReport(
        false_words=sum(one.words for one in silent),
        slowest_silent_s=max(one.wall_s for one in silent),
        lost=round(lost / max(heard_clean, 1), 4),
        wer=round(edits / said, 4) if said else None,
        wer_clean=round(clean_edits / said, 4) if said else None,
        silent=silent,
        changed=changed,
    )


def silent_sounds() -> dict[str, Sound]:
    """Sounds of 30 s in which nobody speaks."""
    time_axis = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(SEED).normal(0, 1, len(time_axis))
    hum = np.sum([np.sin(2 * np.pi * 50 * harmonic * time_axis) / harmonic for harmonic in (1, 2, 3, 5)], axis=0)
    return {
        "silence": np.zeros(len(time_axis)),
        "white noise at -20 dB": 0.1 * noise,
        "white noise at -40 dB": 0.01 * noise,
        "hum at 50 Hz": 0.1 * hum,
        "tone at 440 Hz": 0.2 * np.sin(2 * np.pi * 440 * time_axis),
        "tones by turns": 0.2 * np.sin(2 * np.pi * np.where(time_axis % 2 < 1, 523.25, 659.25) * time_axis),
        "chord": 0.07 * np.sum([np.sin(2 * np.pi * pitch * time_axis) for pitch in (261.63, 329.63, 392.0)], axis=0),
    }


def make_quiet(sound: Sound, _: np.random.Generator) -> Sound:
    """40 dB less."""
    return 0.01 * sound


def make_reverberant(sound: Sound, random: np.random.Generator) -> Sound:
    """A hall that rings for 0.6 s, as loud as the voice itself."""
    length = int(0.6 * SAMPLE_RATE)
    echo = random.normal(0, 1, length) * np.exp(-6.9 * np.arange(length) / length)
    wet: Sound = np.convolve(sound, echo)[: len(sound)]
    return 0.5 * sound + wet * (0.5 * float(np.std(sound)) / max(float(np.std(wet)), 1e-9))


def make_noisy(sound: Sound, random: np.random.Generator) -> Sound:
    """Noise as of a fan, 10 dB below the voice."""
    fan: Sound = np.convolve(random.normal(0, 1, len(sound)), np.ones(8) / 8, mode="same")
    return sound + fan * (float(np.std(sound)) / float(np.std(fan)) * 10 ** (-10 / 20))


CHANGES: dict[str, Callable[[Sound, np.random.Generator], Sound]] = {
    "quiet": make_quiet,
    "reverberant": make_reverberant,
    "noisy": make_noisy,
}


async def speech(manifest: Path, folder: Path) -> list[tuple[Path, str | None, Sound]]:
    """Returns the first recordings of a manifest that are neither too short to say something nor longer than 30 s."""
    found: list[tuple[Path, str | None, Sound]] = []
    for recording in read_manifest(manifest):
        info = await sandbox.probe(recording.path, recording.path.name)
        if SPEECH_SECONDS[0] <= info.duration_seconds <= SPEECH_SECONDS[1] and len(found) < CLIPS:
            pcm = folder / "clip.pcm"
            await sandbox.decode(recording.path, pcm, recording.path.name)
            samples = read_samples(pcm, 0, int(SPEECH_SECONDS[1] * SAMPLE_RATE)).astype(np.float64)
            found.append((recording.path, recording.reference, samples))
    return found


def write_wav(path: Path, sound: Sound) -> None:
    """Writes 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
