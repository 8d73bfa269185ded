"""The evaluations of types and graphs as they are called: what they print, and what they write."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evals import diagram_graphs, diagram_types, process_graphs

pytestmark = pytest.mark.integration
TEXT = (
    "First, the clerk opens the letter. Then she checks the form. If the form is complete, she stamps it. Otherwise, she sends "
    "it back. Finally, she files the letter."
)
GOLD = {"nodes": ["opens the letter", "checks the form", "stamps it"], "edges": [[0, "", 1], [1, "complete", 2]]}


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    path = tmp_path / "passages.jsonl"
    lines = [
        {"id": "spk1", "text": TEXT, "label": "flowchart", "gold": GOLD},
        {"id": "qm-2", "text": "There are three kinds of rock: granite, basalt and slate.", "label": "hierarchy"},
        {"id": "os-3", "text": "I like it here.", "label": "none"},
    ]
    path.write_text("\n\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def call(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    monkeypatch.setattr(sys, "argv", ["eval", *arguments])
    main()
    figures: dict = json.loads(capsys.readouterr().out)
    return figures


def test_types(passages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    figures = call(diagram_types.main, monkeypatch, capsys, str(passages), "--predictions", str(out))
    assert figures["passages"] == 3
    assert figures["spoken"]["passages"] == 2
    assert figures["ms_a_passage"]["cpu"] > 0
    predictions = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in predictions] == ["spk1", "qm-2", "os-3"]
    for line in predictions:
        assert line["label"] == line["ranked"][0]["label"]
        assert line["confidence"] == line["ranked"][0]["confidence"]
        assert sum(entry["confidence"] for entry in line["ranked"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("main", "drawn"), [(diagram_graphs.main, 2), (process_graphs.main, 3)])
def test_graphs(
    passages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Callable[[], None],
    drawn: int,
) -> None:
    out = tmp_path / "out.json"
    figures = call(main, monkeypatch, capsys, str(passages), "--predictions", str(out), "--words-only")
    assert figures.get("all", figures)["node"]["f1"] > 0.5
    predictions = json.loads(out.read_text())
    assert len(predictions) == drawn
    for graph in predictions.values():
        assert all(isinstance(node, str) and node for node in graph["nodes"])
        for source, label, target in graph["edges"]:
            assert isinstance(label, str)
            assert 0 <= min(source, target) <= max(source, target) < len(graph["nodes"])


def test_a_type_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(json.dumps({"id": "a7", "text": TEXT, "label": "cause_effect"}) + "\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["eval", str(path)])
    with pytest.raises(SystemExit, match="a7 has the label 'cause_effect'"):
        diagram_graphs.main()


@pytest.mark.parametrize("read", [diagram_types.read_passages, diagram_graphs.read_passages])
def test_an_empty_text_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text('{"id": "a", "text": "b"}\n\n{"id": "c", "text": " "}\n', encoding="utf-8")
    with pytest.raises((SystemExit, ValueError), match=":3"):
        read(path)
