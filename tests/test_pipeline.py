"""The main job, whole and real: a talk becomes a video, and the video keeps its promises."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np
import pytest

from evals.artifacts import read_artifacts
from s2v.v1.diagram_pb2 import DiagramType

from .conftest import Stack
from .made import Made

pytestmark = pytest.mark.integration

FRAME_SECONDS = 1 / 30


def test_each_kind_of_answer_is_there(made: Made) -> None:
    storyboard = read_artifacts(made.folder).storyboard
    types = {scene.diagram.type for scene in storyboard.scenes}
    assert types == {DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_TIMELINE, DiagramType.DIAGRAM_TYPE_NONE}


def test_each_node_appears_at_its_word(made: Made) -> None:
    for check in (made.report.reveal, made.report.reveal_true):
        assert check is not None
        assert check.spread is not None
        assert check.spread.p50 < 0.15
        assert check.spread.p95 < 0.4
        assert check.after_word_end == 0, check.worst
    assert not made.report.never_visible
    assert made.report.nodes >= 12
    assert made.report.edges.before_ends == 0


def test_nothing_is_invented_and_nothing_overlaps(made: Made) -> None:
    assert made.report.labels.share == 1.0
    assert set(asdict(made.report.geometry).values()) == {0}, made.report.geometry


def test_the_sound_is_the_speakers_own(made: Made) -> None:
    audio = made.report.audio
    assert audio is not None
    assert audio.correlation > 0.99
    assert abs(audio.lag_seconds) < FRAME_SECONDS
    assert abs(audio.soundtrack_difference_seconds) <= FRAME_SECONDS
    assert abs(audio.picture_difference_seconds) <= FRAME_SECONDS


def test_the_film_is_what_was_asked_for(made: Made) -> None:
    with av.open(str(made.video)) as film:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        assert (picture.codec_context.name, picture.width, picture.height) == ("h264", 1920, 1080)
        assert sound.duration is not None
        assert film.streams.subtitles
    assert made.video.with_suffix(".vtt").read_text().startswith("WEBVTT")


def test_the_report_says_how_it_was_made(made: Made) -> None:
    stages = made.job["report"]["stages"]  # type: ignore[index]
    assert [stage["stage"] for stage in stages] == [
        f"STAGE_{name}" for name in ("TRANSCRIPTION", "ANALYSIS", "LAYOUT", "RENDERING")
    ]
    for stage in stages:
        assert stage["engine"]
        assert stage["engineVersion"]
        assert stage["cpuSeconds"] > 0
        assert "degradations" not in stage
    assert stages[0]["models"][0]["sha256"]


def test_one_trace_goes_through_all_hops(made: Made, stack: Stack) -> None:
    spans = [json.loads(line) for line in (stack.home / "traces" / "spans.jsonl").read_text().splitlines()]
    job_id = made.job["id"]
    mine = [span for span in spans if span["attributes"].get("s2v.job.id") == job_id]
    assert len({span["context"]["trace_id"] for span in mine}) == 1
    assert {span["name"] for span in mine} >= {
        f"{verb} s2v.work.{stage}"
        for verb in ("publish", "process")
        for stage in ("transcription", "analysis", "layout", "rendering")
    }
    known = {span["context"]["span_id"] for span in spans}
    assert all(span["parent_id"] in known for span in mine), "a hop has lost its parent"


def test_the_same_file_is_answered_from_what_exists(made: Made, stack: Stack, tmp_path: Path) -> None:
    done = stack.run("make", made.talk, "-o", tmp_path / "again.mp4", "--json", "--strict")
    job = json.loads(done.stdout)
    assert job["id"] != made.job["id"]
    assert all(stage["cachedParts"] == stage["parts"] for stage in job["report"]["stages"])
    assert (tmp_path / "again.mp4").read_bytes() == made.video.read_bytes()


def _write_wav(path: Path, samples: np.ndarray) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def test_silence_is_said_to_be_silence(stack: Stack, tmp_path: Path) -> None:
    silence = _write_wav(tmp_path / "silence.wav", np.zeros(16_000 * 8))
    done = stack.run("make", silence, "-o", tmp_path / "silence.mp4", code=3)
    assert "silence.wav" in done.stderr
    assert "NO_SPEECH" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "silence.mp4").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.wav", b"", "is empty"),
        ("text.wav", b"this is not a recording at all\n" * 200, "is not a sound or video file"),
    ],
)
def test_what_is_no_talk_is_refused_at_the_door(stack: Stack, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    done = stack.run("make", tmp_path / name, "-o", tmp_path / "video.mp4", code=3)
    assert name in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_short_sound_is_refused_at_the_door(stack: Stack, tmp_path: Path) -> None:
    tone = _write_wav(tmp_path / "short.wav", np.sin(np.arange(16_000 * 3) / 10) * 0.5)
    done = stack.run("submit", tone, code=3)
    assert "short.wav lasts 3.0 s" in done.stderr
