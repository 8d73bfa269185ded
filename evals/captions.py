"""The film's captions and chapters against what was said and the scenes."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av

from evals.words import split_words
from s2v.v1.composition_pb2 import Composition
from s2v.v1.transcript_pb2 import Transcript

SLACK_SECONDS = 0.25  # a word may sound this long before or after its cue


@dataclass(frozen=True)
class Cue:
    """A caption."""

    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True)
class CaptionCheck:
    """What is right and wrong with the captions."""

    cues: int
    overlaps: int
    """Cues that start before the one before has ended."""
    outside: int
    """Cues that start before the film or end after it."""
    words_shown: float
    """Share of the transcript's words that are in a cue."""
    words_in_time: float
    """Share of the transcript's words that sound while their cue is shown."""


@dataclass(frozen=True)
class ChapterCheck:
    """What is right and wrong with the chapters."""

    chapters: int
    scenes: int
    untitled: int
    gaps: int
    """Places where a chapter does not start where the one before ends."""
    start_error_seconds: float | None
    """Greatest distance of a chapter's start from its scene's; None when there is not one chapter a scene."""


def check_captions(film: Path, transcript: Transcript) -> CaptionCheck:
    """Reads the film's text track and follows the transcript's words through it."""
    cues = list(read_cues(film))
    words = [word for segment in transcript.segments for word in segment.words]
    spoken = [(part, word) for word in words for part in split_words(word.text)]
    shown = [(part, cue) for cue in cues for part in split_words(cue.text)]
    matcher = difflib.SequenceMatcher(None, [part for part, _ in spoken], [part for part, _ in shown], autojunk=False)
    found = in_time = 0
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            word, cue = spoken[block.a + step][1], shown[block.b + step][1]
            middle = (word.start_seconds + word.end_seconds) / 2
            found += 1
            in_time += cue.start_seconds - SLACK_SECONDS <= middle <= cue.end_seconds + SLACK_SECONDS
    total = max(len(spoken), 1)
    return CaptionCheck(
        cues=len(cues),
        overlaps=sum(after.start_seconds < cue.end_seconds - 0.001 for cue, after in pairwise(cues)),
        outside=sum(cue.start_seconds < 0 or cue.end_seconds > transcript.duration_seconds + SLACK_SECONDS for cue in cues),
        words_shown=round(found / total, 4),
        words_in_time=round(in_time / total, 4),
    )


def read_cues(film: Path) -> Iterator[Cue]:
    """Reads the cues of the film's mov_text track; none when there is no such track."""
    with av.open(str(film)) as container:
        if not container.streams.subtitles:
            return
        stream = container.streams.subtitles[0]
        if stream.codec_context.name != "mov_text":
            raise SystemExit(f"{film}: its captions are {stream.codec_context.name}, not mov_text")
        for packet in container.demux(stream):
            if packet.pts is None or stream.time_base is None:
                continue
            # A sample of 3GPP timed text: length of the text in two bytes, the text, then styles.
            data = bytes(packet)
            text = data[2 : 2 + int.from_bytes(data[:2], "big")].decode("utf-8")
            if text:
                start = float(packet.pts * stream.time_base)
                yield Cue(start, start + float((packet.duration or 0) * stream.time_base), text)


def check_chapters(film: Path, composition: Composition) -> ChapterCheck:
    """Reads the film's chapters and sets them against the scenes."""
    with av.open(str(film)) as container:
        chapters = [
            (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
                chapter["metadata"].get("title", ""),
            )
            for chapter in container.chapters()
            if chapter["time_base"] is not None
        ]
    starts = [scene.start_seconds for scene in composition.scenes]
    return ChapterCheck(
        chapters=len(chapters),
        scenes=len(starts),
        untitled=sum(not title.strip() for *_, title in chapters),
        gaps=sum(abs(after[0] - chapter[1]) > 0.001 for chapter, after in pairwise(chapters)),
        start_error_seconds=furthest([start for start, *_ in chapters], starts),
    )


def furthest(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Greatest distance between numbers of the same place; None when there are not as many."""
    if len(ours) != len(theirs) or not ours:
        return None
    return round(max(abs(one - other) for one, other in zip(ours, theirs, strict=True)), 4)
