"""Dates and their events, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s2v.analysis.dates import find_dates
from s2v.analysis.language import Talk
from s2v.analysis.timeline import extract_timeline
from s2v.v1.diagram_pb2 import DatePrecision

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]


@pytest.mark.parametrize(
    ("text", "label", "start", "end", "precision"),
    [
        ("The shop opened in 1998.", "1998", 1998, 1998, DatePrecision.DATE_PRECISION_YEAR),
        ("The shop opened in March 2004.", "March 2004", 2004.16, 2004.16, DatePrecision.DATE_PRECISION_MONTH),
        ("The shop opened on July 4, 1976.", "July 4, 1976", 1976.5, 1976.5, DatePrecision.DATE_PRECISION_DAY),
        ("The war lasted from 1914 to 1918.", "1914–1918", 1914, 1918, DatePrecision.DATE_PRECISION_YEAR),
        ("The railway grew in the 1840s.", "1840s", 1840, 1849, DatePrecision.DATE_PRECISION_DECADE),
        ("The tower was built in the 19th century.", "19th century", 1800, 1899, DatePrecision.DATE_PRECISION_CENTURY),
        ("The city was founded in 753 BC.", "753 BC", -753, -753, DatePrecision.DATE_PRECISION_YEAR),
        ("The shop opened in nineteen ninety eight.", "1998", 1998, 1998, DatePrecision.DATE_PRECISION_YEAR),
    ],
)
def test_dates_are_normalised(parse: Parse, text: str, label: str, start: float, end: float, precision: int) -> None:
    talk = parse(text)
    (found,) = find_dates(talk, talk.sentences)
    assert found.date.label.text == label
    assert found.date.start_year == pytest.approx(start, abs=0.02)
    assert found.date.end_year == pytest.approx(end, abs=0.02)
    assert found.date.precision == precision


def test_a_distance_counts_from_the_date_before_it(parse: Parse) -> None:
    talk = parse("The firm opened in 1950. Three years later, it moved to Leeds.")
    years = [found.date.start_year for found in find_dates(talk, talk.sentences)]
    assert years == [1950, 1953]


@pytest.mark.parametrize(
    "text",
    [
        "The server holds 2000 files.",
        "We sold 1500 tickets.",
        "It may march on.",
        "The valley feeds between 1200 and 1500 people.",
        "The water warms from twenty-one to twenty-five degrees.",
        "She was about twenty-five.",
    ],
)
def test_counts_are_no_dates(parse: Parse, text: str) -> None:
    talk = parse(text)
    assert find_dates(talk, talk.sentences) == []


def test_an_age_of_two_words_is_told_whole(parse: Parse) -> None:
    talk = parse("At age twenty-five, she moved to Leeds.")
    assert [found.date.label.text for found in find_dates(talk, talk.sentences)] == ["Age twenty-five"]


def test_a_long_distance_from_now_is_told_in_digits(parse: Parse) -> None:
    talk = parse("One hundred and twenty-five million years ago, the first flowers opened.")
    (found,) = find_dates(talk, talk.sentences)
    assert found.date.label.text == "125 million years ago"
    assert found.date.start_year == pytest.approx(-125e6, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        (
            "In 2015, the team wrote a plan. Three years ago, it built the first boat. In 2019, it sold the yard.",
            [2015, 2016, 2019],
        ),
        ("In 2015, the team wrote a plan. Two years ago, it built a boat. By 2050, it will own ten boats.", [2015, 2013, 2050]),
        ("Forty years ago, the river was clean. Ten years ago, it was brown.", [1960, 1990]),
    ],
)
def test_distances_from_now_count_from_the_latest_past_year(parse: Parse, text: str, years: list[int]) -> None:
    talk = parse(text)
    assert [round(found.date.start_year) for found in find_dates(talk, talk.sentences)] == years


def test_each_date_has_the_event_of_its_clause(parse: Parse) -> None:
    talk = parse(
        "In 1969, two computers exchanged a message. In 1983, the network moved to a new protocol. The firm was founded in 1998."
    )
    content = extract_timeline(talk, talk.sentences)
    assert [(node.date.label.text, node.label.text) for node in content.nodes if node.date] == [
        ("1969", "Two computers exchanged message"),
        ("1983", "Network moved to new protocol"),
        ("1998", "Firm founded"),
    ]


def test_ages_are_ordered_without_years(parse: Parse) -> None:
    talk = parse("At age six, she learned the violin. At age ten, she won a prize. At age twenty, she joined an orchestra.")
    content = extract_timeline(talk, talk.sentences)
    assert [node.date.start_year for node in content.nodes if node.date] == [0, 1, 2]
    assert {node.date.precision for node in content.nodes if node.date} == {DatePrecision.DATE_PRECISION_ORDINAL}


def test_what_was_held_on_a_date_is_the_event(parse: Parse) -> None:
    talk = parse("At the Geneva Conference held in May 1951, the two sides agreed on a border. In 1953, the old bridge fell.")
    content = extract_timeline(talk, talk.sentences)
    assert [(node.date.label.text, node.label.text) for node in content.nodes if node.date] == [
        ("May 1951", "Geneva Conference held"),
        ("1953", "Old bridge fell"),
    ]
