"""Protects the bundled fonts: the files are whole, carry their licence, hold the same characters, and say what they lack."""

import uharfbuzz

from s2v.typeset import fonts
from s2v.v1.composition_pb2 import FontWeight


def test_every_weight_has_a_file_with_its_digest_and_the_licence_beside_it() -> None:
    for weight in (FontWeight.FONT_WEIGHT_REGULAR, FontWeight.FONT_WEIGHT_MEDIUM, FontWeight.FONT_WEIGHT_SEMI_BOLD):
        path = fonts.font_path(weight)
        assert path.read_bytes()[:4] == b"OTTO"
        assert len(fonts.font_digests()[path.name]) == 64
    assert "SIL OPEN FONT LICENSE" in (path.parent / "OFL.txt").read_text()


def test_all_weights_hold_the_same_characters() -> None:
    characters = [
        set(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(fonts.font_path(weight)))).unicodes) for weight in fonts.FILES
    ]
    assert characters[0] == characters[1] == characters[2]


def test_missing_characters_are_named_and_invisible_ones_are_not() -> None:
    assert fonts.covers("Grüße, señor → 20 ms − “œuvre”")
    assert fonts.missing_characters("a 日本 b 日 \u200d\ufe0f\n") == "日本"


def test_a_subset_is_small_and_still_a_font_of_these_characters() -> None:
    data = fonts.subset(FontWeight.FONT_WEIGHT_MEDIUM, "Value present?")
    assert len(data) < 20_000
    assert set(map(ord, "Value present?")) <= set(uharfbuzz.Face(uharfbuzz.Blob(data)).unicodes)
