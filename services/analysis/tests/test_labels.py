import pytest

from s2v.analysis.labels import capitalize, third_person


@pytest.mark.parametrize(
    ("lemma", "form"),
    [("query", "queries"), ("send", "sends"), ("push", "pushes"), ("play", "plays"), ("go", "goes"), ("have", "has")],
)
def test_third_person(lemma: str, form: str) -> None:
    assert third_person(lemma) == form


def test_sentence_case_leaves_names_alone() -> None:
    assert [capitalize(text) for text in ("browser asks", "iPhone rings", "DNS answers")] == [
        "Browser asks",
        "iPhone rings",
        "DNS answers",
    ]
