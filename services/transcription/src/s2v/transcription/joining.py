"""Windows put together to a transcript: words in order and without overlap, segments that are sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from s2v.runtime.captions import space_between
from s2v.v1.transcript_pb2 import Segment, Transcript, TranscriptWindow, Word

PAUSE_SECONDS = 1.5  # an utterance ends at such a pause, sentence or not
MIN_WORD_SECONDS = 0.02
SENTENCE_ENDS = ".?!…。？！"
CLOSERS = "\"'”’»)]」』"
ABBREVIATIONS = frozenset(
    ("mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e.", "etc.", "no.", "jr.", "sr.", "approx.")
)


@dataclass
class _Sentence:
    words: list[Word] = field(default_factory=list)
    no_speech_probability: float = 0.0
    low_confidence: bool = False


def join_windows(windows: Sequence[TranscriptWindow], source_sha256: str) -> Transcript:
    """Returns the transcript of windows in order of time. `source_sha256` is that of the sound as it was sent, hexadecimal.

    Words keep their order; one that starts before the end of the word before it starts there.
    """
    if not windows:
        return Transcript(source_sha256=source_sha256)
    language = windows[0].language
    sound_seconds = windows[0].sound_seconds
    segments = [_segment(sentence, language) for sentence in _sentences(_in_order(windows, sound_seconds))]
    for place, segment in enumerate(segments):
        follows = segments[place + 1].start_seconds if place + 1 < len(segments) else sound_seconds
        segment.pause_seconds = max(0.0, follows - segment.end_seconds)
    return Transcript(
        language=language,
        language_probability=windows[0].language_probability,
        duration_seconds=sound_seconds,
        segments=segments,
        source_sha256=source_sha256,
    )


def ends_sentence(word: str) -> bool:
    """Says whether a sentence ends with this word, as it is written. An initial or a known abbreviation ends none."""
    bare = word.rstrip(CLOSERS)
    if not bare or bare[-1] not in SENTENCE_ENDS:
        return False
    return not (bare.lower() in ABBREVIATIONS or (len(bare) == 2 and bare[0].isupper() and bare[1] == "."))


def _in_order(windows: Sequence[TranscriptWindow], sound_seconds: float) -> Iterator[tuple[Word, Segment]]:
    """Yields the words with times that rise and lie in the sound; those heard at or after its end share the time that is left."""
    heard = [(word, segment) for window in windows for segment in window.segments for word in segment.words]
    earliest = 0.0
    for number, (word, segment) in enumerate(heard):
        left = max(0.0, sound_seconds - earliest)
        least = min(MIN_WORD_SECONDS, left / (len(heard) - number))
        latest = sound_seconds - least * (len(heard) - number)  # so that each word after this one has its time too
        start = min(max(word.start_seconds, earliest), max(earliest, latest))
        end = min(max(word.end_seconds, start + least), max(start + least, latest + least))
        earliest = end
        yield Word(text=word.text, start_seconds=start, end_seconds=end, probability=word.probability), segment


def _sentences(words: Iterable[tuple[Word, Segment]]) -> Iterator[_Sentence]:
    sentence = _Sentence()
    for word, heard in words:
        if sentence.words:
            last = sentence.words[-1]
            if ends_sentence(last.text) or word.start_seconds - last.end_seconds >= PAUSE_SECONDS:
                yield sentence
                sentence = _Sentence()
        sentence.words.append(word)
        sentence.no_speech_probability = max(sentence.no_speech_probability, heard.no_speech_probability)
        sentence.low_confidence = sentence.low_confidence or heard.low_confidence
    if sentence.words:
        yield sentence


def _segment(sentence: _Sentence, language: str) -> Segment:
    words = sentence.words
    return Segment(
        start_seconds=words[0].start_seconds,
        end_seconds=words[-1].end_seconds,
        text=space_between(language).join(word.text for word in words),
        words=words,
        probability=sum(word.probability for word in words) / len(words),
        no_speech_probability=sentence.no_speech_probability,
        low_confidence=sentence.low_confidence,
    )
