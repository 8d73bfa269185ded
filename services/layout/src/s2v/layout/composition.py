"""Storyboard to composition: the whole of what the service does, in process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import hypot

from s2v.layout import camera, engine
from s2v.layout.canvas import CANVASES, DEFAULT_HEIGHT, HEIGHTS, WIDE, WORK, Canvas, find_places, picture_texts, scale
from s2v.layout.cause_effect import compose_cause_effect
from s2v.layout.comparison import compose_comparison
from s2v.layout.continuation import cut_out, find_threads, unite
from s2v.layout.cycle import compose_cycle
from s2v.layout.flowchart import compose_flowchart
from s2v.layout.hierarchy import compose_hierarchy
from s2v.layout.key_phrase import compose_key_phrase
from s2v.layout.mindmap import compose_mindmap
from s2v.layout.network import compose_network
from s2v.layout.quality import measure
from s2v.layout.speech import spoken_spans
from s2v.layout.timeline import compose_timeline
from s2v.layout.title import add_title
from s2v.layout.validation import check
from s2v.runtime.errors import DegradedError, InvalidInputError
from s2v.typeset import themes
from s2v.typeset.families import INTER, family, find_family, set_in
from s2v.typeset.fonts import font_digests, missing_characters
from s2v.v1.composition_pb2 import Composition, SceneLayout
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.report_pb2 import Degradation, Stage, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard

SMALLEST_TEXT_PX = 24.0
"""Text below this, at a shorter side of 1080, is noted in the report."""

COMPOSERS: Mapping[DiagramType.ValueType, Callable[[Scene, Canvas], SceneLayout]] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: compose_flowchart,
    DiagramType.DIAGRAM_TYPE_HIERARCHY: compose_hierarchy,
    DiagramType.DIAGRAM_TYPE_TIMELINE: compose_timeline,
    DiagramType.DIAGRAM_TYPE_CYCLE: compose_cycle,
    DiagramType.DIAGRAM_TYPE_MINDMAP: compose_mindmap,
    DiagramType.DIAGRAM_TYPE_COMPARISON: compose_comparison,
    DiagramType.DIAGRAM_TYPE_NETWORK: compose_network,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: compose_cause_effect,
    DiagramType.DIAGRAM_TYPE_NONE: compose_key_phrase,
}
UNPLACED = frozenset((DiagramType.DIAGRAM_TYPE_TIMELINE, DiagramType.DIAGRAM_TYPE_NONE))
"""Types whose composers choose the place on the canvas themselves."""


def compose(
    storyboard: Storyboard,
    height: int,
    theme: str,
    strict: bool,
    aspect: str = "",
    *,
    previous: Composition | None = None,
    font: str = "",
    work: int = WORK,
) -> tuple[Composition, StageReport]:
    """Places every scene on a canvas whose shorter side has `height` pixels (720, 1080 or 2160; 0: 1080).

    `aspect` is "16:9" (default), "9:16" or "1:1"; an empty `theme` is the default one, an empty `font` Inter. What is in
    `previous`, the composition of the storyboard before an edit, stays where it is, as far as it can. `work` is the budget of
    a picture's search. The report has no times.
    Errors: InvalidInputError, LimitError; DegradedError when `strict` and a fallback was needed.
    """
    height, theme, canvas = check_canvas(height, theme, aspect)
    try:
        find_family(font)
    except ValueError as error:
        raise InvalidInputError(str(error), field="font") from error
    with set_in(font):
        return _compose(storyboard, height, theme, replace(canvas, work=work), strict, previous)


def _compose(  # noqa: PLR0917 - a choice each
    storyboard: Storyboard, height: int, theme: str, canvas: Canvas, strict: bool, previous: Composition | None
) -> tuple[Composition, StageReport]:
    """Composes in the family in force."""
    check(storyboard)
    composition = Composition(
        width=int(canvas.width),
        height=int(canvas.height),
        duration_seconds=storyboard.duration_seconds,
        theme=theme,
        language=storyboard.language,
        font_sha256=font_digests(),
        font="" if family() is INTER else family().name,
    )
    report = StageReport(stage=Stage.STAGE_LAYOUT, engine=engine.NAME, engine_version=engine.VERSION)
    places = _find_places(previous, canvas)
    before = _find_pictures(previous.scenes if previous is not None else ())
    layouts: dict[str, SceneLayout] = {}
    for thread in find_threads(storyboard.scenes):
        laid = _lay(thread, canvas, {})
        # What an edit has not changed is the same to the last bit, so that its clip is not drawn again.
        if places and not _stands(laid, before, canvas, height):
            laid = _lay(thread, canvas, places)
        layouts |= laid
    composition.scenes.extend(layouts[scene.id] for scene in storyboard.scenes)
    _measure_moves(storyboard, composition)
    _report(storyboard, composition, report)
    if strict and report.degradations:
        raise DegradedError(f"{report.degradations[0].reason}; the job is strict")
    scale(composition, canvas, height)
    return composition, report


def check_canvas(height: int, theme: str, aspect: str = "") -> tuple[int, str, Canvas]:
    """Returns height, theme and canvas with their defaults filled in.

    Errors: InvalidInputError.
    """
    height = height or DEFAULT_HEIGHT
    if height not in HEIGHTS:
        raise InvalidInputError(f"height {height} is none of {', '.join(map(str, HEIGHTS))}", field="height")
    if (aspect or WIDE.aspect) not in CANVASES:
        raise InvalidInputError(f"aspect {aspect!r} is none of {', '.join(CANVASES)}", field="aspect")
    try:
        return height, themes.theme(theme or themes.DEFAULT).name, CANVASES[aspect or WIDE.aspect]
    except ValueError as error:
        raise InvalidInputError(str(error), field="theme") from error


def _find_places(previous: Composition | None, canvas: Canvas) -> dict[str, dict[str, tuple[float, float]]]:
    """Returns where the nodes of each scene stood, by its id, on layout's canvas; nothing of a canvas of another shape."""
    if previous is None or previous.width * canvas.height != previous.height * canvas.width:
        return {}
    return {scene.scene_id: find_places(scene, canvas.width / previous.width) for scene in previous.scenes}


def _stands(laid: Mapping[str, SceneLayout], before: Mapping[str, SceneLayout], canvas: Canvas, height: int) -> bool:
    """Says whether scenes look as they did before an edit."""
    now = Composition(scenes=laid.values())
    scale(now, canvas, height)
    return all(before.get(name) == picture for name, picture in _find_pictures(now.scenes).items())


def _find_pictures(scenes: Iterable[SceneLayout]) -> dict[str, SceneLayout]:
    """Returns scenes by their ids, without their quality, which knows of other scenes."""
    pictures = Composition(scenes=scenes).scenes
    for picture in pictures:
        picture.ClearField("quality")
    return {picture.scene_id: picture for picture in pictures}


def _lay(
    thread: Sequence[Scene], canvas: Canvas, places: Mapping[str, Mapping[str, tuple[float, float]]]
) -> dict[str, SceneLayout]:
    """Returns the layouts of scenes that share one picture, by their ids."""
    stood = {node: place for each in thread for node, place in places.get(each.id, {}).items()}
    whole = unite(thread) if len(thread) > 1 else thread[0]
    picture = _draw(whole, replace(canvas, before=stood))
    return {scene.id: _finish(scene, cut_out(picture, whole, scene) if len(thread) > 1 else picture, canvas) for scene in thread}


def _draw(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene, or of what several share, at its place."""
    picture = COMPOSERS[scene.diagram.type](scene, canvas)
    if scene.diagram.type not in UNPLACED:
        camera.place(picture, canvas)
    return picture


def _finish(scene: Scene, layout: SceneLayout, canvas: Canvas) -> SceneLayout:
    """Adds to a picture what is told by the scene: times, title, what is spoken of, the camera, the quality."""
    measure(layout, canvas)
    reveals = {shape.node_id: shape.reveal_seconds for shape in layout.shapes}
    for route in layout.routes:
        # No line comes before what it joins.
        route.reveal_seconds = max(route.reveal_seconds, *(reveals.get(end, 0.0) for end in (route.source, route.target)))
    layout.scene_id = scene.id
    layout.start_seconds = scene.start_seconds
    layout.end_seconds = scene.end_seconds
    layout.type = scene.diagram.type
    layout.chapter = scene.title or next((node.label for node in scene.diagram.nodes), "")
    if scene.diagram.type != DiagramType.DIAGRAM_TYPE_NONE:
        spans = spoken_spans(scene.diagram.nodes, scene.end_seconds)
        for shape in layout.shapes:
            shape.spoken.extend(spans.get(shape.node_id, ()))
        camera.follow(layout, canvas, scene.start_seconds, scene.end_seconds)
        add_title(layout, scene.title, canvas)
    return layout


def _measure_moves(storyboard: Storyboard, composition: Composition) -> None:
    """Notes for each scene how far the nodes have moved that it shares with the scene it goes on from."""
    layouts = {layout.scene_id: layout for layout in composition.scenes}
    for scene in storyboard.scenes:
        before = layouts.get(scene.continues_scene_id)
        if before is None:
            continue
        old = {shape.node_id: shape.rect for shape in before.shapes}
        pairs = [(old[shape.node_id], shape.rect) for shape in layouts[scene.id].shapes if shape.node_id in old]
        moved = sum(hypot(b.x + b.width / 2 - a.x - a.width / 2, b.y + b.height / 2 - a.y - a.height / 2) for a, b in pairs)
        layouts[scene.id].quality.moved_px = moved / max(len(pairs), 1)


def _report(storyboard: Storyboard, composition: Composition, report: StageReport) -> None:
    for scene, layout in zip(storyboard.scenes, composition.scenes, strict=True):
        quality = layout.quality
        if quality.degraded:
            report.degradations.append(Degradation(code="LAYOUT_GRID", reason=quality.degraded))
        blocks = [layout.title, *picture_texts(layout)]
        missing = missing_characters("".join(line.text for block in blocks for line in block.lines))
        if missing:
            report.degradations.append(
                Degradation(code="LAYOUT_MISSING_GLYPHS", reason=f"the fonts cannot draw {missing!r} in scene {scene.id}")
            )
        if 0 < quality.min_text_px < SMALLEST_TEXT_PX - 0.01:
            report.notes.append(
                f"Scene {scene.id} holds so much that its text is only {quality.min_text_px:.0f} px high at 1080p "
                f"instead of {SMALLEST_TEXT_PX:.0f} px."
            )
        if quality.note:
            report.notes.append(quality.note)
        for block in blocks:
            if block.full_text:
                report.notes.append(f"Scene {scene.id} shows a text shortened to fit: {block.lines[0].text!r}.")
    drawn = [layout.quality for layout in composition.scenes if layout.shapes]
    engines = Counter(quality.engine for quality in drawn)
    report.measures.update({f"scenes_by.{name}": count for name, count in sorted(engines.items())})
    if drawn:
        report.measures.update(
            {
                "shape_overlaps": sum(quality.shape_overlaps for quality in drawn),
                "routes_through_shapes": sum(quality.routes_through_shapes for quality in drawn),
                "label_hits": sum(quality.label_hits for quality in drawn),
                "crossings": sum(quality.crossings for quality in drawn),
                "bends": sum(quality.bends for quality in drawn),
                "min_text_px": min(quality.min_text_px for quality in drawn),
                "variants": sum(quality.variants for quality in drawn),
                "panned_scenes": sum(bool(layout.camera) for layout in composition.scenes),
                "moved_px": max(quality.moved_px for quality in drawn),
                "area_used": sum(quality.area_used for quality in drawn) / len(drawn),
            }
        )
