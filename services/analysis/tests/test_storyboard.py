"""The whole way from words to a storyboard, with the real models."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2v.analysis.analysis import MAX_NODES, Analyst, analyze, find_drawn
from s2v.analysis.choice import SURE
from s2v.analysis.evidence import EvidenceError, validate
from s2v.analysis.extractors import EXTRACTORS
from s2v.analysis.language import Parser, Talk
from s2v.analysis.mermaid import write_mermaid
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript
from s2v.runtime.errors import DegradedError, InvalidInputError
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript

pytestmark = pytest.mark.integration

TALK = """Every garden feeds itself if you let it. Most people never notice, because the work is done at night by things too
small to see.

So how do you start a compost heap? First, choose a shady corner. Then spread a layer of twigs on the ground. Next,
add kitchen scraps and dry leaves. If the heap is too dry, water it. If the heap is too wet, add cardboard. After
that, turn the heap with a fork. Finally, cover it with a lid.

Composting has a long history. In 1840, a German chemist described how plants take up minerals. In 1911, an American
farmer reported on farms in China. In 1943, a British botanist published a book on soil. In 1989, the city of Seattle
collected garden waste from homes."""

SENTENCES = (
    "First, open the valve.",
    "Then the pump fills the tank.",
    "If the tank is full, the pump stops.",
    "Otherwise, the alarm rings and the guard calls the engineer, who repairs the pump.",
    "In 1950, the company built a dam.",
    "From 1960 to 1965, they repaired it.",
    "Two years later, nobody remembered why.",
    "I think that's, um, really not what we wanted, is it?",
    "Because the water is cold, the fish don't move.",
    "It takes about twenty minutes.",
    'The U.S. team\'s "self-driving" car costs $5 million, i.e. 3.5% more.',
    "Okay.",
    "before the clerk signs it she checks whether the form is complete and the clerk sends it to the office after lunch",
    "The first step is to boil the water.",
    "Kubernetes restarts pods, writes logs, and sends traces to the collector.",
)


@pytest.fixture(scope="module")
def talk() -> tuple[Transcript, Storyboard]:
    transcript = make_transcript(TALK)
    return transcript, analyze(transcript, strict=True)[0]


def test_a_talk_is_cut_where_its_matter_changes(talk: tuple[Transcript, Storyboard]) -> None:
    _, storyboard = talk
    types = [scene.diagram.type for scene in storyboard.scenes]
    assert types == [DiagramType.DIAGRAM_TYPE_NONE, DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_TIMELINE]
    flowchart, timeline = storyboard.scenes[1], storyboard.scenes[2]
    assert flowchart.title == "How do you start a compost heap?"
    assert timeline.title == "Composting has a long history"
    assert [node.date.label for node in timeline.diagram.nodes] == ["1840", "1911", "1943", "1989"]
    assert "Choose shady corner" in [node.label for node in flowchart.diagram.nodes]
    assert 0.5 < flowchart.diagram.confidence <= 1


def test_a_node_appears_at_its_word(talk: tuple[Transcript, Storyboard]) -> None:
    transcript, storyboard = talk
    words = [word for segment in transcript.segments for word in segment.words]
    node = next(node for node in storyboard.scenes[1].diagram.nodes if node.label == "Choose shady corner")
    spoken = next(word for word in words if word.text == "choose")
    assert node.reveal_seconds == spoken.start_seconds, "not at the article or the sequence word in front"


def test_a_scene_of_two_minds_is_cut_where_each_part_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    # Which text is torn to the hundredth is the weights' affair: .53 counts as torn here.
    for module in ("choice", "analysis"):
        monkeypatch.setattr(f"s2v.analysis.{module}.SURE", SURE + 0.3)
    text = (
        "To open the gate, first check the level. Then unlock the wheel. After that, turn it twice. Finally, close the lock. "
        "The dam has three parts: the wall, the gates, and the turbines. The turbines consist of a rotor and a shaft."
    )
    storyboard, _ = analyze(make_transcript(text), strict=True)
    steps, parts = storyboard.scenes
    assert steps.diagram.type == DiagramType.DIAGRAM_TYPE_FLOWCHART
    assert parts.diagram.type == DiagramType.DIAGRAM_TYPE_HIERARCHY
    assert steps.words.end == parts.words.begin == text[: text.index("The dam")].count(" ")
    assert min(steps.diagram.confidence, parts.diagram.confidence) > SURE + 0.3


def test_a_diagram_is_shown_while_it_is_told(analyst: Analyst) -> None:
    text = (
        "The pump has two parts. The motor turns the shaft, and the shaft drives the wheel. "
        "The wheel lifts the water to the tank, and the tank feeds the pipes."
    )
    talk = Parser("en").parse(read_speech(make_transcript(text + " Nobody knows why." * 3 + " It is said to be haunted." * 6)))
    content = EXTRACTORS[DiagramType.DIAGRAM_TYPE_NETWORK](talk, talk.sentences)
    assert content.nodes
    first, last = find_drawn(talk, 0, len(talk.sentences), content)
    assert first == 0, "what leads to it is too short to stand by itself"
    assert last == 3, "what has nothing to do with it is another scene"


def test_a_word_of_no_length_at_the_end_is_no_fault(analyst: Analyst) -> None:
    transcript = make_transcript(
        "First, open the valve. Then start the pump. Then close the tank. Rain fell all day, and it was cold."
    )
    words = [word for segment in transcript.segments for word in segment.words]
    for word, after in pairwise(words):
        if word.text.endswith("."):
            word.start_seconds = word.end_seconds = after.start_seconds
    storyboard, _ = analyst.analyze(transcript)
    assert storyboard.scenes


def test_numbers_that_are_words_are_evidence(analyst: Analyst) -> None:
    storyboard, _ = analyst.analyze(make_transcript("How do zero and infinity meet? What is a NaN, and an infinity of them?"))
    assert storyboard.scenes


def test_the_same_words_give_the_same_bytes(talk: tuple[Transcript, Storyboard], analyst: Analyst) -> None:
    transcript, storyboard = talk
    again, _ = analyst.analyze(transcript)
    assert again.SerializeToString(deterministic=True) == storyboard.SerializeToString(deterministic=True)


def _set(path: str, value: object) -> Callable[[Storyboard], None]:
    """Returns what sets a field of scene 1 (or of "2.", scene 2), e.g. "diagram.nodes.0.label"."""

    def harm(storyboard: Storyboard) -> None:
        scene, _, rest = path.partition(".")
        *parents, name = rest.split(".")
        place = storyboard.scenes[int(scene)]
        for parent in parents:
            place = place[int(parent)] if parent.isdigit() else getattr(place, parent)
        if value is None:
            place.ClearField(name)
        else:
            setattr(place, name, value)

    return harm


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_set("1.diagram.nodes.0.label", "Invented thing"), id="unspoken word"),
        pytest.param(_set("1.diagram.nodes.0.label", "Not choose shady corner"), id="unspoken negation"),
        pytest.param(_set("1.diagram.nodes.0.evidence", None), id="no evidence"),
        pytest.param(_set("1.diagram.nodes.0.reveal_seconds", 1.0), id="another moment"),
        pytest.param(_set("1.start_seconds", 12.0), id="gap"),
        pytest.param(_set("1.diagram.edges.0.target", "s09n01"), id="loose edge"),
        pytest.param(_set("2.diagram.nodes.0.date.label", "1841"), id="wrong year"),
        pytest.param(_set("1.title", "Ten tricks for gardeners"), id="unspoken title"),
        pytest.param(_set("1.diagram.nodes.0.label", "Choose shady corner " * 4), id="too long"),
        pytest.param(_set("1.diagram.nodes.1.id", "s02n01"), id="the same id twice"),
        pytest.param(_set("1.diagram.edges.0.reveal_seconds", 0.0), id="edge before its ends"),
        pytest.param(_set("1.diagram.edges.0.label", "maybe"), id="unspoken edge"),
        pytest.param(_set("2.end_seconds", 1e4), id="longer than the sound"),
    ],
)
def test_the_validator_refuses_what_nobody_said(
    talk: tuple[Transcript, Storyboard], parser: Parser, harm: Callable[[Storyboard], None]
) -> None:
    transcript, storyboard = talk
    parsed = parser.parse(read_speech(transcript))
    assert validate(storyboard, parsed) > 10
    harmed = copy(storyboard)
    harm(harmed)
    with pytest.raises(EvidenceError):
        validate(harmed, parsed)


def copy(storyboard: Storyboard) -> Storyboard:
    """Returns one that may be harmed."""
    own = Storyboard()
    own.CopyFrom(storyboard)
    return own


def _labels(storyboard: Storyboard) -> Iterator[tuple[Message, str]]:
    """Everything that is drawn as text: its holder, and the name of the field."""
    for scene in storyboard.scenes:
        if scene.title:
            yield scene, "title"
        for node in scene.diagram.nodes:
            yield node, "label"
            yield from ((part, "label") for name in ("quantity", "date") if node.HasField(name) for part in [getattr(node, name)])
        yield from ((edge, "label") for edge in scene.diagram.edges if edge.label)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_validator_refuses_any_label_with_a_word_that_nobody_said(
    talk: tuple[Transcript, Storyboard], parser: Parser, data: st.DataObject
) -> None:
    transcript, harmed = talk[0], copy(talk[1])
    holder, name = data.draw(st.sampled_from(list(_labels(harmed))))
    words = getattr(holder, name).split()
    invented = data.draw(st.sampled_from(["zebra", "not", "without", "1066", "nobody"]))
    place = data.draw(st.integers(0, len(words)))
    replaced = data.draw(st.booleans())
    setattr(holder, name, " ".join([*words[:place], invented, *words[place + replaced :]]))
    with pytest.raises(EvidenceError):
        validate(harmed, parser.parse(read_speech(transcript)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_validator_refuses_any_reveal_at_another_word(
    talk: tuple[Transcript, Storyboard], parser: Parser, data: st.DataObject
) -> None:
    transcript, harmed = talk[0], copy(talk[1])
    parts = [node for scene in harmed.scenes for node in scene.diagram.nodes]
    part = data.draw(st.sampled_from(parts))
    part.reveal_seconds += data.draw(st.sampled_from([-100.0, -0.2, 0.2, 1.0, 1e4]))
    with pytest.raises(EvidenceError):
        validate(harmed, parser.parse(read_speech(transcript)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=25), st.integers(0, 2**16))
def test_every_storyboard_is_whole(analyst: Analyst, sentences: list[str], seed: int) -> None:
    """`analyze` validates evidence, reveals and contiguity itself; here with uneven times and any order of sentences."""
    transcript = make_transcript(" ".join(sentences))
    chance = random.Random(seed)
    clock = 0.0
    for segment in transcript.segments:
        clock += chance.choice((0.0, 0.1, 0.5, 2.0))
        for word in segment.words:
            word.start_seconds, word.end_seconds = clock, clock + chance.choice((0.0, 0.05, 0.3, 0.6))
            clock = word.end_seconds
    transcript.duration_seconds = clock + 0.5
    storyboard, report = analyst.analyze(transcript)
    assert storyboard.scenes[0].start_seconds == 0
    assert storyboard.scenes[-1].end_seconds == transcript.duration_seconds
    count = sum(len(segment.words) for segment in transcript.segments)
    assert [word for scene in storyboard.scenes for word in range(scene.words.begin, scene.words.end)] == list(range(count))
    for scene in storyboard.scenes:
        probabilities = [scene.diagram.confidence, *(ranked.confidence for ranked in scene.diagram.alternatives)]
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        if scene.diagram.undrawn_type:
            assert scene.diagram.type == DiagramType.DIAGRAM_TYPE_NONE
            assert any(note.startswith(f"scene {scene.id}: ") for note in report.notes)
    assert write_mermaid(storyboard)


def test_a_long_process_goes_on_in_the_next_scene(analyst: Analyst) -> None:
    verbs = ["open", "close", "lift", "turn", "check", "clean", "paint", "move", "label", "weigh", "pack", "load"]
    nouns = ["valve", "door", "lid", "wheel", "gauge", "filter", "frame", "crate", "box", "parcel", "truck", "trailer"]
    text = " ".join(f"Then {verb} the {noun} with great care and both hands." for verb, noun in zip(verbs, nouns, strict=True))
    storyboard, _ = analyst.analyze(make_transcript(text))
    drawn = [scene for scene in storyboard.scenes if scene.diagram.type == DiagramType.DIAGRAM_TYPE_FLOWCHART]
    assert drawn
    assert all(len(scene.diagram.nodes) <= MAX_NODES for scene in drawn)
    pairs = list(pairwise(storyboard.scenes))
    assert pairs
    assert all(later.continues_scene_id == earlier.id for earlier, later in pairs), "one process"


def test_a_type_with_too_little_to_draw_is_said(analyst: Analyst) -> None:
    storyboard, report = analyst.analyze(make_transcript("There are three kinds of rock, and all of them are hard."))
    (scene,) = storyboard.scenes
    assert scene.diagram.type == DiagramType.DIAGRAM_TYPE_NONE
    assert scene.diagram.undrawn_type == DiagramType.DIAGRAM_TYPE_HIERARCHY
    assert list(report.notes) == ["scene s01: too little of a hierarchy was found to draw it; shown as a key phrase"]


def test_a_very_short_talk_is_one_scene(analyst: Analyst) -> None:
    storyboard, _ = analyst.analyze(make_transcript("Hello there. This is short."))
    assert len(storyboard.scenes) == 1


def test_nothing_said_that_tells_anything_is_an_empty_picture(analyst: Analyst) -> None:
    storyboard, _ = analyst.analyze(make_transcript("Um. Yeah. Okay, so."))
    assert not storyboard.scenes[0].diagram.nodes


def test_no_words_is_an_error() -> None:
    with pytest.raises(InvalidInputError):
        analyze(Transcript(language="en", duration_seconds=5))


def test_a_language_without_models_is_degraded_and_refused_when_strict() -> None:
    transcript = make_transcript(
        "Das Wasser verdampft über dem Meer. Der Wind trägt die Wolken über das Land, und es regnet.", language="de"
    )
    storyboard, report = analyze(transcript)
    assert [degradation.code for degradation in report.degradations] == ["ANALYSIS_PLAIN"]
    assert storyboard.scenes[0].diagram.nodes[0].kind
    with pytest.raises(DegradedError):
        analyze(transcript, strict=True)


def test_a_talk_without_punctuation_gives_a_whole_storyboard(analyst: Analyst) -> None:
    bare = " ".join(word.strip(".,?").lower() for word in TALK.split())
    storyboard, _ = analyst.analyze(make_transcript(bare))
    assert len(storyboard.scenes) > 1
    assert any(scene.diagram.type != DiagramType.DIAGRAM_TYPE_NONE for scene in storyboard.scenes)
    ends = [0, *(scene.words.end for scene in storyboard.scenes)]
    assert [scene.words.begin for scene in storyboard.scenes] == ends[:-1]
    assert ends[-1] == len(bare.split())


def test_noun_phrases_are_those_of_the_parser(parse: Callable[[str], Talk]) -> None:
    talk = parse(TALK)
    for sentence in talk.sentences:
        assert [phrase.text for phrase in talk.noun_phrases(sentence)] == [chunk.text for chunk in sentence.noun_chunks]
