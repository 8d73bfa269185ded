"""Faults of drawings are counted from their geometry; an engine that is not there is said, not failed on."""

import json
from pathlib import Path

import pytest

from evals import layout
from evals.layout_graphs import Drawing, GraphEdge, GraphNode, SizedGraph, count_faults, read_graphs
from evals.layout_rivals import read_spline, write_dot

GRAPH = {
    "id": "root",
    "children": [
        {
            "id": "g",
            "labels": [{"text": "Group", "width": 50, "height": 20}],
            "children": [{"id": "a", "width": 80, "height": 40}],
        },
        {"id": "b", "width": 80, "height": 40, "ports": [{"id": "b.in"}]},
        {"id": "c", "width": 80, "height": 40},
    ],
    "edges": [
        {"id": "ab", "sources": ["a"], "targets": ["b.in"], "labels": [{"text": "x", "width": 20, "height": 20}]},
        {"id": "bc", "sources": ["b"], "targets": ["c"]},
    ],
}


def flat() -> SizedGraph:
    nodes = [GraphNode(name, 80, 40, "", False) for name in "abcd"]
    return SizedGraph("flat", nodes, [GraphEdge("ab", "a", "b"), GraphEdge("cd", "c", "d")], {})


def clean() -> Drawing:
    boxes = {name: (x, y, 80.0, 40.0) for name, x, y in (("a", 0, 0), ("b", 200, 0), ("c", 0, 100), ("d", 200, 100))}
    return Drawing(boxes, {"ab": [(80, 20), (200, 20)], "cd": [(80, 120), (200, 120)]}, {})


def test_a_clean_drawing_has_no_faults_and_its_text_fills_the_area() -> None:
    found = count_faults(flat(), clean())
    assert (found.node_overlaps, found.edge_through_node, found.label_hits, found.crossings, found.bends) == (0, 0, 0, 0, 0)
    assert found.text_px == pytest.approx(18 * 782 / 140)


def test_each_fault_is_counted() -> None:
    drawing = clean()
    drawing.boxes["b"] = (60.0, 0.0, 80.0, 40.0)
    assert count_faults(flat(), drawing).node_overlaps == 1
    drawing = clean()
    drawing.lines["ab"] = [(80, 20), (240, 120), (240, 40)]
    found = count_faults(flat(), drawing)
    assert (found.edge_through_node, found.bends) == (1, 1)
    drawing = clean()
    drawing.lines["ab"] = [(80, 20), (140, 130), (200, 20)]
    assert count_faults(flat(), drawing).crossings == 2
    drawing = clean()
    drawing.labels["ab"] = (190.0, 10.0, 30.0, 20.0)
    assert count_faults(flat(), drawing).label_hits == 1


def test_ports_groups_and_labels_are_read(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(GRAPH))
    (tmp_path / "index.json").write_text(json.dumps([{"file": "one.json"}]))
    (graph,) = read_graphs(tmp_path)
    assert not graph.is_flat
    assert graph.holders("a") == {"a", "g"}
    assert (graph.edges[0].target, graph.edges[0].label) == ("b", (20.0, 20.0))
    assert "subgraph cluster_0" in write_dot(graph)
    with pytest.raises(SystemExit, match=r"index\.json"):
        read_graphs(tmp_path / "nowhere")


def test_dots_polylines_are_read_with_their_tips() -> None:
    assert read_spline("e,100,50 0,0 10,0 20,0 30,0") == [(0, 0), (30, 0), (100, -50)]


@pytest.mark.integration
def test_the_figures_and_the_sheet_are_made_and_missing_engines_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(GRAPH))
    (tmp_path / "index.json").write_text(json.dumps([{"file": "one.json"}]))
    monkeypatch.setattr(
        "sys.argv", ["layout", str(tmp_path), "--dot", "", "--dagre", str(tmp_path), "--sheet", str(tmp_path / "sheet.html")]
    )
    layout.main()
    result = json.loads(capsys.readouterr().out)
    assert set(result["missing"]) == {"dot", "dagre"}
    for name in ("ours", "elkjs"):
        assert result["engines"][name]["failures"] == 0
        assert result["engines"][name]["edge_through_node"] == 0
    assert result["engines"]["ours"]["share_24px"] == 1
    assert "<svg" in (tmp_path / "sheet.html").read_text()
