"""Results that wait on local disk while S3 is away, so that the next try writes them and does not make them again.

Bounded: what finds no room is made again when S3 is back. It lives as long as its process.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2v.runtime.stage import File
from s2v.v1.artifact_pb2 import Artifact, ObjectRef
from s2v.v1.report_pb2 import StageReport
from s2v.v1.work_pb2 import SpooledResult

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a part or a join has made, before it is in S3."""

    artifact: bytes
    """The serialised message."""
    report: StageReport
    files: Sequence[File]
    cpu_seconds: float


class Spool:
    """Results of one process, by name."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def keep(self, name: str, result: Result) -> bool:
        """Keeps a result if there is room, and says so. The files are copied, as their workspace goes."""
        size = len(result.artifact) + sum(_size(file) for file in result.files)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="s2v-spool-")
        root = Path(self._folder.name)
        used = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        if used + size > self._limit or size > shutil.disk_usage(root).free // 2:
            log.warning("no room to keep %d bytes until S3 is back; they are made again then", size)
            return False
        folder = root / name
        try:
            folder.mkdir()
            kept = SpooledResult(artifact=result.artifact, report=result.report, cpu_seconds=result.cpu_seconds)
            for number, file in enumerate(result.files):
                if file.path is not None:
                    shutil.copyfile(file.path, folder / str(number))
                else:
                    (folder / str(number)).write_bytes(file.data or b"")
                reference = ObjectRef(key=str(number), content_type=file.content_type)
                kept.files.append(Artifact(kind=file.kind, name=file.name, object=reference))
            (folder / "result.pb").write_bytes(kept.SerializeToString())
        except OSError as error:
            log.warning("a result could not be kept until S3 is back: %s", error)
            shutil.rmtree(folder, ignore_errors=True)
            return False
        return True

    def find(self, name: str) -> Result | None:
        """Returns a result that was kept."""
        if self._folder is None:
            return None
        folder = Path(self._folder.name) / name
        try:
            kept = SpooledResult.FromString((folder / "result.pb").read_bytes())
        except FileNotFoundError:
            return None
        files = [File(one.kind, one.name, one.object.content_type, path=folder / one.object.key) for one in kept.files]
        return Result(kept.artifact, kept.report, files, kept.cpu_seconds)

    def drop(self, name: str) -> None:
        """Forgets a result; it may be missing."""
        if self._folder is not None:
            shutil.rmtree(Path(self._folder.name) / name, ignore_errors=True)


def _size(file: File) -> int:
    return file.path.stat().st_size if file.path is not None else len(file.data or b"")
