"""Graphs that are drawn by what was learned: whatever the weights say, they are graphs of their type, of words that were said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s2v.analysis import graph_reader
from s2v.analysis.analysis import Analyst
from s2v.analysis.assembly import TREES, lineage
from s2v.analysis.candidate_features import OWN_PAIR_FLAGS, PAIR_SIZE, SIZE, Features, describe
from s2v.analysis.candidates import Candidate, Form, find_candidates
from s2v.analysis.content import Content, Label, NodeDraft
from s2v.analysis.extractors import EXTRACTORS, worth_drawing
from s2v.analysis.graph_reader import KINDS, MAX_CHOSEN, GraphReader, align, find_edges, select
from s2v.analysis.language import Talk, scene_text
from s2v.analysis.mentions import described_name, find_series
from s2v.analysis.passage_encoder import PassageEncoder
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.spoken_edges import denies_edge, name_edge
from s2v.analysis.things import Thing, are_siblings, complete_series, connect, find_mentions
from s2v.runtime.errors import SetupError
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

TEXT = (
    "Connective tissue comes in three kinds. Supportive tissue, such as bone and cartilage, keeps the body's shape. "
    "Fluid tissue, which includes blood and lymph, carries cells. It isn't rigid."
)

SAME_SENTENCE = 3
"""Place of the flag among those of a pair."""


@pytest.fixture(scope="module")
def encoder() -> PassageEncoder:
    return PassageEncoder(AnalysisSettings().model_cache.expanduser())


@pytest.fixture(scope="module")
def reader() -> GraphReader:
    return GraphReader()


@given(
    st.sampled_from(list(KINDS)),
    arrays(np.float32, st.integers(0, 7).map(lambda count: (count, count)), elements=st.floats(0, 1, width=32)),
)
def test_edges_make_a_graph_of_the_type(
    kind: DiagramType.ValueType, found: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> None:
    np.fill_diagonal(found, 0)
    edges = find_edges(kind, found, 0.2)
    assert len(set(edges)) == len(edges)
    if kind != DiagramType.DIAGRAM_TYPE_CYCLE:
        assert all(found[source, target] >= np.float32(0.2) and (target, source) not in edges for source, target in edges)
    if kind in TREES:
        parents = {target: source for source, target in edges}
        assert len(parents) == len(edges), "one parent each"
        assert all(place not in lineage(place, parents) for place in parents), "no ring"


def test_a_cycle_comes_back() -> None:
    found = np.zeros((5, 5), dtype=np.float32)
    found[0, 1] = found[1, 2] = found[2, 3] = found[4, 1] = 0.5
    cycle = DiagramType.DIAGRAM_TYPE_CYCLE
    assert find_edges(cycle, found, 0.2)[-1] in {(3, 0), (3, 4)}
    found[3, 1] = 0.7
    assert set(find_edges(cycle, found, 0.2)) == {(0, 1), (1, 2), (2, 3), (4, 1), (3, 1)}, "it does already"
    apart = np.pad(found, ((0, 2), (0, 2)))
    apart[5, 6] = 0.9
    assert (5, 6) not in find_edges(cycle, apart, 0.2), "no part of the ring"
    assert find_edges(cycle, np.asarray([[0, 0.9], [0.3, 0]], dtype=np.float32), 0.2) == [(0, 1)], "two make no ring"


def test_a_cycle_comes_back_once() -> None:
    found = np.zeros((5, 5), dtype=np.float32)
    for place in range(5):
        found[place, (place + 1) % 5] = 0.8
    found[0, 3] = found[1, 4] = found[2, 0] = 0.4
    ring = {(place, (place + 1) % 5) for place in range(5)}
    assert set(find_edges(DiagramType.DIAGRAM_TYPE_CYCLE, found, 0.2)) == ring
    found[1, 4] = 0.7
    assert set(find_edges(DiagramType.DIAGRAM_TYPE_CYCLE, found, 0.2)) == ring | {(1, 4)}, "likely enough anywhere"


def test_what_is_joined_is_joined_once_more_only_if_that_is_likely() -> None:
    found = np.zeros((3, 3), dtype=np.float32)
    found[0, 1], found[1, 2], found[0, 2] = 0.9, 0.8, 0.5
    network = DiagramType.DIAGRAM_TYPE_NETWORK
    assert find_edges(network, found, 0.2) == [(0, 1), (1, 2)]
    assert find_edges(network, found, 0.1) == [(0, 1), (1, 2), (0, 2)]
    assert find_edges(DiagramType.DIAGRAM_TYPE_MINDMAP, found, 0.1) == [(0, 1), (1, 2)]


def test_the_likeliest_of_what_is_one_thing_is_chosen() -> None:
    said = ("oxygen", "blood", "red blood", "blood", "lymph", "white blood", "pump red blood around the whole wide body")
    terms = [frozenset(name.split()) for name in said]
    words = [(4,), (1,), (0, 1), (9,), (6,), (12, 13), (14, 15, 16, 17, 18, 19, 20, 21)]
    chances = np.asarray([0.5, 0.7, 0.9, 0.8, 0.1, 0.6, 0.4], dtype=np.float32)
    assert select(terms, words, chances, 0.15) == [2, 0, 5, 6], (
        "in the order of speech; blood is red blood here, white blood is not, and the last says much more"
    )
    assert select(terms[1:3], [(1,), (8, 9)], chances[1:3], 0.15) == [1], "at another place, too"
    assert select([frozenset("ab"), frozenset("bc")], [(1, 2), (2, 3, 4)], chances[:2], 0.15) == [0, 1], "half is not most"
    assert select([frozenset("ab"), frozenset("c")], [(1, 2), (2,)], chances[:2], 0.15) == [1], "the same words"
    same = np.full(20, 0.9, dtype=np.float32)
    places = [(place,) for place in range(20)]
    assert select([frozenset({"cell"})] * 20, places, same, 0.15) == [0]
    assert len(select([frozenset({"cell", str(place)}) for place in range(20)], places, same, 0.15)) == MAX_CHOSEN


@pytest.mark.integration
def test_candidates_are_what_is_said_with_and_without_its_company(parse: Callable[[str], Talk]) -> None:
    talk = parse(TEXT)
    labels = [candidate.node.label.text for candidate in find_candidates(talk, talk.sentences)]
    assert {"Supportive tissue", "Bone", "Cartilage", "Fluid tissue", "Blood", "Lymph"} <= set(labels)
    assert "Carries cells" in labels or "Carry cells" in labels
    assert len({candidate.node.label.words for candidate in find_candidates(talk, talk.sentences)}) == len(labels)
    cells = parse("Each class has an order. Classes don't overlap.")
    assert [candidate.terms for candidate in find_candidates(cells, cells.sentences)].count(frozenset({"class"})) == 2


@pytest.mark.integration
def test_tokens_find_the_rows_that_read_them(parse: Callable[[str], Talk], encoder: PassageEncoder) -> None:
    talk = parse(TEXT)
    text = scene_text(talk.sentences)
    offsets = encoder.encode(text).offsets
    rows = align(talk.sentences, offsets)
    for sentence in talk.sentences:
        for token in sentence:
            begin, end = offsets[rows[token.i][0]][0], offsets[rows[token.i][-1]][1]
            assert text[begin:end] in (token.text, f"{token.text}{token.whitespace_}") or token.text in text[begin:end]
    assert max(row for read in rows.values() for row in read) < len(offsets)


@pytest.mark.integration
def test_pairs_are_described_by_grammar_and_by_what_the_extractor_draws(parse: Callable[[str], Talk]) -> None:
    talk = parse(TEXT)
    drawn = EXTRACTORS[DiagramType.DIAGRAM_TYPE_HIERARCHY](talk, talk.sentences)
    candidates = find_candidates(talk, talk.sentences)
    features = describe(talk.sentences, candidates, drawn)
    assert features.single.shape == (len(candidates), SIZE)
    assert features.pair.shape == (len(candidates), len(candidates), PAIR_SIZE)
    labels = [candidate.node.label.text for candidate in candidates]
    bone, whole = labels.index("Bone"), labels.index("Supportive tissue")
    assert any(edge.source != edge.target for edge in drawn.edges)
    assert features.pair[whole, bone, 0] == features.pair[bone, whole, 1] == 1, "the extractor draws this edge"
    assert features.pair[bone, whole, 0] == 0
    assert talk.doc[int(features.joint[whole, bone])].i in {token.i for token in talk.sentences[1]}


@pytest.mark.integration
def test_what_two_things_are_to_one_another_is_told_at_each_of_their_mentions(parse: Callable[[str], Talk]) -> None:
    talk = parse("Each class has a teacher. Classes don't overlap.")
    candidates = find_candidates(talk, talk.sentences)
    terms = [candidate.terms for candidate in candidates]
    first, second = (place for place, own in enumerate(terms) if own == {"class"})
    pair = describe(talk.sentences, candidates, Content(DiagramType.DIAGRAM_TYPE_HIERARCHY)).pair
    teacher = terms.index(frozenset({"teacher"}))
    here, anywhere = pair[:, teacher, SAME_SENTENCE], pair[:, teacher, OWN_PAIR_FLAGS + SAME_SENTENCE]
    assert (here[first], here[second]) == (1, 0)
    assert (anywhere[first], anywhere[second]) == (1, 1)
    whole = terms.index(frozenset({"class", "have", "teacher"}))
    assert pair[first, whole, -3:].tolist() == [1, 0, 0.5], "all of its words are in the other, which has two more"


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_was_said(
    parse: Callable[[str], Talk], encoder: PassageEncoder, reader: GraphReader, kind: DiagramType.ValueType
) -> None:
    # Longer than what the encoder reads: what lies beyond has no states.
    talk = parse(f"{TEXT} " * 9)
    reading = encoder.encode(scene_text(talk.sentences))
    content = reader.draw(talk, talk.sentences, EXTRACTORS[kind](talk, talk.sentences), reading)
    assert content.type == kind
    assert all(0 <= end < len(content.nodes) for edge in content.edges for end in (edge.source, edge.target))
    assert all(word < len(talk.speech) for node in content.nodes for word in node.label.words)
    assert [node.label.words for node in content.nodes] == sorted(node.label.words for node in content.nodes)


@pytest.mark.integration
def test_a_hierarchy_of_plain_speech_is_drawn(analyst: Analyst) -> None:
    content = analyst.draw(TEXT, DiagramType.DIAGRAM_TYPE_HIERARCHY)
    labels = [node.label.text for node in content.nodes]
    edges = {(labels[edge.source], labels[edge.target]) for edge in content.edges}
    assert worth_drawing(content)
    assert {("Fluid tissue", "Blood"), ("Fluid tissue", "Lymph")} <= edges


@pytest.mark.integration
def test_where_nothing_is_likely_the_extractors_graph_stands(
    parse: Callable[[str], Talk], encoder: PassageEncoder, reader: GraphReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_reader, "MIN_CHANCE", 1.1)
    talk = parse(TEXT)
    drawn = EXTRACTORS[DiagramType.DIAGRAM_TYPE_HIERARCHY](talk, talk.sentences)
    assert reader.draw(talk, talk.sentences, drawn, encoder.encode(scene_text(talk.sentences))) is drawn


@pytest.mark.integration
def test_where_both_see_the_same_the_extractors_graph_stands(
    parse: Callable[[str], Talk], encoder: PassageEncoder, reader: GraphReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = parse(
        "Heavy pumping lowers the water table. When the water table falls, layers of clay are squeezed together, "
        "so the land sinks. The sinking land causes flooding."
    )
    drawn = EXTRACTORS[DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT](talk, talk.sentences)
    reading = encoder.encode(scene_text(talk.sentences))
    assert reader.draw(talk, talk.sentences, drawn, reading) is drawn
    monkeypatch.setattr(graph_reader, "LOOSE_AGREEMENT", 2.1)
    assert reader.draw(talk, talk.sentences, drawn, reading) is not drawn


@pytest.mark.integration
def test_what_would_take_too_much_memory_is_left_to_the_extractor(
    parse: Callable[[str], Talk], encoder: PassageEncoder, reader: GraphReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = parse(TEXT)
    drawn = EXTRACTORS[DiagramType.DIAGRAM_TYPE_HIERARCHY](talk, talk.sentences)
    reading = encoder.encode(scene_text(talk.sentences))
    monkeypatch.setattr(graph_reader, "AGREEMENT", 2.1)
    assert reader.draw(talk, talk.sentences, drawn, reading) is not drawn
    monkeypatch.setattr(graph_reader, "MAX_CANDIDATES", len(find_candidates(talk, talk.sentences)) - 1)
    assert reader.draw(talk, talk.sentences, drawn, reading) is drawn


@pytest.mark.integration
@pytest.mark.parametrize(("steps", "stands"), [(7, True), (6, False)])
def test_a_process_told_step_by_step_stands_by_less(steps: int, stands: bool) -> None:
    """The reader finds half of what the extractor draws likely, and sees half of it."""
    node = NodeDraft(NodeKind.NODE_KIND_STEP, "boil water", Label("Boil water", (0, 1)), (0, 2))
    drawn = Content(DiagramType.DIAGRAM_TYPE_FLOWCHART, (node,) * steps)
    half = np.asarray([place % 2 == 0 for place in range(2 * steps)])
    flat = np.zeros((2 * steps, 1), dtype=np.float32)
    features = Features(flat, flat[..., None], flat.astype(np.int64), half, half)
    chances = np.full(2 * steps, 0.52, dtype=np.float32)
    assert graph_reader._agrees(drawn, features, chances, range(2 * steps)) == stands


def test_a_node_is_what_is_said_first_of_it_and_keeps_its_mentions(parse: Callable[[str], Talk]) -> None:
    talk = parse(
        "The pump fills the tank. The pump is old. A valve stops the pump. The guard does not sleep. The guard does sleep."
    )
    candidates = find_candidates(talk, talk.sentences)
    pumps = [candidate for candidate in candidates if candidate.node.label.text == "Pump"]
    assert len(pumps) == 3
    tank, valve = (next(one for one in candidates if one.node.label.text == name) for name in ("Tank", "Valve"))
    chosen = [tank, valve, pumps[2]]
    things = [Thing(candidate, find_mentions(candidate, candidates, chosen)) for candidate in chosen]
    joints = np.zeros((3, 3), dtype=np.int64)
    content = connect(talk, Content(DiagramType.DIAGRAM_TYPE_MINDMAP), things, [(2, 0), (2, 1)], joints)
    (pump,) = (node for node in content.nodes if node.label.text == "Pump")
    assert pump.label.words == (1,), "as soon as it is named"
    assert len(pump.repeats) == 2
    sleeps = [candidate for candidate in candidates if "sleep" in candidate.terms and candidate.form == Form.CLAUSE]
    assert len(sleeps) == 2
    assert find_mentions(sleeps[0], candidates, sleeps) == [sleeps[0]], "a denial is no mention of what it denies"


@pytest.mark.integration
def test_what_is_listed_is_drawn_whole_and_side_by_side(parse: Callable[[str], Talk]) -> None:
    talk = parse("The crew has a pilot, a doctor, a nurse and a guard. The guard has a dog.")
    found = find_candidates(talk, talk.sentences)
    named = {one.node.label.text: one for one in reversed(found) if one.form in (Form.NOUN, Form.BARE_NOUN)}
    some = [named[name] for name in ("Crew", "Pilot", "Nurse", "Dog")]
    assert are_siblings(some).tolist() == [
        [False, False, False, False],
        [False, True, True, False],
        [False, True, True, False],
        [False, False, False, False],
    ]
    drawn, edges = complete_series(some, [(0, 1), (2, 3)], found)
    labels = [one.node.label.text for one in drawn]
    assert sorted((labels[source], labels[target]) for source, target in edges) == [
        ("Crew", "Doctor"),
        ("Crew", "Guard"),
        ("Crew", "Nurse"),
        ("Crew", "Pilot"),
        ("Nurse", "Dog"),
    ]


@pytest.mark.integration
def test_who_is_described_is_drawn_once(parse: Callable[[str], Talk]) -> None:
    talk = parse("The team was Ann Smith, Ben Jones, and Carl Brown, a doctor from Leeds. Rain, a river, and the sea are water.")
    names = {token.text: name.text for token in talk.doc if (name := described_name(token)) is not None}
    assert names == {"doctor": "Brown"}


def test_what_announces_a_series_is_no_member_of_it(parse: Callable[[str], Talk]) -> None:
    talk = parse("The comet has three parts: ice, rock and dust. It melts.")
    named = {token.text: token for token in talk.doc}
    assert [token.text for token in find_series(named["rock"])] == ["ice", "rock", "dust"]
    assert find_series(named["parts"]) == []
    assert find_series(named["comet"]) == []


@pytest.mark.integration
def test_a_decision_stays_one_and_its_answers_stay_with_it(parse: Callable[[str], Talk]) -> None:
    talk = parse("If the form is complete, stamp the form. Otherwise, burn the form. Then close the office.")
    drawn = EXTRACTORS[DiagramType.DIAGRAM_TYPE_FLOWCHART](talk, talk.sentences)
    place = next(place for place, node in enumerate(drawn.nodes) if node.kind == NodeKind.NODE_KIND_DECISION)
    answers = [edge for edge in drawn.edges if edge.source == place]
    assert {edge.label for edge in answers} == {"yes", "no"}
    candidates = find_candidates(talk, talk.sentences)

    def find(node: NodeDraft) -> Candidate:
        own = set(node.label.words)
        return max(candidates, key=lambda one: len(own & set(one.node.label.words)) / len(own | set(one.node.label.words)))

    chosen = [find(drawn.nodes[place]), *(find(drawn.nodes[edge.target]) for edge in answers)]
    things = [Thing(candidate, [candidate]) for candidate in chosen]
    joints = np.zeros((3, 3), dtype=np.int64)
    both = connect(talk, drawn, things, [(0, 1), (0, 2)], joints)
    assert both.nodes[0].kind == NodeKind.NODE_KIND_DECISION
    assert {edge.label for edge in both.edges} == {"yes", "no"}
    assert all(edge.kind == EdgeKind.EDGE_KIND_BRANCH for edge in both.edges)
    one = connect(talk, drawn, things, [(0, 1), (1, 2)], joints)
    assert all(node.kind == NodeKind.NODE_KIND_STEP for node in one.nodes)
    assert not any(edge.label for edge in one.edges), "no answer without a question"


@pytest.mark.integration
def test_what_is_denied_joins_nothing(parse: Callable[[str], Talk]) -> None:
    talk = parse("Rain does not cause floods. Rain causes mud. The clerk that isn't seen calls the guard.")
    candidates = {
        (candidate.node.label.text, candidate.head.sent.start): candidate for candidate in find_candidates(talk, talk.sentences)
    }
    first, second, _ = (sentence.start for sentence in talk.sentences)
    cause, causes = (next(token for token in sentence if token.lemma_ == "cause") for sentence in talk.sentences[:2])
    assert denies_edge(talk, candidates["Rain", first], candidates["Floods", first], cause)
    assert not denies_edge(talk, candidates["Rain", second], candidates["Mud", second], causes)
    assert name_edge(talk, candidates["Rain", second], candidates["Mud", second], causes)[0] == "causes"
    assert name_edge(talk, candidates["Mud", second], candidates["Rain", second], causes) == ("", None)


@pytest.mark.integration
def test_nothing_that_could_be_a_node_leaves_what_the_extractor_finds(
    parse: Callable[[str], Talk], encoder: PassageEncoder, reader: GraphReader
) -> None:
    talk = parse("Um, well. So.")
    drawn = Content(DiagramType.DIAGRAM_TYPE_MINDMAP)
    assert reader.draw(talk, talk.sentences, drawn, encoder.encode(scene_text(talk.sentences))) == drawn


def test_damaged_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_reader, "SHA256", "0" * 64)
    with pytest.raises(SetupError, match=r"graph_reader\.npz is damaged"):
        GraphReader()
