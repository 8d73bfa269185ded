"""Protects what faster-whisper is given: room for an answer, no question to a hub, no question that a model cannot answer."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import faster_whisper
import numpy as np
import pytest
import tokenizers

from s2v.runtime.errors import SetupError
from s2v.transcription import models
from s2v.transcription.devices import CPU, Device
from s2v.transcription.engine import Request
from s2v.transcription.faster_whisper_engine import PROMPT_TOKENS, FasterWhisper
from s2v.transcription.languages import WHISPER_LANGUAGES
from s2v.transcription.models import Model
from s2v.transcription.openai_whisper_engine import OpenAIWhisper
from s2v.transcription.recognition import CONTEXT_TOKENS

LENGTH = 448  # of Whisper's text, prompt and answer together
BEGINNING = 4  # tokens before and after the prompt that say what is to be done


class Whisper:
    """The library's tokenizer and prompt, without weights."""

    max_length = LENGTH
    get_prompt = faster_whisper.WhisperModel.get_prompt

    def __init__(self, path: str, **_: object) -> None:
        self.hf_tokenizer = tokenizers.Tokenizer.from_file(f"{path}/tokenizer.json")
        self.model = SimpleNamespace(is_multilingual=False)
        self.prompt: list[int] = []
        self.context: list[int] = []

    def transcribe(
        self, _: object, *, initial_prompt: Iterable[int] | None, hotwords: str | None, **__: object
    ) -> tuple[Iterator[object], None]:
        self.context = list(initial_prompt or ())
        task = faster_whisper.tokenizer.Tokenizer(self.hf_tokenizer, True, task="transcribe", language="en")
        self.prompt = self.get_prompt(task, self.context, hotwords=hotwords)
        return iter(()), None

    def detect_language(self, _: object) -> None:
        raise RuntimeError("detect_language can only be called on multilingual models")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FasterWhisper:
    monkeypatch.setattr(faster_whisper, "WhisperModel", Whisper)
    shutil.copyfile(models._data(models._PARTS[0][0], "tokenizer.json"), tmp_path / "tokenizer.json")
    return FasterWhisper(Model("base", tmp_path, "00"), Device(CPU, "int8", 1))


@pytest.mark.parametrize("terms", [0, 1, 20, 100])
def test_names_and_context_together_leave_room_for_the_answer(engine: FasterWhisper, terms: int) -> None:
    names = tuple(f"Thurn und Taxis {number}" for number in range(terms))
    context = tuple(range(CONTEXT_TOKENS))
    engine.transcribe([Request(np.zeros(16_000, np.float32), "en", names, context)], 1)
    whisper = engine._model
    assert len(whisper.prompt) <= PROMPT_TOKENS + BEGINNING
    assert LENGTH - len(whisper.prompt) > CONTEXT_TOKENS
    assert tuple(whisper.context) == context[len(context) - len(whisper.context) :], "the end of what was heard is kept"
    assert {0: CONTEXT_TOKENS, 100: 0}.get(terms, len(whisper.context)) == len(whisper.context)
    assert terms not in (1, 20) or whisper.context


def test_a_model_of_english_only_is_not_asked_for_the_language(engine: FasterWhisper) -> None:
    assert engine.detect_language(np.zeros(16_000, np.float32)) == ("en", 1.0)


def test_the_languages_are_those_that_the_model_has_a_token_for(engine: FasterWhisper) -> None:
    assert engine.languages == {"en"}, "a model of English only has the tokens too, and they say nothing to it"
    engine._model.model.is_multilingual = True
    assert engine.languages == WHISPER_LANGUAGES - {"yue"}


@pytest.mark.parametrize(("count", "known"), [(99, WHISPER_LANGUAGES - {"yue"}), (100, WHISPER_LANGUAGES)])
def test_openais_code_tells_them_by_their_number(count: int, known: frozenset[str]) -> None:
    pytest.importorskip("whisper")
    engine = OpenAIWhisper.__new__(OpenAIWhisper)
    engine._model = SimpleNamespace(is_multilingual=True, num_languages=count)
    assert engine.languages == known
    engine._model.is_multilingual = False
    assert engine.languages == {"en"}


def test_openais_code_is_not_asked_either() -> None:
    engine = OpenAIWhisper.__new__(OpenAIWhisper)
    engine._model = SimpleNamespace(is_multilingual=False)
    assert engine.detect_language(np.zeros(16_000, np.float32)) == ("en", 1.0)


def test_without_a_tokenizer_no_hub_is_asked_and_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"--copy_files tokenizer\.json"):
        FasterWhisper(Model("own", tmp_path, "00"), Device(CPU, "int8", 1))
