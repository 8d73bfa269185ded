"""What a batch has done so far, in a file beside its videos, so that it can go on after an interruption."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from s2v.cli.exits import CommandError, ExitCode

NAME = ".s2v-batch.json"
LOCK_NAME = ".s2v-batch.lock"
FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One talk of a batch."""

    content: str
    """SHA-256 of the recording and the job's options: another content is another video."""
    attempt: int
    """Counted from 1; each is a job of its own."""
    job_id: str = ""
    """Empty: not known to be accepted yet."""
    done: bool = False
    """The video and its captions are in the folder."""


class Journal:
    """The entries of a batch by the talk's path within the folder of talks. Each change is on disk before the call returns.

    Several threads may record at once.
    """

    def __init__(self, folder: Path) -> None:
        """Reads the journal in the folder of videos, or begins one.

        Errors: CommandError for a file that is no journal; OSError.
        """
        self._path = folder / NAME
        self._batch_id = str(uuid.uuid4())
        self._entries: dict[str, Entry] = {}
        self._writing = threading.Lock()
        if self._path.exists():
            self._read()
        else:
            self._write()

    def entry(self, talk: str) -> Entry | None:
        """Returns what is known of a talk."""
        return self._entries.get(talk)

    def record(self, talk: str, entry: Entry) -> None:
        """Keeps what is known of a talk."""
        with self._writing:
            self._entries[talk] = entry
            self._write()

    def request_id(self, talk: str, entry: Entry) -> str:
        """Returns the request id of an attempt: the same after an interruption, so that the gateway makes one job of it."""
        return str(uuid.uuid5(uuid.UUID(self._batch_id), f"{talk}\n{entry.content}\n{entry.attempt}"))

    def _read(self) -> None:
        try:
            stored = json.loads(self._path.read_text("utf-8"))
            if stored["format"] != FORMAT:
                raise ValueError(f"its format is {stored['format']}, not {FORMAT}")
            self._batch_id = str(uuid.UUID(stored["batch"]))
            self._entries = {talk: Entry(**fields) for talk, fields in stored["talks"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{self._path} is not the journal of a batch ({error}); use another folder, or remove it to begin anew"
            raise CommandError(message, ExitCode.INPUT) from error

    def _write(self) -> None:
        talks = {talk: asdict(entry) for talk, entry in sorted(self._entries.items())}
        part = self._path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "batch": self._batch_id, "talks": talks}, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps a second batch out of a folder of videos.

    Errors: CommandError when there is one; OSError.
    """
    with (folder / LOCK_NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"another batch writes to {folder}; wait for it, or use another folder", ExitCode.FAILED) from None
        yield
