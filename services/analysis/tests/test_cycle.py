"""Rings of stages, from sentences of our own and the real parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2v.analysis.content import Content
from s2v.analysis.cycle import extract_cycle
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import EdgeKind

pytestmark = pytest.mark.integration
Parse = Callable[[str], Talk]

_PIECES = st.sampled_from(
    """Water evaporates from the sea.|The vapor rises.|Rain falls on the hills.|Then it starts again.|Write a test.|Fix the code.
    Fear causes stress.|Stress causes poor sleep.|Poor sleep raises fear.|The cycle repeats.|And so on|which leads to more rain
    If it fails, try again.|Nothing happens.|,|?|97%|the loop
    """.replace("\n", "|")
    .strip("| ")
    .split("|")
)


def _extract(parse: Parse, text: str) -> Content:
    talk = parse(text)
    return extract_cycle(talk, talk.sentences)


def _is_ring(content: Content) -> bool:
    following = {edge.source: edge.target for edge in content.edges}
    place, visited = 0, []
    while place not in visited:
        visited.append(place)
        place = following[place]
    return len(content.edges) == len(content.nodes) == len(visited) and place == 0


def test_influences_that_lead_back_are_the_ring(parse: Parse) -> None:
    content = _extract(
        parse, "Great fear causes chronic stress. The stress leads to poor sleep. Poor sleep, in turn, causes great fear."
    )
    assert [node.label.text for node in content.nodes] == ["Great fear", "Chronic stress", "Poor sleep"]
    assert _is_ring(content)


def test_steps_close_into_a_ring(parse: Parse) -> None:
    content = _extract(parse, "Write a small test. Then fix the code. Then clean the design. Then the cycle starts again.")
    assert [node.label.text for node in content.nodes] == ["Write small test", "Fix code", "Clean design"]
    assert _is_ring(content)


def test_the_first_stage_told_again_is_no_stage_of_its_own(parse: Parse) -> None:
    content = _extract(parse, "Plan the work. Do the work well. Check the results. Then plan the work.")
    assert [node.label.text for node in content.nodes].count("Plan work") == 1
    assert _is_ring(content)


@pytest.mark.parametrize(
    "text",
    [
        "The year has three seasons: spring, summer and winter. Spring is short.",
        "The cycle starts with spring, followed by summer and winter. Then it starts again.",
    ],
)
def test_named_stages_are_the_ring(parse: Parse, text: str) -> None:
    content = _extract(parse, text)
    assert [node.label.text for node in content.nodes] == ["Spring", "Summer", "Winter"]
    assert _is_ring(content)


def test_what_is_told_after_the_ring_closes_is_no_stage(parse: Parse) -> None:
    content = _extract(
        parse,
        "Water evaporates from the sea. The vapor forms clouds. Rain falls on the hills. Rivers carry the water back and the "
        "cycle starts over. Farmers built many dams.",
    )
    assert "Farmers built many dams" not in [node.label.text for node in content.nodes]
    assert _is_ring(content)


def test_opinions_and_announcements_are_no_stages(parse: Parse) -> None:
    content = _extract(parse, "I think this is great. Let us review the steps. Write a test. Fix the code. Clean the design.")
    assert [node.label.text for node in content.nodes] == ["Write test", "Fix code", "Clean design"]


def test_what_is_denied_and_what_is_said_of_the_ring_are_no_stages(parse: Parse) -> None:
    content = _extract(
        parse,
        "The water cycle keeps the planet alive. The sea does not dry out. Water evaporates from the sea. "
        "The vapor forms clouds. Rain falls on the hills. The cycle starts again.",
    )
    labels = [node.label.text for node in content.nodes]
    assert labels == ["Water evaporates from sea", "Vapor forms clouds", "Rain falls on hills"]
    assert _is_ring(content)


@pytest.mark.parametrize("text", ["We like this place.", "Water boils at sea.", "Write a test."])
def test_fewer_than_three_stages_are_no_ring(parse: Parse, text: str) -> None:
    assert _extract(parse, text).nodes == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_PIECES, min_size=1, max_size=10))
def test_any_text_gives_one_ring_or_none(parse: Parse, pieces: list[str]) -> None:
    talk = parse(" ".join(pieces))
    content = extract_cycle(talk, talk.sentences)
    assert (not content.nodes and not content.edges) or _is_ring(content)
    for node in content.nodes:
        assert 0 < len(node.label.text) <= 40
        assert len(node.label.text.split()) <= 6
        assert all(0 <= word < len(talk.speech) for word in (*node.label.words, *node.label.antecedents))
    assert all(edge.kind == EdgeKind.EDGE_KIND_SEQUENCE and edge.source != edge.target for edge in content.edges)


def test_clauses_that_the_parser_has_torn_are_stages_of_their_own(parse: Parse) -> None:
    content = _extract(
        parse,
        "The sun heats the sea and water evaporates. The steam rises and condenses on the lid. The drops feed the lake. "
        "The lake fills the sea, and it starts again.",
    )
    labels = [node.label.text for node in content.nodes]
    assert labels[:4] == ["Sun heats sea", "Water evaporates", "Steam rises", "Steam condenses on lid"]
    assert _is_ring(content)


def test_who_acts_and_what_is_done_are_one_stage(parse: Parse) -> None:
    content = _extract(parse, "The wind dries the leaves. The leaves release seeds. The seeds grow, and it starts again.")
    assert "Leaves release seeds" in [node.label.text for node in content.nodes]
