import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from s2v.analysis.analysis import Analyst
from s2v.analysis.markdown import write_outline
from s2v.analysis.mermaid import write_diagram, write_mermaid
from s2v.analysis.text import make_transcript
from s2v.v1.diagram_pb2 import DatePrecision, Diagram, DiagramType, Edge, EdgeKind, EventDate, Group, Node, NodeKind
from s2v.v1.storyboard_pb2 import Scene, Storyboard

PACKAGES = ("mermaid@11.12.0", "jsdom@26.1.0")
PARSE = """
import { JSDOM } from "jsdom";
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");
let text = "";
for await (const chunk of process.stdin) text += chunk;
const found = [];
for (const diagram of JSON.parse(text)) {
  try { found.push((await mermaid.parse(diagram)).diagramType); } catch (error) { found.push("ERROR " + error.message); }
}
console.log(JSON.stringify(found));
"""
TALK = """First, choose a shady corner for the heap. Then spread a layer of twigs on the ground. Next, add scraps and leaves.
If the heap is too dry, water it. If the heap is too wet, add cardboard. Finally, cover it with a lid.

Composting has a long history. In 1840, a German chemist described how plants take up minerals. In 1911, an American
farmer reported on farms in China. In 1943, a British botanist published a book on soil."""
HOSTILE = 'end "x" <b> {a} [c] (d); #1 : `e` | f & g\\ --> %% click'


@pytest.fixture(scope="module")
def mermaid_folder() -> Path:
    """The real Mermaid, installed once a machine."""
    if shutil.which("npm") is None:
        pytest.fail("npm is missing: install Node 20")
    folder = Path(tempfile.gettempdir()) / "s2v-mermaid-11.12.0"
    if not (folder / "installed").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *PACKAGES], cwd=folder, check=True, timeout=300)
        (folder / "installed").touch()
    (folder / "parse.mjs").write_text(PARSE)
    return folder


def parse(folder: Path, diagrams: list[str]) -> list[str]:
    """The type that Mermaid reads in each diagram, or its error."""
    done = subprocess.run(
        ["node", "parse.mjs"], cwd=folder, input=json.dumps(diagrams), capture_output=True, text=True, check=True, timeout=120
    )
    found: list[str] = json.loads(done.stdout)
    return found


def make_diagram(kind: DiagramType.ValueType, label: str) -> Diagram:
    """A small tree of three nodes that fits every type."""
    diagram = Diagram(type=kind)
    for number, text in enumerate(("Root", label, "Leaf"), start=1):
        date = EventDate(label=f"{1990 + number}", start_year=1990 + number, end_year=1990 + number)
        diagram.nodes.append(Node(id=f"s01n0{number}", label=text, date=date, kind=NodeKind.NODE_KIND_STEP))
    for target in (2, 3):
        edge = Edge(source="s01n01", target=f"s01n0{target}", label=label, kind=EdgeKind.EDGE_KIND_PART)
        diagram.edges.append(edge)
    return diagram


@pytest.mark.integration
def test_mermaid_reads_each_type_whatever_was_said(mermaid_folder: Path) -> None:
    kinds = [kind for kind in DiagramType.values() if "NONE" not in DiagramType.Name(kind) and kind]
    texts = [write_diagram(make_diagram(kind, label)) for kind in kinds for label in ("Plain words", HOSTILE)]
    found = parse(mermaid_folder, texts)
    assert not [(text, type_) for text, type_ in zip(texts, found, strict=True) if type_.startswith("ERROR")]
    assert {"timeline", "mindmap", "flowchart-v2"} == set(found)


@pytest.mark.integration
def test_mermaid_refuses_what_is_no_diagram(mermaid_folder: Path) -> None:
    assert parse(mermaid_folder, ["flowchart LR\n a(( -->"])[0].startswith("ERROR")


@pytest.mark.integration
def test_mermaid_reads_groups_and_a_map_with_two_roots(mermaid_folder: Path) -> None:
    grouped = make_diagram(DiagramType.DIAGRAM_TYPE_NETWORK, "Plain")
    grouped.groups.append(Group(id="s01g01", label="Inside"))
    grouped.nodes[1].group_id = "s01g01"
    forest = make_diagram(DiagramType.DIAGRAM_TYPE_MINDMAP, "Plain")
    del forest.edges[1:]
    assert parse(mermaid_folder, [write_diagram(grouped), write_diagram(forest)]) == ["flowchart-v2", "flowchart-v2"]


def test_an_outline_says_what_each_scene_shows() -> None:
    tree = make_diagram(DiagramType.DIAGRAM_TYPE_HIERARCHY, "Branch")
    for node in tree.nodes:
        node.ClearField("date")
    phrase = Diagram(type=DiagramType.DIAGRAM_TYPE_NONE, nodes=[Node(label="Nothing *is* lost")])
    storyboard = Storyboard(
        scenes=[Scene(id="s01", title="Parts", diagram=tree), Scene(id="s02", start_seconds=65, diagram=phrase)]
    )
    assert write_outline(storyboard).splitlines() == [
        "## 0:00 Parts",
        "",
        "- Root",
        "  - Branch",
        "  - Leaf",
        "",
        "## 1:05 s02",
        "",
        "> Nothing \\*is\\* lost",
    ]


def test_a_ring_that_was_made_a_tree_is_written_whole() -> None:
    nodes = [Node(id=name, label=name) for name in ("rain", "river", "sea", "snow")]
    edges = [
        Edge(id=f"{a}{b}", source=a, target=b) for a, b in (("rain", "river"), ("river", "sea"), ("sea", "rain"), ("sea", "snow"))
    ]
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_HIERARCHY, nodes=nodes, edges=edges)
    outline = write_outline(Storyboard(scenes=[Scene(id="s01", diagram=diagram)]))
    assert outline.splitlines()[2:] == ["- rain", "  - river", "    - sea", "      - snow"]


def test_what_hangs_on_many_is_written_below_each_and_its_parts_once() -> None:
    names = [f"n{number}" for number in range(30)]
    nodes = [Node(id=name, label=name) for name in names]
    edges = [Edge(id=f"{a}{b}", source=a, target=b) for place, a in enumerate(names) for b in names[place + 1 : place + 3]]
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_MINDMAP, nodes=nodes, edges=edges)
    lines = write_outline(Storyboard(scenes=[Scene(id="s01", diagram=diagram)])).splitlines()[2:]
    assert len(lines) == len(edges) + 1


def test_what_was_said_cannot_leave_its_quotes() -> None:
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_FLOWCHART)
    diagram.nodes.append(Node(id="s01n01", kind=NodeKind.NODE_KIND_STEP, label='Say "hi" <script>'))
    diagram.nodes.append(Node(id="s01n02", kind=NodeKind.NODE_KIND_DECISION, label="Heard?"))
    diagram.edges.append(Edge(source="s01n01", target="s01n02", label="yes"))
    assert write_diagram(diagram).splitlines() == [
        "flowchart TD",
        '    s01n01("Say #quot;hi#quot; #lt;script#gt;")',
        '    s01n02{"Heard?"}',
        '    s01n01 -->|"yes"| s01n02',
    ]


def test_a_timeline_is_written_in_order_of_time() -> None:
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_TIMELINE)
    for year, label in ((2001, "Second: one"), (1999, "First")):
        diagram.nodes.append(Node(label=label, date=EventDate(label=str(year), start_year=year, end_year=year)))
    assert write_diagram(diagram).splitlines() == ["timeline", "    1999 : First", "    2001 : Second  one"]


def test_years_and_ranks_stay_in_the_order_of_speech() -> None:
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_TIMELINE)
    year, rank = DatePrecision.DATE_PRECISION_YEAR, DatePrecision.DATE_PRECISION_ORDINAL
    for number, (label, start, precision) in enumerate((("1999", 1999, year), ("Day two", 0, rank)), start=1):
        date = EventDate(label=label, start_year=start, end_year=start, precision=precision)
        diagram.nodes.append(Node(id=f"s01n{number:02d}", label=f"Event {number}", date=date))
    assert write_diagram(diagram).splitlines() == ["timeline", "    1999 : Event 1", "    Day two : Event 2"]
    outline = write_outline(Storyboard(scenes=[Scene(id="s01", diagram=diagram)]))
    assert outline.splitlines()[2:] == ["1. **1999**: Event 1", "2. **Day two**: Event 2"]


def test_titles_and_phrases_are_text_in_markdown() -> None:
    phrase = Diagram(type=DiagramType.DIAGRAM_TYPE_NONE, nodes=[Node(id="a", label="<img src=x> [a](b)")])
    scenes = [Scene(id="s01", title="<b>Hot</b>", diagram=phrase)]
    written = write_mermaid(Storyboard(scenes=scenes))
    assert "<img" not in written.replace("\\<", "")
    assert "<b>" not in written.replace("\\<", "")
    assert "[a](b)" not in written.replace("\\[", "").replace("\\]", "")


@pytest.mark.integration
def test_mermaid_reads_a_talk(mermaid_folder: Path, analyst: Analyst) -> None:
    storyboard, _ = analyst.analyze(make_transcript(TALK))
    written = write_mermaid(storyboard)
    headings = re.findall(r"^## (s\d+) · \d+:\d\d–\d+:\d\d", written, re.MULTILINE)
    assert headings == [scene.id for scene in storyboard.scenes]
    blocks = re.findall(r"^```mermaid\n(.*?)\n```$", written, re.MULTILINE | re.DOTALL)
    drawn = [scene for scene in storyboard.scenes if scene.diagram.type != DiagramType.DIAGRAM_TYPE_NONE]
    assert len(blocks) == len(drawn) >= 2
    assert {kind.split("-")[0] for kind in parse(mermaid_folder, blocks)} <= {"flowchart", "mindmap", "timeline"}


@pytest.mark.integration
def test_an_outline_of_a_talk_holds_all_that_is_drawn(analyst: Analyst) -> None:
    storyboard, _ = analyst.analyze(make_transcript(TALK))
    outline = write_outline(storyboard)
    for scene in storyboard.scenes:
        for node in scene.diagram.nodes:
            assert node.label in outline
            assert node.date.label in outline
        for edge in scene.diagram.edges:
            assert edge.label in outline
    assert re.search(r"^1\. ", outline, re.MULTILINE), "steps are numbered"
    assert "**1840**: " in outline
