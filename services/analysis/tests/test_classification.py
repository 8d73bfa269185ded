"""Which diagram fits: the nine answers on clear passages, probabilities that add up, and what happens without the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.analysis import analysis, base_weights, classification, graph_reader, passage_encoder
from s2v.analysis.analysis import Analyst, analyze, load_analyst
from s2v.analysis.classification import NAMES, Classifier
from s2v.analysis.content import Content
from s2v.analysis.extractors import EXTRACTORS, worth_drawing
from s2v.analysis.features import SIZE, make_features
from s2v.analysis.passage_encoder import PassageEncoder, relative_buckets
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.text import make_transcript
from s2v.runtime.errors import DegradedError, SetupError
from s2v.v1.diagram_pb2 import DiagramType

NOTHING = {kind: Content(kind) for kind in EXTRACTORS}

CLEAR = {
    "flowchart": (
        "To renew a library card, first fill in the form at the desk. Then show a proof of address. The clerk "
        "checks the form. If something is missing, you get the form back. Otherwise, the clerk prints the new card "
        "and you sign it."
    ),
    "hierarchy": (
        "Musical instruments are divided into three families: strings, winds, and percussion. The winds are "
        "divided into woodwinds and brass. The woodwinds include flutes and clarinets, and the brass family "
        "includes trumpets and trombones."
    ),
    "timeline": (
        "The bridge was designed in 1869. In 1883 it was opened to traffic. In 1944 the trains were taken off, in "
        "1964 it became a national monument, and in 2010 its towers were repaired."
    ),
    "cycle": (
        "The beetle lays its eggs under the bark. The eggs hatch into larvae, and the larvae eat tunnels through "
        "the wood. Then they turn into pupae. Adult beetles come out, fly to another tree, lay eggs, and the cycle "
        "begins again."
    ),
    "mindmap": (
        "A good neighbourhood has many sides. There are parks where children play. There are shops within walking "
        "distance. The streets are quiet and safe. People know each other, and there is a school and a small "
        "clinic nearby."
    ),
    "comparison": (
        "Gas stoves and induction stoves differ in several ways. Gas heats the air around the pot, whereas "
        "induction heats the pot itself. Gas is cheaper to buy, but induction is faster and wastes less energy. "
        "Induction needs special pots, while gas works with any pot."
    ),
    "network": (
        "The web server sends each request to the load balancer, which talks to three application servers. The "
        "application servers read from the database and write to the message queue. The worker takes messages from "
        "the queue and sends mail through the mail gateway."
    ),
    "cause-effect": (
        "Because the summer was so dry, the river fell to its lowest level in fifty years. As a result, cargo "
        "ships could not carry full loads, which led to a shortage of coal. The shortage caused electricity prices "
        "to rise."
    ),
    "none": (
        "I don't know, I really just love this place, you know? It makes me happy. Honestly, what more could "
        "anybody want, right? I mean, we were laughing about it yesterday."
    ),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_passage_gets_its_type(analyst: Analyst, name: str) -> None:
    ranking = analyst.classify(CLEAR[name])
    assert NAMES[ranking.types[0]] == name


@pytest.mark.integration
def test_a_clear_passage_is_surer_than_a_torn_one(analyst: Analyst) -> None:
    torn = "Well, it depends. There are parts, and some of them came later, and then it may fail, or it may not."
    assert analyst.classify(CLEAR["timeline"]).probabilities[0] > analyst.classify(torn).probabilities[0]


@given(
    logits=st.none() | st.lists(st.floats(-60, 60, width=32), min_size=len(NAMES), max_size=len(NAMES)),
    features=st.lists(st.floats(0, 8, width=32), min_size=SIZE, max_size=SIZE),
)
@settings(max_examples=50)
def test_probabilities_are_ranked_and_add_up(logits: list[float] | None, features: list[float]) -> None:
    row = np.asarray(features, dtype=np.float32)
    ranking = Classifier().rank(row, None if logits is None else np.asarray(logits, dtype=np.float32))
    assert sorted(ranking.types) == sorted(NAMES)
    assert list(ranking.probabilities) == sorted(ranking.probabilities, reverse=True)
    assert sum(ranking.probabilities) == pytest.approx(1, abs=1e-5)


def test_every_type_but_none_has_an_extractor() -> None:
    assert {*EXTRACTORS, DiagramType.DIAGRAM_TYPE_NONE} == set(NAMES)


def test_nothing_found_is_not_worth_drawing() -> None:
    assert not any(worth_drawing(content) for content in NOTHING.values())
    assert make_features("Nothing.", NOTHING).shape == (SIZE,)


def test_places_near_one_another_are_told_apart_and_far_ones_are_not() -> None:
    buckets = relative_buckets(200)
    assert len(set(buckets[100, 93:108])) == 15
    assert buckets[0, 150] == buckets[0, 199] != buckets[150, 0]
    assert buckets.min() == 0
    assert buckets.max() == 31


def test_weights_for_other_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(classification.WEIGHTS) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["whole.weights"] = arrays["whole.weights"][:-1]
    np.savez(tmp_path / "types.npz", allow_pickle=False, **arrays)
    monkeypatch.setattr(classification, "WEIGHTS", tmp_path / "types.npz")
    with pytest.raises(SetupError, match="learned for other features"):
        Classifier()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not an archive"])
def test_unreadable_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    path = tmp_path / "types.npz"
    path.write_bytes(damage)
    monkeypatch.setattr(classification, "WEIGHTS", path)
    with pytest.raises(SetupError, match=r"types\.npz can't be read"):
        Classifier()


def _flip_a_bit(path: Path, folder: Path) -> Path:
    """Returns a copy of a file that differs by one bit."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    copy = folder / path.name
    copy.write_bytes(data)
    return copy


def test_a_flipped_bit_in_the_encoder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage_encoder, "LEARNED", _flip_a_bit(passage_encoder.LEARNED, tmp_path))
    with pytest.raises(SetupError, match="is damaged: its SHA-256 is"):
        PassageEncoder(tmp_path)


@pytest.mark.integration
def test_damaged_base_weights_are_found(tmp_path: Path) -> None:
    cache = AnalysisSettings().model_cache.expanduser()
    base_weights.read_lower(cache)
    name = f"{base_weights.NAME}-lower-{base_weights.LOWER_SHA256[:12]}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes((cache / name / "tokenizer.json").read_bytes())
    with np.load(cache / name / "lower.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["L0.o.w"][0, 0] ^= 1
    np.savez(folder / "lower.npz", allow_pickle=False, **arrays)
    with pytest.raises(SetupError, match=f"delete {folder} and start again"):
        base_weights.read_lower(tmp_path)


@pytest.mark.integration
def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_weights, "PACKAGES", ("s2v-no-such-weights",))
    with pytest.raises(SetupError, match="install s2v-no-such-weights"):
        base_weights.read_lower(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_damaged_adapters_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_weights, "ADAPTERS", _flip_a_bit(base_weights.ADAPTERS, tmp_path))
    with pytest.raises(SetupError, match="is damaged: its SHA-256 is"):
        base_weights.read_lower(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_what_is_added_to_a_layer_is_the_product_of_two_thin_matrices() -> None:
    random = np.random.default_rng(5)
    matrices = [name for names in base_weights.LINEAR.values() for name in names]
    tensors = {f"{name}.weight": random.normal(size=(6, 4)).astype(np.float32) for name in matrices}
    adapters = {}
    for name in matrices:
        adapters[f"7.{name}.down"] = random.integers(-127, 128, (2, 4)).astype(np.int8)
        adapters[f"7.{name}.up"] = random.integers(-127, 128, (6, 2)).astype(np.int8)
        adapters[f"7.{name}.scale"] = random.random(6).astype(np.float32) * 1e-4
    for name in base_weights.NORMS.values():
        for part in ("weight", "bias"):
            tensors[f"{name}.{part}"] = np.ones(4, dtype=np.float32)
            adapters[f"7.{name}.{part}"] = np.full(4, 2, dtype=np.float32)
    adapted = base_weights.adapt_layer(7, tensors, adapters)
    for name in matrices:
        down, up, scale = (adapters[f"7.{name}.{part}"].astype(float) for part in ("down", "up", "scale"))
        wanted = tensors[f"{name}.weight"] + np.einsum("or,ri,o->oi", up, down, scale)
        assert np.allclose(adapted[f"{name}.weight"], wanted, atol=1e-6)
        assert adapted[f"{name}.weight"].dtype == np.float32
    assert adapted["output.LayerNorm.bias"].tolist() == [2, 2, 2, 2]


@pytest.fixture
def _no_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passage_encoder, "LEARNED", tmp_path / "lost.npz")
    load_analyst.cache_clear()
    yield
    load_analyst.cache_clear()


@pytest.mark.integration
@pytest.mark.usefixtures("_no_encoder")
def test_without_the_encoder_rules_answer_and_say_so() -> None:
    transcript = make_transcript(CLEAR["timeline"])
    storyboard, report = analyze(transcript)
    assert [degradation.code for degradation in report.degradations] == ["ANALYSIS_RULES"]
    assert "lost.npz is missing" in report.degradations[0].reason
    assert storyboard.scenes[0].diagram.type == DiagramType.DIAGRAM_TYPE_TIMELINE
    assert not any(model.name == passage_encoder.NAME for model in report.models)
    with pytest.raises(DegradedError, match=r"lost\.npz is missing"):
        analyze(transcript, strict=True)


def test_the_identity_names_all_weights() -> None:
    identity = analysis.engine_identity()
    for digest in (base_weights.LOWER_SHA256, passage_encoder.SHA256, passage_encoder.GRAPH_SHA256, graph_reader.SHA256):
        assert digest in identity
