"""Protects the zeros for every type of diagram, and what each type promises to the eye."""

import os
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from elkjs_py import ElkTimeout
from s2v.layout import chain, grid, layered, nesting, svg
from s2v.layout.camera import SLACK
from s2v.layout.canvas import CANVASES, WIDE, Canvas, picture_texts
from s2v.layout.chart import Chart, set_chart
from s2v.layout.composition import compose
from s2v.layout.continuation import find_threads
from s2v.layout.hierarchy import Form, choose_branch_accents, draw_tree
from s2v.layout.layered import Variant
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.layout.tree import grow
from s2v.typeset.themes import THEMES, theme
from s2v.typeset.themes.brand import contrast, set_tints
from s2v.v1.composition_pb2 import RouteKind, SceneLayout, ShapeKind
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Node, NodeKind, Quantity
from s2v.v1.storyboard_pb2 import Scene

from .storyboards import ANY, STEP, diagram, storyboard, timeline

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("S2V_LAYOUT_EXAMPLES", "60"))
"""Random storyboards that are laid out; the figure that is claimed is for 2,000."""
TOPIC, ITEM = NodeKind.NODE_KIND_TOPIC, NodeKind.NODE_KIND_ITEM
COMPONENT, CAUSE, EFFECT = NodeKind.NODE_KIND_COMPONENT, NodeKind.NODE_KIND_CAUSE, NodeKind.NODE_KIND_EFFECT


def lay_out(scene: Scene, aspect: str = "16:9") -> SceneLayout:
    composition, report = compose(storyboard(scene), 1080, "dark", strict=True, aspect=aspect)
    assert not report.degradations
    return composition.scenes[0]


def assert_clean(layout: SceneLayout, scene: Scene, canvas: Canvas) -> None:
    assert faults(layout.quality) == 0, layout.quality
    assert layout.quality.min_text_px >= 24
    assert {shape.node_id for shape in layout.shapes} >= {node.id for node in scene.diagram.nodes}
    picture = SceneLayout()
    picture.CopyFrom(layout)
    del picture.rules[-1]  # the title's bar
    left, top, right, bottom = extent(picture)
    assert left >= canvas.area.x - SLACK
    assert top >= canvas.area.y - SLACK
    if not layout.camera:
        assert right <= canvas.area.x + canvas.area.width + SLACK
        assert bottom <= canvas.area.y + canvas.area.height + SLACK
    else:
        # All that is spoken of is seen when it is.
        far_x, far_y = max(each.x for each in layout.camera), max(each.y for each in layout.camera)
        assert far_x > 0 or far_y > 0
    titles = [text for shape in layout.shapes for text in shape.texts]
    assert all(text.lines for text in titles)
    assert all(block.bounds.width > 0 for block in picture_texts(layout))


@given(ANY)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # shrinking an example that takes a second would take minutes
)
def test_any_diagram_of_any_type_is_clean(scene: Scene) -> None:
    assert_clean(lay_out(scene), scene, CANVASES["16:9"])


@pytest.mark.parametrize("aspect", ["9:16", "1:1"])
@given(scene=ANY)
@settings(
    max_examples=max(EXAMPLES // 6, 10),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
def test_any_diagram_is_clean_on_a_telephone_and_on_a_square(aspect: str, scene: Scene) -> None:
    assert_clean(lay_out(scene, aspect), scene, CANVASES[aspect])


def test_a_cycle_is_a_ring_read_clockwise_from_the_top_with_curved_arrows() -> None:
    names = ["Evaporate", "Condense", "Rain", "Flow"]
    layout = lay_out(
        diagram(DiagramType.DIAGRAM_TYPE_CYCLE, [(STEP, n) for n in names], [(n, (n + 1) % 4, "") for n in range(4)])
    )
    top, right, bottom, left = (shape.rect for shape in layout.shapes)
    assert top.y < right.y < bottom.y
    assert left.x < top.x < right.x
    assert {route.kind for route in layout.routes} == {RouteKind.ROUTE_KIND_CURVED}


def test_a_hierarchy_has_its_levels_in_line_and_lines_without_heads() -> None:
    nodes = [(TOPIC, "All"), (ITEM, "One"), (ITEM, "Two"), (ITEM, "Three")]
    layout = lay_out(diagram(DiagramType.DIAGRAM_TYPE_HIERARCHY, nodes, [(0, n, "") for n in (1, 2, 3)]))
    root, *parts = (shape.rect for shape in layout.shapes)
    assert len({part.y for part in parts}) == 1
    assert root.y + root.height < parts[0].y
    assert all(a.x + a.width < b.x for a, b in pairwise(parts))
    assert not any(route.arrowhead for route in layout.routes)


@pytest.mark.parametrize("right", [False, True], ids=["down", "right"])
def test_the_line_to_a_part_below_its_whole_is_straight(right: bool) -> None:
    """Where the parts at its sides differ a little, it would have a kink."""
    labels = (
        ["All", "A long name of a part", "Middle", "A name of a part"] if not right else ["All", "A very long name", "One", "Two"]
    )
    scene = diagram(
        DiagramType.DIAGRAM_TYPE_HIERARCHY,
        [(TOPIC, labels[0])] + [(ITEM, each) for each in labels[1:]],
        [(0, n, "") for n in (1, 2, 3)],
    )
    roots = grow(scene.diagram)
    assert roots is not None
    accents = choose_branch_accents(roots)
    measure = Measure(30.0, 9.0 if not right else 5.0, 3)
    picture = draw_tree(scene.diagram, roots, Form(right=right), measure, accents)
    assert picture is not None
    start, end = picture.routes[1].points
    assert (start.y == end.y) if right else (start.x == end.x)


def test_a_mindmap_has_branches_on_both_sides_of_its_topic() -> None:
    layout = lay_out(
        diagram(
            DiagramType.DIAGRAM_TYPE_MINDMAP,
            [(TOPIC, "Bread")] + [(ITEM, f"Aspect {n}") for n in range(4)],
            [(0, n, "") for n in range(1, 5)],
        )
    )
    topic, *aspects = (shape.rect for shape in layout.shapes)
    assert sum(aspect.x > topic.x for aspect in aspects) == 2


def test_a_comparison_is_a_table_and_with_shared_items_a_venn_diagram() -> None:
    nodes = [(TOPIC, "Cats"), (TOPIC, "Dogs"), (ITEM, "Climb"), (ITEM, "Fetch")]
    table = lay_out(diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, [(0, 2, "Sport"), (1, 3, "Sport")]))
    assert [shape.kind for shape in table.shapes] == [ShapeKind.SHAPE_KIND_PANEL] * 2 + [ShapeKind.SHAPE_KIND_TEXT] * 2
    assert [line.text for line in table.routes[0].label.lines] == ["Sport"]
    assert table.shapes[2].rect.y == pytest.approx(table.shapes[3].rect.y)
    venn = lay_out(
        diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, [*nodes, (ITEM, "Furry")], [(0, 2, ""), (1, 3, ""), (0, 4, ""), (1, 4, "")])
    )
    cats, dogs = (shape.rect for shape in venn.shapes[:2])
    furry = next(shape.rect for shape in venn.shapes if shape.node_id == "n4")
    assert dogs.x < furry.x < furry.x + furry.width < cats.x + cats.width


@pytest.mark.parametrize(("aspect", "subjects"), [("16:9", 5), ("9:16", 3)])
def test_a_table_is_set_smaller_before_a_word_of_it_is_broken(aspect: str, subjects: int) -> None:
    names = ["Elasticsearch", "Microservices", "PostgreSQL", "Redis", "Cassandra"][:subjects]
    edges = [(n, subjects + 2 * n + m, aspect) for n in range(subjects) for m, aspect in enumerate(("Cost", "Speed"))]
    nodes = [(TOPIC, name) for name in names] + [(ITEM, f"Value {n}") for n in range(2 * subjects)]
    layout = lay_out(diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, edges), aspect)
    assert layout.quality.engine == "geometry.table"
    assert [line.text for shape in layout.shapes[:subjects] for line in shape.texts[0].lines] == names


def test_sets_are_set_smaller_before_a_word_of_them_is_broken() -> None:
    nodes = [(TOPIC, "Cats"), (TOPIC, "Dogs"), (ITEM, "Climb"), (ITEM, "Fetch"), (ITEM, "Incomprehensible")]
    scene = diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, [(0, 2, ""), (1, 3, ""), (0, 4, ""), (1, 4, "")])
    layout = lay_out(scene, "1:1")
    assert layout.quality.engine == "geometry.venn"
    shown = {line.text for shape in layout.shapes for text in shape.texts for line in text.lines}
    assert shown == {label for _, label in nodes}


@pytest.mark.parametrize("name", list(THEMES))
def test_all_texts_on_sets_can_be_read_on_their_tints(name: str) -> None:
    nodes = [(TOPIC, "Cats"), (TOPIC, "Dogs"), (ITEM, "Climb"), (ITEM, "Fetch"), (ITEM, "Furry")]
    scene = diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, [(0, 2, ""), (1, 3, ""), (0, 4, ""), (1, 4, "")])
    for node in scene.diagram.nodes:
        node.quantity.CopyFrom(Quantity(label="20", reveal_seconds=9.0))
    layout = lay_out(scene)
    assert layout.quality.engine == "geometry.venn"
    look = theme(name)
    for color in {block.color for block in picture_texts(layout)}:
        assert all(contrast(look.color(color), tint) >= 4.5 for tint in set_tints(look))


def test_a_quantity_of_a_set_stands_below_its_name_and_comes_at_its_word() -> None:
    nodes = [(TOPIC, "Cats"), (TOPIC, "Dogs"), (ITEM, "Climb"), (ITEM, "Fetch"), (ITEM, "Furry")]
    scene = diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, [(0, 2, ""), (1, 3, ""), (0, 4, ""), (1, 4, "")])
    scene.diagram.nodes[0].quantity.CopyFrom(Quantity(label="600 million", reveal_seconds=9.0))
    cats, dogs = lay_out(scene).shapes[:2]
    assert cats.kind == ShapeKind.SHAPE_KIND_CIRCLE
    (note,) = cats.annotations
    assert ([line.text for line in note.text.lines], note.reveal_seconds) == (["600 million"], 9.0)
    assert cats.texts[0].bounds.y + cats.texts[0].bounds.height <= note.text.bounds.y
    assert not dogs.annotations


def test_a_network_keeps_the_nodes_of_a_group_in_its_panel_and_others_out() -> None:
    nodes = [(COMPONENT, name) for name in ("Browser", "Gateway", "Orders", "Database")]
    layout = lay_out(diagram(DiagramType.DIAGRAM_TYPE_NETWORK, nodes, [(0, 1, "HTTPS"), (1, 2, ""), (2, 3, "")], [[1, 2]]))
    panel = next(shape.rect for shape in layout.shapes if shape.node_id == "g0")
    inside = {
        shape.node_id: panel.x < shape.rect.x and shape.rect.x + shape.rect.width < panel.x + panel.width
        for shape in layout.shapes
        if shape.node_id != "g0"
    }
    assert inside == {"n0": False, "n1": True, "n2": True, "n3": False}


def test_many_causes_of_one_effect_are_a_fishbone_and_few_join_in_one_bar() -> None:
    def causes(count: int) -> SceneLayout:
        nodes = [*((CAUSE, f"Cause {n}") for n in range(count)), (EFFECT, "Outage")]
        return lay_out(diagram(DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT, nodes, [(n, count, "") for n in range(count)]))

    assert causes(6).quality.engine == "geometry.fishbone"
    few = causes(3)
    assert len({(route.points[-1].x, route.points[-1].y) for route in few.routes}) == 1
    assert few.shapes[0].kind == ShapeKind.SHAPE_KIND_BARRED_BOX


def test_groups_that_no_edge_leaves_are_laid_out_by_themselves_and_hold_all_that_is_theirs() -> None:
    """Five steps in a row are too wide for a group that shall be nearly square: it has rows, and its labels stay in it."""
    nodes = [(COMPONENT, f"Service number {n}") for n in range(12)]
    inside = [(n, n + 1, "calls" if n == 1 else "") for n in (0, 1, 2, 3, 6, 7, 8)]
    scene = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, nodes, [(10, 11, "asks"), *inside], [range(5), range(6, 10)])
    chart = set_chart(scene.diagram, Measure(24.0, 10.0, 3), dict.fromkeys((f"n{n}" for n in range(12)), 1))
    variant = Variant("RIGHT", inside=1.2, placement="FLEXIBLE")
    assert nesting.has_closed_panels(chart)
    picture = nesting.lay_out(chart, nesting.draw_interiors(chart, variant), variant)
    assert picture is not None
    measure(picture, WIDE)
    assert faults(picture.quality) == 0
    assert [route.edge_id for route in picture.routes] == [edge.id for edge in chart.edges]
    rects = {shape.node_id: shape.rect for shape in picture.shapes}
    assert len(rects) == len(picture.shapes) == 12 + 2
    for group, members in (("g0", range(5)), ("g1", range(6, 10))):
        assert rects[group].width < 4 * rects["n0"].width
        for member in members:
            assert rects[group].x < rects[f"n{member}"].x
            assert rects[f"n{member}"].x + rects[f"n{member}"].width < rects[group].x + rects[group].width
            assert rects[group].y < rects[f"n{member}"].y
            assert rects[f"n{member}"].y + rects[f"n{member}"].height < rects[group].y + rects[group].height


def test_an_edge_across_the_border_keeps_a_group_with_all_else() -> None:
    scene = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, [(COMPONENT, "A"), (COMPONENT, "B")], [(0, 1, "")], [[0]])
    assert not nesting.has_closed_panels(set_chart(scene.diagram, Measure(24.0, 10.0, 3), {"n0": 1, "n1": 1}))


def test_a_chain_of_unequal_boxes_stands_in_as_few_columns_as_its_height_allows() -> None:
    """Nothing fits below the first step: the others have a column of their own, and a level line leads to it."""
    scene = diagram(
        DiagramType.DIAGRAM_TYPE_FLOWCHART, [(STEP, f"Step {n}") for n in range(5)], [(n, n + 1, "") for n in range(4)]
    )
    chart = set_chart(scene.diagram, Measure(24.0, 10.0, 3), dict.fromkeys((f"n{n}" for n in range(5)), 1))
    tall = [
        outline.resized(outline.width, height) for outline, height in zip(chart.outlines, (600, 90, 90, 100, 90), strict=True)
    ]
    picture = chain.lay_out_columns(replace(chart, outlines=tall), WIDE)
    assert picture is not None
    measure(picture, WIDE)
    assert faults(picture.quality) == 0
    _, top, _, bottom = extent(picture)
    assert bottom - top <= WIDE.area.height
    assert len({round(shape.rect.x + shape.rect.width / 2) for shape in picture.shapes}) == 2
    assert picture.quality.bends == 0
    assert chain.lay_out_columns(replace(chart, outlines=[tall[0].resized(100, 900), *tall[1:]]), WIDE) is None


def test_a_search_that_is_stopped_shows_what_it_has_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """ELK is stopped on all but the first layouts: the picture is a real one, and nothing is degraded."""
    real, calls = layered.lay_out, []

    def stop_later(chart: Chart, variant: Variant) -> SceneLayout:
        calls.append(variant)
        if len(calls) > 8:
            raise ElkTimeout("stopped")
        return real(chart, variant)

    monkeypatch.setattr(layered, "lay_out", stop_later)
    layout = lay_out(
        diagram(
            DiagramType.DIAGRAM_TYPE_NETWORK,
            [(COMPONENT, f"Service number {n}") for n in range(9)],
            [(n, n % 4 + 4, "calls") for n in range(4)],
        )
    )
    assert len(calls) > 8
    assert layout.quality.engine == "elk.layered"


def test_whole_labels_in_more_or_smaller_lines_come_before_larger_ones_that_are_cut() -> None:
    steps = ["pump runs", "sensory nerve fibers trigger neuroendocrine reflex", "milk flows", "ducts fill", "milk is discharged"]
    layout = lay_out(diagram(DiagramType.DIAGRAM_TYPE_FLOWCHART, [(STEP, each) for each in steps], [(0, 1, ""), (1, 2, "")]))
    assert not any(text.full_text for shape in layout.shapes for text in shape.texts)


def test_a_ring_where_a_tree_is_claimed_is_drawn_as_a_graph_and_the_report_says_so() -> None:
    scene = diagram(DiagramType.DIAGRAM_TYPE_HIERARCHY, [(ITEM, "Hen"), (ITEM, "Egg")], [(0, 1, ""), (1, 0, "")])
    _, report = compose(storyboard(scene), 1080, "dark", strict=False)
    assert any("form no tree" in note for note in report.notes)


def test_a_picture_that_is_too_large_keeps_its_text_and_gets_a_camera_that_shows_each_node_at_its_word() -> None:
    scene = diagram(
        DiagramType.DIAGRAM_TYPE_HIERARCHY,
        [(TOPIC, "Everything")] + [(ITEM, f"Remarkably long name {n}") for n in range(40)],
        [(0, n, "") for n in range(1, 41)],
    )
    layout = lay_out(scene)
    canvas = CANVASES["16:9"]
    assert layout.camera
    assert layout.quality.min_text_px >= 24
    for shape in layout.shapes[1:]:
        last = [each for each in layout.camera if each.end_seconds <= shape.reveal_seconds + 0.8][-1]
        assert canvas.area.x - 1 <= shape.rect.x - last.x or canvas.area.y - 1 <= shape.rect.y - last.y


def test_nodes_keep_their_places_when_a_diagram_goes_on_in_the_next_scene() -> None:
    nodes = [(COMPONENT, name) for name in ("Browser", "Gateway", "Orders", "Database", "Queue")]
    edges = [(0, 1, ""), (1, 2, ""), (2, 3, ""), (2, 4, "")]
    first = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, nodes[:3], edges[:2])
    second = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, nodes, edges)
    board = storyboard(first, second)
    board.scenes[1].continues_scene_id = "s00"
    composition, report = compose(board, 1080, "dark", strict=True)
    before, after = ({shape.node_id: shape.rect for shape in scene.shapes} for scene in composition.scenes)
    assert len(before) == 3
    assert len(after) == 5
    assert all(after[node_id] == rect for node_id, rect in before.items())
    assert report.measures["moved_px"] == 0


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "שלום עולם", "🎉 party", "a" * 900, "x\u202ey"])
def test_hostile_labels_are_text_inside_their_outline(text: str) -> None:
    scene = diagram(DiagramType.DIAGRAM_TYPE_HIERARCHY, [(TOPIC, text), (ITEM, "Part")], [(0, 1, "")])
    composition, _ = compose(storyboard(scene), 1080, "dark", strict=False)
    shape = composition.scenes[0].shapes[0]
    assert all(line.width <= shape.rect.width for line in shape.texts[0].lines)
    assert b"<script>" not in svg.draw(composition, composition.scenes[0])


def test_a_scene_that_goes_on_with_other_nodes_has_the_canvas_for_itself() -> None:
    """The first scene's place would stay empty in the second picture, and both would be small."""
    first = find_threads([_named("s00", "", ("a", "b", "c")), _named("s01", "s00", ("c", "d", "e"))])
    assert [[scene.id for scene in thread] for thread in first] == [["s00"], ["s01"]]
    second = find_threads([_named("s00", "", ("a", "b", "c")), _named("s01", "s00", ("b", "c", "d"))])
    assert [[scene.id for scene in thread] for thread in second] == [["s00", "s01"]]


def _named(name: str, continues: str, nodes: tuple[str, ...]) -> Scene:
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_HIERARCHY, nodes=[Node(id=node, label=node) for node in nodes])
    return Scene(id=name, continues_scene_id=continues, diagram=diagram)


@pytest.mark.parametrize("title", ["", "History"])
@pytest.mark.parametrize("aspect", list(CANVASES))
def test_a_timeline_stands_in_the_middle_of_every_canvas(aspect: str, title: str) -> None:
    scene = timeline([(1998, "First prototype"), (2001, "Company founded"), (2007, "Public release")])
    scene.title = title
    layout, area = lay_out(scene, aspect), CANVASES[aspect].area
    places = [shape.rect.y for shape in layout.shapes]
    middle = sum(places) / len(places)
    assert area.y + 0.3 * area.height < middle < area.y + 0.7 * area.height


def test_the_camera_goes_to_a_label_that_lies_outside_the_area() -> None:
    """All shapes can be seen without it; what stands beside the last edge can not."""
    long = "configuration check configuration of of server"
    names = ["check check cache", "database a check request value the", "database a check check value the"]
    edges = [(0, 1, ""), (1, 2, long), (2, 0, long)]
    layout = lay_out(diagram(DiagramType.DIAGRAM_TYPE_CYCLE, [(STEP, name) for name in names], edges))
    assert max(keyframe.y for keyframe in layout.camera) > 0


def test_the_camera_goes_to_a_line_that_alone_lies_outside_the_area() -> None:
    """All that is told can be seen without it; the way of an arrow from the foot of a column to the head of the next can not."""
    value, retry = "value to answer value to a", "retry configuration request answer to to"
    names = ["order", value, "check", value, "answer check customer the", retry, "database", "order database customer retry"]
    labels = ["answer check customer the", "", "", "retry configuration request retry to to", retry, "", "server server", ""]
    edges = [(number, (number + 1) % 8, label) for number, label in enumerate(labels)]
    scene = diagram(DiagramType.DIAGRAM_TYPE_CYCLE, [(STEP, name) for name in names], edges)
    for number in (2, 4):
        scene.diagram.nodes[number].quantity.CopyFrom(Quantity(label="20 milliseconds", reveal_seconds=2 * number + 1))
    assert_clean(lay_out(scene), scene, CANVASES["16:9"])


@pytest.mark.parametrize("names", [("A", "B"), ("A", "A name that is so long that it takes three lines of its box")])
def test_no_arrow_of_the_grid_touches_a_label_or_misses_its_node(names: tuple[str, str]) -> None:
    edges = [
        (0, 1, "asks for the newest configuration"),
        (0, 1, "sends the new configuration"),
        (1, 0, "answers"),
        (1, 1, "waits"),
    ]
    scene = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, [(COMPONENT, name) for name in names], edges)
    picture = grid.lay_out(set_chart(scene.diagram, Measure(24.0, 7.0, 3), {"n0": 1, "n1": 1}))
    measure(picture, WIDE)
    assert faults(picture.quality) == 0
    rects = {shape.node_id: shape.rect for shape in picture.shapes}
    for route in picture.routes:
        rect, tip = rects[route.target], route.points[-1].x
        assert rect.x <= tip <= rect.x + rect.width
        labels = [each.label.bounds for each in picture.routes if each.target == route.target]
        assert all(tip - (box.x + box.width) > 11.9 for box in labels)
