"""The bundled font files and what each can draw.

Inter 4.0 holds Latin, Greek and Cyrillic in three weights. What it lacks comes from the families behind it, in one weight: Noto
(Arabic, Hebrew, Devanagari, Thai, Hangul, emoji) and Droid Sans Fallback (Han and kana). Their licences lie beside the files.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import uharfbuzz

from s2v.v1.composition_pb2 import FontWeight

_FOLDER = Path(__file__).parent

FILES: Mapping[FontWeight.ValueType, str] = {
    FontWeight.FONT_WEIGHT_REGULAR: "Inter-Regular.otf",
    FontWeight.FONT_WEIGHT_MEDIUM: "Inter-Medium.otf",
    FontWeight.FONT_WEIGHT_SEMI_BOLD: "Inter-SemiBold.otf",
}
"""File of each weight."""

FAMILY = "Inter"
"""Name of the family, as style sheets know it."""

FALLBACKS: Mapping[str, str] = {
    "NotoSansArabic-Medium.ttf": "Noto Sans Arabic",
    "NotoSansHebrew-Medium.ttf": "Noto Sans Hebrew",
    "NotoSansDevanagari-Medium.ttf": "Noto Sans Devanagari",
    "NotoSansThai-Medium.ttf": "Noto Sans Thai",
    "NotoSansKR-Hangul-Medium.ttf": "Noto Sans KR",
    "DroidSansFallbackFull.ttf": "Droid Sans Fallback",
    "NotoEmoji-Medium.ttf": "Noto Emoji",
}
"""Family of each file behind Inter, in the order in which they are asked for a character."""


def font_file(weight: FontWeight.ValueType) -> str:
    """Returns the name of Inter's file of a weight.

    Errors: ValueError when the weight has none.
    """
    if weight not in FILES:
        raise ValueError(f"no font for weight {weight}: use one of {', '.join(FontWeight.Name(each) for each in FILES)}")
    return FILES[weight]


def font_path(file: str) -> Path:
    """Returns where a font file lies, by its name."""
    return _FOLDER / file


def font_paths() -> list[Path]:
    """Returns where all font files lie."""
    return [_FOLDER / file for file in (*FILES.values(), *FALLBACKS)]


@cache
def font_digests() -> dict[str, str]:
    """Returns the SHA-256 of each font file by its name, lower-case hexadecimal."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in font_paths()}


@cache
def face(file: str) -> uharfbuzz.Face:
    """Returns a font file as HarfBuzz reads it; it stays in memory."""
    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_FOLDER / file)))


def find_file(character: str, weight: FontWeight.ValueType) -> str | None:
    """Returns the first file that has a glyph for a character: Inter's of the weight, else one behind it; None if none has."""
    return next((file for file in (font_file(weight), *FALLBACKS) if ord(character) in _characters(file)), None)


def missing_characters(text: str) -> str:
    """Returns the visible characters of `text` that no glyph exists for, each once, in order; empty when all can be drawn."""
    weight = FontWeight.FONT_WEIGHT_MEDIUM  # all weights hold the same characters (a test checks it)
    return "".join(dict.fromkeys(each for each in text if not is_invisible(each) and find_file(each, weight) is None))


def covers(text: str) -> bool:
    """Tells whether every visible character of `text` has a glyph."""
    return not missing_characters(text)


def subset(file: str, characters: str) -> bytes:
    """Returns an OpenType file of the glyphs that `characters` need, small enough to travel inside a picture."""
    wanted = uharfbuzz.SubsetInput()
    wanted.sets(uharfbuzz.SubsetInputSets.UNICODE).set({ord(each) for each in characters})
    data: bytes = uharfbuzz.subset(face(file), wanted).blob.data
    return data


def is_invisible(character: str) -> bool:
    """Tells whether a character leaves no mark: spaces, controls, joiners and variation selectors, which HarfBuzz swallows."""
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf"} or "\ufe00" <= character <= "\ufe0f"


@cache
def _characters(file: str) -> frozenset[int]:
    return frozenset(face(file).unicodes)
