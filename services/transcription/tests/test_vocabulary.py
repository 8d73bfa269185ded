"""Protects the prompt from what is no name or term, at the earliest place."""

import pytest

from s2v.runtime.errors import InvalidInputError
from s2v.transcription.engine import make_prompt
from s2v.transcription.talk import check_options
from s2v.v1.job_pb2 import JobOptions


def test_terms_are_trimmed_and_kept_once_in_order() -> None:
    checked = check_options(JobOptions(vocabulary=["NATS", " Kubernetes ", "NATS"]))
    assert checked.vocabulary == ("NATS", "Kubernetes")
    assert make_prompt(checked.vocabulary) == "NATS, Kubernetes"
    assert make_prompt(()) is None


@pytest.mark.parametrize("term", ["", "x" * 61, "a\nb", "<|endoftext|>"])
def test_a_bad_term_is_named(term: str) -> None:
    with pytest.raises(InvalidInputError, match=r"vocabulary\[1\]") as caught:
        check_options(JobOptions(vocabulary=["NATS", term]))
    assert caught.value.field == "vocabulary"


def test_too_many_terms_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="101 terms"):
        check_options(JobOptions(vocabulary=[f"term {number}" for number in range(101)]))
