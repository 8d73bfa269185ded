"""A small stage on the real bus, store and worker processes: it turns a text into capital letters, a word a part.

A word that starts with "+" is chained to the one before it and shows what that has become.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.wrappers_pb2 import StringValue

from s2v.runtime.errors import EngineError, InvalidInputError
from s2v.runtime.stage import File, Output, Part, StageTask
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Degradation, Stage, StageReport


def capitals(word: str, folder: str) -> str:
    """Runs in a worker process. Leaves a mark each time, so that tests can count; some words misbehave."""
    with (Path(folder) / word).open("a") as marks:
        marks.write(f"{os.getpid()}\n")
    behaviour = word.lstrip("+")
    attempts = len((Path(folder) / word).read_text().splitlines())
    if behaviour == "die-once" and attempts == 1:
        os._exit(9)
    if behaviour == "slow":
        time.sleep(30)
    if behaviour == "flaky" and attempts < 3:
        raise EngineError("the engine hiccuped")
    if behaviour == "broken":
        raise EngineError("the engine is broken")
    if behaviour == "refused":
        raise InvalidInputError("talk.wav has no speech", reason="NO_SPEECH")
    return word.upper()


class Letters:
    """The stage; it stands where transcription stands."""

    stage = Stage.STAGE_TRANSCRIPTION

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.degraded = False

    def identity(self, options: JobOptions) -> bytes:
        return b"letters 1"

    async def plan(self, task: StageTask) -> Sequence[Part]:
        text = (await task.read(task.source)).decode()
        return [Part(StringValue(value=word), chained=word.startswith("+")) for word in text.split()]

    async def run(self, task: StageTask, part: bytes) -> Output:
        word = StringValue.FromString(part).value
        before = StringValue.FromString(await task.read(task.before)).value if task.before is not None else ""
        return Output(StringValue(value=before + await task.compute(capitals, word, str(self.folder), timeout=60)))

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        words = [StringValue.FromString(await task.read(part)).value for part in parts]
        report = StageReport(engine="letters")
        if self.degraded:
            report.degradations.append(Degradation(code="SMALL", reason="only small letters"))
        text = " ".join(words)
        return Output(
            StringValue(value=text),
            report,
            [File(ArtifactKind.ARTIFACT_KIND_TEXT, "letters.txt", "text/plain", data=text.encode())],
        )

    def marks(self, word: str) -> int:
        """Says how often a word was computed."""
        path = self.folder / word
        return len(path.read_text().splitlines()) if path.exists() else 0
