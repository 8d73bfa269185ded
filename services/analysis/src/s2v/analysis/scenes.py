"""Scenes: where the talk is cut, at ends of sentences, by shift of topic, pauses and the words with which speakers turn a page.

The best cuts are found together by dynamic programming over sentence ends; a scene's length counts as much as its ends.
Shift of topic: the distance of the mean sentence vectors on both sides (after Hearst, "TextTiling", 1997; vectors for words).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span

from s2v.analysis.content import Content
from s2v.analysis.encoder import Vectors
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType

MIN_SECONDS = 8.0
MAX_SECONDS = 45.0
GOOD_SECONDS = 26.0
"""Length at which a picture is neither a flash nor a bore, in seconds."""
LEAD_SECONDS = 0.3
"""A scene starts this much before its first word, if the pause is that long, in seconds."""
WINDOW = 2
"""Sentences on each side of a cut whose vectors are compared."""
CUT_COST = 1.3
OUTSIDE_COST = 1e5
"""Cost of a scene that is too short or too long; beyond all good cuts of a talk together."""
OUTSIDE_SECOND_COST = 1e3
"""Cost of each second by which it is."""
_TURNS = (
    "now",
    "next,",
    "finally,",
    "let us",
    "let's",
    "so what",
    "so how",
    "so why",
    "so let",
    "to summarize",
    "to sum up",
    "in conclusion",
    "in summary",
    "the next",
    "the second",
    "the third",
    "the last",
    "another",
    "moving on",
    "turning to",
    "consider",
    "first,",
    "one more",
    "what about",
    "why",
    "how",
    "none of this",
    "in the end",
    "okay,",
    "all right",
    "alright",
    "meanwhile",
)
_LINKS = (
    "then",
    "otherwise",
    "after that",
    "but",
    "and",
    "because",
    "therefore",
    "thus",
    "as a result",
    "it",
    "they",
    "he",
    "she",
    "this",
    "these",
    "those",
    "that",
    "if",
    "also",
    "so",
    "or",
    "for example",
    "for instance",
    "such",
    "which",
    "next",
    "finally",
    "its",
    "their",
    "however",
    "in 1",
    "in 2",
    "even",
    "for this",
    "for that",
    "instead",
    "second,",
    "third,",
    "afterwards",
)
_ONWARD = (
    "then",
    "next",
    "after that",
    "afterwards",
    "finally",
    "lastly",
    "second",
    "third",
    "fourth",
    "fifth",
    "the second",
    "the third",
    "the fourth",
    "the fifth",
    "the next",
    "the last",
    "the other",
    "another",
    "and then",
    "and finally",
)
"""Openings with which an order or a list goes on."""
_ONWARD_WORDS = 3
_TREES = (DiagramType.DIAGRAM_TYPE_HIERARCHY, DiagramType.DIAGRAM_TYPE_MINDMAP)
_LONG_TYPES = (*_TREES, DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_TIMELINE)
"""Types of diagrams that may take more than a scene."""


def cut_scenes(talk: Talk, vectors: Vectors) -> list[tuple[int, int]]:
    """Returns the scenes as (begin, end) sentence numbers, end not included, of 8 to 45 s wherever the sentences allow it.

    `vectors` holds one row for each sentence of the talk; an empty array leaves topics out of account.
    """
    count = len(talk.sentences)
    times = [scene_start(talk, talk.words(sentence)[0]) for sentence in talk.sentences] + [talk.speech.duration]
    times[0] = 0.0
    gains = weigh_cuts(talk, vectors)
    best = [0.0] + [-np.inf] * count
    origin = [0] * (count + 1)
    for end in range(1, count + 1):
        for begin in range(end - 1, -1, -1):
            seconds = times[end] - times[begin]
            value = best[begin] + (gains[begin] if begin else 0.0) - _length_cost(seconds)
            if value > best[end]:
                best[end], origin[end] = value, begin
            if seconds > 2 * MAX_SECONDS and end - begin > 1:
                break
    scenes: list[tuple[int, int]] = []
    end = count
    while end > 0:
        scenes.append((origin[end], end))
        end = origin[end]
    return scenes[::-1]


def goes_on(before: Content, after: Content, opening: Span) -> bool:
    """Whether a scene carries on the list or process of the one before it; `opening` is its first sentence.

    It does when both are drawn alike and the sentence goes on in an order or a list ("then", "another", "the third"), or when
    both draw the same whole.
    """
    if before.type != after.type or after.type not in _LONG_TYPES:
        return False
    words = [token.lower_ for token in opening if not token.is_punct][:_ONWARD_WORDS]
    text = f"{' '.join(words)} "
    if any(text.startswith(f"{cue} ") for cue in _ONWARD):
        return True
    tops = [{node.topics for node in content.nodes if node.level == 0 and node.topics} for content in (before, after)]
    return after.type in _TREES and bool(tops[0] & tops[1])


def scene_start(talk: Talk, word: int) -> float:
    """Returns when a scene starts whose first word is `word`: in the pause just before it; 0 for the first word."""
    if word == 0:
        return 0.0
    pause = max(talk.speech.pause_before(word), 0.0)
    return talk.speech.starts[word] - min(LEAD_SECONDS, pause * 0.75)


def _length_cost(seconds: float) -> float:
    if seconds < MIN_SECONDS:
        return OUTSIDE_COST + OUTSIDE_SECOND_COST * (MIN_SECONDS - seconds)
    if seconds > MAX_SECONDS:
        return OUTSIDE_COST + OUTSIDE_SECOND_COST * (seconds - MAX_SECONDS)
    return float(1.5 * np.log(seconds / GOOD_SECONDS) ** 2)


def weigh_cuts(talk: Talk, vectors: Vectors) -> list[float]:
    """Returns what a cut in front of each sentence is worth; `vectors` as for `cut_scenes`."""
    count = len(talk.sentences)
    pauses = np.asarray([talk.speech.pause_before(talk.words(sentence)[0]) for sentence in talk.sentences])
    usual = float(np.median(pauses[1:])) if count > 1 else 0.0
    shifts = _shifts(vectors, count)
    gains: list[float] = []
    for number, sentence in enumerate(talk.sentences):
        pause = float(np.clip((pauses[number] - usual) / 0.25, -0.5, 3.0))
        gains.append(0.8 * pause + 0.7 * float(shifts[number]) + _turn(talk.sentences, number, sentence) - CUT_COST)
    return gains


def _shifts(vectors: Vectors, count: int) -> NDArray[np.float64]:
    """Returns the shift of topic in front of each sentence, in standard deviations of the talk's shifts."""
    shifts = np.zeros(count)
    if len(vectors) != count or count < 3:
        return shifts
    for number in range(1, count):
        before, after = vectors[max(number - WINDOW, 0) : number].mean(axis=0), vectors[number : number + WINDOW].mean(axis=0)
        shifts[number] = 1.0 - float(before @ after) / float(np.linalg.norm(before) * np.linalg.norm(after) + 1e-9)
    inner = shifts[1:]
    shifts[1:] = np.clip((inner - inner.mean()) / (inner.std() + 0.05), -2.0, 2.0)
    return shifts


def _turn(sentences: Sequence[Span], number: int, sentence: Span) -> float:
    opening = sentence.text[:40].lower() + " "
    turns = any(opening.startswith((f"{turn} ", turn if turn.endswith(",") else f"{turn},")) for turn in _TURNS)
    links = any(opening.startswith((f"{link} ", link if link.endswith(",") else f"{link},")) for link in _LINKS)
    asked = number > 0 and sentences[number - 1].text.rstrip().endswith("?")
    return 0.9 * turns - 0.7 * (links and not turns) - 0.8 * asked
