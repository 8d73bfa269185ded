"""Protects diagrams that go on over scenes: one picture for all, and in each scene only what is true and told there.

Scenes are as analysis makes them: a node keeps its id from scene to scene, edges are numbered in each.
"""

from collections.abc import Sequence

import pytest

from s2v.layout.canvas import CANVASES
from s2v.layout.composition import compose
from s2v.layout.continuation import find_threads, unite
from s2v.layout.validation import MAX_EDGES, MAX_NODES
from s2v.v1.composition_pb2 import Composition, Shape
from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, Edge, EventDate, Node, NodeKind, Quantity
from s2v.v1.storyboard_pb2 import Scene

from .storyboards import diagram, storyboard, timeline

ITEM = NodeKind.NODE_KIND_ITEM
TREE = DiagramType.DIAGRAM_TYPE_HIERARCHY


def goes_on(*scenes: Scene) -> list[Scene]:
    """Returns scenes of which each goes on from the one before."""
    board = storyboard(*scenes)
    for number, scene in enumerate(board.scenes):
        scene.continues_scene_id = f"s{number - 1:02}" if number else ""
        for edge in scene.diagram.edges:
            edge.id = f"{scene.id}{edge.id}"
            edge.reveal_seconds += scene.start_seconds
    return list(board.scenes)


def tree(count: int) -> Scene:
    """A root "n0" with `count` parts."""
    return diagram(TREE, [(ITEM, f"Part number {n}") for n in range(count + 1)], [(0, n, "") for n in range(1, count + 1)])


def lay_out(scenes: Sequence[Scene]) -> Composition:
    board = storyboard()
    board.scenes.extend(scenes)
    board.duration_seconds = scenes[-1].end_seconds
    return compose(board, 1080, "dark", strict=True)[0]


def notes(shape: Shape) -> list[tuple[str, float]]:
    return [(line.text, each.reveal_seconds) for each in shape.annotations for line in each.text.lines]


def test_a_tree_that_goes_on_is_one_tree_whose_edges_are_there_once_with_each_scenes_ids_and_times() -> None:
    scenes = goes_on(tree(3), tree(4))
    scenes[1].diagram.edges[0].label = scenes[0].diagram.edges[0].label = "Kind of"
    scenes[1].diagram.edges[0].label = "kind  of"
    assert len(find_threads(scenes)) == 1
    assert [edge.id for edge in unite(scenes).diagram.edges] == ["s00e0", "s00e1", "s00e2", "s01e3"]
    pictures = lay_out(scenes).scenes
    assert {each.quality.engine for each in pictures} == {"geometry.tree"}
    for scene, picture in zip(scenes, pictures, strict=True):
        at = {node.id: node.reveal_seconds for node in scene.diagram.nodes}
        told = {edge.id: (edge.source, edge.target, at[edge.target]) for edge in scene.diagram.edges}
        assert {route.edge_id: (route.source, route.target, route.reveal_seconds) for route in picture.routes} == told
    before, after = ({shape.node_id: shape.rect for shape in each.shapes} for each in pictures)
    assert all(after[node] == rect for node, rect in before.items())


def test_edges_that_say_the_same_within_a_scene_stay_several() -> None:
    twice = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, [(ITEM, "A"), (ITEM, "B")], [(0, 1, "calls"), (0, 1, "calls")])
    again = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, [(ITEM, "A"), (ITEM, "B")], [(0, 1, "calls"), (0, 1, "asks")])
    united = unite(goes_on(twice, again)).diagram.edges
    assert sorted(edge.id for edge in united) == ["s00e0", "s00e1", "s01e1"]


def test_an_id_that_means_another_edge_in_the_next_scene_parts_a_thread() -> None:
    """In one picture two edges would have the same id: such storyboards come from people's hands."""
    first, second = (diagram(TREE, [(ITEM, "A"), (ITEM, "B")], edges) for edges in ([(0, 1, "")], [(0, 1, ""), (0, 1, "")]))
    scenes = goes_on(first, second)
    scenes[0].diagram.edges[0].id = scenes[1].diagram.edges[1].id
    assert [len(thread) for thread in find_threads(scenes)] == [1, 1]
    scenes[0].diagram.edges[0].id = scenes[1].diagram.edges[0].id
    assert [len(thread) for thread in find_threads(scenes)] == [2]


def test_another_quantity_in_the_next_scene_is_shown_there() -> None:
    scenes = goes_on(tree(2), tree(2))
    for scene, amount in zip(scenes, ("20 ms", "30 ms"), strict=True):
        quantity = Quantity(label=amount, reveal_seconds=scene.start_seconds + 5)
        scene.diagram.nodes[1].quantity.CopyFrom(quantity)
    first, second = lay_out(scenes).scenes
    assert notes(first.shapes[1]) == [("20 ms", 5)]
    assert notes(second.shapes[1]) == [("30 ms", 35)]


def test_a_quantity_that_only_the_later_scene_tells_is_shown_there_and_not_before() -> None:
    scenes = goes_on(tree(2), tree(2))
    scenes[1].diagram.nodes[1].quantity.CopyFrom(Quantity(label="30 ms", reveal_seconds=35))
    first, second = lay_out(scenes).scenes
    assert first.shapes[1].rect == second.shapes[1].rect
    assert notes(first.shapes[1]) == []
    assert notes(second.shapes[1]) == [("30 ms", 35)]
    assert not scenes[0].diagram.nodes[1].quantity.label


@pytest.mark.parametrize(
    "date", [EventDate(label="1999", start_year=1998, end_year=1998), EventDate(label="1998", start_year=1998.5)]
)
def test_another_date_in_the_next_scene_is_shown_there(date: EventDate) -> None:
    events = [(1998.0, "First prototype"), (2001.0, "Company founded")]
    scenes = goes_on(timeline(events), timeline(events))
    assert len(find_threads(scenes)) == 1
    date.precision = DatePrecision.DATE_PRECISION_YEAR
    scenes[1].diagram.nodes[0].date.CopyFrom(date)
    assert len(find_threads(scenes)) == 2


def test_a_date_that_only_the_later_scene_tells_is_shown_there_and_not_before() -> None:
    events = [(1998.0, "First prototype"), (2001.0, "Company founded")]
    scenes = goes_on(timeline(events), timeline(events), timeline(events))
    scenes[0].diagram.nodes[1].ClearField("date")
    first, second, _ = lay_out(scenes).scenes
    texts = [{line.text for shape in each.shapes for text in shape.texts for line in text.lines} for each in (first, second)]
    assert ["2001" in each for each in texts] == [False, True]
    assert [len(thread) for thread in find_threads(scenes)] == [1, 2]


def test_ranks_are_counted_in_each_scene_and_part_no_thread() -> None:
    names = ["Mix", "Knead", "Bake"]
    first = timeline([(float(n), name) for n, name in enumerate(names)], DatePrecision.DATE_PRECISION_ORDINAL)
    second = timeline([(float(n), name) for n, name in enumerate(names)], DatePrecision.DATE_PRECISION_ORDINAL)
    del second.diagram.nodes[0]
    for rank, node in enumerate(second.diagram.nodes):
        node.date.start_year = node.date.end_year = rank
    assert len(find_threads(goes_on(first, second))) == 1


def test_a_thread_ends_where_its_picture_would_hold_more_than_a_scene_may() -> None:
    window = 30
    scenes = []
    for start in (0, 15, 30, 45):
        nodes = [Node(id=f"n{n}", label=f"Part {n}") for n in range(start, start + window)]
        scenes.append(Scene(id=f"s{start}", continues_scene_id=f"s{start - 15}"))
        scenes[-1].diagram.type = TREE
        scenes[-1].diagram.nodes.extend(nodes)
    assert MAX_NODES == 60
    assert [[scene.id for scene in thread] for thread in find_threads(scenes)] == [["s0", "s15", "s30"], ["s45"]]
    for scene in scenes[:2]:
        scene.diagram.edges.extend(
            Edge(id=f"{scene.id}e{n}", source="n15", target="n16", label=f"{scene.id} {n}") for n in range(MAX_EDGES)
        )
    assert [len(thread) for thread in find_threads(scenes[:2])] == [1, 1]


def test_the_camera_goes_to_the_far_part_of_a_picture_that_a_scene_shows_alone() -> None:
    """The part would fit the canvas, but stands where the whole picture has it."""
    whole, part = tree(40), tree(40)
    del part.diagram.nodes[:36], part.diagram.edges[:]
    for number, node in enumerate(part.diagram.nodes):
        node.reveal_seconds = 2.0 * number
    layouts = lay_out(goes_on(whole, part)).scenes
    assert layouts[0].shapes[36].rect == layouts[1].shapes[0].rect
    area = CANVASES["16:9"].area
    for shape in layouts[1].shapes:
        x, y = (
            next(getattr(each, axis) for each in reversed(layouts[1].camera) if each.start_seconds <= shape.reveal_seconds)
            for axis in ("x", "y")
        )
        assert area.x - 30 <= shape.rect.x - x <= area.x + area.width
        assert area.y - 30 <= shape.rect.y - y <= area.y + area.height


def test_a_scene_that_shows_only_the_upper_rows_of_a_tall_table_stands_still() -> None:
    """Its columns reach out of sight, and the names of its rows are edges without a line."""

    def table(rows: int) -> Scene:
        items = [(ITEM, f"Item {side} of row {row}") for row in range(rows) for side in (1, 2)]
        edges = [(n % 2, n + 2, f"Aspect {n // 2}") for n in range(len(items))]
        return diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, [(NodeKind.NODE_KIND_TOPIC, name) for name in "AB"] + items, edges)

    whole, upper = lay_out(goes_on(table(14), table(3))).scenes
    assert upper.quality.engine == "geometry.table"
    assert upper.routes
    assert max(keyframe.y for keyframe in whole.camera) > 0
    assert not any(keyframe.y for keyframe in upper.camera)
