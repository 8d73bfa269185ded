"""Export of a storyboard as Mermaid, for reading and for other tools. A scene is a diagram of its own under a comment."""

from __future__ import annotations

from s2v.analysis.markdown import escape
from s2v.runtime.chronology import order_events
from s2v.v1.diagram_pb2 import Diagram, DiagramType, EdgeKind, Node, NodeKind
from s2v.v1.storyboard_pb2 import Scene, Storyboard

_SHAPES = {
    NodeKind.NODE_KIND_DECISION: ('{"', '"}'),
    NodeKind.NODE_KIND_TERMINAL: ('(["', '"])'),
    NodeKind.NODE_KIND_STEP: ('("', '")'),
}
_PLAIN = ('["', '"]')
_SIDEWAYS = (
    DiagramType.DIAGRAM_TYPE_CYCLE,
    DiagramType.DIAGRAM_TYPE_COMPARISON,
    DiagramType.DIAGRAM_TYPE_NETWORK,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT,
)
"""Types that read better from left to right."""


def write_mermaid(storyboard: Storyboard) -> str:
    """Returns the scenes as Mermaid diagrams in Markdown: a heading with the times, then a fenced block for each."""
    return "\n\n".join(_write_scene(scene) for scene in storyboard.scenes) + "\n"


def write_diagram(diagram: Diagram) -> str:
    """Returns one diagram as Mermaid: a timeline, a mind map where there is one root, a flowchart for all other types."""
    if diagram.type == DiagramType.DIAGRAM_TYPE_MINDMAP and (tree := _write_mindmap(diagram)) is not None:
        return tree
    if diagram.type == DiagramType.DIAGRAM_TYPE_TIMELINE:
        return _write_timeline(diagram)
    return _write_flowchart(diagram)


def _write_scene(scene: Scene) -> str:
    title = f" {escape(scene.title)}" if scene.title else ""
    heading = f"## {scene.id} · {_clock(scene.start_seconds)}–{_clock(scene.end_seconds)}{title}"
    if scene.diagram.type == DiagramType.DIAGRAM_TYPE_NONE:
        phrases = [f"> {escape(node.label)}" for node in scene.diagram.nodes]
        return "\n\n".join([heading, *phrases])
    return f"{heading}\n\n```mermaid\n{write_diagram(scene.diagram)}\n```"


def _write_flowchart(diagram: Diagram) -> str:
    lines = ["flowchart LR" if diagram.type in _SIDEWAYS else "flowchart TD"]
    for group in diagram.groups:
        lines.append(f'    subgraph {group.id}["{_escape(group.label)}"]')
        lines += [f"    {_write_node(node)}" for node in diagram.nodes if node.group_id == group.id]
        lines.append("    end")
    grouped = {group.id for group in diagram.groups}
    lines += [_write_node(node) for node in diagram.nodes if node.group_id not in grouped]
    for edge in diagram.edges:
        label = f'|"{_escape(edge.label)}"|' if edge.label else ""
        line = "---" if edge.kind == EdgeKind.EDGE_KIND_PART else "-->"
        lines.append(f"    {edge.source} {line}{label} {edge.target}")
    return "\n".join(lines)


def _write_node(node: Node) -> str:
    opening, closing = _SHAPES.get(node.kind, _PLAIN)
    return f"    {node.id}{opening}{_escape(_text(node))}{closing}"


def _write_mindmap(diagram: Diagram) -> str | None:
    """The tree under the one root; None when there are several or a node has two parents, which Mermaid can't show."""
    parents = {edge.target: edge.source for edge in diagram.edges}
    roots = [node.id for node in diagram.nodes if node.id not in parents]
    if len(roots) != 1 or len(parents) != len(diagram.edges):
        return None
    texts = {node.id: _escape(_text(node)) for node in diagram.nodes}
    lines = ["mindmap"]

    def write(name: str, depth: int) -> None:
        lines.append(f'{"  " * depth}{name}["{texts[name]}"]')
        for child in (node.id for node in diagram.nodes if parents.get(node.id) == name):
            write(child, depth + 1)

    write(roots[0], 1)
    return "\n".join(lines) if len(lines) == len(texts) + 1 else None


def _write_timeline(diagram: Diagram) -> str:
    lines = ["timeline"]
    for node in order_events(diagram.nodes):
        lines.append(f"    {_plain(node.date.label) or '–'} : {_plain(_text(node))}")
    return "\n".join(lines)


def _text(node: Node) -> str:
    return f"{node.label} ({node.quantity.label})" if node.quantity.label else node.label


def _escape(text: str) -> str:
    """Mermaid reads entities inside quotes: nothing that was said can end the quotes or start a tag."""
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;").replace("`", "#96;")


def _plain(text: str) -> str:
    """A timeline has no quotes: what would separate its parts is left out."""
    return text.translate(str.maketrans(":;#\n", "    ")).strip()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
