"""Captions of a transcript: WebVTT, SubRip and plain text.

Rules (BBC Subtitle Guidelines; Netflix Timed Text Style Guide): at most two lines of 42 characters, 1 to 7 seconds, and up to 17
characters a second where the pause after the words leaves room for it; a caption never stays over the start of the next. A
character of full width, as Chinese, Japanese and Korean have them, is as wide as two others and takes as long to read: 21 in a
line, 8.5 a second.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s2v.v1.transcript_pb2 import Segment, Transcript, Word

LINE_CHARACTERS = 42  # of half width
LINES = 2
MIN_SECONDS = 1.0
MAX_SECONDS = 7.0
CHARACTERS_PER_SECOND = 17.0
LINGER_SECONDS = 1.5  # a caption may stay so long after its last word
PARAGRAPH_SECONDS = 1.0  # a pause that starts a new paragraph of the plain text
WITHOUT_SPACES = frozenset(("zh", "ja", "th", "lo", "my", "yue", "km"))
"""Languages whose words are written without spaces between them."""
_CLAUSE_ENDS = ",;:.?!…—–、。，"
_BREAK_COST = 0.3  # of a break between words that belong together, against one after a clause


@dataclass(frozen=True)
class Caption:
    """One caption."""

    start: float
    """In seconds of the sound."""
    end: float
    lines: tuple[str, ...]
    """One or two."""


def space_between(language: str) -> str:
    """Returns what stands between two words of a language."""
    return "" if language in WITHOUT_SPACES else " "


def make_captions(transcript: Transcript) -> list[Caption]:
    """Returns the captions of a transcript, in order."""
    space = space_between(transcript.language)
    groups = [group for segment in transcript.segments for group in _divide(_words(segment, space), space)]
    captions = []
    for number, group in enumerate(groups):
        last = max(transcript.duration_seconds, group[-1].end_seconds)
        following = groups[number + 1][0].start_seconds if number + 1 < len(groups) else last
        start, spoken_end = group[0].start_seconds, group[-1].end_seconds
        lines = break_lines([word.text for word in group], space)
        readable = start + max(MIN_SECONDS, sum(map(measure, lines)) / CHARACTERS_PER_SECOND)
        end = min(max(spoken_end, min(readable, spoken_end + LINGER_SECONDS, start + MAX_SECONDS)), following)
        if end > start:
            captions.append(Caption(start, end, lines))
    return captions


def to_vtt(transcript: Transcript) -> str:
    """Returns WebVTT (W3C)."""
    parts = ["WEBVTT"]
    for caption in make_captions(transcript):
        text = "\n".join(line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in caption.lines)
        parts.append(f"{_time(caption.start, '.')} --> {_time(caption.end, '.')}\n{text}")
    return "\n\n".join(parts) + "\n"


def to_srt(transcript: Transcript) -> str:
    """Returns SubRip."""
    return "".join(
        f"{number}\n{_time(caption.start, ',')} --> {_time(caption.end, ',')}\n" + "\n".join(caption.lines) + "\n\n"
        for number, caption in enumerate(make_captions(transcript), 1)
    )


def to_text(transcript: Transcript) -> str:
    """Returns plain text, a paragraph a line; paragraphs are divided by an empty line at longer pauses."""
    paragraphs: list[list[str]] = []
    end = -math.inf
    for segment in transcript.segments:
        if segment.start_seconds - end >= PARAGRAPH_SECONDS:
            paragraphs.append([])
        paragraphs[-1].append(segment.text)
        end = segment.end_seconds
    return "".join(
        space_between(transcript.language).join(paragraph) + "\n" + "\n" * (number < len(paragraphs))
        for number, paragraph in enumerate(paragraphs, 1)
    )


def measure(text: str) -> int:
    """Returns the width of a text in characters; those of full width count twice."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def break_lines(words: Sequence[str], space: str) -> tuple[str, ...]:
    """Returns the text in as few lines as it fits into; two are of similar length, broken after a clause where that is near."""
    whole = space.join(words)
    if measure(whole) <= LINE_CHARACTERS or len(words) == 1:
        return _cut(whole)
    best: tuple[float, tuple[str, str]] | None = None
    for cut in range(1, len(words)):
        lines = space.join(words[:cut]), space.join(words[cut:])
        widths = [measure(line) for line in lines]
        if max(widths) > LINE_CHARACTERS:
            continue
        cost = abs(widths[0] - widths[1]) / LINE_CHARACTERS + _BREAK_COST * (words[cut - 1][-1] not in _CLAUSE_ENDS)
        if best is None or cost < best[0]:
            best = cost, lines
    if best is not None:
        return best[1]
    # A word that is longer than a line: cut hard.
    return _cut(whole)


def _cut(text: str) -> tuple[str, ...]:
    """Cuts a text into full lines, wherever they end."""
    lines: list[str] = []
    room = 0
    for character in text:
        room -= measure(character)
        if room < 0:
            lines.append("")
            room = LINE_CHARACTERS - measure(character)
        lines[-1] += character
    return tuple(lines)


def _words(segment: Segment, space: str) -> list[Word]:
    """Returns the words of a segment; those of one without word times are spread over it by their length.

    Where words are written without spaces, its characters are.
    """
    words = [word for word in segment.words if word.text.strip()]
    texts = segment.text.split() if space else _split_characters(segment.text.strip())
    if words or not texts:
        return words
    total = sum(len(text) + 1 for text in texts)
    pen = segment.start_seconds
    for text in texts:
        end = pen + (segment.end_seconds - segment.start_seconds) * (len(text) + 1) / total
        words.append(Word(text=text, start_seconds=pen, end_seconds=end))
        pen = end
    return words


def _split_characters(text: str) -> list[str]:
    """Returns the characters of a text, each with its marks and the spaces after it; words in ASCII stay whole."""
    found: list[str] = []
    for character in text:
        in_word = found and character.isascii() and found[-1][-1].isascii() and not found[-1][-1].isspace()
        if found and (in_word or unicodedata.category(character)[0] in "MZ"):
            found[-1] += character
        else:
            found.append(character)
    return found


def _divide(words: list[Word], space: str) -> Iterator[list[Word]]:
    """Cuts a sentence into captions of similar length, after clauses and at pauses where they are near."""
    if not words:
        return
    lengths = [measure(word.text) + len(space) for word in words]
    count = math.ceil(
        max(sum(lengths) / (LINES * LINE_CHARACTERS), (words[-1].end_seconds - words[0].start_seconds) / MAX_SECONDS)
    )
    target = sum(lengths) / max(1, count)
    costs = [0.0] + [math.inf] * len(words)
    begins = [0] * (len(words) + 1)
    for last in range(1, len(words) + 1):
        cut = 0.0 if last == len(words) or words[last - 1].text[-1:] in _CLAUSE_ENDS else _BREAK_COST
        for first in range(last - 1, -1, -1):
            if first < last - 1 and not _fits(words[first:last], space):
                break
            cost = costs[first] + cut + ((sum(lengths[first:last]) - target) / target) ** 2
            if cost < costs[last]:
                costs[last], begins[last] = cost, first
    groups = []
    last = len(words)
    while last:
        groups.append(words[begins[last] : last])
        last = begins[last]
    yield from reversed(groups)


def _fits(words: Sequence[Word], space: str) -> bool:
    if words[-1].end_seconds - words[0].start_seconds > MAX_SECONDS:
        return False
    texts = [word.text for word in words]
    lines = break_lines(texts, space)
    return len(lines) <= LINES and space.join(lines) == space.join(texts)


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"
