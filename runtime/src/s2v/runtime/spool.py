"""Results that wait on local disk while S3 is away, so that the next try writes them and does not make them again.

Bounded: the oldest make room, and are made again when S3 is back. It lives as long as its process.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
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
    """Results of one process, by name. Its methods take a while, and may be called in several threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._sizes: dict[str, int] = {}
        """What is kept, oldest first, in bytes."""
        self._lock = threading.Lock()

    def keep(self, name: str, result: Result) -> bool:
        """Keeps a result, in place of the oldest ones if there is no room otherwise; says whether it could.

        The files are copied, as their workspace goes.
        """
        size = len(result.artifact) + sum(_size(file) for file in result.files)
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="s2v-spool-")
            root = Path(self._folder.name)
            while self._sizes and size <= self._limit and not self._has_room(root, size):
                self._remove(next(iter(self._sizes)))
            if not self._has_room(root, size):
                log.warning("no room to keep %d bytes until S3 is back; they are made again then", size)
                return False
            self._sizes[name] = size
            try:
                _write(root / name, result)
            except OSError as error:
                log.warning("a result could not be kept until S3 is back: %s", error)
                self._remove(name)
                return False
            return True

    def has(self, beginning: str) -> bool:
        """Says whether there is a result whose name begins so; at once, as no disk is asked."""
        return any(name.startswith(beginning) for name in tuple(self._sizes))

    def find(self, name: str, folder: Path) -> Result | None:
        """Returns a result that was kept, with its files in the new `folder`, where they stay whatever happens here."""
        with self._lock:
            if self._folder is None or name not in self._sizes:
                return None
            try:
                return _read(Path(self._folder.name) / name, folder)
            except OSError as error:
                log.warning("a result that was kept could not be read, and is made again: %s", error)
                self._remove(name)
                return None

    def drop(self, beginning: str) -> None:
        """Forgets the results whose names begin so; there may be none."""
        with self._lock:
            for name in [one for one in self._sizes if one.startswith(beginning)]:
                self._remove(name)

    def _has_room(self, root: Path, size: int) -> bool:
        return sum(self._sizes.values()) + size <= self._limit and size <= shutil.disk_usage(root).free // 2

    def _remove(self, name: str) -> None:
        del self._sizes[name]
        if self._folder is not None:
            shutil.rmtree(Path(self._folder.name) / name, ignore_errors=True)


def _write(folder: Path, result: Result) -> None:
    folder.mkdir()
    kept = SpooledResult(artifact=result.artifact, report=result.report, cpu_seconds=result.cpu_seconds)
    for number, file in enumerate(result.files):
        if file.path is not None:
            _copy(file.path, folder / str(number))
        else:
            (folder / str(number)).write_bytes(file.data or b"")
        reference = ObjectRef(key=str(number), content_type=file.content_type)
        kept.files.append(Artifact(kind=file.kind, name=file.name, object=reference))
    (folder / "result.pb").write_bytes(kept.SerializeToString())


def _read(kept_in: Path, folder: Path) -> Result:
    kept = SpooledResult.FromString((kept_in / "result.pb").read_bytes())
    folder.mkdir()
    files: list[File] = []
    for one in kept.files:
        path = folder / one.object.key
        _copy(kept_in / one.object.key, path)
        files.append(File(one.kind, one.name, one.object.content_type, path=path))
    return Result(kept.artifact, kept.report, files, kept.cpu_seconds)


def _copy(source: Path, target: Path) -> None:
    """Gives a file a second name, which costs nothing; on another disk it is copied. Nobody changes what a result holds."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _size(file: File) -> int:
    return file.path.stat().st_size if file.path is not None else len(file.data or b"")
