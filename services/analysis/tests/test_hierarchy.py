"""Wholes and their parts, from sentences of our own and the real parser; and what holds for any text in all trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.tokens import Span

from s2v.analysis.comparison import extract_comparison
from s2v.analysis.content import Content
from s2v.analysis.evidence import validate
from s2v.analysis.hierarchy import extract_hierarchy
from s2v.analysis.labels import MAX_CHARACTERS, MAX_WORDS
from s2v.analysis.language import Parser, Talk
from s2v.analysis.mindmap import extract_mindmap
from s2v.analysis.speech import read_speech
from s2v.analysis.storyboard import ScenePlan, make_scene
from s2v.analysis.text import make_transcript
from s2v.analysis.typography import close_brackets
from s2v.v1.diagram_pb2 import DiagramType, NodeKind
from s2v.v1.storyboard_pb2 import Storyboard

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]
Extractor = Callable[[Talk, Sequence[Span]], Content]

SENTENCES = (
    "An orchestra has four sections: strings, brass, woodwinds, and percussion.",
    "The strings include violins, cellos, and double basses.",
    "Brass instruments such as trumpets and horns are loud.",
    "There are two kinds of bread (leavened and flat).",
    "Oak is a hardwood, whereas pine is a softwood.",
    "Unlike cats, dogs need a walk, and they don't sleep as long.",
    "Both boil at about 100 degrees; neither freezes.",
    "The first is cheap, the other isn't.",
    "- Memory: 16 GB - Disk: two terabytes, i.e. 3.5% more.",
    "They are called false ribs—bone and cartilage—and consist of one.",
    "On the road, a bike reaches 25 to 30 km/h, while a tram needs 12 minutes.",
    "Um, so, you know, it's like, what we said, and etc.",
    "Gardening has many benefits, including exercise, fresh air, and lower bills.",
    "Examples are (x, y",
    "this and that and those and such and others",
    "The advantages of trains are speed, comfort; and, well, price.",
    "It's it.",
)


def tree(content: Content) -> dict[str, list[str]]:
    """Labels of the parts of each whole."""
    parts: dict[str, list[str]] = {}
    for edge in content.edges:
        parts.setdefault(content.nodes[edge.source].label.text, []).append(content.nodes[edge.target].label.text)
    return parts


def test_levels_follow_what_is_said_to_belong_to_what(parse: Parse) -> None:
    talk = parse(
        "Vehicles are divided into two groups: land vehicles and watercraft. Land vehicles include cars, trucks, and trains. "
        "Watercraft consist of boats and submarines."
    )
    content = extract_hierarchy(talk, talk.sentences)
    assert tree(content) == {
        "Vehicles": ["Land vehicles", "Watercraft"],
        "Land vehicles": ["Cars", "Trucks", "Trains"],
        "Watercraft": ["Boats", "Submarines"],
    }
    assert {node.label.text: node.level for node in content.nodes}["Trucks"] == 2
    assert [node.kind == NodeKind.NODE_KIND_TOPIC for node in content.nodes] == [True, *([False] * 7)]


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        ("We sell metals such as iron and copper.", "Metals", ["Iron", "Copper"]),
        ("The army consists of infantry, cavalry, and artillery.", "Army", ["Infantry", "Cavalry", "Artillery"]),
        ("A cell is made up of a membrane and a nucleus.", "Cell", ["Membrane", "Nucleus"]),
        ("The choir is part of the school. The band is part of the school.", "School", ["Choir", "Band"]),
        ("These trees can be evergreen or deciduous trees.", "Trees", ["Evergreen trees", "Deciduous trees"]),
        ("Some berries are sweet. Examples are cherries and figs.", "Berries", ["Cherries", "Figs"]),
        ("The engineers report to the manager.", "Manager", ["Engineers"]),
        ("The old road and the new canal are two trade routes.", "Two trade routes", ["Old road", "New canal"]),
    ],
)
def test_each_way_of_saying_it(parse: Parse, text: str, whole: str, parts: list[str]) -> None:
    talk = parse(text)
    assert tree(extract_hierarchy(talk, talk.sentences)) == {whole: parts}


def test_a_pronoun_stands_for_what_was_divided(parse: Parse) -> None:
    talk = parse("The company has three branches. They are sales, research, and finance.")
    assert tree(extract_hierarchy(talk, talk.sentences)) == {"Company": ["Sales", "Research", "Finance"]}


def test_a_longer_name_is_a_kind_of_the_shorter(parse: Parse) -> None:
    talk = parse("Soft cheese includes brie and feta. Hard cheese includes gouda and parmesan.")
    parts = tree(extract_hierarchy(talk, talk.sentences))
    assert parts["Cheese"] == ["Soft cheese", "Hard cheese"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("There are three types of soil: sandy, silty, and clayey.", ["Sandy", "Silty", "Clayey"]),
        ("It has four stages: (1) egg, (2) larva, (3) pupa, and (4) adult.", ["Egg", "Larva", "Pupa", "Adult"]),
        ("The plan has two parts: a budget drawn by hand and a map.", ["Budget", "Map"]),
        ("There are two types of flood, depending on where the water comes from: coastal and inland.", ["Coastal", "Inland"]),
        ("The plan is divided into three parts, a budget, a map, and a list of tools.", ["Budget", "Map", "List of tools"]),
    ],
)
def test_a_series_behind_a_colon(parse: Parse, text: str, parts: list[str]) -> None:
    talk = parse(text)
    assert [node.label.text for node in extract_hierarchy(talk, talk.sentences).nodes][1:] == parts


def test_what_is_included_belongs_to_what_was_counted(parse: Parse) -> None:
    talk = parse("Every town has various markets within it, including a fish market, a flower market, and a flea market.")
    parts = tree(extract_hierarchy(talk, talk.sentences))
    assert parts["Markets within it"] == ["Fish market", "Flower market", "Flea market"]


def test_trees_that_nothing_joins_stay_apart(parse: Parse) -> None:
    talk = parse("The fleet includes trucks, vans, and buses. Fruits such as apples are cheap.")
    assert tree(extract_hierarchy(talk, talk.sentences)) == {"Fleet": ["Trucks", "Vans", "Buses"]}


def test_nothing_is_divided(parse: Parse) -> None:
    talk = parse("We walked home in the rain. It never includes that. He and Ann are two friends.")
    assert extract_hierarchy(talk, talk.sentences).nodes == ()


def test_a_bracket_inside_a_word_parts_it() -> None:
    assert close_brackets("1)1") == "1 1", "two numbers are no third one"
    assert (close_brackets("1),1"), close_brackets("1))1")) == ("1 ,1", "1 1"), "nor with marks beside it"
    assert close_brackets("a) word (or two)") == "a word or two"


@pytest.mark.parametrize("extract", [extract_hierarchy, extract_mindmap, extract_comparison])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.lists(
        st.one_of(st.sampled_from(SENTENCES), st.text(alphabet="aeint ,.;:—()'’-1%", min_size=1, max_size=40)),
        min_size=1,
        max_size=6,
    )
)
@example(chosen=["e,i1:1'", SENTENCES[0]])
@example(chosen=[SENTENCES[0], "1))1"])
def test_any_text_gives_a_drawable_graph(parser: Parser, extract: Extractor, chosen: list[str]) -> None:
    text = " ".join(chosen)
    if not text.strip():
        return
    talk = parser.parse(read_speech(make_transcript(text)))
    content = extract(talk, talk.sentences)
    parents: dict[int, list[int]] = {}
    for edge in content.edges:
        assert content.nodes[edge.source].level < content.nodes[edge.target].level, "a loop, or an edge to the node itself"
        parents.setdefault(edge.target, []).append(edge.source)
    if content.type != DiagramType.DIAGRAM_TYPE_COMPARISON:
        assert all(len(above) == 1 for above in parents.values())
    if content.type == DiagramType.DIAGRAM_TYPE_MINDMAP:
        assert sum(node.level == 0 for node in content.nodes) == (1 if content.nodes else 0), "one centre"
    for place, node in enumerate(content.nodes):
        assert (node.level > 0) == (place in parents)
        assert len(node.label.text) <= MAX_CHARACTERS
        assert len(node.label.text.split()) <= MAX_WORDS
        assert node.phrase
    plan = ScenePlan(talk.sentences, 0.0, talk.speech.duration, content, None, DiagramType.DIAGRAM_TYPE_UNSPECIFIED, None, "")
    scene = make_scene(talk, 0, plan, None)
    assert [node.level for node in scene.diagram.nodes] == [node.level for node in content.nodes]
    validate(Storyboard(scenes=[scene], duration_seconds=talk.speech.duration), talk)


def test_what_an_activity_deals_with_is_the_whole(parse: Parse) -> None:
    talk = parse("Running a village shop has three sides, staff, money, and goods.")
    content = extract_hierarchy(talk, talk.sentences)
    assert [node.label.text for node in content.nodes] == ["Village shop", "Staff", "Money", "Goods"]
