"""Storyboard to composition: the whole of what the service does, in process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from s2v.layout import canvas, engine
from s2v.layout.flowchart import compose_flowchart
from s2v.layout.key_phrase import compose_key_phrase
from s2v.layout.quality import measure
from s2v.layout.timeline import compose_timeline
from s2v.layout.title import add_title
from s2v.layout.validation import check
from s2v.runtime.errors import DegradedError, InvalidInputError
from s2v.typeset import themes
from s2v.typeset.fonts import font_digests, missing_characters
from s2v.v1.composition_pb2 import Composition, SceneLayout
from s2v.v1.diagram_pb2 import DiagramType
from s2v.v1.report_pb2 import Degradation, Stage, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard

SMALLEST_TEXT_PX = 24.0
"""Text below this, at a height of 1080, is noted in the report."""

COMPOSERS: Mapping[DiagramType.ValueType, Callable[[Scene], SceneLayout]] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: compose_flowchart,
    DiagramType.DIAGRAM_TYPE_TIMELINE: compose_timeline,
    DiagramType.DIAGRAM_TYPE_NONE: compose_key_phrase,
}


def compose(storyboard: Storyboard, height: int, theme: str, strict: bool) -> tuple[Composition, StageReport]:
    """Places every scene on a 16:9 canvas of `height` pixels (720, 1080 or 2160; 0: 1080). An empty `theme` is the default one.

    The report holds all but times. Errors: InvalidInputError, LimitError; DegradedError when `strict` and a fallback was needed.
    """
    height, theme = check_canvas(height, theme)
    check(storyboard)
    composition = Composition(
        width=int(canvas.WIDTH),
        height=int(canvas.HEIGHT),
        duration_seconds=storyboard.duration_seconds,
        theme=theme,
        language=storyboard.language,
        font_sha256=font_digests(),
    )
    report = StageReport(stage=Stage.STAGE_LAYOUT, engine=engine.NAME, engine_version=engine.VERSION)
    for scene in storyboard.scenes:
        composition.scenes.append(_compose_scene(scene))
    _report(storyboard, composition, report)
    if strict and report.degradations:
        raise DegradedError(f"{report.degradations[0].reason}; the job is strict")
    canvas.scale(composition, height)
    return composition, report


def check_canvas(height: int, theme: str) -> tuple[int, str]:
    """Returns height and theme with their defaults filled in.

    Errors: InvalidInputError.
    """
    height = height or canvas.DEFAULT_HEIGHT
    if height not in canvas.HEIGHTS:
        raise InvalidInputError(f"height {height} is none of {', '.join(map(str, canvas.HEIGHTS))}", field="height")
    try:
        return height, themes.theme(theme or themes.DEFAULT).name
    except ValueError as error:
        raise InvalidInputError(str(error), field="theme") from error


def _compose_scene(scene: Scene) -> SceneLayout:
    layout = COMPOSERS[scene.diagram.type](scene)
    measure(layout)
    layout.scene_id = scene.id
    layout.start_seconds = scene.start_seconds
    layout.end_seconds = scene.end_seconds
    layout.type = scene.diagram.type
    layout.chapter = scene.title or next((node.label for node in scene.diagram.nodes), "")
    if scene.diagram.type != DiagramType.DIAGRAM_TYPE_NONE:
        add_title(layout, scene.title)
    return layout


def _report(storyboard: Storyboard, composition: Composition, report: StageReport) -> None:
    for scene, layout in zip(storyboard.scenes, composition.scenes, strict=True):
        quality = layout.quality
        if quality.degraded:
            report.degradations.append(Degradation(code="LAYOUT_GRID", reason=quality.degraded))
        blocks = [layout.title, *canvas.picture_texts(layout)]
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
                "area_used": sum(quality.area_used for quality in drawn) / len(drawn),
            }
        )
