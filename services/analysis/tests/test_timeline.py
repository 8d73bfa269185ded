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
        ("The shop opened on 3 July 1863.", "3 July 1863", 1863.5, 1863.5, DatePrecision.DATE_PRECISION_DAY),
        ("The 3rd of September 1783 ended the war.", "3 September 1783", 1783.67, 1783.67, DatePrecision.DATE_PRECISION_DAY),
        ("In the year 800 the king was crowned.", "800", 800, 800, DatePrecision.DATE_PRECISION_YEAR),
        ("In the year 1066 the duke crossed the sea.", "1066", 1066, 1066, DatePrecision.DATE_PRECISION_YEAR),
        ("In the year 44 BC the general died.", "44 BC", -44, -44, DatePrecision.DATE_PRECISION_YEAR),
        ("In 44 before Christ, the bridge fell.", "44 before Christ", -44, -44, DatePrecision.DATE_PRECISION_YEAR),
        (
            "In the third century before Christ the road was built.",
            "third century before Christ",
            -300,
            -201,
            DatePrecision.DATE_PRECISION_CENTURY,
        ),
        ("In the late 20s the bank failed.", "Late 20s", 1927, 1929, DatePrecision.DATE_PRECISION_DECADE),
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


@pytest.mark.parametrize(
    ("text", "years"),
    [
        (
            "In November 2019 the first mill opened. In January the town closed the bridge. In March 2020 the mill reopened.",
            [2019 + 304 / 365, 2020, 2020 + 59 / 365],
        ),
        ("On November 5, 2019 the mill burned. In November the owners wept.", [2019 + 308 / 365, 2019 + 304 / 365]),
        ("In 2019 the mill burned. In January the owners wept.", [2019, 2019]),
        ("On 3 July 1863 the mill burned. On the 4th of August the owners wept.", [1863 + 183 / 365, 1863 + 215 / 365]),
    ],
)
def test_a_month_without_a_year_does_not_go_back(parse: Parse, text: str, years: list[float]) -> None:
    talk = parse(text)
    assert [found.date.start_year for found in find_dates(talk, talk.sentences)] == pytest.approx(years)


@pytest.mark.parametrize(
    "text", ["In her 20s she wrote a novel.", "In his late thirties he won a prize.", "In Anna's 40s she rested."]
)
def test_decades_of_a_life_are_no_years(parse: Parse, text: str) -> None:
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


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("In 1995 nobody bought the phone.", "Nobody bought phone"),
        ("In 1995 no shop sold the phone.", "No shop sold phone"),
        ("In 1870 the army almost won the battle.", "Army almost won battle"),
        ("In 1870 the army won almost every battle.", "Army won almost every battle"),
        ("In 1870 the firm sold nearly 500 boats.", "Firm sold nearly 500 boats"),
    ],
)
def test_what_did_not_happen_is_not_told_as_if_it_had(parse: Parse, text: str, label: str) -> None:
    talk = parse(text)
    (node,) = extract_timeline(talk, talk.sentences).nodes
    assert node.label.text == label
    assert {"nobody", "no", "almost", "nearly"} & set(node.phrase.lower().split())


def test_an_event_that_nobody_did_is_not_told_without_its_subject(parse: Parse) -> None:
    talk = parse(
        "In 1995 nobody from the northern districts of Switzerland appreciated the extraordinarily uncomfortable telephones."
    )
    for node in extract_timeline(talk, talk.sentences).nodes:
        assert "nobody" in node.label.text.lower()


def test_each_day_is_told_whole(parse: Parse) -> None:
    talk = parse("On 3 July 1863 the army lost the battle. On 1 July 1863 the town burned.")
    content = extract_timeline(talk, talk.sentences)
    assert [(node.date.label.text, node.label.text) for node in content.nodes if node.date] == [
        ("3 July 1863", "Army lost battle"),
        ("1 July 1863", "Town burned"),
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


@pytest.mark.parametrize(
    ("text", "date", "label"),
    [
        ("The U.S. didn't enter the war until April 1917.", "April 1917", "U.S. enters war"),
        ("The iPhone wasn't released until 2007.", "2007", "iPhone released"),
        ("Women could not vote until 1920.", "1920", "Women vote"),
        ("Not until 1920 could women vote.", "1920", "Women vote"),
        ("It was not until 1920 that women could vote.", "1920", "Women vote"),
        ("Women were not allowed to vote until 1920.", "1920", "Women allowed to vote"),
        ("The firm never made a profit till 1999.", "1999", "Firm made profit"),
        ("The town was not safe until 1950.", "1950", "Town was safe"),
        ("The shop was open until 1950.", "1950", "Shop was open"),
    ],
)
def test_what_was_not_until_a_date_happens_then(parse: Parse, text: str, date: str, label: str) -> None:
    talk = parse(text)
    (node,) = extract_timeline(talk, talk.sentences).nodes
    assert node.date
    assert (node.date.label.text, node.label.text) == (date, label)
    assert not {"not", "didn't", "wasn't", "never"} & set(node.phrase.lower().split())


@pytest.mark.parametrize(
    "text", ["Nobody could vote until 1920.", "The town had no railway until 1850.", "The trains could not be fast until 1964."]
)
def test_what_can_not_be_told_as_happening_is_left_out(parse: Parse, text: str) -> None:
    talk = parse(text)
    assert not extract_timeline(talk, talk.sentences).nodes


@pytest.mark.parametrize(
    ("text", "date", "label"),
    [
        ("The king died not in 1510 but in 1512.", "1512", "King died"),
        ("The king died in 1512, not in 1510.", "1512", "King died"),
        ("Rome did not fall in 410, but in 476.", "476", "Rome falls"),
        ("Rome didn't fall in 410 but in 476.", "476", "Rome falls"),
        ("The law was not passed in 1964 but in 1965.", "1965", "Law passed"),
        ("The team did not move to Leeds in 1990 but to York.", "1990", "Team did not move to Leeds"),
        ("The king did not die in 1510.", "1510", "King did not die"),
    ],
)
def test_a_denied_date_is_not_drawn(parse: Parse, text: str, date: str, label: str) -> None:
    talk = parse(text)
    (node,) = extract_timeline(talk, talk.sentences).nodes
    assert node.date
    assert (node.date.label.text, node.label.text) == (date, label)
