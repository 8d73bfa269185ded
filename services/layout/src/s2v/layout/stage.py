"""Layout as a stage of the pipeline: one part, as a diagram may go on over scenes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from s2v.layout import drawio, engine, png, svg
from s2v.layout.canvas import WORK
from s2v.layout.processes import compose_bytes, cut_batches, draw_pages, draw_scenes, seconds_for
from s2v.runtime.stage import File, Output, Part, StageTask, digest
from s2v.typeset.identity import look_parts
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.layout_service_pb2 import ComposeRequest, ComposeResponse
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.storyboard_pb2 import Storyboard

REVISION = 9
"""Raised by hand when this service changes in a way that changes its results."""
PAINTER = "resvg-py"
"""Distribution that draws the PNG exports."""


class LayoutStage:
    """Storyboard to composition."""

    stage = Stage.STAGE_LAYOUT

    def __init__(self, longest_seconds: float, work: int = WORK) -> None:
        self._longest_seconds = longest_seconds
        self._work = work

    def identity(self, options: JobOptions) -> bytes:
        """Returns all that composition and exports depend on besides the storyboard: engines, budget, fonts, look, revision."""
        look = look_parts(options.theme, options.brand.font)
        chosen = (str(options.height), options.theme, str(options.strict), options.aspect)
        # The exports are drawn in the look of the job.
        brand = [options.brand.SerializeToString(deterministic=True)] if options.HasField("brand") else []
        painter = f"{PAINTER}={version(PAINTER)}"
        return digest(engine.NAME, engine.VERSION, painter, str(self._work), *chosen, str(REVISION), *look, *brand)

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Returns the one part: where the storyboard is."""
        return [Part(task.input(Stage.STAGE_ANALYSIS))]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Places all scenes; what an edit has left as it was keeps its place.

        Errors: InvalidInputError, LimitError, DegradedError, EngineTimeoutError.
        """
        storyboard, options = Storyboard.FromString(await task.read(ObjectRef.FromString(part))), task.options
        request = ComposeRequest(
            storyboard=storyboard,
            height=options.height,
            theme=options.theme,
            strict=options.strict,
            aspect=options.aspect,
            font=options.brand.font,
        )
        if task.previous is not None:
            request.previous.ParseFromString(await task.read(task.previous))
        timeout = seconds_for(len(storyboard.scenes), self._longest_seconds)
        result = await task.compute(compose_bytes, request.SerializeToString(), self._work, timeout=timeout)
        composition, report = Composition.FromString(result.composition), StageReport.FromString(result.report)
        # The part's report keeps what is degraded out of the cache; the job's is that of the join.
        return Output(ComposeResponse(composition=composition, report=report), report)

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Returns the composition with its exports: a file of draw.io, and each scene as SVG and PNG.

        Errors: InvalidInputError, EngineTimeoutError.
        """
        result = ComposeResponse.FromString(await task.read(parts[0]))
        composition = result.composition.SerializeToString(deterministic=True)
        brand = task.options.brand.SerializeToString(deterministic=True)
        pages = await task.compute(draw_pages, composition, brand, timeout=self._longest_seconds)
        files = [File(ArtifactKind.ARTIFACT_KIND_DRAWIO, "diagrams.drawio", drawio.CONTENT_TYPE, data=pages)]
        for batch in cut_batches(result.composition):
            for scene in await task.compute(draw_scenes, batch, brand, timeout=self._longest_seconds):
                name = f"scene-{scene.scene_id}"
                files.append(File(ArtifactKind.ARTIFACT_KIND_SVG, f"{name}.svg", svg.CONTENT_TYPE, data=scene.svg))
                files.append(File(ArtifactKind.ARTIFACT_KIND_PNG, f"{name}.png", png.CONTENT_TYPE, data=scene.png))
        return Output(result.composition, result.report, files)
