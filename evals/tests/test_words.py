"""Matching two readings of the same speech, on which the true word times depend."""

from hypothesis import given
from hypothesis import strategies as st

from evals.words import match_words, same_word, split_words

WORDS = st.lists(st.sampled_from(["the", "sun", "heats", "ocean", "water", "rises", "rain"]), max_size=30)


@given(WORDS)
def test_the_same_reading_matches_word_for_word(words: list[str]) -> None:
    assert match_words(words, words) == {number: number for number in range(len(words))}


@given(WORDS, WORDS)
def test_matches_rise_and_join_equal_words(heard: list[str], spoken: list[str]) -> None:
    matches = match_words(heard, spoken)
    assert list(matches.values()) == sorted(set(matches.values()))
    assert all(heard[ours] == spoken[theirs] for ours, theirs in matches.items())


def test_a_misheard_word_has_no_match_and_shifts_nothing() -> None:
    heard = ["The", "son", "heats", "the", "Ocean"]
    assert match_words(heard, ["The", "sun", "heats", "the", "ocean."]) == {0: 0, 2: 2, 3: 3, 4: 4}


def test_splitting_makes_spellings_alike() -> None:
    assert split_words("Tim Berners-Lee's 2,500 pages: five percent, 2.4 GHz!") == (
        ["tim", "berners", "lee", "2500", "pages", "5", "%", "2.4", "ghz"]
    )


def test_inflections_are_the_same_word_and_others_are_not() -> None:
    pairs = [
        ("stored", "stores"),
        ("copies", "copy"),
        ("stopped", "stop"),
        ("sent", "sends"),
        ("cities", "city"),
        ("drawn", "draws"),
        ("server", "servers"),
        ("carrying", "carries"),
        ("speed", "speeds"),
        ("classes", "class"),
        ("viruses", "virus"),
        ("used", "uses"),
    ]
    assert [pair for pair in pairs if not same_word(*pair)] == []
    assert not same_word("cache", "catch")
    assert not same_word("server", "serve")
    assert not same_word("need", "new")
