"""Analysis as a stage of the pipeline: one part, as scenes depend on one another."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson

from s2v.analysis.analysis import ENGINE, REVISION, engine_identity
from s2v.analysis.engine import analyze_bytes
from s2v.analysis.markdown import write_outline
from s2v.analysis.mermaid import write_mermaid
from s2v.runtime.stage import File, Output, Part, StageTask, digest
from s2v.v1.analysis_service_pb2 import AnalyzeResponse
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.storyboard_pb2 import Storyboard


class AnalysisStage:
    """Transcript to storyboard."""

    stage = Stage.STAGE_ANALYSIS

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._identity = engine_identity()

    def identity(self, options: JobOptions) -> bytes:
        """Returns all that a storyboard depends on besides its transcript: engine, models, strictness, revision."""
        return digest(ENGINE, *self._identity, str(options.strict), str(REVISION))

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Returns the one part: where the transcript is."""
        return [Part(task.input(Stage.STAGE_TRANSCRIPTION))]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Analyses the transcript. Errors: InvalidInputError, DegradedError, EngineTimeoutError."""
        transcript = await task.read(ObjectRef.FromString(part))
        result = await task.compute(analyze_bytes, transcript, task.options.strict, timeout=self._longest_seconds)
        return Output(
            AnalyzeResponse(storyboard=Storyboard.FromString(result.storyboard), report=StageReport.FromString(result.report))
        )

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Returns the storyboard with its exports: Mermaid, an outline in Markdown, JSON."""
        result = AnalyzeResponse.FromString(await task.read(parts[0]))
        board = result.storyboard
        markdown = "text/markdown; charset=utf-8"
        exports = [
            File(ArtifactKind.ARTIFACT_KIND_MERMAID, "diagrams.md", markdown, data=write_mermaid(board).encode()),
            File(ArtifactKind.ARTIFACT_KIND_MARKDOWN, "outline.md", markdown, data=write_outline(board).encode()),
            File(ArtifactKind.ARTIFACT_KIND_JSON, "storyboard.json", "application/json", data=MessageToJson(board).encode()),
        ]
        return Output(board, result.report, exports)
