"""Protects the families of a brand: each is whole, may be embedded, and is measured in its block alone, whatever caches hold."""

import pytest

from s2v.typeset import fonts
from s2v.typeset.families import FAMILIES, INTER, family, find_family, set_in
from s2v.typeset.lines import wrap
from s2v.typeset.shaping import metrics, shape, width
from s2v.v1.composition_pb2 import FontWeight

MEDIUM = FontWeight.FONT_WEIGHT_MEDIUM
LABEL = "Application checks the cache before the primary database"


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_has_three_weights_of_the_same_characters_that_may_be_embedded(name: str) -> None:
    faces = [fonts.face(file) for file in FAMILIES[name].files.values()]
    assert len(faces) == 3
    assert len({frozenset(face.unicodes) for face in faces}) == 1
    # OS/2.fsType 0: installable embedding. Source: OpenType specification, OS/2 table.
    assert all(
        int.from_bytes(fonts.face(file).reference_table("OS/2").data[8:10], "big") == 0 for file in FAMILIES[name].files.values()
    )


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_text_is_shaped_by_the_family_in_force_and_by_what_stands_behind_it(name: str) -> None:
    with set_in(name) as chosen:
        assert family() is chosen
        assert {glyph.file for glyph in shape("Grüße, œuvre 20 ms", MEDIUM, 30).glyphs} == {chosen.files[MEDIUM]}
        assert fonts.covers("Grüße 简体 العربية Ελληνικά Русский 🚀")
        files = {glyph.file for glyph in shape("Θ 解", MEDIUM, 30).glyphs}
        assert files <= set(fonts.font_digests())
        assert {path.name for path in fonts.font_paths()} == set(fonts.font_digests())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_letter_comes_from_a_file_that_has_its_mark(name: str) -> None:
    """Else an empty box stands on it."""
    with set_in(name) as chosen:
        line = shape("xy x\u030d\u0311 y", MEDIUM, 30)
        assert all(glyph.glyph_id for glyph in line.glyphs)
        assert {glyph.file for glyph in line.glyphs} == {chosen.files[MEDIUM], INTER.files[MEDIUM]} - (
            {INTER.files[MEDIUM]} if name == "montserrat" else set()
        )
        assert fonts.covers("x\u030d\u0311")


def test_what_one_family_measured_is_not_the_answer_for_another() -> None:
    measured = {}
    for name in (*FAMILIES, *FAMILIES):  # twice, so that caches answer
        with set_in(name):
            measured.setdefault(name, set()).add((width(LABEL, MEDIUM, 30), metrics(MEDIUM), wrap(LABEL, MEDIUM, 30, 320, 2)))
    assert all(len(answers) == 1 for answers in measured.values())
    assert len({next(iter(answers))[0] for answers in measured.values()}) == len(FAMILIES)


def test_inter_is_in_force_before_and_after_a_block_that_fails() -> None:
    with pytest.raises(RuntimeError), set_in("source-serif"):
        raise RuntimeError
    assert family() is INTER is find_family("")


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no font family 'Comic Sans': use one of inter, ibm-plex-sans"), set_in("Comic Sans"):
        pass
