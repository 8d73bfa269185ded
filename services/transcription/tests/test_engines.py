"""Protects the protocol: both engines give the same words at the same times; windows heard together as if heard alone."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from s2v.runtime.errors import SetupError
from s2v.transcription import recognition
from s2v.transcription.batching import BatchingPool
from s2v.transcription.checkpoint import read_checkpoint
from s2v.transcription.devices import CPU, Device
from s2v.transcription.engine import FASTER_WHISPER, OPENAI_WHISPER, HeardWord, Request, Search, Transcriber, hear, load_engine
from s2v.transcription.models import Model, find_model
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples, read_samples
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.work_pb2 import TranscriptionPart

pytestmark = pytest.mark.integration

SECONDS = 12.0


@pytest.fixture(scope="module")
def model() -> Model:
    return find_model("base", TranscriptionSettings().model_cache.expanduser())


@pytest.fixture(scope="module")
def faster(model: Model) -> Transcriber:
    return load_engine(FASTER_WHISPER, model, Device(CPU, "int8", 1))


@pytest.fixture(scope="module")
def openai(model: Model) -> Transcriber:
    return load_engine(OPENAI_WHISPER, model, Device(CPU, "float32", 1))


@pytest.fixture(scope="module")
def speech(talk_pcm: Path) -> Samples:
    return read_samples(talk_pcm, 0, int(SECONDS * SAMPLE_RATE))


def words(engine: Transcriber, samples: Samples, *, vocabulary: tuple[str, ...] = ()) -> list[HeardWord]:
    (segments,) = hear(engine, [Request(samples, "en", vocabulary)], Search())
    return [word for segment in segments for word in segment.words]


def plain(heard: list[HeardWord]) -> list[str]:
    return ["".join(filter(str.isalnum, word.text.lower())) for word in heard]


def test_both_engines_hear_the_same_words_at_the_same_times(faster, openai, speech, talk: Path) -> None:
    ours, theirs = words(faster, speech), words(openai, speech)
    assert len(ours) > 20
    assert plain(ours) == plain(theirs)
    assert np.quantile([abs(one.start - other.start) for one, other in zip(ours, theirs, strict=True)], 0.9) < 0.2
    said = [word["start"] for word in json.loads(talk.with_suffix(".words.json").read_text())]
    # Alignment heads that are not the model's own place words by a second and more.
    assert np.mean([abs(word.start - start) < 0.3 for word, start in zip(theirs, said, strict=False)]) > 0.9
    assert all(0 < word.probability <= 1 for word in theirs)


def test_both_engines_know_the_language(faster, openai, speech) -> None:
    for engine in (faster, openai):
        language, probability = engine.detect_language(speech)
        assert language == "en"
        assert probability > 0.9


def test_windows_heard_together_are_as_if_heard_alone(faster, talk_pcm: Path) -> None:
    windows = [
        Request(read_samples(talk_pcm, int(start * SAMPLE_RATE), int(seconds * SAMPLE_RATE)), "en")
        for start, seconds in ((0, 12), (14.5, 9), (30, 20))
    ]
    together = faster.transcribe(windows, 1)
    for request, heard in zip(windows, together, strict=True):
        (alone,) = faster.transcribe([request], 1)
        ours, theirs = ([word for segment in one for word in segment.words] for one in (heard, alone))
        assert plain(ours)[:8] == plain(theirs)[:8]
        assert abs(len(ours) - len(theirs)) <= 2
        assert ours[-1].end <= len(request.samples) / SAMPLE_RATE + 0.1


def test_a_pool_hears_waiting_windows_in_one_pass(model, talk_pcm: Path) -> None:
    async def run() -> None:
        pool = BatchingPool(1, 4, recognition.load, FASTER_WHISPER, model, Device(CPU, "int8", 4), Search(), 0.0)
        try:
            parts = [
                TranscriptionPart(
                    start_seconds=start,
                    end_seconds=start + 8,
                    speech=[TimeSpan(start_seconds=start, end_seconds=start + 8)],
                    language="en",
                    sound_seconds=92,
                    gain=1,
                )
                for start in (0, 8, 16, 24)
            ]
            assert pool.workers == 4
            jobs = [asyncio.create_task(pool.run(recognition.recognize, talk_pcm, part, timeout=120)) for part in parts]
            await asyncio.sleep(0)
            jobs[3].cancel()
            done = await asyncio.gather(*jobs, return_exceptions=True)
            assert isinstance(done[3], asyncio.CancelledError)
            assert len({one.cpu_seconds for one in done[:3]}) == 1, "one pass, its time shared evenly"
            for part, one in zip(parts[:3], done[:3], strict=True):
                times = [word.start_seconds for segment in one.value.segments for word in segment.words]
                assert times
                assert part.start_seconds <= times[0]
                assert times[-1] <= part.end_seconds
        finally:
            await asyncio.to_thread(pool.close)

    asyncio.run(run())


def test_names_are_spelt_as_the_vocabulary_has_them(faster, talk_pcm: Path) -> None:
    """A term that sounds like what is said is written as the user writes it."""
    samples = read_samples(talk_pcm, 0, int(SECONDS * SAMPLE_RATE))
    before = " ".join(word.text for word in words(faster, samples))
    after = " ".join(word.text for word in words(faster, samples, vocabulary=("Webpages", "dozens")))
    assert "web pages" in " ".join(before.split())
    assert "Glossary" not in after


def test_a_checkpoint_that_openai_did_not_publish_needs_its_heads(model, tmp_path: Path, speech) -> None:
    import torch

    checkpoint = read_checkpoint(model.path)
    path = tmp_path / "own.pt"
    weights = {name: torch.from_numpy(array) for name, array in checkpoint.weights.items()}
    torch.save({"dims": checkpoint.dimensions, "model_state_dict": weights}, path)
    own = find_model(str(path), tmp_path)
    with pytest.raises(SetupError, match=r"own\.heads\.json"):
        load_engine(OPENAI_WHISPER, own, Device(CPU, "float32", 1))
    path.with_suffix(".heads.json").write_text(json.dumps(checkpoint.alignment_heads))
    assert len(words(load_engine(OPENAI_WHISPER, own, Device(CPU, "float32", 1)), speech[: 5 * SAMPLE_RATE])) > 5
    with pytest.raises(SetupError, match="checkpoint of PyTorch"):
        load_engine(FASTER_WHISPER, own, Device(CPU, "int8", 1))


def test_weights_that_are_no_whisper_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.bin").write_bytes(b"\x06\x00\x00\x00rubbish")
    with pytest.raises(SetupError, match=r"model\.bin holds no Whisper model"):
        read_checkpoint(tmp_path)
