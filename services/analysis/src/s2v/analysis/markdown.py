"""Export of a storyboard as a Markdown outline, for reading and for notes: what each scene shows, in the order of speech."""

from __future__ import annotations

from collections.abc import Iterator

from s2v.runtime.chronology import order_events
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Node
from s2v.v1.storyboard_pb2 import Scene, Storyboard

_TREES = (DiagramType.DIAGRAM_TYPE_HIERARCHY, DiagramType.DIAGRAM_TYPE_MINDMAP, DiagramType.DIAGRAM_TYPE_COMPARISON)


def write_outline(storyboard: Storyboard) -> str:
    """Returns a heading for each scene and its content below: a quotation, a nested list, or a list with what follows what."""
    return "\n\n".join("\n".join(_write_scene(scene)) for scene in storyboard.scenes) + "\n"


def _write_scene(scene: Scene) -> Iterator[str]:
    minutes, seconds = divmod(round(scene.start_seconds), 60)
    yield f"## {minutes}:{seconds:02d} {escape(scene.title) or scene.id}"
    yield ""
    diagram = scene.diagram
    if diagram.type == DiagramType.DIAGRAM_TYPE_NONE:
        yield from (f"> {escape(node.label)}" for node in diagram.nodes)
    elif diagram.type in _TREES:
        yield from _write_tree(diagram)
    else:
        yield from _write_list(diagram)


def _write_tree(diagram: Diagram) -> Iterator[str]:
    children: dict[str, list[str]] = {}
    for edge in diagram.edges:
        children.setdefault(edge.source, []).append(edge.target)
    owned = {edge.target for edge in diagram.edges}
    nodes = {node.id: node for node in diagram.nodes}
    written: set[str] = set()

    def write(name: str, above: tuple[str, ...]) -> Iterator[str]:
        yield f"{'  ' * len(above)}- {_write_node(nodes[name])}"
        if name in written:
            return  # What is below it stands where it is named first.
        written.add(name)
        for child in children.get(name, []):
            if child not in above and child != name:
                yield from write(child, (*above, name))

    # An edited diagram may be no tree: a ring has no root.
    for node in sorted(diagram.nodes, key=lambda node: node.id in owned):
        if node.id not in written:
            yield from write(node.id, ())


def _write_list(diagram: Diagram) -> Iterator[str]:
    ordered = order_events(diagram.nodes) if diagram.type == DiagramType.DIAGRAM_TYPE_TIMELINE else list(diagram.nodes)
    place = {node.id: number for number, node in enumerate(ordered, start=1)}
    for node in ordered:
        onward = [
            edge for edge in diagram.edges if edge.source == node.id and (edge.label or place[edge.target] != place[node.id] + 1)
        ]
        targets = ", ".join(f"{escape(edge.label)} → {place[edge.target]}".strip() for edge in onward)
        yield f"{place[node.id]}. {_write_node(node)}{f' ({targets})' if targets else ''}"


def _write_node(node: Node) -> str:
    date = f"**{escape(node.date.label)}**: " if node.date.label else ""
    quantity = f" ({escape(node.quantity.label)})" if node.quantity.label else ""
    return f"{date}{escape(node.label)}{quantity}"


def escape(text: str) -> str:
    """What was said is text: characters that Markdown or HTML would read are escaped."""
    for mark in "\\`*_[]<>#|":
        text = text.replace(mark, f"\\{mark}")
    return text
