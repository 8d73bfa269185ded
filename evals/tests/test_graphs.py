"""The graph scorer against counts made by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.graphs import Graph, match_nodes, overlap, read_passages, score_graph, score_graphs

GOLD = Graph(("boil the water", "add the pasta", "drain it well"), ((0, "", 1), (1, "", 2)))


def test_a_graph_matches_itself() -> None:
    figures = score_graphs({"a": GOLD}, {"a": GOLD})
    assert figures["node"]["f1"] == figures["edge"]["f1"] == 1.0


def test_inflection_and_stop_words_do_not_count() -> None:
    assert overlap("the water is boiled", "boils water") == 1.0


def test_counts_are_those_of_the_definition() -> None:
    # One node of two is right, its edge is turned round, and one node is extra.
    predicted = Graph(("adding pasta", "boil water", "sing a song"), ((0, "", 1), (1, "", 2)))
    nodes, edges = score_graph(GOLD, predicted)
    assert (nodes.found, nodes.predicted, nodes.gold) == (2, 3, 3)
    assert (edges.found, edges.predicted, edges.gold) == (0, 2, 2)


def test_matches_are_one_to_one_and_best_in_sum() -> None:
    assert match_nodes(["check the order", "check the large order"], ["check the large order", "check order"]) == {0: 1, 1: 0}


def test_a_missing_prediction_counts_as_empty() -> None:
    assert score_graphs({"a": GOLD}, {})["node"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "macro_f1": 0.0}


def test_a_line_that_is_no_passage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "b"}) + "\n{}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=":2 is not a line"):
        read_passages(path)


@given(st.lists(st.text("abcdef ", min_size=1), max_size=5), st.lists(st.text("abcdef ", min_size=1), max_size=5))
def test_no_node_is_matched_twice(gold: list[str], predicted: list[str]) -> None:
    matched = match_nodes(gold, predicted)
    assert len(set(matched.values())) == len(matched)
    assert all(0 <= place < len(predicted) and 0 <= target < len(gold) for place, target in matched.items())
