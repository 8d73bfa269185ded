"""The command as it is called: one JSON object on standard output, and each promise that is broken shows in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format

from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript

ROOT = Path(__file__).parents[2]
WORDS = [
    ("Client", 1.0, 1.4),
    ("asks", 1.5, 1.8),
    ("server", 2.0, 2.4),
    ("cache", 3.3, 3.6),
    ("saves", 3.7, 4.0),
    ("disk", 4.5, 4.8),
]
NODES = {"s1": {"a": 0, "b": 2}, "s2": {"c": 3, "e": 3, "d": 5}}


@pytest.fixture
def job(tmp_path: Path, composition) -> Path:
    """A folder with the job's artifacts, as `s2v get` writes them; one as JSON."""
    transcript, storyboard = Transcript(duration_seconds=6.0), Storyboard()
    segment = transcript.segments.add()
    for text, start, end in WORDS:
        segment.words.add(text=text, start_seconds=start, end_seconds=end)
    for scene, nodes in NODES.items():
        diagram = storyboard.scenes.add(id=scene).diagram
        for name, word in nodes.items():
            diagram.nodes.add(id=name, label=WORDS[word][0]).evidence.spoken.spans.add(begin=word, end=word + 1)
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "transcript.json").write_text(json_format.MessageToJson(transcript))
    (folder / "storyboard.pb").write_bytes(storyboard.SerializeToString())
    (folder / "composition.pb").write_bytes(composition.SerializeToString())
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evals.sync", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.integration
def test_a_good_film_and_a_late_one(film, tmp_path: Path, job: Path, speech, write_sound) -> None:
    film.sound = speech(6.0)
    source = write_sound(tmp_path / "source.flac", film.sound)
    true = tmp_path / "true.words.json"
    true.write_text(json.dumps([{"word": text, "start": start + 0.1, "end": end + 0.1} for text, start, end in WORDS]))

    good = run(film.write(tmp_path / "good.mp4"), "--job", job, "--audio", source, "--words", true)
    assert good.returncode == 0, good.stderr
    report = json.loads(good.stdout)
    assert report["nodes"] == 5
    assert report["carried"] == 1
    assert report["never_visible"] == []
    assert report["reveal"]["after_word_end"] == 0
    assert report["reveal"]["spread"]["p50"] < 0.15
    assert report["reveal_true"]["unmatched"] == 0
    assert report["reveal_true"]["spread"]["mean"] == pytest.approx(report["reveal"]["spread"]["mean"] - 0.1, abs=0.001)
    assert report["edges"] == {"edges": 1, "never_visible": 0, "before_ends": 0}
    assert report["audio"]["correlation"] > 0.99
    assert report["labels"]["share"] == 1.0
    assert set(report["geometry"].values()) == {0}

    film.drawn = {"b": 2.7, "ab": 1.2}
    late = json.loads(run(film.write(tmp_path / "late.mp4"), "--job", job).stdout)
    assert late["reveal"]["after_word_end"] == 1
    assert late["reveal"]["worst"][0]["node_id"] == "b"
    assert late["edges"]["before_ends"] == 1
    assert late["audio"] is None


def test_a_folder_without_artifacts_is_named(film, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = run(film.write(tmp_path / "film.mp4"), "--job", tmp_path / "empty")
    assert answer.returncode != 0
    assert answer.stdout == ""
    assert "transcript.pb" in answer.stderr
