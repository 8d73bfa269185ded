"""The figures of the diagram types, on predictions whose figures are known."""

import json
from pathlib import Path

import pytest

from evals.diagram_types import Passage, Prediction, measure_calibration, predict, read_passages, report


def pair(
    name: str, label: str, said: str, confidence: float = 1.0, alternatives: tuple[str, ...] = (), difficulty: str = "clear"
):
    ranked = ((said, confidence), ("other", 1 - confidence))
    return Passage(name, "text", label, frozenset({label, *alternatives}), difficulty), Prediction(name, ranked)


def test_strict_lenient_and_spoken_are_counted_apart() -> None:
    figures = report(
        [
            pair("spk-1", "cycle", "cycle"),
            pair("qm-2", "cycle", "network", alternatives=("network",)),
            pair("os-3", "none", "network", difficulty="hard"),
            pair("os-4", "none", "none"),
        ]
    )
    assert (figures["strict"], figures["lenient"]) == (0.5, 0.75)
    assert figures["spoken"] == {"passages": 2, "strict": 0.5, "lenient": 1.0}
    assert figures["by_difficulty"]["hard"] == {"passages": 1, "strict": 0.0, "lenient": 0.0}
    assert figures["by_label"]["cycle"] == {"passages": 2, "precision": 1.0, "recall": 0.5, "f1": 0.6667}
    assert figures["macro_f1"] == pytest.approx(2 / 3, abs=1e-3)


def test_calibration_is_the_gap_between_confidence_and_truth() -> None:
    honest = [pair(f"p{place}", "cycle", "cycle" if place < 3 else "none", 0.75) for place in range(4)]
    boasting = [pair(f"p{place}", "cycle", "none", 0.95) for place in range(4)]
    assert measure_calibration(honest) == 0
    assert measure_calibration(boasting) == pytest.approx(0.95)
    assert measure_calibration(honest + boasting) == pytest.approx(0.475)
    assert measure_calibration([]) == 0


def test_lines_without_labels_are_read_and_broken_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "Some words."}) + "\n\n")
    assert read_passages(path) == [Passage("a", "Some words.", "", frozenset(), "")]
    path.write_text('{"id": "a", "text": "Some words."}\n{"id": "b"}\n')
    with pytest.raises(ValueError, match=r"passages\.jsonl:2"):
        read_passages(path)


@pytest.mark.integration
def test_the_real_analysis_answers() -> None:
    text = "In 1869 the bridge was designed. In 1883 it was opened. In 1944 the trains were taken off."
    (prediction,), degraded = predict([Passage("a", text, "timeline", frozenset({"timeline"}), "")])
    assert prediction.label == "timeline"
    assert sum(chance for _, chance in prediction.ranked) == pytest.approx(1, abs=1e-5)
    assert not degraded
