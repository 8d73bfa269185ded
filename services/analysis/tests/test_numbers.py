import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.analysis.numbers import read_number, read_ordinal, read_year, write_number


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("twenty", "20"),
        ("twenty five", "25"),
        ("two hundred and five", "205"),
        ("2.4", "2.4"),
        ("three million", "3 million"),
        ("10,000", "10,000"),
    ],
)
def test_number_words_become_digits(words: str, digits: str) -> None:
    assert write_number(words.split()) == digits


def test_other_words_are_no_numbers() -> None:
    assert write_number(["router"]) is None
    assert read_number([]) is None
    assert read_number(["infinity"]) is None
    assert read_number(["zero", "and", "NaN"]) is None


@pytest.mark.parametrize(
    ("words", "year"),
    [
        ("1998", 1998),
        ("nineteen ninety eight", 1998),
        ("two thousand four", 2004),
        ("twenty fifteen", 2015),
        ("seventeen seventy-six", 1776),
    ],
)
def test_years_are_read_as_they_are_spoken(words: str, year: int) -> None:
    assert read_year(words.split()) == year


@pytest.mark.parametrize("words", ["twenty", "300", "5000", "hundred", "cache"])
def test_small_numbers_are_no_years(words: str) -> None:
    assert read_year(words.split()) is None


def test_ordinals() -> None:
    assert [read_ordinal(word) for word in ("19th", "third", "twenty-first", "cache")] == [19, 3, 21, None]


@given(st.integers(min_value=1000, max_value=2199))
def test_every_year_in_digits_reads_as_itself(year: int) -> None:
    assert read_year([str(year)]) == year


@pytest.mark.parametrize("word", ["infinity", "inf", "nan", "Infinity"])
def test_words_that_python_takes_for_numbers_are_words(word: str) -> None:
    assert write_number([word]) is None


@pytest.mark.parametrize(
    "words", ["twenty-one", "twenty five", "sixteen and eighteen", "nineteen fourteen and nineteen eighteen"]
)
def test_a_plain_number_is_no_year(words: str) -> None:
    assert read_year(words.split()) is None
