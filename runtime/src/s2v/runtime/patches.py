"""Users' corrections, applied to what the stages have found: words of a transcript; labels, types and cuts of a storyboard.

A patch names what it changes by a stable id and by how that was before. One that no longer matches raises MismatchError, or is
returned as an UnmatchedPatch; it is never applied to something else.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from s2v.runtime import pictures
from s2v.runtime.cuts import merge, split
from s2v.runtime.pictures import MismatchError
from s2v.v1.diagram_pb2 import EditedEvidence, Node, NodeKind
from s2v.v1.edit_pb2 import Edit, LabelPatch, Patch, SceneSplit, UnmatchedPatch, WordPatch
from s2v.v1.report_pb2 import Stage
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Segment, Word

START_TOLERANCE_SECONDS = 0.5
"""A word that is heard again may start so much earlier or later."""
CUT_TOLERANCE_SECONDS = 0.01
"""A cut this much after a word's start is at the word."""

__all__ = ["MismatchError", "change_label", "change_word", "patch_storyboard", "patch_words", "stage_of"]


def stage_of(patch: Patch) -> Stage.ValueType:
    """Returns the stage whose result a patch changes."""
    return Stage.STAGE_TRANSCRIPTION if patch.WhichOneof("change") == "word" else Stage.STAGE_ANALYSIS


def patch_words(segments: Sequence[Segment], edits: Sequence[Edit]) -> list[UnmatchedPatch]:
    """Applies the patches of words, in place, and returns those that match nothing. Texts of segments stay as they are."""
    return _apply(edits, Stage.STAGE_TRANSCRIPTION, lambda patch, edit, number: change_word(segments, patch.word))


def patch_storyboard(board: Storyboard, starts: Sequence[float], edits: Sequence[Edit]) -> list[UnmatchedPatch]:
    """Applies the patches of a storyboard, in place, and returns those that match nothing.

    `starts` are the starts of the transcript's words, in seconds.
    """

    def change(patch: Patch, edit: Edit, number: int) -> None:
        kind = patch.WhichOneof("change")
        if kind == "label":
            change_label(board, patch.label, EditedEvidence(user=edit.user, revision=edit.revision))
        elif kind == "type":
            scene = pictures.find_scene(board, patch.type.scene_id)
            pictures.change_type(scene, patch.type.type, patch.type.was)
        elif kind == "split":
            split(board, patch.split.scene_id, _word_at(board, patch.split, starts), starts, f"{edit.revision}-{number + 1}")
        else:
            merge(board, patch.merge.scene_id, patch.merge.next_scene_id)

    return _apply(edits, Stage.STAGE_ANALYSIS, change)


def change_word(segments: Sequence[Segment], patch: WordPatch) -> None:
    """Puts the right words in the place of one; they share its time by their lengths.

    Errors: MismatchError.
    """
    best: tuple[float, Segment, int] | None = None
    for segment in segments:
        for place, word in enumerate(segment.words):
            away = abs(word.start_seconds - patch.start_seconds)
            if word.text == patch.was and away <= START_TOLERANCE_SECONDS and (best is None or away < best[0]):
                best = (away, segment, place)
    if best is None:
        raise MismatchError(f"no word {patch.was!r} is heard at {patch.start_seconds:.2f} s any more")
    _, segment, place = best
    old = segment.words[place]
    texts = patch.text.split()
    letters = sum(map(len, texts))
    words: list[Word] = []
    start = old.start_seconds
    for text in texts:
        end = start + (old.end_seconds - old.start_seconds) * len(text) / letters
        words.append(Word(text=text, start_seconds=start, end_seconds=end, probability=1.0))
        start = end
    kept = [*segment.words[:place], *words, *segment.words[place + 1 :]]
    del segment.words[:]
    segment.words.extend(kept)


def change_label(board: Storyboard, patch: LabelPatch, evidence: EditedEvidence) -> None:
    """Gives a node another label wherever it is shown; the label's evidence is the edit. Its reveal time stays.

    Where the id has gone to another node, the only one that bears the old label is taken.
    Errors: MismatchError.
    """
    nodes = [node for scene in board.scenes for node in scene.diagram.nodes]
    found = [node for node in nodes if node.id == patch.node_id and node.label == patch.was]
    if not found:
        found = [node for node in nodes if node.label == patch.was]
        if not found or len({node.id for node in found}) > 1:
            raise MismatchError(f"no node {patch.node_id} bears the label {patch.was!r} any more")
    for node in found:
        node.label = patch.label
        node.evidence.edited.CopyFrom(evidence)


def longest_label(node: Node) -> tuple[int, int]:
    """Returns the most words and characters that a node's label may have."""
    return (15, 90) if node.kind == NodeKind.NODE_KIND_PHRASE else (6, 40)


def _word_at(board: Storyboard, cut: SceneSplit, starts: Sequence[float]) -> int:
    scene = pictures.find_scene(board, cut.scene_id)
    word = bisect.bisect_left(starts, cut.at_seconds - CUT_TOLERANCE_SECONDS)
    if not scene.words.begin < word < scene.words.end:
        raise MismatchError(f"scene {scene.id} has no two words between which {cut.at_seconds:.2f} s is")
    return word


def _apply(edits: Sequence[Edit], stage: Stage.ValueType, change: Callable[[Patch, Edit, int], None]) -> list[UnmatchedPatch]:
    unmatched: list[UnmatchedPatch] = []
    for edit in edits:
        for number, patch in enumerate(edit.patches):
            if stage_of(patch) != stage:
                continue
            try:
                change(patch, edit, number)
            except MismatchError as error:
                unmatched.append(UnmatchedPatch(revision=edit.revision, patch=number, reason=str(error)))
    return unmatched
