"""What pronouns and repeated mentions stand for."""

import pytest

from s2v.analysis.coreference import resolve_references
from s2v.analysis.language import Parser, Talk
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser("en")


def parse(parser: Parser, text: str) -> Talk:
    return parser.parse(read_speech(make_transcript(text)))


def antecedent(talk: Talk, anaphor: str, occurrence: int = 0) -> str | None:
    """What the anaphor's `occurrence`-th mention that could refer stands for."""
    references = resolve_references(talk.sentences)
    places = [token for token in talk.doc if token.lower_ == anaphor]
    found = references.get(places[occurrence].i)
    return None if found is None else found.text


@pytest.mark.parametrize(
    ("text", "anaphor", "occurrence", "expected"),
    [
        ("The pump draws water from the well. It sends the pressure to a gauge.", "it", 0, "pump"),
        ("The crew lowers a raft, and a boat approaches. Then it stops.", "it", 0, "boat"),
        ("The nurse calls the patients. They wait in the hall.", "they", 0, "patients"),
        ("The clerk takes the form. She signs it and files it.", "she", 0, "clerk"),
        ("The clerk takes the form. She signs it and files it.", "it", 0, "form"),
        ("The clerk takes the form. She signs it and files it.", "it", 1, "form"),
        ("The mill grinds grain, which feeds the town.", "which", 0, "grain"),
        ("You can rent a boat or a raft. The latter is slower.", "latter", 0, "raft"),
        ("You can rent a boat or a raft. The former is faster.", "former", 0, "boat"),
        ("A customer sends an order. A clerk reads the order.", "order", 1, "order"),
        ("The glacier melted. This raises the sea.", "this", 0, "melted"),
    ],
)
def test_an_anaphor_has_its_antecedent(parser: Parser, text: str, anaphor: str, occurrence: int, expected: str) -> None:
    assert antecedent(parse(parser, text), anaphor, occurrence) == expected


@pytest.mark.parametrize(
    "text",
    ["The tap leaks. It is important to close the valve.", "The tap leaks. It takes an hour to repair the valve."],
)
def test_an_empty_it_stands_for_nothing(parser: Parser, text: str) -> None:
    assert antecedent(parse(parser, text), "it") is None


def test_number_is_respected(parser: Parser) -> None:
    talk = parse(parser, "The servers answer the client. It shows the page.")
    assert antecedent(talk, "it") == "client"


def test_a_definite_phrase_with_a_new_modifier_is_another_thing(parser: Parser) -> None:
    talk = parse(parser, "A red wire comes first. Then you connect the blue wire.")
    assert antecedent(talk, "wire", 1) is None


def test_an_antecedent_comes_first_and_is_no_pronoun(parser: Parser) -> None:
    talk = parse(parser, "The editor reads a draft. He marks it, and it goes back to the author, who corrects it.")
    references = resolve_references(talk.sentences)
    assert references
    for anaphor, head in references.items():
        assert head.i < anaphor
        assert head.pos_ in ("NOUN", "PROPN", "VERB", "AUX")
