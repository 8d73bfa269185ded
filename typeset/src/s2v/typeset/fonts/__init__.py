"""The bundled font files: Inter 4.0, static OpenType with cubic outlines (SIL Open Font License 1.1: OFL.txt beside them)."""

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


def font_path(weight: FontWeight.ValueType) -> Path:
    """Returns the font file of a weight.

    Errors: ValueError when the weight has none.
    """
    if weight not in FILES:
        raise ValueError(f"no font for weight {weight}: use one of {', '.join(FontWeight.Name(each) for each in FILES)}")
    return _FOLDER / FILES[weight]


@cache
def font_digests() -> dict[str, str]:
    """Returns the SHA-256 of each font file by its name, lower-case hexadecimal."""
    return {name: hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest() for name in FILES.values()}


def missing_characters(text: str) -> str:
    """Returns the visible characters of `text` that no glyph exists for, each once, in order; empty when all can be drawn."""
    known = _characters()
    return "".join(dict.fromkeys(each for each in text if ord(each) not in known and not _is_invisible(each)))


def covers(text: str) -> bool:
    """Tells whether every visible character of `text` has a glyph."""
    return not missing_characters(text)


def subset(weight: FontWeight.ValueType, characters: str) -> bytes:
    """Returns an OpenType file of the glyphs that `characters` need, small enough to travel inside a picture.

    Errors: ValueError for an unknown weight.
    """
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(font_path(weight))))
    wanted = uharfbuzz.SubsetInput()
    wanted.sets(uharfbuzz.SubsetInputSets.UNICODE).set({ord(each) for each in characters})
    data: bytes = uharfbuzz.subset(face, wanted).blob.data
    return data


@cache
def _characters() -> frozenset[int]:
    # All weights hold the same characters (a test checks it), so one file answers for all.
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(font_path(FontWeight.FONT_WEIGHT_MEDIUM))))
    return frozenset(face.unicodes)


def _is_invisible(character: str) -> bool:
    # Spaces, controls, joiners and variation selectors leave no mark: HarfBuzz swallows them.
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf"} or "\ufe00" <= character <= "\ufe0f"
