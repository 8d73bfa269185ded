"""What a storyboard must hold before anything is placed."""

from __future__ import annotations

import re
from math import isfinite

from s2v.layout.timeline import MAX_EVENTS
from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.typeset.shaping import clean
from s2v.v1.diagram_pb2 import Diagram, DiagramType
from s2v.v1.storyboard_pb2 import Scene, Storyboard

MAX_SCENES = 2000
MAX_NODES = 60
"""Nodes in a diagram: more cannot be followed in one scene."""
MAX_EDGES = 150
MAX_LABEL_CHARACTERS = 1000
"""Longer labels come from no speaker; up to this they are shortened to fit."""
ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""Ids become names of files and of ELK's elements."""
TIME_TOLERANCE_SECONDS = 0.001
"""Scenes meet when their times differ by no more."""
MAX_GROUPS = 30

DRAWN = frozenset(DiagramType.values()) - {DiagramType.DIAGRAM_TYPE_UNSPECIFIED}
"""Types that have a composer."""


def check(storyboard: Storyboard) -> None:
    """Refuses a storyboard that cannot be placed.

    Errors: InvalidInputError, LimitError.
    """
    if len(storyboard.scenes) > MAX_SCENES:
        raise LimitError(
            f"the storyboard has {len(storyboard.scenes)} scenes; at most {MAX_SCENES} can be placed", field="scenes"
        )
    _check_number(storyboard.duration_seconds, "duration_seconds")
    seen: set[str] = set()
    end = 0.0
    for number, scene in enumerate(storyboard.scenes):
        field = f"scenes[{number}]"
        _check_id(scene.id, seen, f"{field}.id")
        _check_times(scene, field)
        if abs(scene.start_seconds - end) > TIME_TOLERANCE_SECONDS:
            raise InvalidInputError(
                f"scene {scene.id} starts at {scene.start_seconds:g} s, but the one before it ends at {end:g} s: "
                "scenes must follow one another from 0 without a gap",
                field=f"{field}.start_seconds",
            )
        if scene.end_seconds <= scene.start_seconds:
            raise InvalidInputError(f"scene {scene.id} ends before it starts", field=f"{field}.end_seconds")
        end = scene.end_seconds
        _check_label(scene.title, scene, "its title", f"{field}.title")
        _check_diagram(scene, f"{field}.diagram")
    if storyboard.scenes and abs(storyboard.duration_seconds - end) > TIME_TOLERANCE_SECONDS:
        raise InvalidInputError(
            f"the last scene ends at {end:g} s, but duration_seconds is {storyboard.duration_seconds:g}: give both the same",
            field="duration_seconds",
        )


def node_limit(kind: DiagramType.ValueType) -> int:
    """Returns how many nodes a diagram of a type may have."""
    return {DiagramType.DIAGRAM_TYPE_TIMELINE: MAX_EVENTS, DiagramType.DIAGRAM_TYPE_NONE: 1}.get(kind, MAX_NODES)


def _check_diagram(scene: Scene, field: str) -> None:
    diagram = scene.diagram
    if diagram.type not in DRAWN:
        drawn = ", ".join(DiagramType.Name(each) for each in sorted(DRAWN))
        raise InvalidInputError(
            f"scene {scene.id} is a {_name(diagram.type)}; layout draws {drawn}",
            reason="UNKNOWN_DIAGRAM_TYPE",
            field=f"{field}.type",
        )
    limit = node_limit(diagram.type)
    if len(diagram.nodes) > limit:
        raise LimitError(
            f"scene {scene.id} has {len(diagram.nodes)} nodes; a {_name(diagram.type)} takes at most {limit}: split the scene",
            field=f"{field}.nodes",
        )
    if len(diagram.edges) > MAX_EDGES:
        raise LimitError(
            f"scene {scene.id} has {len(diagram.edges)} edges; at most {MAX_EDGES} can be placed", field=f"{field}.edges"
        )
    if diagram.type != DiagramType.DIAGRAM_TYPE_NONE and not diagram.nodes:
        raise InvalidInputError(f"scene {scene.id} is a {_name(diagram.type)} without nodes", field=f"{field}.nodes")
    _check_nodes(scene, diagram, field)
    _check_edges(scene, diagram, field)
    _check_groups(scene, diagram, field)


def _check_nodes(scene: Scene, diagram: Diagram, field: str) -> None:
    seen: set[str] = set()
    for number, node in enumerate(diagram.nodes):
        place = f"{field}.nodes[{number}]"
        _check_id(node.id, seen, f"{place}.id")
        if not clean(node.label):
            raise InvalidInputError(f"node {node.id} of scene {scene.id} has no label", field=f"{place}.label")
        _check_label(node.label, scene, f"the label of node {node.id}", f"{place}.label")
        _check_label(node.date.label, scene, f"the date of node {node.id}", f"{place}.date.label")
        _check_label(node.quantity.label, scene, f"the quantity of node {node.id}", f"{place}.quantity.label")


def _check_edges(scene: Scene, diagram: Diagram, field: str) -> None:
    nodes = {node.id for node in diagram.nodes}
    seen: set[str] = set()
    loops: set[str] = set()
    for number, edge in enumerate(diagram.edges):
        place = f"{field}.edges[{number}]"
        _check_id(edge.id, seen, f"{place}.id")
        for end, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in nodes:
                raise InvalidInputError(
                    f"edge {edge.id} of scene {scene.id} has the {end} {node_id!r}, which is no node of the scene",
                    field=f"{place}.{end}",
                )
        if edge.source == edge.target:
            if edge.source in loops:
                raise InvalidInputError(
                    f"node {edge.source} of scene {scene.id} has several edges to itself; one can be drawn", field=place
                )
            loops.add(edge.source)
        _check_label(edge.label, scene, f"the label of edge {edge.id}", f"{place}.label")


def _check_groups(scene: Scene, diagram: Diagram, field: str) -> None:
    if len(diagram.groups) > MAX_GROUPS:
        raise LimitError(
            f"scene {scene.id} has {len(diagram.groups)} groups; at most {MAX_GROUPS} can be placed", field=f"{field}.groups"
        )
    # A group's panel is a shape like a node's, so their ids are of one kind.
    seen = {node.id for node in diagram.nodes}
    for number, group in enumerate(diagram.groups):
        _check_id(group.id, seen, f"{field}.groups[{number}].id")
        _check_label(group.label, scene, f"the label of group {group.id}", f"{field}.groups[{number}].label")
    groups = {group.id for group in diagram.groups}
    for number, node in enumerate(diagram.nodes):
        if node.group_id and node.group_id not in groups:
            raise InvalidInputError(
                f"node {node.id} of scene {scene.id} is in group {node.group_id!r}, which the scene does not have",
                field=f"{field}.nodes[{number}].group_id",
            )


def _check_times(scene: Scene, field: str) -> None:
    """Refuses what is no time, as it would pass each comparison and fail in the middle of the work, and what is never seen."""
    _check_number(scene.start_seconds, f"{field}.start_seconds")
    _check_number(scene.end_seconds, f"{field}.end_seconds")
    diagram = scene.diagram
    reveals = {
        "nodes": [node.reveal_seconds for node in diagram.nodes],
        "edges": [edge.reveal_seconds for edge in diagram.edges],
        "groups": [group.reveal_seconds for group in diagram.groups],
    }
    for name, times in reveals.items():
        for number, seconds in enumerate(times):
            place = f"{field}.diagram.{name}[{number}].reveal_seconds"
            _check_number(seconds, place)
            # A scene that was cut may keep a group, or a quantity, whose word is in the next one.
            if name != "groups" and seconds > scene.end_seconds + TIME_TOLERANCE_SECONDS:
                raise InvalidInputError(
                    f"{place} is {seconds:g}, but scene {scene.id} ends at {scene.end_seconds:g} s: "
                    "give a time in the scene, or move it to a later one",
                    field=place,
                )
    for number, node in enumerate(diagram.nodes):
        place = f"{field}.diagram.nodes[{number}]"
        _check_number(node.quantity.reveal_seconds, f"{place}.quantity.reveal_seconds")
        _check_number(node.date.start_year, f"{place}.date.start_year")
        _check_number(node.date.end_year, f"{place}.date.end_year")
        for which, span in enumerate(node.mentions):
            _check_number(span.start_seconds, f"{place}.mentions[{which}].start_seconds")
            _check_number(span.end_seconds, f"{place}.mentions[{which}].end_seconds")


def _check_number(value: float, field: str) -> None:
    if not isfinite(value):
        raise InvalidInputError(f"{field} is {value}; give a number", field=field)


def _check_id(value: str, seen: set[str], field: str) -> None:
    if not ID.fullmatch(value):
        raise InvalidInputError(
            f"{field} is {value[:100]!r}; an id has 1 to 100 letters, digits, dots, dashes and underscores", field=field
        )
    if value in seen:
        raise InvalidInputError(f"{field} {value!r} is there twice", field=field)
    seen.add(value)


def _check_label(text: str, scene: Scene, what: str, field: str) -> None:
    if len(text) > MAX_LABEL_CHARACTERS:
        raise LimitError(
            f"{what} in scene {scene.id} has {len(text)} characters; at most {MAX_LABEL_CHARACTERS} are taken", field=field
        )


def _name(kind: DiagramType.ValueType) -> str:
    return (
        DiagramType.Name(kind).removeprefix("DIAGRAM_TYPE_").lower().replace("_", "-")
        if kind in DiagramType.values()
        else str(kind)
    )
