from collections.abc import Callable

import pytest

from s2v.analysis.candidates import Form, find_candidates
from s2v.analysis.denials import is_denied
from s2v.analysis.extractors import EXTRACTORS
from s2v.analysis.labels import capitalize, third_person
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType


@pytest.mark.parametrize(
    ("lemma", "form"),
    [("query", "queries"), ("send", "sends"), ("push", "pushes"), ("play", "plays"), ("go", "goes"), ("have", "has")],
)
def test_third_person(lemma: str, form: str) -> None:
    assert third_person(lemma) == form


def test_sentence_case_leaves_names_alone() -> None:
    assert [capitalize(text) for text in ("browser asks", "iPhone rings", "DNS answers")] == [
        "Browser asks",
        "iPhone rings",
        "DNS answers",
    ]


def test_a_capital_letter_is_the_letter_that_was_said() -> None:
    words = ["ışık yayılır", "ßtraße", "ﬁrmen bauen", "élan", "ǆep"]
    assert [capitalize(text) for text in words] == ["ışık yayılır", "ßtraße", "ﬁrmen bauen", "Élan", "Ǆep"]


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    [
        "The plan is they're gonna change the server. Then it's gonna restart the node.",
        "You gotta get the code compiled. It's not gonna be a small change.",
        "The problem is you're not using the new cache. Let's fill the cache.",
        "The processors, they've become better. In the 1930's the people moved north.",
        "I thought in y'all's work the tests were slow.",
    ],
)
def test_contractions_stay_the_words_that_were_spoken(parse: Callable[[str], Talk], text: str) -> None:
    """Halves of "gonna" or "you're" are no words: a label holds whole ones, or the evidence of the label does not hold them."""
    talk = parse(text)
    spoken = {word.strip(".,").lower() for word in talk.speech.texts}
    for extract in EXTRACTORS.values():
        for node in extract(talk, talk.sentences).nodes:
            for word in node.label.text.lower().split():
                assert "'" not in word or word in spoken
                assert word not in ("goesna", "getta", "youare", "gon", "na", "ta")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Tokens are cheap. They aren't checked by the server.", "Not checked by server"),
        ("Cloud storage is rented. I don't want to waste it.", "Don't want to waste it"),
        ("The goal of the office is not to sell houses.", "Is not to sell houses"),
    ],
)
def test_a_denial_is_drawn_whole(parse: Callable[[str], Talk], text: str, label: str) -> None:
    talk = parse(text)
    content = EXTRACTORS[DiagramType.DIAGRAM_TYPE_MINDMAP](talk, talk.sentences)
    assert label in [node.label.text for node in content.nodes]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The gauges tell the driver that something is wrong.", "Something is wrong"),
        ("Halves of the Old Town have sunk by several feet.", "Halves of Old Town have sunk"),
        ("Ends of the pipe freeze.", "Ends of pipe freeze"),
        ("Sailors may be poisoned by the paint.", "Sailors may be poisoned by paint"),
        ("Without the dam the fields would have flooded.", "Fields would have flooded"),
        ("Without the dam the mill would have been crushed.", "Mill would have been crushed"),
        ("We will not sell the farm.", "Will not sell farm"),
        ("Air pressure is read hourly. It sinks before a storm.", "Air pressure sinks before storm"),
        ("They have a plan to dig a canal.", "Plan to dig canal"),
        ("The guild spends a lot of time on repairs.", "Guild spends lot of time"),
        ("Old people leave the valley.", "Old people leave valley"),
    ],
)
def test_a_label_says_of_what(parse: Callable[[str], Talk], text: str, label: str) -> None:
    """Without what is possible, what only would be, or whose it is, a label would say something else."""
    talk = parse(text)
    assert label in {candidate.node.label.text for candidate in find_candidates(talk, talk.sentences)}


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    [
        "I don't think that salt causes rust.",
        "It is not true that salt causes rust.",
        "The law did not help to reduce crime.",
    ],
)
def test_what_is_denied_from_above_is_denied(parse: Callable[[str], Talk], text: str) -> None:
    talk = parse(text)
    (verb,) = [token for token in talk.doc if token.lemma_ in ("cause", "reduce")]
    assert is_denied(verb)


@pytest.mark.integration
def test_what_nobody_knew_may_be_so(parse: Callable[[str], Talk]) -> None:
    talk = parse("Nobody knew that salt causes rust.")
    (verb,) = [token for token in talk.doc if token.lemma_ == "cause"]
    assert not is_denied(verb)


@pytest.mark.integration
def test_there_is_not_enough_is_no_thing(parse: Callable[[str], Talk]) -> None:
    talk = parse("There is not enough water in the lake.")
    labels = {candidate.node.label.text for candidate in find_candidates(talk, talk.sentences) if candidate.form == Form.CLAUSE}
    assert not labels


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Unemployment rose from 5% to 9%.", "Unemployment rose from 5% to 9%"),
        ("The price fell from $30 to $20.", "Price fell from $30 to $20"),
        ("One in three shops closed.", "One in three shops closed"),
        ("More than half of the shops closed.", "More than half of shops closed"),
        ("The machines cost $2,000 to $3,000.", "Machines cost $2,000 to $3,000"),
        ("Workers earn between $20 and $30.", "Workers earn between $20 and $30"),
        ("A nurse earns more than $3,000.", "Nurse earns more than $3,000"),
        ("The trip takes 5 or 6 hours.", "Trip takes 5 or 6 hours"),
        ("The train carries up to 400 passengers.", "Train carries up to 400 passengers"),
        ("The budget was cut by between 5 and 10 percent.", "Budget cut"),
        ("The lake holds two hundred and fifty thousand fish.", "Lake holds fish"),
        ("Tea has half as much caffeine as coffee.", "Tea has half as much caffeine"),
        ("The town has twice as many schools as the village.", "Town has twice as many schools"),
        ("The pump moves three times as much water as the mill.", "Pump moves water"),
        ("They move three times as much water as the mill.", "Move three times as much water"),
        ("The tower is twice as tall as the church.", "Tower is twice as tall"),
    ],
)
def test_a_range_or_share_stays_or_goes_as_a_whole(parse: Callable[[str], Talk], text: str, label: str) -> None:
    """One number of a range, or a share without its whole, would say something else."""
    talk = parse(text)
    labels = {candidate.node.label.text for candidate in find_candidates(talk, talk.sentences) if candidate.form == Form.CLAUSE}
    assert labels == {label}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "label", "quantity"),
    [
        ("The cheese ripens for 2 to 24 months.", "Cheese ripens", None),
        ("They rest for 20 to 30 minutes.", "Rest for 20 to 30 minutes", None),
        ("The bread bakes for two and a half hours.", "Bread bakes", None),
        ("The pump moves 2 to 3 litres.", "Pump moves 2 to 3 litres", None),
        ("The dough rests for at least 2 hours, up to 48 hours.", "Dough rests up to 48 hours", "at least 2 hours"),
        ("The query returns in about one millisecond.", "Query returns", "1 millisecond"),
        ("The tank fills in one hundred and five days.", "Tank fills", "105 days"),
    ],
)
def test_a_range_is_no_quantity(parse: Callable[[str], Talk], text: str, label: str, quantity: str | None) -> None:
    talk = parse(text)
    (node,) = [candidate.node for candidate in find_candidates(talk, talk.sentences) if candidate.form == Form.CLAUSE]
    assert (node.label.text, node.quantity.text if node.quantity else None) == (label, quantity)
