"""Recordings to transcribe, what is said in them, and how far from that a transcript is."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
from whisper.normalizers import EnglishTextNormalizer

from evals.words import TimedWord, match_words, read_timed_words

NEAR_SECONDS = 0.2
_normalize = EnglishTextNormalizer()


@dataclass(frozen=True)
class Recording:
    """A line of a manifest."""

    path: Path
    reference: str | None
    """What is said; empty: nobody speaks; None: not known."""


@dataclass(frozen=True)
class WordErrors:
    """Edits that turn what was heard into what was said."""

    edits: int
    lost: int
    """Words that were said and not heard, neither rightly nor wrongly."""
    words: int
    """Words that were said."""


@dataclass(frozen=True)
class StartErrors:
    """Starts of words against times that are known."""

    words: int
    within_200_ms: float
    """Share of them, 0 to 1."""
    mean_seconds: float
    """Of the absolute errors."""


def read_manifest(path: Path) -> list[Recording]:
    """Reads a TSV whose header names the columns `file` (beside it) and, if known, `reference`. Errors: SystemExit."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or "file" not in rows[0]:
        raise SystemExit(f"{path}: has no lines with a column `file`")
    recordings = [Recording(path.parent / row["file"], row.get("reference")) for row in rows]
    for recording in recordings:
        if not recording.path.is_file():
            raise SystemExit(f"{path}: there is no file {recording.path}")
    return recordings


def count_word_errors(reference: str, heard: str) -> WordErrors:
    """Compares two English texts after Whisper's normaliser."""
    said, found = _normalize(reference), _normalize(heard)
    words = len(said.split())
    if not words or not found.split():
        return WordErrors(max(words, len(found.split())), words, words)
    result = jiwer.process_words(said, found)
    return WordErrors(result.substitutions + result.deletions + result.insertions, result.deletions, words)


def find_start_errors(recording: Path, heard: Sequence[TimedWord]) -> list[float] | None:
    """Returns heard less true start of each word that was heard right, in seconds; None where true times are not known."""
    aligned, spoken = recording.with_suffix(".align.json"), recording.with_suffix(".words.json")
    if aligned.is_file():
        true = _read_alignment(aligned)
    elif spoken.is_file():
        true = read_timed_words(spoken)
    else:
        return None
    matched = match_words([word.text for word in heard], [word.text for word in true])
    return [heard[ours].start_seconds - true[theirs].start_seconds for ours, theirs in matched.items()]


def sum_start_errors(errors: Sequence[float]) -> StartErrors | None:
    """Sums up the errors of one or more recordings; None without any."""
    if not errors:
        return None
    near = sum(abs(error) <= NEAR_SECONDS for error in errors)
    return StartErrors(len(errors), round(near / len(errors), 4), round(sum(map(abs, errors)) / len(errors), 4))


def _read_alignment(path: Path) -> list[TimedWord]:
    """Reads what PocketSphinx's aligner writes: `w` holds words `t` with begin `b` and duration `d`."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["w"]
        return [
            TimedWord(re.sub(r"\(\d+\)$", "", word["t"]), float(word["b"]), float(word["b"]) + float(word["d"]))
            for word in words
            if not word["t"].startswith(("<", "["))
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: is no alignment with words `w` of `t`, `b` and `d`: {error}") from error
