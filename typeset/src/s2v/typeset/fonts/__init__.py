"""The bundled font files and what each can draw.

The family in force (`families`) has a file a weight. For what it lacks stand Inter 4.0, which holds Latin, Greek and Cyrillic,
and the families behind Inter, in one weight: Noto (Arabic, Hebrew, Devanagari, Thai, Hangul, emoji) and Droid Sans Fallback (Han
and kana). Their licences lie beside the files.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import uharfbuzz

from s2v.typeset.families import FAMILIES, INTER, Family, family
from s2v.v1.composition_pb2 import FontWeight

_FOLDER = Path(__file__).parent
CACHED_CLUSTERS = 4096
"""Characters, with their marks, whose file is remembered in a process."""

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
    """Returns the name of the file of a weight, of the family in force.

    Errors: ValueError when the weight has none.
    """
    files = family().files
    if weight not in files:
        raise ValueError(f"no font for weight {weight}: use one of {', '.join(FontWeight.Name(each) for each in files)}")
    return files[weight]


def font_path(file: str) -> Path:
    """Returns where a font file lies, by its name."""
    return _FOLDER / file


def font_paths() -> list[Path]:
    """Returns where the files lie that a text may be drawn with, in the family in force."""
    return [_FOLDER / file for file in _files(family())]


def font_digests() -> dict[str, str]:
    """Returns the SHA-256 of each of these files by its name, lower-case hexadecimal."""
    return {file: _digest(file) for file in _files(family())}


def css_name(file: str) -> str:
    """Returns the name of a file's family, as style sheets know it."""
    return FALLBACKS.get(file) or next(each.css for each in FAMILIES.values() if file in each.files.values())


@cache
def face(file: str) -> uharfbuzz.Face:
    """Returns a font file as HarfBuzz reads it; it stays in memory."""
    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_FOLDER / file)))


def cut_clusters(text: str) -> list[str]:
    """Cuts a text into its characters; a mark, a joiner or a space goes with the character before it, to be shaped with it."""
    clusters: list[str] = []
    for character in text:
        follows = is_invisible(character) or unicodedata.combining(character) or unicodedata.category(character) == "Mn"
        if follows and clusters:
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def find_file(cluster: str, weight: FontWeight.ValueType) -> str | None:
    """Returns the first file with glyphs for all of a cluster: that of the weight, Inter's, one behind it.

    Where none has them, the first with one for its first character; None if none has that.
    """
    return _find_file(cluster, (font_file(weight), INTER.files[weight], *FALLBACKS))


def missing_characters(text: str) -> str:
    """Returns the visible characters of `text` that are drawn without a glyph, each once, in order; empty when all can be drawn.

    A mark is missing where it is, but not in a file that has the character that it stands on.
    """
    weight = FontWeight.FONT_WEIGHT_MEDIUM  # all weights hold the same characters (a test checks it)
    missing: dict[str, None] = {}
    for cluster in cut_clusters(unicodedata.normalize("NFC", text)):
        known = _characters(find_file(cluster, weight) or font_file(weight))
        missing |= dict.fromkeys(each for each in cluster if not is_invisible(each) and ord(each) not in known)
    return "".join(missing)


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


@lru_cache(maxsize=CACHED_CLUSTERS)
def _find_file(cluster: str, files: tuple[str, ...]) -> str | None:
    wanted = {ord(each) for each in cluster if not is_invisible(each)}
    whole = next((file for file in files if wanted <= _characters(file)), None)
    return whole or next((file for file in files if ord(cluster[0]) in _characters(file)), None)


def _files(chosen: Family) -> list[str]:
    """Returns the files of a family, Inter's where it is another, and those behind it."""
    return list(dict.fromkeys((*chosen.files.values(), *INTER.files.values(), *FALLBACKS)))


@cache
def _digest(file: str) -> str:
    return hashlib.sha256((_FOLDER / file).read_bytes()).hexdigest()


@cache
def _characters(file: str) -> frozenset[int]:
    return frozenset(face(file).unicodes)
