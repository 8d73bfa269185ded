"""Where sentences end: by the punctuation that the words carry and, where it is missing, by the words themselves and pauses."""

from __future__ import annotations

import re
from itertools import pairwise

from s2v.analysis.boundaries import Tagger, find_boundaries
from s2v.analysis.speech import Speech

PAUSE_SECONDS = 0.8
"""A silence this long ends a sentence when the next word starts with a capital letter, in seconds."""
NAME_WORDS = 2
"""So many words or fewer between such a silence and a full stop are no sentence but a name: "… to bless (pause) America."."""
UNPUNCTUATED_PAUSE_SECONDS = 0.45
"""A silence this long ends a sentence in speech written without full stops, in seconds."""
UNPUNCTUATED_WORDS = 60
"""A stretch of more words than this without a full stop counts as written without them."""
COMMA_WORDS = 20
"""A stretch with a comma to so many words is a long sentence of someone who writes full stops, up to `LONGEST_WORDS`."""
LONGEST_WORDS = 110
"""Words that fill the longest scene."""
OPEN_WORDS = 20
"""So does one of more words than this at whose end there is none either."""

_END = re.compile(r"[.!?…。！？।؟۔][\"'”’)\]»」』）]*$")
_ABBREVIATION = re.compile(
    r"^(?:(?:mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|etc|approx|no|fig|inc|ltd|jr|sr|av|j\.-c)\.|(?:[a-z]\.)+)$", re.IGNORECASE
)


def cut_sentences(speech: Speech, tag: Tagger | None = None) -> list[tuple[int, int]]:
    """Returns the sentences as (begin, end) word numbers, end not included; together they hold every word once.

    `tag` gives the parts of speech of a language whose sentence ends can be told from its words; without it, only pauses tell
    them where there are no full stops. Errors: SetupError when what was learned about sentence ends is missing.
    """
    cuts = [0]
    for word in range(1, len(speech)):
        if _ends_sentence(speech, word - 1):
            cuts.append(word)
    cuts.append(len(speech))
    sentences: list[tuple[int, int]] = []
    for begin, end in pairwise(cuts):
        if not _lacks_stops(speech, begin, end, tag is not None):
            sentences.append((begin, end))
        elif tag is not None:
            sentences += pairwise([begin, *find_boundaries(speech, begin, end, tag), end])
        else:
            sentences += _cut_unpunctuated(speech, begin, end)
    return sentences


def _lacks_stops(speech: Speech, begin: int, end: int, tagged: bool) -> bool:
    """Whether what stands between two ends of sentences is too long to be one sentence."""
    if tagged and end - begin > OPEN_WORDS and _END.search(speech.texts[end - 1]) is None:
        return True
    commas = sum(text[-1] in ",;:—" for text in speech.texts[begin:end])
    return end - begin > (LONGEST_WORDS if commas * COMMA_WORDS >= end - begin else UNPUNCTUATED_WORDS)


def _ends_sentence(speech: Speech, word: int) -> bool:
    text, following = speech.texts[word], speech.texts[word + 1]
    if _END.search(text):
        return not (_ABBREVIATION.match(text) and not (following[:1].isupper() and speech.pause_before(word + 1) > PAUSE_SECONDS))
    if not (following[:1].isupper() and speech.pause_before(word + 1) >= PAUSE_SECONDS and text[-1].isalnum()):
        return False
    return not any(_END.search(rest) for rest in speech.texts[word + 1 : word + 1 + NAME_WORDS])


def _cut_unpunctuated(speech: Speech, begin: int, end: int) -> list[tuple[int, int]]:
    """Cuts at pauses, then halves what is still too long at its longest silence: a picture needs an end somewhere."""
    cuts = [begin, *(word for word in range(begin + 1, end) if speech.pause_before(word) >= UNPUNCTUATED_PAUSE_SECONDS), end]
    pieces: list[tuple[int, int]] = []
    for first, last in pairwise(cuts):
        pieces.extend(_halve(speech, first, last))
    return pieces


def _halve(speech: Speech, begin: int, end: int) -> list[tuple[int, int]]:
    if end - begin <= UNPUNCTUATED_WORDS:
        return [(begin, end)]
    third = (end - begin) // 3
    cut = max(range(begin + third, end - third), key=lambda word: (round(speech.pause_before(word), 2), -word))
    return _halve(speech, begin, cut) + _halve(speech, cut, end)
