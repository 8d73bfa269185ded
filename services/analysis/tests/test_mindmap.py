"""A topic and its branches, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.analysis.mindmap import extract_mindmap

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]


def branches(content: Content, centre: str) -> list[str]:
    """Labels of what hangs on a node."""
    return [content.nodes[edge.target].label.text for edge in content.edges if content.nodes[edge.source].label.text == centre]


def test_what_is_said_of_the_topic_are_its_branches(parse: Parse) -> None:
    talk = parse("A bee colony needs a dry hive. It collects nectar in summer. The colony also defends its entrance.")
    content = extract_mindmap(talk, talk.sentences)
    assert branches(content, "Bee colony") == ["Dry hive", "Collects nectar", "Defends entrance"]


def test_details_hang_on_their_branch(parse: Parse) -> None:
    talk = parse("Gardening has many benefits. Gardening keeps people healthy. Tools such as spades and rakes are cheap.")
    content = extract_mindmap(talk, talk.sentences)
    assert branches(content, "Tools")[:2] == ["Spades", "Rakes"]
    assert "Tools" in branches(content, "Gardening")


def test_a_list_is_taken_apart(parse: Parse) -> None:
    talk = parse("Cork is used for bottles, floors, and shoes. Cork is light.")
    content = extract_mindmap(talk, talk.sentences)
    assert branches(content, "Cork") == ["Bottles", "Floors", "Shoes", "Light"]


def test_words_that_announce_a_list_are_no_branch(parse: Parse) -> None:
    talk = parse("A bee colony is divided into three castes, the queen, the workers, and the drones. The colony stores honey.")
    assert branches(extract_mindmap(talk, talk.sentences), "Bee colony")[-1] == "Stores honey"
    talk = parse("A bee colony is divided into three groups, a queen, workers, and drones. The colony stores honey.")
    assert branches(extract_mindmap(talk, talk.sentences), "Bee colony") == ["Queen", "Workers", "Drones", "Stores honey"]


def test_an_activity_is_about_what_it_deals_with(parse: Parse) -> None:
    talk = parse("Keeping a bee colony alive has three sides: food, warmth, and calm. Food should be stored in summer.")
    assert branches(extract_mindmap(talk, talk.sentences), "Bee colony") == ["Food", "Warmth", "Calm"]


def test_nothing_but_pronouns(parse: Parse) -> None:
    talk = parse("It is what it is.")
    assert extract_mindmap(talk, talk.sentences).nodes == ()


def test_each_one_stands_for_the_subject_in_front(parse: Parse) -> None:
    talk = parse("A safe home has two sides, keys and guests. Keys should be short, and each one should be different.")
    assert branches(extract_mindmap(talk, talk.sentences), "Keys") == ["Short", "Different"]


def test_what_says_how_a_thing_is_kept_stays(parse: Parse) -> None:
    talk = parse("A safe home has two sides, keys and guests. Guests should use a separate door of their own.")
    assert branches(extract_mindmap(talk, talk.sentences), "Guests") == ["Separate door"]


def test_a_list_alone_has_no_centre(parse: Parse) -> None:
    talk = parse("He should note the place of the car, the state of the tyres, the marks on the road, and the oil.")
    assert not extract_mindmap(talk, talk.sentences).nodes


def test_what_a_sentence_without_a_verb_lists_hangs_on_what_was_counted(parse: Parse) -> None:
    talk = parse(
        "On board was a crew of three. Captain Ann Smith, Commander Ben Jones, and Doctor Carl Brown. These people took a risk."
    )
    names = branches(extract_mindmap(talk, talk.sentences), "Crew of three")
    assert names[:3] == ["Captain Ann Smith", "Commander Ben Jones", "Doctor Carl Brown"]


@pytest.mark.parametrize(
    ("text", "centre", "said"),
    [
        ("Cats bite if they are afraid.", "Cats", ["Bite if they are afraid"]),
        ("Dogs are loyal. If a dog is bored, it destroys furniture.", "Dogs", ["Loyal"]),
        ("Dogs are loyal. Dogs destroy furniture if the owner leaves.", "Dogs", ["Loyal", "Destroy furniture if owner leaves"]),
        ("Trains are cheap. They are fast unless it snows.", "Trains", ["Cheap", "Fast unless it snows"]),
        ("Bread molds if it gets wet.", "Bread molds", []),
        ("Cats are good if you want a quiet pet.", "Cats", ["Good", "Want quiet pet"]),
        ("Nails are cheap and not heavy.", "Nails", ["Cheap", "Not heavy"]),
    ],
)
def test_what_depends_or_is_denied_is_no_fact(parse: Parse, text: str, centre: str, said: list[str]) -> None:
    talk = parse(text)
    assert branches(extract_mindmap(talk, talk.sentences), centre) == said
