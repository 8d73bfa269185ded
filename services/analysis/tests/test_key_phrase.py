"""A key phrase says what was meant, soon, and another follows before it bores."""

from __future__ import annotations

import pytest

from s2v.analysis.analysis import LONG_PHRASE_SECONDS, Analyst
from s2v.analysis.scenes import MIN_SECONDS
from s2v.analysis.text import make_transcript
from s2v.v1.diagram_pb2 import DiagramType

pytestmark = pytest.mark.integration

TALK = """Our neighbours never lock their doors. They say that trust is cheaper than a key. I used to laugh at that, and I do not
any more. A town is a promise that strangers make to one another. You cannot buy it, and you cannot order it. Every small kindness
is a payment into an account that nobody owns. When somebody breaks that promise, all of us pay. So be the first to trust. The
cost of being wrong is small, and the cost of never trusting is a lonely life."""


def phrases(analyst: Analyst, text: str) -> list[tuple[float, str]]:
    """Returns each phrase after how long its scene waits for it."""
    storyboard, _ = analyst.analyze(make_transcript(text))
    assert all(scene.diagram.type == DiagramType.DIAGRAM_TYPE_NONE for scene in storyboard.scenes)
    return [
        (node.reveal_seconds - scene.start_seconds, node.label) for scene in storyboard.scenes for node in scene.diagram.nodes
    ]


def test_a_denial_stays_a_denial(analyst: Analyst) -> None:
    for _, phrase in phrases(analyst, "Ask not what your country can do for you. Ask what you can do for your country."):
        assert not phrase.startswith("Your country can")


def test_both_halves_of_a_contrast_are_shown(analyst: Analyst) -> None:
    text = "And so, my dear neighbours, ask not who may fish in our river, ask who will keep it clean."
    assert phrases(analyst, text)[0][1].lower().endswith("ask not who may fish in our river, ask who will keep it clean.")


@pytest.mark.parametrize(
    ("text", "torn"),
    [
        (
            "I don't believe, Mrs. Marsh, you have been quite fair in sending such a letter to us without asking my brother what "
            "he had really said.",
            "You have been",
        ),
        (
            "It was, in short, a winter so much like the present winter, that some of the oldest people insisted on its "
            "being the very same.",
            "That some",
        ),
    ],
)
def test_a_clause_that_says_the_opposite_by_itself_is_not_shown(analyst: Analyst, text: str, torn: str) -> None:
    for _, phrase in phrases(analyst, text):
        assert not phrase.startswith(torn)


def test_words_that_were_hardly_understood_are_not_shown_large(analyst: Analyst) -> None:
    transcript = make_transcript("A town is a promise that strangers make. Every small kindness is a payment.")
    (shown,) = analyst.analyze(transcript)[0].scenes[0].diagram.nodes
    doubted = next(segment for segment in transcript.segments if segment.text.startswith(shown.phrase[:8]))
    for word in doubted.words:
        word.probability = 0.3
    (other,) = analyst.analyze(transcript)[0].scenes[0].diagram.nodes
    assert other.phrase != shown.phrase
    for segment in transcript.segments:
        for word in segment.words:
            word.probability = 0.0
    (unknown,) = analyst.analyze(transcript)[0].scenes[0].diagram.nodes
    assert unknown.phrase == shown.phrase, "a client that gives no probabilities doubts nothing"


def test_what_holds_on_a_condition_is_not_shown_without_it(analyst: Analyst) -> None:
    text = (
        "If my dear old neighbours keep on asking every stranger in the street about the very same thing for three more years, "
        "all of their friends will be gone."
    )
    for _, phrase in phrases(analyst, text):
        assert not phrase.startswith("All of their friends")


def test_a_verb_without_its_subject_is_not_shown(analyst: Analyst) -> None:
    text = (
        "It appears likely, that by no means all, but a small number of the older families in the hills above the river and "
        "its many branches, kept their trade."
    )
    for _, phrase in phrases(analyst, text):
        assert not phrase.startswith("Kept")


def test_because_of_is_not_torn_apart(analyst: Analyst) -> None:
    for _, phrase in phrases(analyst, "Because of their courage and idealism, we will miss them all the more."):
        assert not phrase.startswith("Of ")


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (
            "In a time when travel by night train has come to seem almost slow, it is easy to forget the comfort of sleeping on "
            "the way, and the pleasure of waking up in another country.",
            "It is easy to forget the comfort of sleeping on the way",
        ),
        (
            "And so my dear neighbours, keep the gate closed while the cattle are here, keep the path open once they are up in "
            "the hills.",
            "Keep the gate closed while the cattle are here",
        ),
        (
            "It is easy to forget the comfort of sleeping on the way to work and the plain pleasure of waking up in another "
            "country with nothing to do.",
            "It is easy to forget the comfort of sleeping on the way to work",
        ),
    ],
)
def test_of_a_long_sentence_a_part_that_says_something_is_shown(analyst: Analyst, text: str, phrase: str) -> None:
    assert phrases(analyst, text)[0][1] == phrase


def test_a_particle_at_the_end_stays(analyst: Analyst) -> None:
    assert phrases(analyst, "Our long journey into deep space will go on.")[0][1].endswith("go on.")


def test_talk_shows_a_phrase_soon_and_another_before_it_bores(analyst: Analyst) -> None:
    transcript = make_transcript(TALK)
    storyboard, _ = analyst.analyze(transcript)
    assert len(storyboard.scenes) >= 3
    for scene in storyboard.scenes:
        assert MIN_SECONDS <= scene.end_seconds - scene.start_seconds < 2 * LONG_PHRASE_SECONDS
        assert scene.diagram.nodes, "an empty picture while someone speaks"
        assert scene.diagram.nodes[0].reveal_seconds - scene.start_seconds < 0.6 * (scene.end_seconds - scene.start_seconds)


def test_a_sentence_that_is_too_long_by_itself_is_no_empty_picture(analyst: Analyst) -> None:
    text = "Answered he the same that thou wishest thou maker of mischief that is to say long happiness upon the whole wide earth"
    ((_, phrase),) = phrases(analyst, text)
    assert phrase.startswith("Answered he the same")
    assert phrase.endswith("…")
    assert len(phrase) <= 90


def test_what_somebody_is_made_to_do_is_no_statement(analyst: Analyst) -> None:
    for _, phrase in phrases(analyst, "Her talk has many charms, and her good humor would make a plain person appear lovely."):
        assert "lain person appear" not in phrase or "make" in phrase


def test_a_quotation_that_was_cut_leaves_no_mark(analyst: Analyst) -> None:
    text = 'Her answer was "Trust is cheaper than a key, and a town is a promise that strangers make to one another, for ever."'
    for _, phrase in phrases(analyst, text):
        assert phrase.count('"') % 2 == 0
