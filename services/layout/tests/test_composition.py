"""Protects what the stage promises: sizes, times, titles, determinism, honest reports, clear refusals."""

import re
from itertools import pairwise
from math import dist

import pytest
from google.protobuf.message import Message

from s2v.layout import engine
from s2v.layout.canvas import find_places
from s2v.layout.composition import compose
from s2v.layout.quality import faults
from s2v.runtime.errors import DegradedError, InvalidInputError, LimitError, S2VError
from s2v.typeset.fonts import font_digests
from s2v.v1.composition_pb2 import Composition, SceneLayout
from s2v.v1.diagram_pb2 import DiagramType, Quantity, TimeSpan
from s2v.v1.storyboard_pb2 import Scene, Storyboard

from .storyboards import CACHE, STEP, flowchart, phrase, storyboard, timeline

EVENTS = [(1998.0, "First prototype"), (2001.0, "Company founded"), (2007.0, "Public release")]


def board() -> Storyboard:
    return storyboard(timeline(EVENTS), phrase("Each part can fail."), phrase(""))


def test_the_canvas_has_the_height_that_is_asked_for_and_everything_is_scaled_with_it() -> None:
    small, usual, large = (compose(board(), height, "light", False)[0] for height in (720, 0, 2160))
    assert [(each.width, each.height, each.theme) for each in (small, usual, large)] == [
        (1280, 720, "light"),
        (1920, 1080, "light"),
        (3840, 2160, "light"),
    ]
    for scaled, factor in ((small, 2 / 3), (large, 2.0)):
        for scene, original in zip(scaled.scenes, usual.scenes, strict=True):
            assert numbers(scene) == pytest.approx([value * factor for value in numbers(original)])
            assert scene.quality == original.quality


def numbers(scene: SceneLayout) -> list[float]:
    values = [scene.title.size_px, scene.title.bounds.x, *(line.width for line in scene.title.lines)]
    for rule in scene.rules:
        values += [rule.to.x, rule.to.y, rule.width_px]
    for shape in scene.shapes:
        values += [shape.rect.x, shape.rect.height]
        values += [value for text in shape.texts for line in text.lines for value in (line.x, line.baseline_y, text.size_px)]
    return values


def test_scenes_keep_their_times_titles_and_fonts() -> None:
    composition, report = compose(board(), 1080, "", False)
    assert [(scene.start_seconds, scene.end_seconds) for scene in composition.scenes] == [(0, 30), (30, 60), (60, 90)]
    assert composition.scenes[0].title.lines[0].text == "History"
    assert not composition.scenes[1].title.lines
    assert composition.scenes[1].chapter == "Each part can fail."
    assert composition.font_sha256 == font_digests()
    assert report.measures["label_hits"] == 0


def test_a_brands_font_is_what_is_measured_and_said() -> None:
    plain, _ = compose(board(), 1080, "", False)
    serif, report = compose(board(), 1080, "", False, font="source-serif")
    assert (plain.font, serif.font) == ("", "source-serif")
    assert {"SourceSerif4-Medium.ttf", "Inter-Medium.otf"} <= set(serif.font_sha256)
    assert not any(name.startswith("SourceSerif4") for name in plain.font_sha256)
    assert serif.scenes[0].title.lines[0].width != plain.scenes[0].title.lines[0].width
    assert report.measures["label_hits"] == 0
    with pytest.raises(InvalidInputError, match="use one of inter") as refused:
        compose(board(), 1080, "", False, font="papyrus")
    assert refused.value.field == "font"


def test_only_one_node_is_spoken_of_at_a_time() -> None:
    scene = timeline(EVENTS)
    scene.diagram.nodes[0].mentions.append(TimeSpan(start_seconds=3.0, end_seconds=3.5))
    layout = compose(storyboard(scene), 1080, "dark", False)[0].scenes[0]
    spans = sorted((span.start_seconds, span.end_seconds, shape.node_id) for shape in layout.shapes for span in shape.spoken)
    assert [node_id for _, _, node_id in spans] == ["n0", "n1", "n0", "n2"]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(end - start <= 3 for start, end, _ in spans)


@pytest.mark.integration
def test_the_same_storyboard_gives_the_same_bytes() -> None:
    def lay_out() -> bytes:
        return compose(storyboard(flowchart(*CACHE), timeline(EVENTS)), 1080, "dark", False)[0].SerializeToString(
            deterministic=True
        )

    assert lay_out() == lay_out()


@pytest.mark.integration
def test_where_elk_fails_a_clean_grid_stands_in_and_says_so_and_strict_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    # A time limit that no layout can keep: ELK itself then fails, as on a graph that is too dense.
    monkeypatch.setattr(engine, "LAYOUT_SECONDS", 0.0001)
    scene = flowchart(*CACHE)
    composition, report = compose(storyboard(scene), 1080, "dark", False)
    assert composition.scenes[0].quality.engine == "geometry.grid"
    assert faults(composition.scenes[0].quality) == 0
    assert [each.code for each in report.degradations] == ["LAYOUT_GRID"]
    assert "did not finish" in report.degradations[0].reason
    with pytest.raises(DegradedError, match="did not finish"):
        compose(storyboard(scene), 1080, "dark", True)


def test_characters_without_a_glyph_are_reported_and_strict_refuses() -> None:
    _, report = compose(storyboard(phrase("ሰላም world")), 1080, "dark", False)
    assert [each.code for each in report.degradations] == ["LAYOUT_MISSING_GLYPHS"]
    with pytest.raises(DegradedError, match="ሰ"):
        compose(storyboard(phrase("ሰላም world")), 1080, "dark", True)


def test_a_long_title_is_shortened_and_whole_in_the_composition() -> None:
    scene = timeline(EVENTS)
    scene.title = "word " * 60
    composition, report = compose(storyboard(scene), 1080, "dark", False)
    title = composition.scenes[0].title
    assert len(title.lines) == 1
    assert title.lines[0].text.endswith("…")
    assert title.full_text == ("word " * 60).strip()
    assert "shortened" in report.notes[0]


def broken(change: str) -> Storyboard:
    result = storyboard(flowchart(*CACHE), phrase("Each part can fail."))
    nodes, edges = result.scenes[0].diagram.nodes, result.scenes[0].diagram.edges
    if change == "edge without node":
        edges[0].target = "nowhere"
    elif change == "scenes out of order":
        result.scenes[1].start_seconds = 10
    elif change == "empty label":
        nodes[0].label = "  "
    elif change == "label of controls":
        nodes[0].label = "\x01\x02"
    elif change == "node after its scene":
        nodes[1].reveal_seconds = 40
    elif change == "edge after its scene":
        edges[1].reveal_seconds = 40
    elif change == "other duration":
        result.duration_seconds = 90
    elif change == "long label":
        nodes[0].label = "x" * 10_000
    elif change == "too many nodes":
        result.scenes[0].CopyFrom(flowchart([(STEP, "Step")] * 10_000, []))
        result.scenes[0].id, result.scenes[0].end_seconds = "s00", 30
    elif change == "same id twice":
        nodes[1].id = nodes[0].id
    elif change == "id with a path":
        nodes[0].id = "../n0"
    elif change == "unknown type":
        result.scenes[0].diagram.type = DiagramType.DIAGRAM_TYPE_UNSPECIFIED
    elif change == "no nodes":
        result.scenes[0].CopyFrom(Scene(id="s00", end_seconds=30, diagram=flowchart([], []).diagram))
    return result


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ("edge without node", InvalidInputError, "target 'nowhere'"),
        ("scenes out of order", InvalidInputError, "without a gap"),
        ("empty label", InvalidInputError, "no label"),
        ("label of controls", InvalidInputError, "no label"),
        ("node after its scene", InvalidInputError, "scene s00 ends at 30 s: give a time in the scene"),
        ("edge after its scene", InvalidInputError, "scene s00 ends at 30 s: give a time in the scene"),
        ("other duration", InvalidInputError, "duration_seconds is 90: give both the same"),
        ("long label", LimitError, "10000 characters"),
        ("too many nodes", LimitError, "10000 nodes"),
        ("same id twice", InvalidInputError, "twice"),
        ("id with a path", InvalidInputError, "letters, digits"),
        ("unknown type", InvalidInputError, "unspecified"),
        ("no nodes", InvalidInputError, "without nodes"),
    ],
)
def test_a_storyboard_that_cannot_be_placed_is_refused_with_the_reason(change: str, error: type[S2VError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        compose(broken(change), 1080, "dark", False)
    assert caught.value.field


def test_no_line_comes_before_what_it_joins() -> None:
    scene = flowchart(*CACHE)
    scene.diagram.edges[0].reveal_seconds = 20
    layout = compose(storyboard(scene), 1080, "dark", strict=True)[0].scenes[0]
    assert [route.reveal_seconds for route in layout.routes] == [20.0, 4.0, 6.0]


def test_what_a_cut_leaves_in_the_first_part_of_a_scene_is_placed() -> None:
    """A quantity and a group may be spoken of in the part that is no more there."""
    scene = flowchart(*CACHE)
    scene.diagram.nodes[0].quantity.CopyFrom(Quantity(label="20 ms", reveal_seconds=31))
    scene.diagram.groups.add(id="g", label="Cache", reveal_seconds=31)
    compose(storyboard(scene), 1080, "dark", strict=True)


def test_a_canvas_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="1000"):
        compose(board(), 1000, "dark", False)
    with pytest.raises(InvalidInputError, match="sepia"):
        compose(board(), 1080, "sepia", False)
    assert compose(Storyboard(), 1080, "dark", False)[0] == Composition(
        width=1920, height=1080, theme="dark", font_sha256=compose(board(), 1080, "dark", False)[0].font_sha256
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "field",
    [
        "duration_seconds",
        "scenes[0].start_seconds",
        "scenes[0].end_seconds",
        "scenes[0].diagram.nodes[1].reveal_seconds",
        "scenes[0].diagram.nodes[1].quantity.reveal_seconds",
        "scenes[0].diagram.nodes[1].date.start_year",
    ],
)
def test_what_is_no_time_is_refused_by_its_field(field: str, value: float) -> None:
    asked = board()
    at: Message = asked
    *way, last = re.findall(r"\w+", field)
    for name in way:
        at = at[int(name)] if name.isdigit() else getattr(at, name)  # type: ignore[index]
    setattr(at, last, value)
    with pytest.raises(InvalidInputError) as refused:
        compose(asked, 1080, "dark", False)
    assert refused.value.field == field


@pytest.mark.integration
@pytest.mark.parametrize("height", [1080, 720])
def test_what_an_edit_leaves_alone_stays_where_it_is(height: int) -> None:
    """A corrected label moves nothing; a node added at the end moves the others less than if nothing were known of them."""
    nodes = [(STEP, f"Step number {n} of the way") for n in range(9)]
    edges = [(0, 1, ""), (0, 2, ""), (1, 3, ""), (2, 3, ""), (3, 4, ""), (4, 5, ""), (4, 6, ""), (5, 7, ""), (6, 8, "")]
    before, _ = compose(storyboard(flowchart(nodes, edges)), height, "dark", False)
    corrected = [*nodes[:4], (STEP, "Step number four of it"), *nodes[5:]]
    after, _ = compose(storyboard(flowchart(corrected, edges)), 1080, "dark", False, previous=before)
    assert _moved(before, after) < 2.0
    grown = ([*nodes, (STEP, "Added later"), (STEP, "And another")], [*edges, (2, 9, ""), (9, 10, "")])
    free, _ = compose(storyboard(flowchart(*grown)), 1080, "dark", False)
    held, _ = compose(storyboard(flowchart(*grown)), 1080, "dark", False, previous=before)
    assert faults(held.scenes[0].quality) == 0
    assert _moved(before, held) <= _moved(before, free)


@pytest.mark.integration
def test_a_scene_that_an_edit_has_not_touched_is_the_same_to_the_last_bit() -> None:
    """Else its clip would be drawn again for nothing."""
    nodes = [(STEP, f"Step number {n} of the way") for n in range(5)]
    edges = [(0, 1, ""), (0, 2, ""), (1, 3, ""), (2, 3, ""), (3, 4, "")]
    edited = [*nodes[:4], (STEP, "A much longer label than the one that was there")]
    before, _ = compose(storyboard(flowchart(nodes, edges), timeline(EVENTS), _untouched()), 720, "dark", False)
    board = storyboard(flowchart(edited, edges), timeline(EVENTS), _untouched())
    after, _ = compose(board, 720, "dark", False, previous=before)
    assert after.scenes[0] != before.scenes[0]
    assert list(after.scenes[1:]) == list(before.scenes[1:])


def _untouched() -> Scene:
    scene = flowchart([(STEP, "Other"), (STEP, "Things"), (STEP, "Here")], [(0, 1, ""), (1, 2, "back")])
    for node in scene.diagram.nodes:
        node.id += "b"  # else it would go on with the first scene
    for edge in scene.diagram.edges:
        edge.id, edge.source, edge.target = f"{edge.id}b", f"{edge.source}b", f"{edge.target}b"
    return scene


def _moved(before: Composition, after: Composition) -> float:
    """Returns how far the node has moved that has moved farthest, in px."""
    old, new = find_places(before.scenes[0], after.width / before.width), find_places(after.scenes[0], 1.0)
    return max(dist(old[node], new[node]) for node in old.keys() & new.keys())


def test_a_node_alone_is_placed_without_elk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LAYOUT_SECONDS", 0.0001)
    layout = compose(storyboard(flowchart([(STEP, "Checks the cache")], [])), 1080, "dark", strict=True)[0].scenes[0]
    assert layout.quality.engine == "elk.layered"
