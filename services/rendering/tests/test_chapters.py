"""Chapters fill the film without gaps, and scenes of one title are one chapter."""

from __future__ import annotations

from s2v.rendering.production import make_chapters
from s2v.v1.composition_pb2 import Composition, SceneLayout


def test_chapters_fill_the_film_and_join_what_goes_on() -> None:
    scenes = [
        SceneLayout(scene_id=str(number), start_seconds=start, chapter=title)
        for number, (start, title) in enumerate(((0, "One"), (5, "One"), (9, ""), (12, "Two")))
    ]
    chapters = make_chapters(Composition(duration_seconds=20, scenes=scenes))
    assert [(each.title, each.start_seconds, each.end_seconds) for each in chapters] == [("One", 0, 12), ("Two", 12, 20)]
