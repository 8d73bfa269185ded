"""Transcription as a stage of the pipeline: a part for each window of speech."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson

from s2v.runtime import captions, limits
from s2v.runtime.stage import File, Output, Part, StageTask, digest
from s2v.transcription import recognition
from s2v.transcription.talk import Listener, check_options, plan_talk
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.transcript_pb2 import TranscriptWindow
from s2v.v1.work_pb2 import TranscriptionPart

REVISION = 10
"""Raised by hand when this service changes in a way that changes its results."""
ENGINE_SECONDS = 0.75 * limits.WINDOW_SECONDS
"""Wall time in which the engine must hear a window: one that hangs is given up while its part has time to ask another."""


class TranscriptionStage:
    """Sound to transcript."""

    stage = Stage.STAGE_TRANSCRIPTION

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def identity(self, options: JobOptions) -> bytes:
        """Returns engine, version, model and the user's choices: all that a transcript depends on besides its sound."""
        noise = "noise reduced" if options.reduce_noise else ""
        return digest(*self._listener.identity(), options.language, noise, *options.vocabulary, str(REVISION))

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Decodes the source, keeps its PCM, and cuts it into windows.

        Errors: InvalidInputError (not media, NO_SPEECH, language unknown to Whisper or to the model), LimitError.
        """
        source, pcm = task.workspace / "source", task.workspace / "talk.pcm"
        await task.download(task.source, source)
        options, chains = check_options(task.options), self._listener.hears_in_chains
        plan = await plan_talk(source, pcm, task.source_name, options, task.compute, in_chains=chains)
        kept = await task.store(File(ArtifactKind.ARTIFACT_KIND_UNSPECIFIED, "talk.pcm", "application/octet-stream", path=pcm))
        for part in plan.parts:
            part.pcm.CopyFrom(kept)
        return [Part(part, chained=part.goes_on) for part in plan.parts]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Transcribes a window; reads only its own bytes of the sound, and what the window before it hands on."""
        window = TranscriptionPart.FromString(part)
        if task.before is not None:
            window.context_tokens.extend(TranscriptWindow.FromString(await task.read(task.before)).context_tokens)
        pcm = await task.read(window.pcm, *recognition.byte_range(window))
        heard = await self._listener.hear(pcm, window, task.compute, strict=task.options.strict, seconds=ENGINE_SECONDS)
        return Output(heard, StageReport(degradations=heard.degradations))

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Puts the windows together, with captions.

        Errors: InvalidInputError (NO_SPEECH).
        """
        windows = [TranscriptWindow.FromString(await task.read(part)) for part in parts]
        transcript, report = self._listener.finish(windows, task.source_name, task.source.sha256)
        as_json = MessageToJson(transcript, ensure_ascii=False)
        exports = (
            (ArtifactKind.ARTIFACT_KIND_VTT, "transcript.vtt", "text/vtt", captions.to_vtt(transcript)),
            (ArtifactKind.ARTIFACT_KIND_SRT, "transcript.srt", "application/x-subrip", captions.to_srt(transcript)),
            (ArtifactKind.ARTIFACT_KIND_TEXT, "transcript.txt", "text/plain; charset=utf-8", captions.to_text(transcript)),
            (
                ArtifactKind.ARTIFACT_KIND_JSON,
                "transcript.json",
                "application/json",
                as_json,
            ),
        )
        return Output(transcript, report, [File(kind, name, media, data=text.encode()) for kind, name, media, text in exports])
