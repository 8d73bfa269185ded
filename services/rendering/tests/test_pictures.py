"""Geometry and colours: exact before they are encoded."""

from __future__ import annotations

import itertools

import compositions
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s2v.rendering import outlines
from s2v.rendering.choreography import Action, Pose, direct
from s2v.rendering.clip import plan_clips
from s2v.rendering.elements import Key, Kind, draw_elements, trace
from s2v.rendering.figures import assemble
from s2v.rendering.pixels import Planes, Region, merge
from s2v.rendering.posing import pose_inks
from s2v.rendering.still import paint_still
from s2v.typeset.shaping import width
from s2v.typeset.themes import THEMES, theme
from s2v.v1.composition_pb2 import FontWeight, Rect, RouteKind, SceneLayout
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart

coordinates = st.floats(-2000, 2000)
points = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=8, unique=True)
regions = st.builds(
    lambda x, y, w, h: Region(2 * x, 2 * y, 2 * (x + w), 2 * (y + h)),
    *(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20), st.integers(0, 20)),
)


@given(points, st.floats(0, 40), st.floats(0, 1))
def test_a_route_is_followed_by_its_length(corners: list[tuple[float, float]], radius: float, share: float) -> None:
    track = outlines.measure(outlines.route(corners, RouteKind.ROUTE_KIND_ORTHOGONAL, radius))
    direct = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(corners))
    assert track.length <= direct * 1.001 + 1e-6
    part = track.until(track.length * share)
    if len(part):
        assert np.allclose(part[-1], track.at(track.length * share), atol=1e-6)
        assert outlines.measure(part).length == pytest.approx(track.length * share, rel=0.02, abs=0.5)


@given(st.floats(0, 100), st.floats(1, 500), st.floats(1, 500))
def test_a_box_is_closed_and_fills_its_rectangle(radius: float, box_width: float, height: float) -> None:
    curves = outlines.rounded_box(Rect(x=10, y=20, width=box_width, height=height), radius)
    assert len(curves) == 32
    assert np.allclose(curves[0], curves[-1])
    assert np.allclose(curves.min(axis=0), (10, 20))
    assert np.allclose(curves.max(axis=0), (10 + box_width, 20 + height))


def test_text_is_drawn_as_wide_as_it_was_measured() -> None:
    words = "Query primary database"
    curves = outlines.text(words, FontWeight.FONT_WEIGHT_MEDIUM, 30, 100, 50)
    measured = width(words, FontWeight.FONT_WEIGHT_MEDIUM, 30)
    assert 100 <= curves[:, 0].min() < 104
    assert 100 + measured - 4 < curves[:, 0].max() <= 100 + measured


def test_an_arrowhead_ends_where_the_route_ends() -> None:
    track = outlines.measure(outlines.straight([(0, 0), (100, 0)]))
    line, head = trace(track, 18, "#FFFFFF", 3, 1.0)
    assert head.curves[:, 0].max() == 100
    assert head.curves[:, 0].min() == 82
    assert 82 < line.curves[:, 0].max() < 90


@given(st.lists(regions, max_size=8))
def test_merged_regions_cover_the_same_and_do_not_touch(found: list[Region]) -> None:
    merged = merge(found)
    for region in found:
        if region.width and region.height:
            assert any(each.joined(region) == each for each in merged)
    assert not any(a.touches(b) for number, a in enumerate(merged) for b in merged[number + 1 :])


@given(arrays(np.uint8, (4, 6, 3)))
def test_colours_become_bt709_limited_range(colors: np.ndarray) -> None:
    """Against the standard's own formulae, in floating point. A block of four pixels has one colour, so chroma is exact too."""
    rgb = colors.repeat(2, axis=0).repeat(2, axis=1)
    picture = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    y, cb, cr = (np.empty(size, np.uint8) for size in ((8, 12), (4, 6), (4, 6)))
    planes = Planes(y, cb, cr)
    planes.update(np.ascontiguousarray(picture), Region(0, 0, 12, 8))
    red, green, blue = (colors[..., n] / 255 for n in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = [16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748]
    for plane, exact in zip((y[::2, ::2], cb, cr), expected, strict=True):
        assert np.abs(plane - exact).max() <= 1.0


@pytest.mark.parametrize("name", sorted(THEMES))
def test_every_element_keeps_its_number_of_inks_in_every_pose(name: str) -> None:
    """The objects on manim's canvas are made once; a pose that had more inks than they are would be cut off."""
    for scene in compositions.talk().scenes:
        for element in draw_elements(scene, theme(name), 1.0):
            for pose in (Pose(0), Pose(0.5, scale=0.97, drawn=0.3, glow=0.5), Pose(1)):
                assert len(pose_inks(element, pose)) == len(element.inks)


def test_a_node_that_stays_moves_from_its_old_place_to_its_new_one() -> None:
    before, after = compositions.flowchart(0, 8), compositions.flowchart(8, 16)
    for shape in after.shapes:
        shape.rect.x += 100
        shape.rect.width += 40
        for line in shape.texts[0].lines:
            line.x += 120
    part = RenderingPart(scene=after, previous=before, width=1920, height=1080, theme="dark", frame_rate=30)
    part.first_frame, part.frame_count = 240, 240
    cast = assemble(ClipOrder(part=part))
    moving = next(each for each in cast.figures if each.element.key.id == "a" and each.origin)
    start, middle, end = (cast.inks(moving, seconds) for seconds in (8.0, 8.2, 9.0))
    left = [inks[0].curves[:, 0].min() for inks in (start, middle, end)]
    assert left == pytest.approx([168.5, 218.5, 268.5])
    assert [inks[1].curves[0, 0] for inks in (start, middle, end)] == pytest.approx(
        [end[1].curves[0, 0] - 120, end[1].curves[0, 0] - 60, end[1].curves[0, 0]]
    )
    assert all(ink.opacity == 1 for inks in (start, middle, end) for ink in inks if len(ink.curves))


def tall(*scenes: SceneLayout) -> list[RenderingPart]:
    made = compositions.composition(*scenes)
    made.width, made.height = 1080, 1920
    return plan_clips(made, 30)


def paint(part: RenderingPart, seconds: float) -> np.ndarray:
    return paint_still(assemble(ClipOrder(part=part)), seconds, part.width, part.height)


def test_a_panned_picture_leaves_within_its_frame() -> None:
    """The next clip starts with the picture as the last one ends: cut off below the title, the title's bar in its place."""
    panned, phrase = tall(compositions.panned(0, 4), compositions.phrase(4, 8))
    before = paint(panned, 3.99)
    assert np.array_equal(before, paint(phrase, 4.0))
    bar = slice(134, 143), slice(64, 128)
    assert (before[bar] != before[10, 10]).any()
    # The picture ends where what tells phones' controls from it begins, at the end of each fade as well.
    for seconds in (4.1, 4.3, 4.39):
        picture = paint(phrase, seconds)
        assert (picture[:60] == picture[10, 10]).all(), seconds
        assert (picture[1652:] == picture[10, 10]).all(), seconds
    assert (paint(phrase, 4.5)[bar] == before[10, 10]).all()


def test_what_stays_of_a_panned_picture_stands_still() -> None:
    """A timeline that goes on in the next scene: title, bar, axis and the nodes' lines are all the time as they were."""
    first, then = compositions.panned(0, 4), compositions.panned(4, 8)
    then.camera[0].y = 1700
    del then.camera[1:]
    panned, same = tall(first, then)
    before = paint(panned, 3.99)
    for frame in range(14):
        assert np.array_equal(before, paint(same, 4 + frame / 30)), frame


def test_a_title_keeps_its_bar_when_the_camera_starts_or_ends() -> None:
    flow = compositions.flowchart(4, 8)
    del flow.rules[:]
    flow.rules.append(compositions.rule(62, 138, 130, 138, 5, compositions.BLUE))
    after = compositions.panned(8, 12)
    for part in tall(compositions.panned(0, 4), flow, after)[1:]:
        start = part.scene.start_seconds
        bars = [paint(part, start + frame / 30)[130:146, 60:133] for frame in range(14)]
        assert all(np.array_equal(each, bars[0]) for each in bars)
        assert (bars[0] != bars[0][0, 0]).any()


def test_stems_and_bars_of_what_goes_on_do_not_blink() -> None:
    for make in (compositions.timeline, compositions.phrase):
        first, then = make(0, 8), make(8, 16)
        for shape in then.shapes:
            shape.reveal_seconds = 8
            del shape.spoken[:]
        for shape in first.shapes:
            del shape.spoken[:]
        before, after = plan_clips(compositions.composition(first, then), 30)
        last = paint(before, 7.99)
        for frame in range(14):
            assert np.array_equal(last, paint(after, 8 + frame / 30)), (make, frame)


def test_a_stem_that_is_elsewhere_leaves_and_comes() -> None:
    first, then = compositions.timeline(0, 8), compositions.timeline(8, 16)
    moved = next(rule for rule in then.rules if rule.node_id == "t0")
    moved.to.y -= 40
    number = list(then.rules).index(moved)
    cues = direct(then, first).cues
    assert {cue.action for cue in cues if cue.key == Key(Kind.RULE, str(number), outgoing=True)} == {Action.LEAVE}
    assert {cue.action for cue in cues if cue.key == Key(Kind.RULE, str(number))} == {Action.APPEAR}
    assert {int(cue.key.id) for cue in cues if cue.key.kind == Kind.RULE} == {number}
