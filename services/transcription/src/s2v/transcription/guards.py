"""Guards against text that the engine makes up: loops of the same words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from s2v.transcription.engine import HeardSegment, HeardWord

MAX_LOOP_WORDS = 8  # length of what may be repeated
REPEATS = 4  # so often in a row, or more, and it may be a loop
SURE_PROBABILITY = 0.5  # of words that are repeated by the speaker
FASTEST_WORD_SECONDS = 0.09  # mean length of a word that anybody can say


def remove_loops(segments: Sequence[HeardSegment]) -> tuple[list[HeardSegment], int]:
    """Returns the segments without the repeats of loops, and how many words were taken out.

    A speaker may say "no, no, no, no": a run of the same one to eight words is a loop only if the engine is unsure of its words,
    or if nobody could speak so fast. Its first round stays, and its segment is marked as uncertain.
    """
    words = [(number, word) for number, segment in enumerate(segments) for word in segment.words]
    texts = [_plain(word) for _, word in words]
    dropped: set[int] = set()
    place = 0
    while place < len(words):
        length, repeats = _longest_run(texts, place)
        if repeats >= REPEATS and _is_made_up([word for _, word in words[place : place + length * repeats]]):
            dropped.update(range(place + length, place + length * repeats))
        place += length * repeats if repeats >= REPEATS else 1
    if not dropped:
        return list(segments), 0
    touched = {words[place][0] for place in dropped}
    kept: list[HeardSegment] = []
    for number, segment in enumerate(segments):
        left = tuple(word for place, (owner, word) in enumerate(words) if owner == number and place not in dropped)
        if left:
            kept.append(replace(segment, words=left, low_confidence=segment.low_confidence or number in touched))
    return kept, len(dropped)


def _longest_run(texts: Sequence[str], place: int) -> tuple[int, int]:
    """Returns the length in words, and the number of rounds, of what is repeated from `place` on over the most words."""
    best = (1, 1)
    for length in range(1, MAX_LOOP_WORDS + 1):
        first = texts[place : place + length]
        rounds = 1
        while texts[place + rounds * length : place + (rounds + 1) * length] == first:
            rounds += 1
        if rounds > 1 and length * rounds > best[0] * best[1]:
            best = (length, rounds)
    return best


def _is_made_up(words: Sequence[HeardWord]) -> bool:
    seconds = sum(max(0.0, word.end - word.start) for word in words)
    return sum(word.probability for word in words) / len(words) < SURE_PROBABILITY or seconds < FASTEST_WORD_SECONDS * len(words)


def _plain(word: HeardWord) -> str:
    return "".join(filter(str.isalnum, word.text.lower()))
