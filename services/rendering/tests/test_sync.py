"""How far from their words things are seen, as the report says it."""

from __future__ import annotations

import pytest

from s2v.rendering.sync import sync_error
from s2v.v1.composition_pb2 import Composition, Route, SceneLayout, Shape, ShapeKind


def scene(start: float, end: float, *reveals: float) -> SceneLayout:
    box = ShapeKind.SHAPE_KIND_BOX
    shapes = [Shape(node_id=f"{start}-{n}", kind=box, reveal_seconds=reveal) for n, reveal in enumerate(reveals)]
    return SceneLayout(scene_id=f"s{start}", start_seconds=start, end_seconds=end, shapes=shapes)


def test_a_thing_is_half_there_within_two_frames_of_its_word() -> None:
    film = Composition(scenes=[scene(0.0, 10.0, 1.0, 4.0)], duration_seconds=10.0)
    film.scenes[0].routes.append(Route(edge_id="e", reveal_seconds=5.0))
    assert 0.0 < sync_error(film, 30) <= 0.12


def test_a_word_before_its_scene_is_an_error_of_sync() -> None:
    film = Composition(scenes=[scene(0.0, 5.0, 1.0), scene(5.0, 9.0, 3.0)], duration_seconds=9.0)
    assert sync_error(film, 30) == pytest.approx(2.2, abs=0.05)


def test_a_film_of_key_phrases_has_none() -> None:
    assert sync_error(Composition(scenes=[scene(0.0, 5.0)], duration_seconds=5.0), 30) == 0.0
