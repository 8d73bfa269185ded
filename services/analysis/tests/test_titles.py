"""Titles: what a scene is called when nobody announces it."""

from collections import Counter
from collections.abc import Callable

import pytest

from s2v.analysis.comparison import extract_comparison
from s2v.analysis.content import Content
from s2v.analysis.hierarchy import extract_hierarchy
from s2v.analysis.language import Talk
from s2v.analysis.network import extract_network
from s2v.analysis.timeline import extract_timeline
from s2v.analysis.titles import find_title
from s2v.v1.diagram_pb2 import DiagramType

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]


def title(talk: Talk, content: Content | None = None) -> str | None:
    counts = Counter(token.lemma_.lower() for token in talk.doc if token.pos_ in ("NOUN", "PROPN"))
    content = content or Content(DiagramType.DIAGRAM_TYPE_FLOWCHART)
    label = find_title(talk, talk.sentences, content, counts)
    return None if label is None else label.text


def test_an_announcement_is_the_title(parse: Parse) -> None:
    assert title(parse("Let us look at the data layer. It keeps the orders, and it answers the queries.")) == "Data layer"


@pytest.mark.parametrize(
    "text", ["I began my career at a mill. Then I moved to the coast.", "Cover the kettle with a lid. It must not boil over."]
)
def test_what_is_told_or_commanded_announces_nothing(parse: Parse, text: str) -> None:
    assert title(parse(text)) not in ("Career", "Kettle")


def test_a_timeline_that_nobody_names_is_named_by_its_years(parse: Parse) -> None:
    talk = parse("In 1971, two millers built a bridge. In 1984, a baker opened his shop. In 2003, the town got a school.")
    assert title(talk, extract_timeline(talk, talk.sentences)) == "1971 to 2003"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In 1995, a miller built a bridge. Two years later, a baker opened his shop. In 1996, the town got a school.", None),
        (
            "From 1914 to 1918, the millers built a bridge. In 1984, a baker opened his shop. In 2003, the town got a school.",
            "1914 to 2003",
        ),
        (
            "In 1871, a miller built a bridge. In 1884, a baker opened his shop. From 1914 to 1918, the town built a school.",
            "1871 to 1918",
        ),
        (
            "From 1914 to 2003, the millers kept a bridge. In 1950, a baker opened his shop. In 1984, the town got a school.",
            "1914 to 2003",
        ),
    ],
)
def test_a_period_goes_from_a_year_to_a_year(parse: Parse, text: str, expected: str | None) -> None:
    talk = parse(text)
    content = extract_timeline(talk, talk.sentences)
    assert len(content.nodes) == 3
    assert title(talk, content) == expected


def test_two_plain_topics_share_a_title(parse: Parse) -> None:
    text = "They put the pods beside a node. A node restarts pods that fail. It moves pods when the node is full."
    assert title(parse(text)) == "Pods and node"


def test_a_name_with_two_words_stands_alone(parse: Parse) -> None:
    text = (
        "It asks the message broker again. The message broker keeps it until the worker answers. The message broker is patient."
    )
    assert title(parse(text)) == "Message broker"


def test_a_number_is_left_out(parse: Parse) -> None:
    text = "They keep three copy machines. The copy machines are old. Each of the copy machines needs paper."
    assert title(parse(text)) == "Copy machines"


def test_an_announced_question_is_the_title_without_its_announcement(parse: Parse) -> None:
    assert title(parse("Let us begin with how that water is divided. Some of it is salty.")) == "How water is divided"


def test_a_counted_example_is_no_title(parse: Parse) -> None:
    text = "Now follow one drop through the water cycle. The water cycle starts at sea. The sun lifts the drop."
    assert title(parse(text)) == "Water cycle"


@pytest.mark.parametrize("opening", ["Let us compare river water with groundwater. ", ""])
def test_a_comparison_is_called_by_both_of_its_sides(parse: Parse, opening: str) -> None:
    talk = parse(
        f"{opening}River water is easy to reach, whereas groundwater has to be pumped from a well. "
        "River water is renewed within weeks, whereas groundwater may take hundreds of years."
    )
    assert title(talk, extract_comparison(talk, talk.sentences)) == "River water and groundwater"


def test_a_comparison_that_was_announced_otherwise_keeps_its_title(parse: Parse) -> None:
    talk = parse("Let us look at the supply of towns. River water is cheap, whereas groundwater has to be pumped from a well.")
    assert title(talk, extract_comparison(talk, talk.sentences)) == "Supply of towns"


def test_what_is_drawn_names_the_scene_rather_than_what_is_said_beside_it(parse: Parse) -> None:
    talk = parse(
        "The browser opens a connection to the load balancer. The load balancer sends requests to the servers. "
        "When the average load rises, the load balancer starts more servers."
    )
    assert title(talk, extract_network(talk, talk.sentences)) == "Load balancer"


def test_an_announcement_of_what_is_not_drawn_is_no_title(parse: Parse) -> None:
    talk = parse(
        "Let us look at the archive. It is dark in there. Nobody likes it. The lamps are old. The browser asks the cache. "
        "The cache asks the database. The database sends the rows to the cache. The browser draws the rows."
    )
    content = extract_network(talk, talk.sentences)
    assert content.nodes
    assert title(talk, content) != "Archive"


def test_a_tree_without_another_name_is_called_by_its_root(parse: Parse) -> None:
    talk = parse("They know three kinds of rock: granite, basalt and slate.")
    content = extract_hierarchy(talk, talk.sentences)
    (root,) = [node.label.text for node in content.nodes if node.level == 0]
    assert title(talk, content) == root


def test_a_title_does_not_point_at_what_it_does_not_name(parse: Parse) -> None:
    assert title(parse("None of this happened quickly. It took the builders years.")) != "None of this happened quickly"
