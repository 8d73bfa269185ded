"""Timing the real pipeline, on a piece of a real narration."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from evals.pipeline import read_stages, sum_stages
from s2v.v1.job_pb2 import Job
from s2v.v1.report_pb2 import Stage

ROOT = Path(__file__).parents[2]
TALK = ROOT / "examples" / "01-how-a-web-page-reaches-you.opus"
PIECE_SECONDS = 12.0


def make_job() -> Job:
    job = Job(id="j1")
    job.report.stages.add(stage=Stage.STAGE_TRANSCRIPTION, wall_seconds=4.0, cpu_seconds=3.0, queue_seconds=0.1, parts=2)
    job.report.stages.add(stage=Stage.STAGE_RENDERING, wall_seconds=8.0, cpu_seconds=15.0, queue_seconds=0.2, parts=4)
    return job


def test_stages_are_read_and_added_up() -> None:
    once = read_stages(make_job())
    assert list(once) == ["transcription", "rendering"]
    twice = sum_stages([once, once])
    assert (twice["rendering"].wall_s, twice["rendering"].cpu_s, twice["rendering"].queue_s) == (16.0, 30.0, 0.4)


def test_a_cached_answer_is_no_measurement() -> None:
    job = make_job()
    job.report.stages[1].cached_parts = 4
    with pytest.raises(SystemExit, match="rendering was answered from the cache"):
        read_stages(job)


@pytest.mark.integration
def test_the_pipeline_is_timed_from_nothing(tmp_path: Path) -> None:
    piece = tmp_path / "piece.wav"
    with av.open(str(TALK)) as talk, av.open(str(piece), "w") as cut:
        stream = cut.add_stream("pcm_s16le", rate=48_000, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        for frame in talk.decode(audio=0):
            if (frame.time or 0.0) > PIECE_SECONDS:
                break
            frame.pts = None
            for resampled in resampler.resample(frame):
                cut.mux(stream.encode(resampled))
        cut.mux(stream.encode(None))
    answer = subprocess.run(
        [sys.executable, "-m", "evals.pipeline", str(piece)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert set(report["stages"]) == {"transcription", "analysis", "layout", "rendering"}
    assert report["audio_s"] == pytest.approx(PIECE_SECONDS, abs=0.1)
    assert report["realtime"] == pytest.approx(report["audio_s"] / report["wall_s"], rel=0.01)
    assert all(stage["cpu_s"] > 0 for stage in report["stages"].values())
