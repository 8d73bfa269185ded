"""The eye of the evaluation: it must see drawings when they happen, and must not take the composition's word for it."""

from pathlib import Path

import pytest

from evals.reveals import measure_reveals
from evals.sync import check_reveals, name_nodes
from evals.words import TimedWord
from s2v.v1.storyboard_pb2 import Storyboard

HALF_VISIBLE = -0.12 + 0.35 / 2  # seconds after the word, for a drawing that starts .12 s before it and takes .35 s
FRAME = 1 / 30
SPOKEN = ["client", "asks", "the", "own", "servers"]


@pytest.mark.parametrize("sparse", [False, True], ids=["every frame stored", "repeats left out"])
def test_each_drawing_is_seen_within_a_frame(film, tmp_path: Path, sparse: bool) -> None:
    film.sparse = sparse
    seen = measure_reveals(film.write(tmp_path / "film.mp4"), film.composition)
    times = {(node.scene_id, node.id): node.visible_seconds for node in seen.nodes}
    # "e" fades in during the cross-fade, so it is half there a little later than alone; "c" replaces "a" at the same place.
    assert times["s1", "a"] == pytest.approx(1.0 + HALF_VISIBLE, abs=FRAME)
    assert times["s1", "b"] == pytest.approx(2.0 + HALF_VISIBLE, abs=FRAME)
    assert times["s2", "d"] == pytest.approx(4.5 + HALF_VISIBLE, abs=FRAME)
    assert times["s2", "e"] == pytest.approx(3.1 + HALF_VISIBLE, abs=0.12)
    assert 3.0 <= times["s2", "c"] <= 3.25 + 0.25
    assert seen.carried == 1
    (edge,) = seen.edges
    assert edge.visible_seconds == pytest.approx(2.0 - 0.12 + 0.2, abs=FRAME)


def test_a_late_drawing_is_seen_late_whatever_the_composition_says(film, tmp_path: Path) -> None:
    film.drawn["b"] = 2.6
    seen = measure_reveals(film.write(tmp_path / "film.mp4"), film.composition)
    times = {(node.scene_id, node.id): node.visible_seconds for node in seen.nodes}
    assert times["s1", "b"] == pytest.approx(2.6 + HALF_VISIBLE, abs=FRAME)

    storyboard = Storyboard()
    scene = storyboard.scenes.add(id="s1")
    node = scene.diagram.nodes.add(id="b", label="Server")
    node.evidence.spoken.spans.add(begin=2, end=5)
    nodes = name_nodes([n for n in seen.nodes if n.id == "b"], storyboard, SPOKEN)
    told = check_reveals(nodes, lambda n: TimedWord(SPOKEN[n], 2.0, 2.4))
    assert told.after_word_end == 1
    assert told.worst[0].word == "servers"  # not the article before it
    assert told.spread is not None
    assert told.spread.latest == pytest.approx(0.6 + HALF_VISIBLE, abs=FRAME)


def test_a_drawing_that_never_comes_is_missed(film, tmp_path: Path) -> None:
    film.drawn["a"] = film.drawn["ab"] = 99.0
    seen = measure_reveals(film.write(tmp_path / "film.mp4"), film.composition)
    assert {node.id for node in seen.nodes if node.visible_seconds is None} == {"a"}
    assert [edge.visible_seconds for edge in seen.edges] == [None]
