"""The rule that nothing is invented, read a second time and independently of the analysis."""

import pytest

from evals.labels import check_labels
from s2v.v1.diagram_pb2 import EdgeKind
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Transcript

SPEECH = "If the cache holds a fresh copy, the browser shows the page. In 1983, five percent of the lakes froze."


def check(label: str, begin: int, end: int, edited: bool = False):
    transcript, storyboard = Transcript(), Storyboard()
    segment = transcript.segments.add()
    for text in SPEECH.split():
        segment.words.add(text=text)
    node = storyboard.scenes.add(id="s1").diagram.nodes.add(id="n1", label=label)
    if edited:
        node.evidence.edited.user = "ada"
    else:
        node.evidence.spoken.spans.add(begin=begin, end=end)
    return check_labels(storyboard, transcript)


@pytest.mark.parametrize(
    ("label", "begin", "end"),
    [
        ("Fresh copy", 5, 7),
        ("Show the page", 7, 12),
        ("Pages shown", 8, 12),
        ("1983", 13, 14),
        ("5 % of lakes", 14, 19),
        ("Freezing", 19, 20),
    ],
)
def test_spoken_words_and_their_inflections_pass(label: str, begin: int, end: int) -> None:
    assert check(label, begin, end).share == 1.0


@pytest.mark.parametrize(
    ("label", "begin", "end", "missing"),
    [
        ("Fresh database", 5, 7, ["database"]),
        ("Fresh copy", 8, 12, ["fresh", "copy"]),
        ("No fresh copy", 5, 7, ["no"]),
        ("1984", 13, 14, ["1984"]),
    ],
)
def test_invented_words_are_caught(label: str, begin: int, end: int, missing: list[str]) -> None:
    found = check(label, begin, end)
    assert found.share == 0.0
    assert found.unfound[0].missing == missing


def test_a_label_without_evidence_is_caught() -> None:
    assert check("the", 0, 0).share == 0.0


def test_what_a_user_wrote_passes() -> None:
    assert check("Anything at all", 0, 0, edited=True).share == 1.0


def test_structural_marks_pass_on_branches_only() -> None:
    transcript, storyboard = Transcript(), Storyboard()
    transcript.segments.add().words.add(text="Otherwise")
    for kind in (EdgeKind.EDGE_KIND_BRANCH, EdgeKind.EDGE_KIND_SEQUENCE):
        edge = storyboard.scenes.add(id="s1").diagram.edges.add(id="e1", kind=kind, label="No")
        edge.evidence.spoken.spans.add(begin=0, end=1)
    assert check_labels(storyboard, transcript).evidenced == 1
