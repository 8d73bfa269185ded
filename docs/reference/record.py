"""Records the example calls on a stack that is up: `python -m docs.reference.record TALK [--data-dir DIR]`.

Webhooks are not recorded, as they take a public address: their examples are written by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from docs.reference.generate import CALLS
from s2v.cli.stack import Endpoints, find_stack
from s2v.v1 import analysis_service_pb2 as analysis
from s2v.v1 import job_service_pb2 as jobs
from s2v.v1 import layout_service_pb2 as layout
from s2v.v1 import rendering_service_pb2 as rendering
from s2v.v1 import transcription_service_pb2 as transcription
from s2v.v1.analysis_service_pb2_grpc import AnalysisServiceStub
from s2v.v1.edit_pb2 import Patch, WordPatch
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.job_service_pb2_grpc import JobServiceStub
from s2v.v1.layout_service_pb2_grpc import LayoutServiceStub
from s2v.v1.rendering_service_pb2_grpc import RenderingServiceStub
from s2v.v1.transcription_service_pb2_grpc import TranscriptionServiceStub

MOST_ENTRIES = 2
MOST_BYTES = 16
SECONDS = 300.0


def main() -> None:
    """Makes each call once, and keeps what was said."""
    parser = argparse.ArgumentParser(prog="python -m docs.reference.record", description="Record the example calls.")
    parser.add_argument("talk", type=Path, help="a narration of some seconds")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the stack that is up")
    arguments = parser.parse_args()
    stack = find_stack(arguments.data_dir)
    if stack is None:
        raise SystemExit(f"no stack is up in {arguments.data_dir}; start one with: s2v up --data-dir {arguments.data_dir}")
    _record_jobs(stack, arguments.talk)
    _record_stages(stack, arguments.talk)


def _record_jobs(stack: Endpoints, talk: Path) -> None:
    sound = talk.read_bytes()
    with grpc.insecure_channel(stack.gateway) as channel:
        door = Recorder("JobService", JobServiceStub(channel))

        def upload() -> str:
            digest = hashlib.sha256(sound).hexdigest()
            started = door.call("StartUpload", jobs.StartUploadRequest(name=talk.name, size_bytes=len(sound), sha256=digest))
            upload_id = started.upload_id
            half = len(sound) // 2
            writes = [
                jobs.WriteUploadRequest(upload_id=upload_id, data=sound[:half]),
                jobs.WriteUploadRequest(write_offset=half, data=sound[half:]),
            ]
            door.call("WriteUpload", writes)
            door.call("QueryUpload", jobs.QueryUploadRequest(upload_id=upload_id))
            return str(upload_id)

        options = JobOptions(language="en", theme="light", height=720, frame_rate=24)
        request = jobs.CreateJobRequest(request_id="talk-2026-11-27", upload_id=upload(), options=options)
        job_id = door.call("CreateJob", request).job.id
        door.call("WatchJob", jobs.WatchJobRequest(job_id=job_id))
        door.call("GetJob", jobs.GetJobRequest(job_id=job_id))
        door.call("GetTimeline", jobs.GetTimelineRequest(job_id=job_id))
        door.call("GetArtifact", jobs.GetArtifactRequest(job_id=job_id, name="video.mp4"))
        patch = Patch(word=WordPatch(word=3, text="really"))
        door.call("EditJob", jobs.EditJobRequest(job_id=job_id, patches=[patch], after_revision=0, user="ada"))
        door.call("RerunJob", jobs.RerunJobRequest(job_id=job_id))
        door.call("WatchJob", jobs.WatchJobRequest(job_id=job_id), keep=False)
        door.call("RateJob", jobs.RateJobRequest(job_id=job_id, stars=4, remark="clear, but the first scene is long", user="ada"))
        door.call("ListJobs", jobs.ListJobsRequest(page_size=1))
        other = jobs.CreateJobRequest(request_id="another", upload_id=upload(), options=options)
        other_id = door.call("CreateJob", other, keep=False).job.id
        door.call("CancelJob", jobs.CancelJobRequest(job_id=other_id))
        door.call("DeleteJob", jobs.DeleteJobRequest(job_id=other_id))


def _record_stages(stack: Endpoints, talk: Path) -> None:
    sound = talk.read_bytes()
    with grpc.insecure_channel(stack.services["transcription"]) as channel:
        options = transcription.TranscribeRequest(options=transcription.TranscribeOptions(language="en"))
        heard = Recorder("TranscriptionService", TranscriptionServiceStub(channel)).call(
            "Transcribe", [options, transcription.TranscribeRequest(data=sound)]
        )
    transcript = heard.result.transcript
    with grpc.insecure_channel(stack.services["analysis"]) as channel:
        request = analysis.AnalyzeRequest(transcript=transcript)
        storyboard = Recorder("AnalysisService", AnalysisServiceStub(channel)).call("Analyze", request).storyboard
    with grpc.insecure_channel(stack.services["layout"]) as channel:
        order = layout.ComposeRequest(storyboard=storyboard, height=720, theme="light")
        composition = Recorder("LayoutService", LayoutServiceStub(channel)).call("Compose", order).composition
    with grpc.insecure_channel(stack.services["rendering"]) as channel:
        wishes = rendering.RenderOptions(composition=composition, transcript=transcript, frame_rate=24)
        Recorder("RenderingService", RenderingServiceStub(channel)).call(
            "Render", [rendering.RenderRequest(options=wishes), rendering.RenderRequest(audio=sound)]
        )


class Recorder:
    """Makes calls of one service, and writes down what was said."""

    def __init__(self, service: str, stub: object) -> None:
        self._service, self._stub = service, stub

    def call(self, rpc: str, request: Message | Sequence[Message], *, keep: bool = True) -> Any:
        """Makes a call, and returns its answer, or the last one of a stream."""
        asked = [request] if isinstance(request, Message) else list(request)
        answer = getattr(self._stub, rpc)(request if isinstance(request, Message) else iter(asked), timeout=SECONDS)
        answers = [answer] if isinstance(answer, Message) else list(answer)
        if keep:
            kept = {"request": _ends(asked), "response": _ends(answers)}
            path = CALLS / f"{self._service}.{rpc}.json"
            path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
            print(path)
        return answers[-1]


def _ends(messages: Sequence[Message]) -> list[object]:
    chosen: Iterable[Message] = messages if len(messages) <= MOST_ENTRIES + 1 else (*messages[:MOST_ENTRIES], messages[-1])
    return [json_format.MessageToDict(_shortened(message)) for message in chosen]


def _shortened(message: Message) -> Message:
    """Returns a copy with short lists and few bytes, at any depth."""
    copy = type(message)()
    copy.CopyFrom(message)
    _shorten(copy)
    return copy


def _shorten(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            del value[MOST_ENTRIES:]
        if field.message_type:
            for one in value if field.is_repeated else [value]:
                _shorten(one)
        elif isinstance(value, bytes):
            setattr(message, field.name, value[:MOST_BYTES])


if __name__ == "__main__":
    main()
