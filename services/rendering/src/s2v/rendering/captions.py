"""Captions of the film, from the words of the transcript: WebVTT, and the cues of the film's own caption track.

Sizes and speed follow the BBC Subtitle Guidelines: two lines of at most 42 characters, up to 17 characters a second where the
pause after the words leaves room, and no caption over the start of the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from s2v.v1.transcript_pb2 import Segment, Transcript, Word

LINE_CHARACTERS = 42
MAX_SECONDS = 7.0
MIN_SECONDS = 1.0
CHARACTERS_PER_SECOND = 17.0
LINGER_SECONDS = 1.5
"""A caption stays at most so long after its last word."""
PAUSE_SECONDS = 0.8
"""A pause that ends a caption."""
SENTENCE_ENDS = (".", "?", "!", "…")
CLAUSE_ENDS = (*SENTENCE_ENDS, ",", ";", ":", "–", "—")


@dataclass(frozen=True)
class Caption:
    """Text that is shown for a while."""

    start: float
    """In seconds."""
    end: float
    """In seconds; later than the start."""
    lines: tuple[str, ...]
    """One or two."""


def make_captions(transcript: Transcript) -> list[Caption]:
    """Returns the captions in order; they do not overlap."""
    groups = [group for segment in transcript.segments for group in _group(segment)]
    captions = []
    for number, group in enumerate(groups):
        text = " ".join(word.text for word in group)
        start, spoken = group[0].start_seconds, group[-1].end_seconds
        readable = start + min(MAX_SECONDS, max(MIN_SECONDS, len(text) / CHARACTERS_PER_SECOND))
        limit = groups[number + 1][0].start_seconds if number + 1 < len(groups) else transcript.duration_seconds
        end = min(max(spoken, min(readable, spoken + LINGER_SECONDS)), limit)
        if end > start:
            captions.append(Caption(start, end, break_lines([word.text for word in group])))
    return captions


def _group(segment: Segment) -> Iterator[list[Word]]:
    words = [word for word in segment.words if word.text.strip()]
    if not words and segment.text.strip():
        words = _spread(segment)
    group: list[Word] = []
    for word in words:
        if group and not _fits(group, word):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _spread(segment: Segment) -> list[Word]:
    """Returns the words of a segment without word times, spread over it by their length."""
    texts = segment.text.split()
    total = sum(len(text) + 1 for text in texts)
    words, pen = [], segment.start_seconds
    for text in texts:
        end = pen + (segment.end_seconds - segment.start_seconds) * (len(text) + 1) / total
        words.append(Word(text=text, start_seconds=pen, end_seconds=end))
        pen = end
    return words


def _fits(group: list[Word], word: Word) -> bool:
    texts = [each.text for each in group]
    if max(map(len, break_lines([*texts, word.text]))) > LINE_CHARACTERS:
        return False
    if word.end_seconds - group[0].start_seconds > MAX_SECONDS or word.start_seconds - group[-1].end_seconds > PAUSE_SECONDS:
        return False
    # A sentence ends a caption, unless what stands there is too short to be read by itself.
    return not (texts[-1].endswith(SENTENCE_ENDS) and len(" ".join(texts)) > LINE_CHARACTERS // 2)


def break_lines(words: list[str]) -> tuple[str, ...]:
    """Returns one line where it fits, else two of like length, rather broken after a mark."""
    whole = " ".join(words)
    if len(whole) <= LINE_CHARACTERS or len(words) == 1:
        return (whole,)

    def cost(place: int) -> tuple[bool, float]:
        first, second = " ".join(words[:place]), " ".join(words[place:])
        bonus = 8 if first.endswith(CLAUSE_ENDS) else 0
        return max(len(first), len(second)) > LINE_CHARACTERS, abs(len(first) - len(second)) - bonus

    place = min(range(1, len(words)), key=cost)
    return " ".join(words[:place]), " ".join(words[place:])


def write_vtt(captions: list[Caption]) -> str:
    """Returns the captions as WebVTT. Source: W3C WebVTT, section 4."""
    cues = [f"{_stamp(each.start)} --> {_stamp(each.end)}\n{_escape(chr(10).join(each.lines))}\n" for each in captions]
    return "\n".join(["WEBVTT\n", *cues])


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3600000:02d}:{whole // 60000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
