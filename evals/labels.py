"""Whether everything that is drawn was said: an independent reading of the rule that nothing is invented."""

from collections.abc import Iterator
from dataclasses import dataclass

from evals.words import FUNCTION_WORDS, same_word, split_words
from s2v.v1.diagram_pb2 import EdgeKind, Evidence
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcript_pb2 import Transcript

STRUCTURAL_MARKS = frozenset({"yes", "no", "+", "-", "−"})  # allowed on branches without being said


@dataclass(frozen=True)
class Label:
    """A text that is drawn and what it stands on."""

    scene_id: str
    owner: str
    """Id of the node, edge or group; "title" for the scene's title."""
    text: str
    evidence: Evidence
    is_branch: bool


@dataclass(frozen=True)
class UnfoundLabel:
    """A label with content words that its evidence does not hold."""

    scene_id: str
    owner: str
    text: str
    missing: list[str]
    heard: str
    """The words of its evidence."""


@dataclass(frozen=True)
class LabelCheck:
    """How many labels were said."""

    labels: int
    evidenced: int
    share: float
    """1 when all are; 1 when there are none."""
    unfound: list[UnfoundLabel]


def check_labels(storyboard: Storyboard, transcript: Transcript) -> LabelCheck:
    """Looks for each content word of each label among the words of its own evidence; an inflection of the word counts."""
    words = [word.text for segment in transcript.segments for word in segment.words]
    labels = [label for scene in storyboard.scenes for label in list_labels(scene)]
    unfound = [missing for label in labels if (missing := find_missing(label, words)) is not None]
    found = len(labels) - len(unfound)
    return LabelCheck(len(labels), found, round(found / len(labels), 4) if labels else 1.0, unfound)


def list_labels(scene: Scene) -> Iterator[Label]:
    """All texts that the scene draws."""

    def label(owner: str, text: str, evidence: Evidence, is_branch: bool = False) -> Iterator[Label]:
        if text:
            yield Label(scene.id, owner, text, evidence, is_branch)

    yield from label("title", scene.title, scene.title_evidence)
    for node in scene.diagram.nodes:
        yield from label(node.id, node.label, node.evidence)
        yield from label(node.id, node.quantity.label, node.quantity.evidence)
        yield from label(node.id, node.date.label, node.date.evidence)
    for edge in scene.diagram.edges:
        yield from label(edge.id, edge.label, edge.evidence, edge.kind == EdgeKind.EDGE_KIND_BRANCH)
    for group in scene.diagram.groups:
        yield from label(group.id, group.label, group.evidence)


def find_missing(label: Label, words: list[str]) -> UnfoundLabel | None:
    """Says which content words of the label are not in its evidence; None when all are, or a user wrote it."""
    if label.evidence.WhichOneof("origin") == "edited":
        return None
    if label.is_branch and label.text.strip().lower() in STRUCTURAL_MARKS:
        return None
    heard = [word for span in label.evidence.spoken.spans for word in words[span.begin : span.end]]
    said = [part for word in heard for part in split_words(word)]
    # Numbers and dates are written in other ways than heard: "1,900" or "the 1960s"; splitting has made them alike.
    wanted = split_words(label.text)
    content = [word for word in wanted if word not in FUNCTION_WORDS] or wanted
    missing = [word for word in content if not any(same_word(word, other) for other in said)]
    if not missing and said:
        return None
    return UnfoundLabel(label.scene_id, label.owner, label.text, missing, " ".join(heard))
