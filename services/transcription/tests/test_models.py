"""Protects against wrong weights: damaged, missing or swapped ones are named, never loaded. Everybody may read right ones."""

import os
from pathlib import Path

import pytest

from s2v.runtime.errors import InvalidInputError, SetupError
from s2v.transcription.languages import ENGLISH, WHISPER_LANGUAGES, check_known, language_tag, whisper_language
from s2v.transcription.models import BASE_SHA256, building, find_model


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


def test_whoever_runs_the_service_may_read_what_another_user_has_built(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with building(tmp_path / "model") as folder:
            (folder / "model.bin").write_bytes(b"weights")
            (folder / "inner").mkdir()
            (folder / "inner" / "more.json").touch()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model", *(tmp_path / "model").rglob("*"))}
    assert modes == {"model": 0o755, "inner": 0o755, "model.bin": 0o644, "more.json": 0o644}


@pytest.mark.parametrize("name", ["base", "small", "/models/own"])
def test_a_folder_that_may_not_be_read_is_named_with_the_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(SetupError, match=r"cannot be read from /.*: Permission denied; let the user .* S2V_MODEL_CACHE"):
        find_model(name, tmp_path)


def test_languages_are_those_of_the_engine() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert frozenset(_LANGUAGE_CODES) == WHISPER_LANGUAGES
    assert [whisper_language(tag) for tag in ("en-GB", "", "zh-Hant", "nb", "jv")] == ["en", "", "zh", "no", "jw"]
    assert [language_tag(code) for code in ("en", "", "jw")] == ["en", "", "jv"]


def test_a_language_that_the_model_does_not_know_is_refused_by_its_tag() -> None:
    check_known("en", ENGLISH)
    for code, known, said in (("jw", WHISPER_LANGUAGES - {"jw"}, '"jv"'), ("fr", ENGLISH, '"fr" .* English only')):
        with pytest.raises(InvalidInputError, match=said) as caught:
            check_known(code, known)
        assert caught.value.field == "language"
