"""Protects against wrong weights: damaged, missing or swapped ones are named, never loaded."""

from pathlib import Path

import pytest

from s2v.runtime.errors import SetupError
from s2v.transcription.languages import WHISPER_LANGUAGES, whisper_language
from s2v.transcription.models import BASE_SHA256, find_model


def test_base_is_put_together_once_and_verified(tmp_path: Path) -> None:
    model = find_model("base", tmp_path)
    assert model.sha256 == BASE_SHA256
    assert {path.name for path in model.path.iterdir()} == {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"}
    written = (model.path / "model.bin").stat().st_mtime_ns
    assert find_model("base", tmp_path) == model
    assert (model.path / "model.bin").stat().st_mtime_ns == written
    with (model.path / "model.bin").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    with pytest.raises(SetupError, match="damaged"):
        find_model("base", tmp_path)


def test_a_directory_must_hold_weights_with_the_given_digest(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="S2V_WHISPER_MODEL"):
        find_model(str(tmp_path / "nothing"), tmp_path)
    (tmp_path / "model.bin").write_bytes(b"weights")
    assert find_model(str(tmp_path), tmp_path).name == tmp_path.name
    with pytest.raises(SetupError, match="damaged"):
        find_model(str(tmp_path), tmp_path, "00" * 32)


def test_languages_are_those_of_the_engine() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert frozenset(_LANGUAGE_CODES) == WHISPER_LANGUAGES
    assert [whisper_language(tag) for tag in ("en-GB", "", "zh-Hant", "nb")] == ["en", "", "zh", "no"]
