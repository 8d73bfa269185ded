"""Export of a storyboard as Mermaid, for reading and for other tools. A scene is a diagram of its own under a comment."""

from __future__ import annotations

from s2v.v1.diagram_pb2 import Diagram, DiagramType, Node, NodeKind
from s2v.v1.storyboard_pb2 import Scene, Storyboard

_SHAPES = {
    NodeKind.NODE_KIND_DECISION: ('{"', '"}'),
    NodeKind.NODE_KIND_TERMINAL: ('(["', '"])'),
    NodeKind.NODE_KIND_STEP: ('("', '")'),
}
_PLAIN = ('["', '"]')


def write_mermaid(storyboard: Storyboard) -> str:
    """Returns the scenes as Mermaid diagrams in Markdown: a heading with the times, then a fenced block for each."""
    return "\n\n".join(_write_scene(scene) for scene in storyboard.scenes) + "\n"


def write_diagram(diagram: Diagram) -> str:
    """Returns one diagram as Mermaid."""
    if diagram.type == DiagramType.DIAGRAM_TYPE_TIMELINE:
        return _write_timeline(diagram)
    return _write_flowchart(diagram)


def _write_scene(scene: Scene) -> str:
    title = f" {scene.title}" if scene.title else ""
    heading = f"## {scene.id} · {_clock(scene.start_seconds)}–{_clock(scene.end_seconds)}{title}"
    if scene.diagram.type == DiagramType.DIAGRAM_TYPE_NONE:
        phrases = [f"> {node.label}" for node in scene.diagram.nodes]
        return "\n\n".join([heading, *phrases])
    return f"{heading}\n\n```mermaid\n{write_diagram(scene.diagram)}\n```"


def _write_flowchart(diagram: Diagram) -> str:
    lines = ["flowchart TD"]
    for node in diagram.nodes:
        opening, closing = _SHAPES.get(node.kind, _PLAIN)
        lines.append(f"    {node.id}{opening}{_escape(_text(node))}{closing}")
    for edge in diagram.edges:
        label = f'|"{_escape(edge.label)}"|' if edge.label else ""
        lines.append(f"    {edge.source} -->{label} {edge.target}")
    return "\n".join(lines)


def _write_timeline(diagram: Diagram) -> str:
    lines = ["timeline"]
    for node in sorted(diagram.nodes, key=lambda node: node.date.start_year):
        lines.append(f"    {_plain(node.date.label)} : {_plain(_text(node))}")
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
