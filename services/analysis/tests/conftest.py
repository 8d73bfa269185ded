"""What the tests of the analysis share: the real models, loaded once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s2v.analysis.analysis import Analyst, load_analyst
from s2v.analysis.language import Parser, Talk
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript


@pytest.fixture(scope="session")
def parser() -> Parser:
    return Parser("en")


@pytest.fixture(scope="session")
def parse(parser: Parser) -> Callable[[str], Talk]:
    """Parses a plain text."""
    return lambda text: parser.parse(read_speech(make_transcript(text)))


@pytest.fixture(scope="session")
def analyst() -> Analyst:
    return load_analyst("en")
