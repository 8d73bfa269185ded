"""A transcript made from plain text, so that a text can be analysed without a recording.

The word times are synthetic: an even pace, with a pause after each sentence and a longer one after each paragraph. They give a
storyboard its order and rhythm and are not the times of any voice.
"""

from __future__ import annotations

import re

from s2v.runtime.errors import InvalidInputError
from s2v.v1.transcript_pb2 import Segment, Transcript, Word

WORD_SECONDS = 1 / 2.6
"""Length of each word, in seconds."""
SENTENCE_PAUSE_SECONDS = 0.4
"""Silence after a sentence, in seconds."""
PARAGRAPH_PAUSE_SECONDS = 0.9
"""Silence after a paragraph, in seconds."""
LEAD_SECONDS = 0.3
"""Silence before the first word and after the last, in seconds."""

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]”’]*\s+")


def make_transcript(text: str, language: str = "en") -> Transcript:
    """Makes a transcript with even, synthetic word times (about 2.6 words a second). A segment is a sentence.

    Errors: InvalidInputError when the text holds no words.
    """
    transcript = Transcript(language=language, language_probability=1.0)
    clock = LEAD_SECONDS
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        sentences = [words for sentence in _SENTENCE_END.split(paragraph.strip()) if (words := sentence.split())]
        for number, words in enumerate(sentences, start=1):
            segment = Segment(start_seconds=clock, text=" ".join(words), probability=1.0)
            for word in words:
                segment.words.append(Word(text=word, start_seconds=clock, end_seconds=clock + WORD_SECONDS, probability=1.0))
                clock += WORD_SECONDS
            segment.end_seconds = clock
            transcript.segments.append(segment)
            clock += SENTENCE_PAUSE_SECONDS if number < len(sentences) else PARAGRAPH_PAUSE_SECONDS
    if not transcript.segments:
        raise InvalidInputError("the text holds no words", reason="NO_WORDS")
    transcript.duration_seconds = transcript.segments[-1].end_seconds + LEAD_SECONDS
    return transcript
