"""Words: bringing them to a form that can be compared, telling inflections, and matching two readings of the same speech."""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FUNCTION = """
a an the of to in on at by for from with as and or but nor so if then than that this these those it its
is are was were be been being am do does did has have had will would can could may might shall should must
into onto over under up out off via per we you they he she i our your their his her my us them him me
who which what when where how there here also
"""
FUNCTION_WORDS = frozenset(FUNCTION.split())  # "not" and "no" are left out: they turn a label into its opposite
NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve
thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty
"""
NUMERALS = {name: str(value) for value, name in enumerate(NUMBERS.split())} | {
    "percent": "%",
    "first": "1st",
    "second": "2nd",
    "third": "3rd",
}
IRREGULAR = {
    form: base
    for base, forms in {
        "be": "am is are was were been being",
        "begin": "began begun",
        "break": "broke broken",
        "bring": "brought",
        "build": "built",
        "buy": "bought",
        "catch": "caught",
        "choose": "chose chosen",
        "come": "came",
        "draw": "drew drawn",
        "fall": "fell fallen",
        "find": "found",
        "freeze": "froze frozen",
        "get": "got gotten",
        "give": "gave given",
        "go": "goes went gone",
        "grow": "grew grown",
        "hold": "held",
        "keep": "kept",
        "know": "knew known",
        "lead": "led",
        "leave": "left",
        "lose": "lost",
        "make": "made",
        "mean": "meant",
        "pay": "paid",
        "rise": "rose risen",
        "run": "ran",
        "say": "said",
        "see": "saw seen",
        "sell": "sold",
        "send": "sent",
        "show": "shown",
        "sink": "sank sunk",
        "speak": "spoke spoken",
        "spend": "spent",
        "take": "took taken",
        "teach": "taught",
        "tell": "told",
        "think": "thought",
        "use": "used using",
        "win": "won",
        "write": "wrote written",
        "child": "children",
        "person": "people",
        "man": "men",
        "woman": "women",
        "foot": "feet",
    }.items()
    for form in forms.split()
}
SUFFIXES = (("s",), ("ing", "ied", "ed"), ("ie", "e", "y"))  # at most one of each set is taken off, in this order
NO_SUFFIXES = ("ss", "us", "is", "eed")
SHORTEST_STEM = 3  # letters
VOWELS = frozenset("aeiou")


@dataclass(frozen=True)
class TimedWord:
    """A word and when it sounds."""

    text: str
    start_seconds: float
    end_seconds: float


def split_words(text: str) -> list[str]:
    """Splits a text into comparable words: lower case, without punctuation, numerals as digits, "%" by itself."""
    found = re.findall(r"%|\d+(?:[.,:]\d+)*(?:st|nd|rd|th|s)?|[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower())
    return [NUMERALS.get(word, word.replace("’", "'").replace(",", "").removesuffix("'s")) for word in found]


def stem(word: str) -> str:
    """Takes the inflection off an English word; coarse, and the same for all forms of a regular word."""
    word = IRREGULAR.get(word, word)
    for suffixes in SUFFIXES:
        for suffix in suffixes:
            if word.endswith(suffix) and not word.endswith(NO_SUFFIXES) and len(word) - len(suffix) >= SHORTEST_STEM:
                word = word.removesuffix(suffix)
                break
    doubled = len(word) > SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in VOWELS
    return word[:-1] if doubled else word


def same_word(one: str, other: str) -> bool:
    """Whether two comparable words are the same but for inflection."""
    return one == other or stem(one) == stem(other)


def read_timed_words(path: Path) -> list[TimedWord]:
    """Reads NAME.words.json: a list of objects with word, start and end, in seconds. Errors: SystemExit, naming the file."""
    try:
        return [
            TimedWord(str(w["word"]), float(w["start"]), float(w["end"])) for w in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: is not a list of objects with word, start and end: {error}") from error


def match_words(heard: Sequence[str], spoken: Sequence[str]) -> dict[int, int]:
    """Matches two readings of the same speech; returns the number of the spoken word for each heard word that has one."""
    ours = [" ".join(split_words(word)) for word in heard]
    theirs = [" ".join(split_words(word)) for word in spoken]
    blocks = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size) if ours[block.a + step]}
