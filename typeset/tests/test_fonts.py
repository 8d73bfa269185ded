"""Protects the bundled fonts: the files are whole, carry their licence, hold the same characters, and say what they lack."""

import uharfbuzz

from s2v.typeset import fonts
from s2v.typeset.families import FAMILIES, set_in
from s2v.v1.composition_pb2 import FontWeight


def test_every_weight_has_a_file_with_its_digest_and_the_licence_beside_it() -> None:
    for weight in (FontWeight.FONT_WEIGHT_REGULAR, FontWeight.FONT_WEIGHT_MEDIUM, FontWeight.FONT_WEIGHT_SEMI_BOLD):
        path = fonts.font_path(fonts.font_file(weight))
        assert path.read_bytes()[:4] == b"OTTO"
        assert len(fonts.font_digests()[path.name]) == 64
    assert "SIL OPEN FONT LICENSE" in (path.parent / "OFL.txt").read_text()
    assert "Apache License" in (path.parent / "LICENSE-droid.txt").read_text()
    assert {each.name for each in path.parent.glob("*.[ot]tf")} == used_by_all_families()


def used_by_all_families() -> set[str]:
    files = set()
    for name in FAMILIES:
        with set_in(name):
            files |= set(fonts.font_digests())
    return files


def test_missing_characters_are_named_and_invisible_ones_are_not() -> None:
    assert fonts.covers("Grüße, señor → 20 ms − “œuvre”")
    assert fonts.covers("简体 繁體 日本語 カナ 한국어 العربية فارسی עברית हिन्दी ไทย Ελληνικά Русский 🚀❤️👩‍🔬")
    assert fonts.missing_characters("a ሰላም b ሰ \u200d\ufe0f\n") == "ሰላም"


def test_a_mark_that_the_file_of_its_letter_lacks_is_named() -> None:
    """Though another file has it: the two are shaped together."""
    assert fonts.missing_characters("中\u0331 文 e\u0301") == "\u0331"


def test_a_subset_is_small_and_still_a_font_of_these_characters() -> None:
    data = fonts.subset("Inter-Medium.otf", "Value present?")
    assert len(data) < 20_000
    assert set(map(ord, "Value present?")) <= set(uharfbuzz.Face(uharfbuzz.Blob(data)).unicodes)
