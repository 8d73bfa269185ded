"""Protects the pictures themselves: nothing touches, nothing leaves the canvas, texts are inside their outlines."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from s2v.layout.canvas import WIDE, picture_texts
from s2v.layout.composition import compose
from s2v.layout.outline import Measure, outline_node
from s2v.layout.quality import extent, faults
from s2v.v1.composition_pb2 import SceneLayout, ShapeKind, TextBlock
from s2v.v1.diagram_pb2 import DatePrecision, Node
from s2v.v1.storyboard_pb2 import Scene

from .storyboards import CACHE, DECISION, STEP, flowchart, flowcharts, labels, phrase, storyboard, timeline, timelines


def lay_out(scene: Scene) -> SceneLayout:
    composition, report = compose(storyboard(scene), 1080, "dark", strict=True)
    assert not report.degradations
    return composition.scenes[0]


def assert_clean(layout: SceneLayout) -> None:
    assert faults(layout.quality) == 0, layout.quality
    left, top, right, bottom = extent(layout)
    assert left >= WIDE.margin - 0.01
    if layout.camera:
        # What does not fit is moved over: text keeps its size.
        assert layout.quality.min_text_px >= 24
        return
    assert right <= WIDE.width - WIDE.margin + 0.01
    assert bottom <= WIDE.area.y + WIDE.area.height + 0.01
    assert min(rect_top(layout), top) >= 0
    for block in picture_texts(layout):
        assert all(line.width <= WIDE.width - 2 * WIDE.margin for line in block.lines)
        assert block.bounds.y >= WIDE.area.y - 0.01


def rect_top(layout: SceneLayout) -> float:
    return min((shape.rect.y for shape in layout.shapes), default=WIDE.height)


@pytest.mark.integration
@given(flowcharts())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # each example takes a second: shrinking would take minutes
)
def test_any_flowchart_is_clean(scene: Scene) -> None:
    assert_clean(lay_out(scene))


@given(timelines())
@settings(max_examples=200, deadline=None)
def test_any_timeline_is_clean(scene: Scene) -> None:
    layout = lay_out(scene)
    assert_clean(layout)
    assert layout.quality.min_text_px >= 24


@given(st.lists(labels, min_size=1, max_size=3).map(" ".join))
@settings(max_examples=100, deadline=None)
def test_any_key_phrase_is_clean_and_large(text: str) -> None:
    layout = lay_out(phrase(text[:90]))
    assert_clean(layout)
    assert layout.quality.min_text_px >= 72
    assert len(layout.shapes[0].texts[0].lines) <= 3


@given(labels)
@settings(max_examples=200, deadline=None)
def test_the_text_of_a_decision_is_inside_its_diamond(label: str) -> None:
    node = Node(id="n", kind=DECISION, label=label)
    shape = outline_node(node, Measure(30, 10, 3)).placed(100, 100, 5, "below")
    center_x, center_y = 100 + shape.rect.width / 2, 100 + shape.rect.height / 2
    for x, y in ink_corners(shape.texts[0]):
        assert abs(x - center_x) / shape.rect.width + abs(y - center_y) / shape.rect.height < 0.5


def ink_corners(block: TextBlock) -> list[tuple[float, float]]:
    """Corners of each line from its baseline to the top of its capitals."""
    return [
        (x, y)
        for line in block.lines
        for x in (line.x, line.x + line.width)
        for y in (line.baseline_y, line.baseline_y - 0.727 * block.size_px)
    ]


@pytest.mark.integration
def test_the_example_of_a_fork_reads_from_left_to_right_with_both_ways_alike() -> None:
    layout = lay_out(flowchart(*CACHE, title="How a cache read works"))
    application, decision, answer, query = layout.shapes
    assert application.rect.x < decision.rect.x < answer.rect.x
    assert decision.kind == ShapeKind.SHAPE_KIND_DIAMOND
    assert answer.rect.y < decision.rect.y < query.rect.y
    assert answer.accent != query.accent
    assert layout.quality.min_text_px == 24
    assert application.texts[0].size_px == 30
    assert layout.quality.crossings == 0


@pytest.mark.integration
def test_arrowheads_stop_in_the_gap_before_the_box() -> None:
    layout = lay_out(flowchart(*CACHE))
    for route in layout.routes:
        target = next(shape.rect for shape in layout.shapes if shape.node_id == route.target)
        tip = route.points[-1]
        gap = max(target.x - tip.x, tip.x - target.x - target.width, target.y - tip.y, tip.y - target.y - target.height)
        assert 8 <= gap <= 10


@pytest.mark.integration
def test_a_long_chain_is_broken_into_rows_instead_of_set_small() -> None:
    names = [
        "Weigh the flour",
        "Mix with water",
        "Rest for an hour",
        "Knead the dough",
        "Let it rise",
        "Fold it twice",
        "Shape the loaf",
        "Bake",
    ]
    layout = lay_out(flowchart([(STEP, name) for name in names], [(n, n + 1, "") for n in range(len(names) - 1)]))
    assert_clean(layout)
    assert layout.quality.min_text_px == 30
    assert len({round(shape.rect.y + shape.rect.height / 2) for shape in layout.shapes}) == 2


def test_a_timeline_keeps_its_scale_where_it_can_be_read_and_else_has_even_steps() -> None:
    scaled = lay_out(
        timeline([(1998, "First prototype"), (2001, "Company founded"), (2007, "Public release"), (2020, "Open source")])
    )
    xs = [shape.rect.x for shape in scaled.shapes]
    assert (xs[1] - xs[0]) / (xs[3] - xs[0]) == pytest.approx(3 / 22)
    crowded = lay_out(timeline([(1642, "Calculator"), (1945, "Program"), (1947, "Transistor"), (2007, "Smartphone")]))
    steps = [b.rect.x - a.rect.x for a, b in pairwise(crowded.shapes)]
    assert max(steps) == pytest.approx(min(steps))


def test_events_are_drawn_in_the_order_of_their_dates_and_of_speech_where_there_are_none() -> None:
    dated = lay_out(timeline([(2007, "Public release"), (1998, "First prototype")]))
    assert [shape.node_id for shape in sorted(dated.shapes, key=lambda shape: shape.rect.x)] == ["n1", "n0"]
    mixed = timeline([(3, "Later"), (1, "Once")], DatePrecision.DATE_PRECISION_ORDINAL)
    mixed.diagram.nodes[0].date.precision = DatePrecision.DATE_PRECISION_YEAR
    assert [shape.node_id for shape in sorted(lay_out(mixed).shapes, key=lambda shape: shape.rect.x)] == ["n0", "n1"]


def test_stems_and_bars_appear_with_their_node_and_the_axis_from_the_start() -> None:
    rules = lay_out(timeline([(1998, "First prototype"), (2007, "Public release")])).rules
    assert sorted(rule.node_id for rule in rules if rule.width_px == 3) == ["", "n0", "n1"]
    bar = lay_out(phrase("Each part can fail.")).rules
    assert [rule.node_id for rule in bar] == ["p"]


@pytest.mark.parametrize("count", [13, 18, 24])
def test_many_events_with_long_labels_touch_neither_each_other_nor_the_title(count: int) -> None:
    label = "of which the speaker says forty letters!"
    assert len(label) == 40
    layout = lay_out(timeline([(1990.0 + n, label) for n in range(count)]))
    assert faults(layout.quality) == 0
    dates = {line.text for shape in layout.shapes for text in shape.texts for line in text.lines}
    assert {str(1990 + n) for n in range(count)} <= dates
    top = min(block.bounds.y for block in picture_texts(layout))
    assert top >= WIDE.area.y - 0.01
    *_, bar = layout.rules
    assert top > bar.to.y + bar.width_px


def test_events_that_two_rows_hold_stay_in_rows() -> None:
    layout = lay_out(timeline([(1990.0 + n, "Release") for n in range(24)]))
    assert layout.quality.engine == "geometry.timeline.steps"
    assert not layout.camera
    assert_clean(layout)


def test_a_scene_with_nothing_to_show_is_an_empty_picture() -> None:
    layout = lay_out(phrase(""))
    assert not layout.shapes
    assert not layout.rules
    assert not layout.title.lines


def test_a_phrase_and_a_title_from_right_to_left_start_at_the_right_margin() -> None:
    hebrew = "המערכת שולחת API REST לכל שרת כדי לקבל את התשובה מהר יותר מאשר קודם"
    layout = lay_out(phrase(hebrew))
    (block,), (bar,) = layout.shapes[0].texts, layout.rules
    ends = [line.x + line.width for line in block.lines]
    assert len(ends) > 1
    assert max(ends) - min(ends) < 0.01
    assert ends[0] < bar.to.x < WIDE.width
    assert_clean(layout)
    scene = timeline([(1998, "First prototype")])
    scene.title = "המערכת"
    layout = lay_out(scene)
    (line,), bar = layout.title.lines, layout.rules[-1]
    assert line.x + line.width == pytest.approx(WIDE.width - WIDE.margin)
    assert bar.to.x < getattr(bar, "from").x < WIDE.width - WIDE.margin
