"""What is compared and what is said of each, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s2v.analysis.comparison import extract_comparison
from s2v.analysis.content import Content
from s2v.analysis.extractors import worth_drawing
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import NodeKind

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]


def columns(content: Content) -> dict[str, list[str]]:
    """Labels of what is said of each subject."""
    found: dict[str, list[str]] = {node.label.text: [] for node in content.nodes if node.kind == NodeKind.NODE_KIND_TOPIC}
    for edge in content.edges:
        found[content.nodes[edge.source].label.text].append(content.nodes[edge.target].label.text)
    return found


def test_whereas_parts_two_subjects(parse: Parse) -> None:
    talk = parse(
        "Trains follow a fixed route, whereas cars reach remote villages. Trains carry heavy goods. Cars need a parking space."
    )
    assert columns(extract_comparison(talk, talk.sentences)) == {
        "Trains": ["Follow fixed route", "Carry heavy goods"],
        "Cars": ["Reach remote villages", "Parking space"],
    }


def test_pronouns_go_on_with_their_subject(parse: Parse) -> None:
    talk = parse("A bicycle is cheap. It needs no fuel. A motorbike, in contrast, is expensive. It burns petrol.")
    assert columns(extract_comparison(talk, talk.sentences)) == {
        "Bicycle": ["Cheap", "No fuel"],
        "Motorbike": ["Expensive", "Burns petrol"],
    }


def test_both_share_an_item(parse: Parse) -> None:
    talk = parse("Oak has dark wood. Pine has pale wood. Both burn well in a stove.")
    found = columns(extract_comparison(talk, talk.sentences))
    assert found["Oak"][-1] == found["Pine"][-1] == "Burn in stove"


def test_negation_stays(parse: Parse) -> None:
    talk = parse("Unlike frogs, toads do not live in water. Frogs jump over long distances.")
    assert columns(extract_comparison(talk, talk.sentences))["Toads"] == ["Do not live in water"]


def test_a_quantity_stands_beside_what_it_measures(parse: Parse) -> None:
    talk = parse("Mice have a wide hearing range from 1000 to 91000 Hz. Dogs have a narrow hearing range from 64 to 44000 Hz.")
    content = extract_comparison(talk, talk.sentences)
    measured = {node.label.text: node.quantity.text for node in content.nodes if node.quantity}
    assert list(measured.values()) == ["1000 to 91000 Hz", "64 to 44000 Hz"]


def test_one_subject_is_no_comparison(parse: Parse) -> None:
    talk = parse("It rained all day.")
    assert extract_comparison(talk, talk.sentences).nodes == ()


def test_a_clause_says_how_where_it_says_nothing_else(parse: Parse) -> None:
    text = (
        "Let us compare river water with groundwater. River water is easy to reach, whereas groundwater has to be pumped from a "
        "well. River water is renewed within weeks, whereas groundwater is easily spoiled."
    )
    talk = parse(text)
    content = extract_comparison(talk, talk.sentences)
    labels = {content.nodes[edge.target].label.text for edge in content.edges}
    assert {"Easy to reach", "Pumped from well", "Renewed within weeks", "Easily spoiled"} <= labels


def test_a_difference_or_an_opinion_is_no_cell(parse: Parse) -> None:
    talk = parse("Trains carry more people, whereas buses cost less money. Trains show a big difference. Trains are great.")
    labels = [node.label.text for node in extract_comparison(talk, talk.sentences).nodes]
    assert not {"Big difference", "Show big difference", "Great"} & set(labels)
    assert "Carry more people" in labels


def test_how_and_how_often_are_said_of_a_subject(parse: Parse) -> None:
    talk = parse("The 2.4GHz band reaches farther, while the 5GHz band is faster. The 2.4GHz band is often crowded.")
    assert columns(extract_comparison(talk, talk.sentences))["2.4GHz band"] == ["Reaches farther", "Often crowded"]


def test_what_is_said_of_both_sides_alike_is_no_comparison(parse: Parse) -> None:
    talk = parse("Trains and buses differ in comfort.")
    assert not worth_drawing(extract_comparison(talk, talk.sentences))
    talk = parse("Trains follow a fixed route, whereas cars reach remote villages.")
    assert worth_drawing(extract_comparison(talk, talk.sentences))


def test_while_in_front_sets_two_subjects_against_one_another(parse: Parse) -> None:
    talk = parse(
        "The edge of the marsh is marked by a change to the meadows of the valley. While the hills are dry and stony, the "
        "valley is warmer and wetter, covered with grass."
    )
    found = columns(extract_comparison(talk, talk.sentences))
    assert found["Hills"] == ["Dry", "Stony"]
    assert {"Warmer", "Wetter"} <= set(found["Valley"])


def test_what_nobody_does_is_said_of_no_one(parse: Parse) -> None:
    talk = parse("Silver is lighter than gold. Nobody wears it in the water. Gold is heavy. Silver costs little.")
    assert "wear" not in str(columns(extract_comparison(talk, talk.sentences))).lower()


def test_more_of_something_is_no_opinion(parse: Parse) -> None:
    talk = parse("A bus is bigger and slower. A car is smaller and faster.")
    assert "Bigger" in columns(extract_comparison(talk, talk.sentences))["Bus"]


@pytest.mark.parametrize(
    ("text", "subject", "said"),
    [
        ("Nails are quick but not very strong. Screws are strong but slow.", "Nails", ["Quick", "Not very strong"]),
        ("Nails are quick but not very strong. Screws are strong but slow.", "Screws", ["Strong", "Slow"]),
        ("Bikes are quiet, cheap and never crowded. Buses are slow.", "Bikes", ["Quiet", "Cheap", "Never crowded"]),
        ("Trains are fast unless it snows. Buses are slow.", "Trains", ["Fast unless it snows"]),
    ],
)
def test_each_denial_and_each_condition_stays(parse: Parse, text: str, subject: str, said: list[str]) -> None:
    talk = parse(text)
    assert columns(extract_comparison(talk, talk.sentences))[subject] == said
