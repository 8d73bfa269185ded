"""Typographic marks are read as the plain ones, and stay as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.analysis.language import Parser
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript
from s2v.analysis.typography import make_plain


@given(st.text())
def test_a_plain_text_is_as_long_as_the_written_one(text: str) -> None:
    assert len(make_plain(text)) == len(text)
    assert make_plain(make_plain(text)) == make_plain(text)


@pytest.mark.integration
@pytest.mark.parametrize(
    "text",
    [
        "The pumps don't start and it's late.",
        'They said "stop" and we couldn\'t.',
        "The city's water isn't clean, and they're sure of it.",
    ],
)
def test_typographic_marks_parse_like_plain_ones(parser: Parser, text: str) -> None:
    plain = parser.parse(read_speech(make_transcript(text)))
    curly = text.replace("'", "’").replace(' "', " “").replace('"', "”")
    written = parser.parse(read_speech(make_transcript(curly)))
    assert [(token.tag_, token.dep_, token.lower_) for token in written.doc] == [
        (token.tag_, token.dep_, token.lower_) for token in plain.doc
    ]
    assert written.doc.text.strip() == curly
