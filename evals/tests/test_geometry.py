"""Overlaps are counted from the rectangles, not read from what layout says of itself."""

from dataclasses import replace

from evals.geometry import GeometryCheck, check_geometry
from s2v.v1.composition_pb2 import Composition, Rect, TextBlock

CLEAN = GeometryCheck(0, 0, 0, 0, 0, 0, 0)


def text(x: float, y: float, width: float = 100, height: float = 40) -> TextBlock:
    block = TextBlock(bounds=Rect(x=x, y=y, width=width, height=height))
    block.lines.add(text="word")
    return block


def test_a_clean_picture_counts_nothing(composition: Composition) -> None:
    composition.scenes[0].shapes[0].texts.append(text(250, 450))
    assert check_geometry(composition) == CLEAN


def test_overlapping_shapes_count_unless_one_is_the_panel_of_its_group(composition: Composition) -> None:
    scene = composition.scenes[1]
    scene.shapes[3].rect.y = scene.shapes[0].rect.y + 100
    assert check_geometry(composition) == replace(CLEAN, shape_overlaps=1)
    scene.shapes[3].rect.CopyFrom(Rect(x=180, y=380, width=360, height=200))
    assert check_geometry(composition, frozenset({"e"})) == CLEAN


def test_texts_count_where_they_do_not_belong(composition: Composition) -> None:
    scene = composition.scenes[0]
    scene.shapes[0].texts.append(text(450, 450))
    assert check_geometry(composition) == replace(CLEAN, text_outside_shape=1, text_on_route=1)
    scene.routes[0].label.CopyFrom(text(1010, 410))
    assert check_geometry(composition) == replace(CLEAN, text_outside_shape=1, text_on_route=1, text_on_foreign_shape=1)
    scene.title.CopyFrom(text(1050, 430))
    assert check_geometry(composition).text_overlaps == 1


def test_an_edge_through_a_shape_counts(composition: Composition) -> None:
    scene = composition.scenes[0]
    between = scene.shapes.add(node_id="x")
    between.rect.CopyFrom(Rect(x=700, y=440, width=100, height=80))
    assert check_geometry(composition) == replace(CLEAN, route_through_shape=1)


def test_what_sticks_out_of_the_canvas_counts(composition: Composition) -> None:
    composition.scenes[0].shapes[1].rect.x = 1700
    assert check_geometry(composition) == replace(CLEAN, outside_canvas=1)
