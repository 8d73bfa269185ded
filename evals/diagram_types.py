"""How well the analysis tells which diagram fits a passage: `python -m evals.diagram_types FILE.jsonl [--predictions OUT.jsonl]`.

Each line holds "id" and "text", and where it is to be scored "label", optionally "alt_labels" and "difficulty". Prints one JSON
object. Strict: the label itself; lenient: the label or an alternative. Spoken passages are those whose ids begin with "spk" or
"qm-". The calibration error is the expected difference between confidence and strict accuracy over ten bins of confidence.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

SPOKEN = ("spk", "qm-")
BINS = 10


@dataclass(frozen=True)
class Passage:
    """A line of the file."""

    id: str
    text: str
    label: str
    """Empty where the line has none."""
    accepted: frozenset[str]
    """Label and alternatives."""
    difficulty: str


@dataclass(frozen=True)
class Prediction:
    """What the analysis says."""

    id: str
    ranked: tuple[tuple[str, float], ...]
    """Types and calibrated probabilities, likeliest first."""

    @property
    def label(self) -> str:
        return self.ranked[0][0]

    @property
    def confidence(self) -> float:
        return self.ranked[0][1]


@dataclass(frozen=True)
class Accuracy:
    """Shares of the passages."""

    passages: int
    strict: float
    lenient: float


@dataclass(frozen=True)
class LabelScore:
    """How well one label is told."""

    passages: int
    precision: float
    recall: float
    f1: float


def read_passages(path: Path) -> list[Passage]:
    """Reads the file. Errors: ValueError with the number of a line that is not one."""
    passages = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            label = entry.get("label", "")
            if not entry["text"].strip():
                raise ValueError("the text is empty")
            accepted = frozenset({label, *entry.get("alt_labels", ())} - {""})
            passages.append(Passage(entry["id"], entry["text"], label, accepted, entry.get("difficulty") or ""))
        except (KeyError, AttributeError, ValueError) as error:
            raise ValueError(f'{path}:{number}: each line is a JSON object with "id" and "text" ({error!r})') from error
    return passages


def measure_accuracy(pairs: Sequence[tuple[Passage, Prediction]]) -> Accuracy:
    """Compares passages with their predictions; zeros when there are none."""
    if not pairs:
        return Accuracy(0, 0.0, 0.0)
    strict = sum(prediction.label == passage.label for passage, prediction in pairs)
    lenient = sum(prediction.label in passage.accepted for passage, prediction in pairs)
    return Accuracy(len(pairs), round(strict / len(pairs), 4), round(lenient / len(pairs), 4))


def score_labels(pairs: Sequence[tuple[Passage, Prediction]]) -> dict[str, LabelScore]:
    """Returns precision, recall and F1 of each label that a passage has."""
    scores = {}
    for label in sorted({passage.label for passage, _ in pairs}):
        actual = sum(passage.label == label for passage, _ in pairs)
        predicted = sum(prediction.label == label for _, prediction in pairs)
        hits = sum(passage.label == label == prediction.label for passage, prediction in pairs)
        precision, recall = hits / predicted if predicted else 0.0, hits / actual
        scores[label] = LabelScore(actual, round(precision, 4), round(recall, 4), round(2 * hits / (predicted + actual), 4))
    return scores


def measure_calibration(pairs: Sequence[tuple[Passage, Prediction]]) -> float:
    """Returns the expected calibration error (Naeini et al. 2015), strict."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for passage, prediction in pairs:
        place = min(int(prediction.confidence * BINS), BINS - 1)
        bins.setdefault(place, []).append((prediction.confidence, prediction.label == passage.label))
    gaps = (abs(sum(confidence - hit for confidence, hit in entries)) for entries in bins.values())
    return round(sum(gaps) / len(pairs), 4) if pairs else 0.0


def predict(passages: Iterable[Passage]) -> tuple[list[Prediction], list[str]]:
    """Classifies each passage by the real analysis; returns the predictions and what of the analysis is degraded."""
    from s2v.analysis.analysis import load_analyst
    from s2v.analysis.classification import NAMES

    analyst = load_analyst("en")
    predictions = []
    for passage in passages:
        ranking = analyst.classify(passage.text)
        ranked = tuple((NAMES[kind], chance) for kind, chance in zip(ranking.types, ranking.probabilities, strict=True))
        predictions.append(Prediction(passage.id, ranked))
    return predictions, [degradation.reason for degradation in analyst.degradations]


def report(pairs: Sequence[tuple[Passage, Prediction]]) -> dict[str, object]:
    """Returns the figures of scored passages."""
    labels = score_labels(pairs)
    difficulties = sorted({passage.difficulty for passage, _ in pairs if passage.difficulty})
    overall = measure_accuracy(pairs)
    return {
        "passages": overall.passages,
        "strict": overall.strict,
        "lenient": overall.lenient,
        "macro_f1": round(sum(score.f1 for score in labels.values()) / len(labels), 4) if labels else 0.0,
        "calibration_error": measure_calibration(pairs),
        "spoken": vars(measure_accuracy([pair for pair in pairs if pair[0].id.startswith(SPOKEN)])),
        "by_difficulty": {
            name: vars(measure_accuracy([pair for pair in pairs if pair[0].difficulty == name])) for name in difficulties
        },
        "by_label": {label: vars(score) for label, score in labels.items()},
    }


def main() -> None:
    """Reads, classifies, scores, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="passages as JSON lines")
    parser.add_argument("--predictions", type=Path, help="file for the predictions, as JSON lines")
    options = parser.parse_args()
    passages = read_passages(options.file)
    predict([replace(passage, text="This loads the models.") for passage in passages[:1]])
    started, cpu_started = time.perf_counter(), time.process_time()
    predictions, degraded = predict(passages)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    if options.predictions:
        with options.predictions.open("w", encoding="utf-8") as file:
            for item in predictions:
                ranked = [{"label": name, "confidence": round(chance, 4)} for name, chance in item.ranked]
                line = {"id": item.id, "label": item.label, "confidence": round(item.confidence, 4), "ranked": ranked}
                file.write(json.dumps(line) + "\n")
    pairs = [pair for pair in zip(passages, predictions, strict=True) if pair[0].label]
    figures = report(pairs)
    figures["ms_a_passage"] = {
        "cpu": round(1000 * cpu / max(len(passages), 1), 1),
        "wall": round(1000 * wall / max(len(passages), 1), 1),
    }
    figures["degraded"] = degraded
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
