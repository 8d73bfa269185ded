"""Whatever comes from outside as a name can do no harm: properties of the pure checks at the door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.gateway import names, options
from s2v.gateway.intake import clock
from s2v.runtime.errors import InvalidInputError
from s2v.v1.job_pb2 import Brand, JobOptions, Priority


@given(st.text(max_size=300))
def test_a_kept_file_name_is_one_harmless_part(given_name):
    try:
        kept = names.file_name(given_name)
    except InvalidInputError:
        return
    assert kept in given_name
    assert kept not in {"", ".", ".."}
    assert not set(kept) & set("/\\\0\n\r\u202e")
    assert len(kept.encode()) <= names.NAME_BYTES


@given(st.text(alphabet=st.characters(blacklist_characters="/\\", blacklist_categories=("C", "Z")), min_size=1, max_size=40))
def test_folders_before_a_name_change_nothing(name):
    if name not in {".", ".."}:
        assert names.file_name(f"../../{name}") == names.file_name(f"C:\\talks\\{name}") == names.file_name(name) == name


@given(st.text(min_size=1, max_size=64).filter(str.isprintable))
def test_a_request_key_is_safe_in_a_subject(request_id):
    assert set(names.request_key(request_id)) <= set("0123456789abcdef")


def test_options_are_completed_and_completing_them_again_changes_nothing():
    complete = options.complete(JobOptions())
    assert complete == JobOptions(theme="dark", height=1080, frame_rate=30, priority=Priority.PRIORITY_NORMAL, aspect="16:9")
    assert options.complete(complete) == complete


@pytest.mark.parametrize("language", ["en", "fr", "pt-BR", "zh-Hant-TW", "de-CH-1996"])
def test_language_tags_pass(language):
    assert options.complete(JobOptions(language=language)).language == language


@pytest.mark.parametrize(("seconds", "text"), [(61, "0:01:01"), (14400, "4:00:00"), (14400.6, "4:00:01")])
def test_lengths_are_written_as_people_do(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("brand", "said"),
    [
        (Brand(font="papyrus"), r"options\.brand\.font: there is no font family 'papyrus': use one of inter, ibm-plex-sans"),
        (Brand(text="#333333"), r"options\.brand\.text #333333 has a contrast of .*: set brand\.text to #"),
        (Brand(background="blue"), "write a colour as #RRGGBB"),
        (Brand(accents=["#FFFFFF"] * 7), "give at most 6"),
        (Brand(logo=bytes(70_000)), "at most 65536"),
        (Brand(logo=b"GIF89a"), "neither PNG nor SVG"),
    ],
)
def test_a_brand_that_cannot_be_read_is_refused_at_the_door(brand: Brand, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as refused:
        options.complete(JobOptions(brand=brand))
    assert (refused.value.field or "").startswith("options.brand")
    readable = Brand(background="#101010", text="#FFFFFF")
    assert options.complete(JobOptions(brand=readable)).brand == readable
