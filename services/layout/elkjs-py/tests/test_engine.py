"""Protects the engine as a library: real ELK answers, the same every time, limits that stop a run and leave it healthy."""

import asyncio
import json
import random
from collections.abc import Iterator

import pytest

from elkjs_py import Elk, ElkError, ElkMemoryError, ElkTimeout, Graph, LayoutOptions

pytestmark = pytest.mark.integration

OPTIONS: LayoutOptions = {"elk.algorithm": "layered", "elk.direction": "RIGHT"}


@pytest.fixture(scope="module")
def elk() -> Iterator[Elk]:
    with Elk() as engine:
        yield engine


def chain() -> Graph:
    return {
        "id": "root",
        "children": [{"id": "a", "width": 100, "height": 50}, {"id": "b", "width": 120, "height": 50}],
        "edges": [{"id": "ab", "sources": ["a"], "targets": ["b"], "labels": [{"text": "x", "width": 30, "height": 20}]}],
    }


def tangle(nodes: int, edges: int, seed: int = 1) -> Graph:
    draw = random.Random(seed)
    ends = [(f"n{draw.randrange(nodes)}", f"n{draw.randrange(nodes)}") for _ in range(edges)]
    return {
        "id": "root",
        "children": [{"id": f"n{n}", "width": 100, "height": 50} for n in range(nodes)],
        "edges": [{"id": f"e{n}", "sources": [source], "targets": [target]} for n, (source, target) in enumerate(ends)],
    }


def test_nodes_follow_the_direction_and_the_edge_is_routed_with_its_label(elk: Elk) -> None:
    graph = chain()
    placed = elk.layout(graph, OPTIONS)
    a, b = placed["children"]
    section = placed["edges"][0]["sections"][0]
    assert a["x"] + a["width"] < b["x"]
    assert section["startPoint"]["x"] == a["x"] + a["width"]
    assert section["endPoint"]["x"] == b["x"]
    assert placed["edges"][0]["labels"][0]["x"] > a["x"] + a["width"]
    assert graph == chain(), "the argument is not changed"


def test_the_same_graph_gets_the_same_answer_whatever_came_before(elk: Elk) -> None:
    first = json.dumps(elk.layout(tangle(12, 16), OPTIONS))
    for seed in range(2, 12):
        elk.layout(tangle(12, 16, seed), OPTIONS)
    assert json.dumps(elk.layout(tangle(12, 16), OPTIONS)) == first
    with Elk() as other:
        assert json.dumps(other.layout(tangle(12, 16), OPTIONS)) == first
    assert "$H" not in first


def test_a_time_out_stops_the_run_and_the_engine_goes_on(elk: Elk) -> None:
    with pytest.raises(ElkTimeout):
        elk.layout(tangle(1000, 6000), OPTIONS, timeout_seconds=0.5)
    assert len(elk.layout(chain(), OPTIONS)["children"]) == 2


def test_the_memory_limit_stops_the_run_and_the_engine_goes_on() -> None:
    with Elk(memory_limit_bytes=40 * 2**20) as small:
        with pytest.raises(ElkMemoryError):
            small.layout(tangle(1000, 3000), OPTIONS, timeout_seconds=60)
        assert len(small.layout(chain(), OPTIONS)["children"]) == 2


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"id": "r", "children": [{"id": "a"}], "edges": [{"id": "e", "sources": ["a"], "targets": ["z"]}]}, "does not exist: z"),
        ({"id": "r", "children": [{}]}, "must have an id"),
        ({"id": "r", "x": float("nan")}, "JSON"),
    ],
)
def test_a_wrong_graph_is_refused_in_elks_words_and_the_engine_goes_on(elk: Elk, graph: Graph, message: str) -> None:
    with pytest.raises(ElkError, match=message):
        elk.layout(graph, OPTIONS)
    assert len(elk.layout(chain(), OPTIONS)["children"]) == 2


def test_it_works_inside_an_event_loop_with_its_time_limit() -> None:
    async def run() -> int:
        with Elk() as engine:
            with pytest.raises(ElkTimeout):
                engine.layout(tangle(1000, 6000), OPTIONS, timeout_seconds=0.3)
            return len(engine.layout(chain(), OPTIONS)["children"])

    assert asyncio.run(run()) == 2


def test_memory_does_not_grow_with_the_number_of_layouts(elk: Elk) -> None:
    """By the lowest readings, as V8 collects when it likes: what leaks is never collected."""
    used = []
    for seed in range(300):
        elk.layout(tangle(10, 12, seed % 100), OPTIONS)
        used.append(elk.heap_bytes())
    assert min(used[200:]) < min(used[100:200]) + 20 * 2**20
