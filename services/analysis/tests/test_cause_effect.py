"""Causes and effects, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2v.analysis.cause_effect import extract_cause_effect
from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import EdgeKind, NodeKind

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]

_CLAUSES = st.sampled_from(
    """
    rain causes floods|because the pump failed|so the price of bread rises|this leads to hunger|it|which|if the river rises
    as a result|pressure does not increase|by cutting costs|therefore|the more water flows|due to heat
    makes the heart work harder
    smoke, dust and noise|is caused by|and|, |. |? |it is difficult to|nothing|97%|-|(x|"so|they prevent it from
    """.replace("\n", "|")
    .strip("| ")
    .split("|")
)


def _extract(parse: Parse, text: str) -> Content:
    talk = parse(text)
    return extract_cause_effect(talk, talk.sentences)


def _edges(content: Content) -> set[tuple[str, str, str]]:
    labels = [node.label.text for node in content.nodes]
    return {(labels[edge.source], edge.label, labels[edge.target]) for edge in content.edges}


@pytest.mark.parametrize(
    ("text", "source", "target"),
    [
        ("Heavy rain causes sudden floods.", "Heavy rain", "Sudden floods"),
        ("Sudden floods are caused by heavy rain.", "Heavy rain", "Sudden floods"),
        ("Poor sleep leads to weak memory.", "Poor sleep", "Weak memory"),
        ("The power cut resulted from a broken cable.", "Broken cable", "Power cut"),
        ("The crops failed because the river dried up.", "River dried up", "Crops failed"),
        ("The train was late due to heavy snow.", "Heavy snow", "Train was late"),
        ("The river dried up, so the crops failed.", "River dried up", "Crops failed"),
        ("The river dried up. As a result, the crops failed.", "River dried up", "Crops failed"),
        ("If the valve closes, the pressure rises.", "Valve closes", "Pressure rises"),
        ("The main cause of the fire was a faulty heater.", "Faulty heater", "Fire"),
        ("Cold air makes the lakes freeze.", "Cold air", "Lakes freeze"),
        ("Total sales rise with the average income.", "Average income", "Total sales"),
        ("The more water flows, the higher the pressure rises.", "More water flows", "Higher pressure rises"),
        ("Higher gas prices contributed to rising prices.", "Higher gas prices", "Rising prices"),
        ("Owing to heavy rain, the match was cancelled.", "Heavy rain", "Match cancelled"),
        ("The flood gave rise to a bitter quarrel.", "Flood", "Bitter quarrel"),
        ("The new contract came out of the strike.", "Strike", "New contract"),
        ("The crash was blamed on a pilot error.", "Pilot error", "Crash"),
        ("A broken signal is why the train was late.", "Broken signal", "Train was late"),
        ("It is because of tourism that rents are high.", "Tourism", "Rents are high"),
        ("There are two causes of the fire: a faulty heater and dry wood.", "Faulty heater", "Fire"),
        ("The effect of cold air on old pumps is well known.", "Cold air", "Old pumps"),
        ("It rained so much that the river flooded.", "Rain", "River flooded"),
        ("The tax made hotels expensive, so fewer tourists came.", "Hotels expensive", "Fewer tourists came"),
        ("The new law forced companies to change their products.", "New law", "Companies change products"),
        ("By cutting costs, the firm can lower its prices.", "Cutting costs", "Firm can lower prices"),
        ("We missed the train, which meant that we were late.", "Miss train", "Late"),
        (
            "Nobody wanted to use the new version because it was too slow.",
            "Version was too slow",
            "Nobody wanted to use new version",
        ),
        ("The pump failed, so nothing works.", "Pump failed", "Nothing works"),
        ("If you have no cache, it would take five minutes.", "Have no cache", "Take five minutes"),
        ("A lot of the roads are closed because of snow.", "Snow", "Roads closed"),
        ("It feels calm because more of the weight is in front.", "More weight is in front", "Feel calm"),
        ("By making the engine smaller, they can save fuel.", "Making engine smaller", "Save fuel"),
        ("The rain was heavy and it put pressure on the dam.", "Rain", "Put pressure on dam"),
        ("The cache does not work. What that means is that we build two copies.", "Cache does not work", "Build two copies"),
        ("A fault closed both valves. So the crew wants a new pump.", "Close valves", "Crew wants new pump"),
        (
            "It is a serious fault in which the valves become blocked, leading to slow engines.",
            "Valves blocked",
            "Slow engines",
        ),
        (
            "It is more difficult for a climber to keep the same pace due to thin air.",
            "Thin air",
            "More difficult to keep same pace",
        ),
        ("With fewer docks, barges couldn't land.", "Fewer docks", "Barges couldn't land"),
    ],
)
def test_a_cause_points_at_its_effect(parse: Parse, text: str, source: str, target: str) -> None:
    assert (source, "", target) in _edges(_extract(parse, text))


def test_an_effect_told_again_is_the_next_cause(parse: Parse) -> None:
    content = _extract(parse, "Heavy rain causes sudden floods. The floods destroy the old bridges.")
    assert _edges(content) == {("Heavy rain", "", "Sudden floods"), ("Sudden floods", "", "Destroy old bridges")}
    assert [node.kind for node in content.nodes] == [
        NodeKind.NODE_KIND_CAUSE,
        NodeKind.NODE_KIND_EFFECT,
        NodeKind.NODE_KIND_EFFECT,
    ]


def test_this_takes_up_the_sentence_before(parse: Parse) -> None:
    content = _extract(parse, "Heavy rain causes sudden floods. This leads to high prices.")
    assert ("Sudden floods", "", "High prices") in _edges(content)


def test_what_takes_up_an_effect_follows_from_it(parse: Parse) -> None:
    content = _extract(parse, "If you skip the test, bugs slip through. Bugs annoy customers. The sun shines.")
    assert _edges(content) == {("Skip test", "", "Bugs slip through"), ("Bugs slip through", "", "Bugs annoy customers")}


def test_what_a_cause_is_of_is_no_cause_of_its_own(parse: Parse) -> None:
    content = _extract(parse, "Low levels of T3 and T4 stimulate the quick release of a hormone.")
    assert len(content.nodes) == 2


def test_the_sign_of_an_influence_stands_on_its_edge(parse: Parse) -> None:
    assert ("Regular exercise", "reduces", "Blood pressure") in _edges(
        _extract(parse, "Regular exercise reduces blood pressure.")
    )


def test_what_is_kept_from_happening_is_told_with_its_doer(parse: Parse) -> None:
    assert _edges(_extract(parse, "Salt keeps the roads from freezing.")) == {("Salt", "keeps", "Roads freeze")}


@pytest.mark.parametrize(
    "text",
    [
        "Cold weather does not cause the common flu.",
        "The new law did not lead to lower prices.",
        "The rash is not caused by the drug.",
        "No drug prevents the disease.",
        "The tax failed to reduce demand.",
        "Light has little influence on growth.",
        "The survey found no effect of noise on sleep.",
        "The doctors did not see an effect of light on growth.",
        "The bell hardly reduces theft.",
        "The new pump no longer causes noise.",
        "Neither pump of the old mill causes noise.",
        "Doctors deny that cheese causes nightmares.",
        "The judges reject the claim that salt causes headaches.",
        "It is a myth that cold air causes fever.",
        "The old pump stopped causing leaks.",
        "Locks hardly let water pass.",
    ],
)
def test_what_is_denied_is_not_drawn(parse: Parse, text: str) -> None:
    assert _extract(parse, text).edges == ()


def test_whose_denial_is_denied_is_told(parse: Parse) -> None:
    assert ("Smoke", "", "Cough") in _edges(_extract(parse, "Nobody denies that smoke causes cough."))


@pytest.mark.parametrize(
    "text",
    [
        "The new toll was supposed to reduce traffic.",
        "The smell was thought to cause headaches.",
        "The firm claims to reduce waste.",
        "The new tea is believed to lower blood pressure.",
    ],
)
def test_what_is_only_thought_is_not_drawn(parse: Parse, text: str) -> None:
    assert _extract(parse, text).edges == ()


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("The blaze was caused by a candle, not by a wire.", ("Candle", "", "Blaze")),
        ("The blaze was caused not by a wire but by a candle.", ("Candle", "", "Blaze")),
        ("The wall fell not because of the wind but because of the rust.", ("Rust", "", "Wall fell")),
        ("The wall fell not because it was old but because the river rose.", ("River rose", "", "Wall fell")),
        ("The wall fell not only because of the wind.", ("Wind", "", "Wall fell")),
    ],
)
def test_a_cause_that_is_set_aside_is_none(parse: Parse, text: str, edge: tuple[str, str, str]) -> None:
    assert _edges(_extract(parse, text)) == {edge}


def test_a_reason_that_is_set_aside_leaves_its_clause_alone(parse: Parse) -> None:
    content = _extract(parse, "She was late, not because the train was slow but because the road was closed.")
    assert not any("slow" in node.label.text for node in content.nodes)


def test_what_holds_unless_something_happens_does_not_follow_from_it(parse: Parse) -> None:
    assert _extract(parse, "Unless the river rises, the mills stand still.").edges == ()


def test_a_denied_clause_leads_to_nothing_unsaid(parse: Parse) -> None:
    assert _extract(parse, "Sugar does not cause fever. No trial shows that sugar causes fever.").edges == ()


def test_what_is_not_allowed_is_told(parse: Parse) -> None:
    assert ("Old rule", "does not allow", "Shops open") in _edges(_extract(parse, "The old rule does not allow shops to open."))


def test_a_reason_holds_for_all_clauses_behind_it(parse: Parse) -> None:
    content = _extract(parse, "If the main pump fails, the tank overflows and the guard calls the engineer.")
    assert {source for source, _, _ in _edges(content)} == {"Main pump fails"}
    assert len(content.edges) == 2


def test_a_verb_taken_for_a_plural_is_read_again(parse: Parse) -> None:
    content = _extract(parse, "An increase in altitude results in a decrease in pressure.")
    assert _edges(content) == {("Increase in altitude", "", "Decrease in pressure")}


def test_negation_with_a_typographic_apostrophe_stays(parse: Parse) -> None:
    assert ("Didn’t rain", "", "Crops didn’t grow") in _edges(_extract(parse, "The crops didn’t grow because it didn’t rain."))


def test_a_denied_influence_is_none_and_a_denied_clause_stays_denied(parse: Parse) -> None:
    content = _extract(parse, "Cold weather does not cause the common flu. The crops failed because the rain did not come.")
    assert _edges(content) == {("Rain did not come", "", "Crops failed")}


@pytest.mark.parametrize("text", ["We like this place.", "So what causes the floods?", "The house has three rooms."])
def test_no_influence_is_no_diagram(parse: Parse, text: str) -> None:
    assert _extract(parse, text).nodes == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_CLAUSES, min_size=1, max_size=12))
def test_any_text_gives_a_sound_graph(parse: Parse, pieces: list[str]) -> None:
    talk = parse(" ".join(piece.strip() or "." for piece in pieces))
    content = extract_cause_effect(talk, talk.sentences)
    for node in content.nodes:
        assert 0 < len(node.label.text) <= 40
        assert len(node.label.text.split()) <= 6
        assert node.label.words == tuple(sorted(node.label.words))
        assert all(0 <= word < len(talk.speech) for word in (*node.label.words, *node.label.antecedents))
    for edge in content.edges:
        assert edge.kind == EdgeKind.EDGE_KIND_CAUSE
        assert edge.source != edge.target
        # Clauses that share a participant follow from one another without a word that says so.
        assert edge.cue is None or 0 <= edge.cue[0] < edge.cue[1] <= len(talk.speech)


def test_what_is_listed_behind_a_noun_of_happening_is_each_an_effect(parse: Parse) -> None:
    edges = _edges(_extract(parse, "Because of the frost, owners will see repeated episodes of cough, chest pain, and fever."))
    assert {target for _, _, target in edges} == {"Cough", "Chest pain", "Fever"}


@pytest.mark.parametrize(
    "text",
    [
        "If you just think about the tax, the money is spent twice.",
        "Nobody knew when the ship would sail.",
        "It was a big problem because of the heat.",
        "The work required to improve the old engine is hard.",
        "They could not land and return because of it.",
    ],
)
def test_looking_asking_and_judging_are_no_influence(parse: Parse, text: str) -> None:
    assert not _extract(parse, text).edges


def test_what_is_denied_is_no_cause_of_what_comes_next(parse: Parse) -> None:
    text = "Heavy rain causes floods. Neither of those is typical of the desert. These conditions lead to hunger."
    assert ("Floods", "", "Hunger") in _edges(_extract(parse, text))


def test_a_verb_denied_with_another_is_not_drawn_as_done(parse: Parse) -> None:
    edges = _edges(_extract(parse, "With fewer docks, barges couldn't unload and return for more crops."))
    assert edges == {("Fewer docks", "", "Barges couldn't unload")}


def test_a_correlation_sheds_its_last_phrase(parse: Parse) -> None:
    edges = _edges(
        _extract(parse, "The closer the house to the river or the lake or the sea, the better the price of the house.")
    )
    assert edges == {("Closer house to river or lake", "", "Better price of house")}


def test_that_stands_for_the_clause_in_front(parse: Parse) -> None:
    content = _extract(parse, "Parcels are lost, and that causes anger.")
    assert _edges(content) == {("Parcels lost", "", "Anger")}


def test_verbs_taken_for_nouns_are_read_as_verbs(parse: Parse) -> None:
    content = _extract(parse, "The wall bends. As a result, the road below it sinks. The delay makes the picture freeze.")
    assert {("Wall bends", "", "Road sinks"), ("Delay", "", "Picture freezes")} <= _edges(content)


def test_a_denial_behind_a_contraction_stays(parse: Parse) -> None:
    content = _extract(parse, "If one person plans everything, you're never going to have good estimates.")
    assert [node.label.text for node in content.nodes] == ["One person plans everything", "Never going to have good estimates"]


def test_what_is_set_aside_is_no_part_of_a_cause(parse: Parse) -> None:
    drawn = _edges(_extract(parse, "High blood pressure is caused by too much salt, not by sugar."))
    assert all("sugar" not in cause for cause, _, _ in drawn)


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("Smoking doesn't just cause lung cancer, it also damages the heart.", ("Smoking", "", "Lung cancer")),
        ("Smoking doesn't merely reduce fertility.", ("Smoking", "reduces", "Fertility")),
        ("Smoking may reduce fertility.", ("Smoking", "may reduce", "Fertility")),
        ("Smoking can cause lung cancer.", ("Smoking", "can cause", "Lung cancer")),
    ],
)
def test_a_label_denies_no_more_and_claims_no_more_than_was_said(parse: Parse, text: str, edge: tuple[str, str, str]) -> None:
    assert edge in _edges(_extract(parse, text))
