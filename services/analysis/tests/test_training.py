"""What several readers say about one passage becomes one truth; the data that the training keeps hold no text."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from s2v.analysis import analysis
from s2v.analysis.classification import NAMES

TRAINING = Path(__file__).parents[1] / "training"
TEXT = "Rain fell for a week, so the river rose."


@pytest.fixture(scope="module")
def passages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("passages", TRAINING / "passages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["passages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_readings_are_votes(passages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = passages.digest_text(TEXT)
    readings = tmp_path / "readings.tsv"
    readings.write_text(f"{digest}\tcause-effect\t3\t\n{digest}\tcause-effect\t2\tflowchart,timeline\n")
    monkeypatch.setattr(passages, "READINGS", readings)
    known, unknown = tmp_path / "known.jsonl", tmp_path / "unknown.jsonl"
    known.write_text(json.dumps({"text": TEXT, "source": "book#1", "label": "timeline", "confidence": 1}) + "\n")
    unknown.write_text(json.dumps({"text": "Nobody has read this.", "source": "book#2"}) + "\n")
    (passage,) = passages.read_passages(known, unknown)
    names = list(NAMES.values())
    assert names[passage.label] == "cause-effect", "two readers of three"
    assert {name for name, accepted in zip(names, passage.accepted, strict=True) if accepted} == {"cause-effect", "timeline"}
    assert passage.target.sum() == pytest.approx(1)
    shares = dict(zip(names, passage.target, strict=True))
    assert shares["cause-effect"] > shares["timeline"] > shares["flowchart"] > shares["cycle"] > 0


def test_the_kept_readings_and_graphs_are_whole(passages: ModuleType) -> None:
    readings = passages.read_readings()
    names = set(NAMES.values())
    assert all(
        {reading.label, *reading.alternatives} <= names and reading.confidence in (1, 2, 3) and len(reading.alternatives) <= 2
        for several in readings.values()
        for reading in several
    )
    graphs, written = (
        [json.loads(line) for line in (TRAINING / name).read_text().splitlines()] for name in ("graphs.jsonl", "written.jsonl")
    )
    assert {graph["text"] for graph in graphs} <= set(readings), "each graph is of a passage whose type was read"
    assert len({(graph["text"], graph["label"]) for graph in graphs}) == len(graphs), "one graph of a type for a passage"
    assert len({graph["text"] for graph in written}) == len(written)
    for graph in graphs + written:
        assert graph["label"] in names
        assert all(graph["nodes"])
        assert all(0 <= end < len(graph["nodes"]) for edge in graph["edges"] for end in edge)


def test_what_was_written_says_what_its_graph_says() -> None:
    for graph in (json.loads(line) for line in (TRAINING / "written.jsonl").read_text().splitlines()):
        assert 40 <= len(graph["text"].split()) <= 160
        words = set(re.findall(r"[a-z0-9]+", graph["text"].lower()))
        for node in graph["nodes"]:
            own = re.findall(r"[a-z0-9]+", node.lower())
            assert own, f"{node!r} has no words"
            missing = [word for word in own if word not in words]
            assert len(missing) <= len(own) / 2, f"{node!r} is not told"


def test_what_was_learned_is_small() -> None:
    package = Path(analysis.__file__).parent
    assert sum(path.stat().st_size for pattern in ("*.npz", "*.onnx") for path in package.glob(pattern)) <= 40e6
