"""What a stage is: the four verbs that a service fills in, and what it may use while it works.

The loop that pulls tasks and calls them is written once, in `s2v.runtime.worker`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage, StageReport

T = TypeVar("T")

NAMES: Mapping[Stage.ValueType, str] = {
    Stage.STAGE_TRANSCRIPTION: "transcription",
    Stage.STAGE_ANALYSIS: "analysis",
    Stage.STAGE_LAYOUT: "layout",
    Stage.STAGE_RENDERING: "rendering",
}
"""Names of the stages, in order, as they stand in subjects, keys and reports."""


def following(stage: Stage.ValueType) -> Stage.ValueType | None:
    """Returns the stage after `stage`, or None after the last."""
    order = list(NAMES)
    place = order.index(stage) + 1
    return order[place] if place < len(order) else None


@dataclass(frozen=True)
class File:
    """A file that a stage has made, to be kept as an artifact of the job. Either `path` or `data` is set."""

    kind: ArtifactKind.ValueType
    name: str
    """Name within the job, e.g. "video.mp4"."""
    content_type: str
    path: Path | None = None
    data: bytes | None = None


@dataclass(frozen=True)
class Output:
    """What `run` or `join` has made."""

    artifact: Message
    """The stage's message (of a part: the part's own)."""
    report: StageReport = field(default_factory=StageReport)
    """Engine, models, degradations, confidence, measures, notes; the loop fills in times and parts. Only `join`'s counts."""
    files: Sequence[File] = ()
    """Exports that belong to the job (of a part: such as a clip)."""


class StageTask(Protocol):
    """What a stage may use while it works on one task of one job. Made by the loop."""

    job_id: str
    source_name: str
    """Name of the uploaded file, for messages to people."""
    options: JobOptions
    """What the user chose; the gateway has filled in every default."""
    source: ObjectRef
    """The upload in S3."""
    before: ObjectRef | None
    """What the part before this one has made, if this one is chained to it."""
    previous: ObjectRef | None
    """What the stage made before an edit of the user, if it is made again."""

    @property
    def workspace(self) -> Path:
        """An empty folder, removed after the task."""
        ...

    def input(self, stage: Stage.ValueType) -> ObjectRef:
        """Returns where the finished artifact of an earlier stage is."""
        ...

    async def read(self, ref: ObjectRef, offset: int = 0, length: int = 0) -> bytes:
        """Reads an object, or `length` bytes of it from `offset`."""
        ...

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object to a file and checks its digest."""
        ...

    async def store(self, file: File) -> ObjectRef:
        """Keeps a file among the job's objects, named by content, for the parts to read; it is not an artifact that users see."""
        ...

    async def compute(self, function: Callable[..., T], *args: object, timeout: float) -> T:
        """Runs `function(*args)` in a worker process of the service's engine; counts its processor time.

        The process is killed when the job is cancelled or after `timeout` seconds (EngineTimeoutError).
        """
        ...


@dataclass(frozen=True)
class Part:
    """A piece of a stage's work that a worker does by itself."""

    message: Message
    """What it is. With `identity`, and what the part before has made if it is chained, it determines the result: parts are cached
    by them."""
    chained: bool = False
    """Whether it needs what the part before it makes, and so waits for it."""


class StageWork(Protocol):
    """A stage of the pipeline. Its methods run on the event loop and compute nothing themselves: they call `task.compute`."""

    stage: Stage.ValueType

    def identity(self, options: JobOptions) -> bytes:
        """Returns all that the result depends on besides its inputs.

        Engine, versions, digests of models, fonts and lexicons, the options used, and an integer raised by hand.
        """
        ...

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Cuts the work into parts."""
        ...

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Does one part, given its serialised message."""
        ...

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Puts the parts' artifacts together, in order."""
        ...


def digest(*values: bytes | str) -> bytes:
    """Returns the SHA-256 of the values, each preceded by its length so that no two lists collide."""
    total = hashlib.sha256()
    for value in values:
        data = value.encode() if isinstance(value, str) else value
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.digest()


Progress = Callable[[int, int], Awaitable[None]]
"""Told how many parts are done, of how many."""
