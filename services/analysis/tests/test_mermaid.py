from s2v.analysis.mermaid import write_diagram
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Edge, EventDate, Node, NodeKind


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
