"""A job's log of edits, applied between the parts of a stage and their join: so all that the join makes has them too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from s2v.runtime.patches import patch_storyboard, patch_words, stage_of
from s2v.runtime.stage import File
from s2v.runtime.task import JobTask
from s2v.v1.analysis_service_pb2 import AnalyzeResponse
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.edit_pb2 import Edit, UnmatchedPatch
from s2v.v1.report_pb2 import Stage
from s2v.v1.transcript_pb2 import Transcript, TranscriptWindow
from s2v.v1.work_pb2 import JobRecord


@dataclass(frozen=True)
class EditedParts:
    """The parts of a stage with the edits."""

    parts: Sequence[ObjectRef]
    """Where their artifacts are, in order."""
    unmatched: Sequence[UnmatchedPatch]
    """Patches that had no effect."""


def edits_of(record: JobRecord, stage: Stage.ValueType) -> list[Edit]:
    """Returns the edits of a job's run that change what a stage finds."""
    applied = record.job.edits[: record.job.applied_edits]
    return [edit for edit in applied if any(stage_of(patch) == stage for patch in edit.patches)]


async def apply_edits(task: JobTask, stage: Stage.ValueType, edits: Sequence[Edit], parts: Sequence[ObjectRef]) -> EditedParts:
    """Applies edits to the artifacts of a stage's parts, and keeps what comes out beside them.

    Errors: PreconditionError, NotFoundError, DataLossError, UnavailableError.
    """
    data = [await task.read(part) for part in parts]
    if stage == Stage.STAGE_TRANSCRIPTION:
        windows = [TranscriptWindow.FromString(one) for one in data]
        unmatched = patch_words([segment for window in windows for segment in window.segments], edits)
        return EditedParts([await _keep(task, window) for window in windows], unmatched)
    transcript = Transcript.FromString(await task.read(task.input(Stage.STAGE_TRANSCRIPTION)))
    found = AnalyzeResponse.FromString(data[0])
    unmatched = patch_storyboard(found.storyboard, word_starts(transcript), edits)
    return EditedParts([await _keep(task, found)], unmatched)


def word_starts(transcript: Transcript) -> list[float]:
    """Returns when each word starts, in seconds."""
    return [word.start_seconds for segment in transcript.segments for word in segment.words]


async def _keep(task: JobTask, message: Message) -> ObjectRef:
    data = message.SerializeToString(deterministic=True)
    return await task.store(File(ArtifactKind.ARTIFACT_KIND_UNSPECIFIED, "edited-part.pb", "application/x-protobuf", data=data))
