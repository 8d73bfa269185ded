"""When things appear: the promises to the viewer, for any scene."""

from __future__ import annotations

import compositions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.rendering.choreography import HALO_SECONDS, LEAD_SECONDS, TRANSITION_SECONDS, Pose, direct
from s2v.rendering.continuity import find_lasting
from s2v.rendering.elements import HALO_OPACITY, Key, Kind, draw_elements
from s2v.rendering.figures import assemble
from s2v.rendering.posing import pose_inks
from s2v.rendering.still import paint_still
from s2v.typeset.themes import theme
from s2v.v1.composition_pb2 import Annotation, Point, Rect, Route, RouteKind, SceneLayout, Shape, ShapeKind, TextBlock, TextLine
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart

RATES = st.sampled_from((24, 30, 60))
SEEN = 0.15  # seconds after the word at which a thing must be half visible


@st.composite
def scenes(draw: st.DrawFn, start: float = 0.0) -> SceneLayout:
    """A scene whose nodes and edges are revealed at any time of it."""
    length = draw(st.floats(1.0, 30.0))
    scene = SceneLayout(scene_id="s", start_seconds=start, end_seconds=start + length)
    scene.title.lines.append(TextLine(text=draw(st.sampled_from(("One", "Two")))))
    times = st.floats(start, start + length - 0.5)
    for number in range(draw(st.integers(1, 6))):
        reveal = draw(times)
        shape = Shape(node_id=f"n{number}", kind=ShapeKind.SHAPE_KIND_ROUNDED_BOX, reveal_seconds=reveal)
        shape.rect.CopyFrom(Rect(x=200 * number, y=100, width=150, height=80))
        shape.spoken.append(TimeSpan(start_seconds=reveal, end_seconds=reveal + 0.3))
        for again in draw(st.lists(times, max_size=3)):
            shape.spoken.append(TimeSpan(start_seconds=again, end_seconds=again + 0.4))
        if draw(st.booleans()):
            text = TextBlock(lines=[TextLine(text="5 ms")])
            shape.annotations.append(Annotation(text=text, reveal_seconds=draw(times)))
        scene.shapes.append(shape)
    for number in range(len(scene.shapes) - 1):
        ends = max(scene.shapes[number].reveal_seconds, scene.shapes[number + 1].reveal_seconds)
        route = Route(edge_id=f"e{number}", kind=RouteKind.ROUTE_KIND_STRAIGHT, reveal_seconds=ends, arrowhead=True)
        route.points.extend([Point(x=0, y=0), Point(x=50, y=0)])
        scene.routes.append(route)
    return scene


def reveals(scene: SceneLayout) -> list[tuple[Key, float]]:
    return [
        *((Key(Kind.SHAPE, each.node_id), each.reveal_seconds) for each in scene.shapes),
        *((Key(Kind.ROUTE, each.edge_id), each.reveal_seconds) for each in scene.routes),
        *(
            (Key(Kind.ANNOTATION, f"{each.node_id}/{number}"), note.reveal_seconds)
            for each in scene.shapes
            for number, note in enumerate(each.annotations)
        ),
    ]


@given(scenes())
def test_nothing_is_seen_before_its_word(scene: SceneLayout) -> None:
    score = direct(scene, None)
    for key, reveal in reveals(scene):
        early = score.pose(key, max(scene.start_seconds, reveal - LEAD_SECONDS))
        assert early.opacity == 0 or early.drawn == 0


@given(scenes())
def test_everything_is_seen_by_its_word(scene: SceneLayout) -> None:
    score = direct(scene, None)
    for key, reveal in reveals(scene):
        pose = score.pose(key, reveal + SEEN)
        assert pose.opacity >= 0.5
        assert pose.drawn >= 0.5


@given(scenes(), RATES)
def test_stretches_fill_the_clip_and_hold_only_what_stands_still(scene: SceneLayout, rate: int) -> None:
    score = direct(scene, None)
    first, count = round(scene.start_seconds * rate), round(scene.end_seconds * rate) - round(scene.start_seconds * rate)
    stretches = score.stretches(first, count, rate)
    frame = first
    keys = [key for key, _ in reveals(scene)] + [Key(Kind.HALO, shape.node_id) for shape in scene.shapes]
    for stretch in stretches:
        assert stretch.first_frame == frame
        assert stretch.drawn >= 1
        last = frame + stretch.drawn - 1
        for key in keys:
            assert score.pose(key, last / rate) == score.pose(key, (last + stretch.held) / rate)
        frame += stretch.drawn + stretch.held
    assert frame == first + count


@settings(deadline=None)  # a thousand frames
@given(scenes(), RATES)
def test_what_changes_is_announced(scene: SceneLayout, rate: int) -> None:
    """A frame repaints only what is announced, so nothing else may differ from the frame before."""
    score = direct(scene, None)
    first, last = round(scene.start_seconds * rate), round(scene.end_seconds * rate)
    for frame in range(first + 1, last):
        changing = score.changing(frame, rate)
        for key, _ in reveals(scene):
            if key not in changing:
                assert score.pose(key, frame / rate) == score.pose(key, (frame - 1) / rate)


@given(st.data())
def test_a_transition_ends_with_the_new_scene_alone(data: st.DataObject) -> None:
    previous = data.draw(scenes())
    scene = data.draw(scenes(start=previous.end_seconds))
    for shape in scene.shapes[::2]:
        shape.node_id = f"new-{shape.node_id}"
    score = direct(scene, previous)
    settled = scene.start_seconds + TRANSITION_SECONDS
    kept = {shape.node_id for shape in scene.shapes} & {shape.node_id for shape in previous.shapes}
    assert score.carried == kept
    for shape in previous.shapes:
        pose = score.pose(Key(Kind.SHAPE, shape.node_id, outgoing=True), settled)
        assert (pose.opacity == 0) == (shape.node_id not in kept)
    for node_id in kept:
        assert score.pose(Key(Kind.SHAPE, node_id), scene.start_seconds).opacity == 1
    if scene.title != previous.title:
        assert score.pose(Key(Kind.TITLE, "", outgoing=True), settled).opacity == 0
    assert score.pose(Key(Kind.TITLE, ""), settled).opacity == 1


def test_the_first_frame_has_its_title() -> None:
    scene = SceneLayout(start_seconds=0, end_seconds=5)
    scene.title.lines.append(TextLine(text="Title"))
    assert direct(scene, None).pose(Key(Kind.TITLE, ""), 0.0).opacity == 1


def test_a_halo_is_on_while_a_node_is_spoken_of_and_gives_way() -> None:
    scene = SceneLayout(start_seconds=0, end_seconds=20)
    for name, at in (("a", 2.0), ("b", 2.5)):
        shape = Shape(node_id=name, kind=ShapeKind.SHAPE_KIND_ROUNDED_BOX, reveal_seconds=at)
        shape.spoken.append(TimeSpan(start_seconds=at, end_seconds=at + 0.3))
        scene.shapes.append(shape)
    scene.shapes[0].spoken.append(TimeSpan(start_seconds=10, end_seconds=12))
    score = direct(scene, None)
    glow = {key: [score.pose(Key(Kind.HALO, key), t).opacity for t in (1.8, 2.3, 2.8, 4.5, 11.0, 13.0)] for key in "ab"}
    assert glow == {"a": [0, 1, 0, 0, 1, 0], "b": [0, 0, 1, 0, 0, 0]}


def test_a_halo_that_is_on_at_the_end_of_a_scene_fades_in_the_next() -> None:
    previous, scene = SceneLayout(end_seconds=10), SceneLayout(start_seconds=10, end_seconds=20)
    for each, name in ((previous, "old"), (scene, "new")):
        box = compositions.node(
            name, ShapeKind.SHAPE_KIND_ROUNDED_BOX, compositions.BLUE, name, 100, 100, 200, 90, each.end_seconds - 1
        )
        box.spoken[0].end_seconds = each.end_seconds
        each.shapes.append(box)
    key = Key(Kind.HALO, "old", outgoing=True)
    score = direct(scene, previous)
    seen = [score.pose(key, 10 + share * HALO_SECONDS).opacity for share in (0, 0.5, 1)]
    assert seen[0] == 1 > seen[1] > seen[2] == 0
    part = RenderingPart(scene=scene, previous=previous, width=1920, height=1080, theme="dark")
    cast = assemble(ClipOrder(part=part))
    (halo,) = (each for each in cast.figures if each.element.key == key)
    shown = [cast.inks(halo, 10 + share * HALO_SECONDS)[0].opacity for share in (0, 0.5, 1)]
    assert shown[0] == pytest.approx(HALO_OPACITY)
    assert shown[0] > shown[1] > shown[2] == 0


def test_a_picture_stays_until_the_next_scene_has_something_to_show() -> None:
    previous, scene = SceneLayout(end_seconds=10), SceneLayout(start_seconds=10, end_seconds=30)
    for number, (each, reveal) in enumerate(((previous, 2.0), (scene, 25.0))):
        shape = Shape(node_id=str(number), kind=ShapeKind.SHAPE_KIND_DOT, reveal_seconds=reveal)
        shape.spoken.append(TimeSpan(start_seconds=reveal, end_seconds=reveal + 9))
        each.shapes.append(shape)
    score = direct(scene, previous)
    old, new = Key(Kind.SHAPE, "0", outgoing=True), Key(Kind.SHAPE, "1")
    assert [score.pose(old, t).opacity for t in (10, 20, 25)] == [1, 1, 0]
    assert score.pose(new, 25).opacity > 0.5
    assert not {key for frame in range(330, 700) for key in score.changing(frame, 30)}


def test_a_node_that_goes_on_with_another_text_never_shows_two_at_once() -> None:
    """Its outline goes from place to place and is there all the time; the old text is gone before the new one comes."""
    colors = theme("dark")
    for kind in (ShapeKind.SHAPE_KIND_ROUNDED_BOX, ShapeKind.SHAPE_KIND_BARRED_BOX, ShapeKind.SHAPE_KIND_PANEL):
        old, new = (
            next(each for each in draw_elements(SceneLayout(shapes=[shape]), colors, 1.0) if each.outlines)
            for shape in (
                compositions.node("n", kind, compositions.BLUE, "Before", 100, 100, 200, 90, 0),
                compositions.node("n", kind, compositions.BLUE, "Afterwards", 300, 200, 260, 90, 0),
            )
        )
        for share in (0.0, 0.2, 0.5, 0.8, 1.0):
            inks = pose_inks(new, Pose(1.0, moved=share), old)
            outline, texts = inks[: new.outlines], inks[new.outlines :]
            assert all(ink.opacity == whole.opacity for ink, whole in zip(outline, new.inks, strict=False))
            left = float(outline[0].curves[:, 0].min())
            assert abs(left - (100 + 200 * share)) < 1
            shown = [ink.opacity for ink in texts if len(ink.curves) and ink.opacity > 0]
            assert len(shown) == (0 if share == 0.5 else 1), (kind, share)


def test_a_film_that_opens_with_a_key_phrase_shows_it_from_its_first_frame() -> None:
    """Players show the first frame before they play. The same phrase in a later scene comes at its word."""
    shape = Shape(node_id="p", kind=ShapeKind.SHAPE_KIND_TEXT, reveal_seconds=3.0)
    opening = SceneLayout(scene_id="s01", start_seconds=0.0, end_seconds=10.0, shapes=[shape])
    assert direct(opening, None).pose(Key(Kind.SHAPE, "p"), 0.0) == Pose(1.0)
    first = SceneLayout(scene_id="s00", start_seconds=-10.0, end_seconds=0.0)
    assert direct(opening, first).pose(Key(Kind.SHAPE, "p"), 2.0).opacity == 0


def goes_on() -> tuple[SceneLayout, SceneLayout]:
    """A flowchart and a scene that goes on from it: the same nodes, edges that are counted anew, everything told again later."""
    previous = compositions.flowchart(0, 10)
    scene = SceneLayout()
    scene.CopyFrom(previous)
    scene.scene_id, scene.start_seconds, scene.end_seconds = "s02", 10, 20
    for shape in scene.shapes:
        shape.reveal_seconds = 15
        shape.spoken.clear()
        for annotation in shape.annotations:
            annotation.reveal_seconds = 16
    for number, route in enumerate(scene.routes):
        route.edge_id, route.reveal_seconds = f"s02e{9 - number}", 17
    for shape in previous.shapes:
        shape.spoken.clear()
    return previous, scene


def paint(scene: SceneLayout, previous: SceneLayout | None, seconds: float) -> bytes:
    part = RenderingPart(scene=scene, previous=previous, width=1920, height=1080, theme="dark", frame_rate=30)
    return paint_still(assemble(ClipOrder(part=part)), seconds, 1920, 1080).tobytes()


def test_edges_and_quantities_stay_with_the_nodes_that_go_on() -> None:
    """Nothing moves at the border, and nothing comes a second time."""
    previous, scene = goes_on()
    end = paint(previous, None, 9.9)
    assert all(paint(scene, previous, seconds) == end for seconds in (10.0, 10.2, 10.4, 15.0, 19.0))
    kinds = {cue.key.kind for cue in direct(scene, previous).cues}
    assert not kinds & {Kind.ROUTE, Kind.LABEL, Kind.ANNOTATION}


def test_an_edge_or_quantity_that_is_another_or_was_not_seen_comes_at_its_word() -> None:
    previous, scene = goes_on()
    scene.routes[0].color = compositions.ROSE
    scene.routes[1].label.lines[0].text = "found"
    previous.routes[2].reveal_seconds = 10.1
    scene.shapes[2].annotations[0].text.lines[0].text = "2 milliseconds"
    previous.shapes[3].annotations[0].reveal_seconds = 10.1
    score = direct(scene, previous)
    coming = [Key(Kind.ROUTE, route.edge_id) for route in scene.routes] + [Key(Kind.ANNOTATION, f"{name}/0") for name in "cd"]
    for key in coming:
        assert min(score.pose(key, 15.0).opacity, score.pose(key, 15.0).drawn) == 0, key
        assert min(score.pose(key, 19.0).opacity, score.pose(key, 19.0).drawn) == 1, key
    leaving = [Key(Kind.ROUTE, route.edge_id, outgoing=True) for route in previous.routes]
    assert all(score.pose(key, 10.5).opacity == 0 for key in leaving)


def test_what_stays_under_a_camera_that_moves_stays_where_it_is_seen() -> None:
    """Two pictures of one chart, of which the second is seen from where the first one's camera has gone."""
    previous, scene = goes_on()
    previous.camera.add(start_seconds=0, end_seconds=0)
    previous.camera.add(start_seconds=5, end_seconds=6, y=40)
    scene.camera.add(start_seconds=10, end_seconds=10, y=40)
    lasting = find_lasting(scene, previous, frozenset("abcd"), direct(previous, None))
    assert {key.kind for key in lasting} >= {Kind.ROUTE, Kind.LABEL, Kind.ANNOTATION}
    scene.camera[0].y = 0
    lasting = find_lasting(scene, previous, frozenset("abcd"), direct(previous, None))
    assert not {key.kind for key in lasting} & {Kind.ROUTE, Kind.LABEL, Kind.ANNOTATION}
