"""Corrections taken in: each patch is tried on what the user sees, before it goes to the job's log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from ulid import ULID

from s2v.runtime import pictures
from s2v.runtime.edits import word_starts
from s2v.runtime.errors import InvalidInputError, LimitError, PreconditionError
from s2v.runtime.jobs import FINISHED, Jobs, prefix, stage_record
from s2v.runtime.patches import START_TOLERANCE_SECONDS, MismatchError, longest_label, patch_storyboard, patch_words
from s2v.runtime.store import ObjectStore
from s2v.v1.edit_pb2 import Edit, LabelPatch, Patch, SceneMerge, TypePatch, UnmatchedPatch, WordPatch
from s2v.v1.job_pb2 import Job
from s2v.v1.report_pb2 import Stage
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.transcript_pb2 import Segment, Transcript, Word
from s2v.v1.work_pb2 import JobRecord

PATCHES = 100
"""Most patches of an edit."""
PATCHES_PER_JOB = 2000
"""Most patches of a job: the log is part of its record, which NATS keeps as one message."""
TEXT_CHARACTERS = 100
"""Longest correction of a word."""


class Draft:
    """What the user sees, with the edits that wait. Words are found by time: no patch goes through all of a long talk."""

    def __init__(self, transcript: Transcript, board: Storyboard | None, waiting: Sequence[Edit]) -> None:
        """`transcript` is as it is shown: words are numbered by it. `board`: None before analysis."""
        self.shown: Sequence[Word] = [word for segment in transcript.segments for word in segment.words]
        self.board = board
        self._transcript = Transcript()
        self._transcript.CopyFrom(transcript)
        self._times = [(*_times(segment), segment) for segment in self._transcript.segments if segment.words]
        self._starts: list[float] | None = None
        if board is not None:
            patch_storyboard(board, self.starts, waiting)
        for edit in waiting:
            for patch in edit.patches:
                if patch.WhichOneof("change") == "word":
                    self.patch_word(patch, edit.revision)

    @property
    def starts(self) -> Sequence[float]:
        """When each word starts, in seconds."""
        if self._starts is None:
            self._starts = word_starts(self._transcript)
        return self._starts

    def find_word(self, start_seconds: float) -> Word | None:
        """Returns the word that starts then."""
        words = (word for segment in self._near(start_seconds) for word in segment.words)
        return next((word for word in words if word.start_seconds == start_seconds), None)

    def patch_word(self, patch: Patch, revision: int) -> Sequence[UnmatchedPatch]:
        """Applies the patch of a word, and returns it if it matches nothing."""
        self._starts = None
        return patch_words(self._near(patch.word.start_seconds), [Edit(revision=revision, patches=[patch])])

    def _near(self, seconds: float) -> Sequence[Segment]:
        """Returns the segments that may hold a word of this time; new words are within the time of the old ones."""
        return [
            segment
            for begin, end, segment in self._times
            if begin - START_TOLERANCE_SECONDS <= seconds <= end + START_TOLERANCE_SECONDS
        ]


class Edits:
    """Takes edits of jobs."""

    def __init__(self, jobs: Jobs, store: ObjectStore) -> None:
        self._jobs = jobs
        self._store = store

    async def add(self, tenant: str, job_id: str, patches: Sequence[Patch], after_revision: int | None, user: str) -> Job:
        """Adds an edit to a job's log; it is applied by the next run.

        Errors: NotFoundError, InvalidInputError (a patch), LimitError, UnavailableError; PreconditionError (JOB_RUNNING,
        NOTHING_TO_EDIT, EDITED_MEANWHILE).
        """
        if not 1 <= len(patches) <= PATCHES:
            raise InvalidInputError(f"an edit has 1 to {PATCHES} patches, not {len(patches)}", field="patches")
        record = await self._jobs.get(tenant, job_id)
        before = len(record.job.edits)
        check_ended(record)
        if after_revision is not None and after_revision != before:
            raise _edited_meanwhile(before)
        if sum(len(edit.patches) for edit in record.job.edits) + len(patches) > PATCHES_PER_JOB:
            raise LimitError(f"job {job_id} would have more than {PATCHES_PER_JOB} patches; make a new job of its talk")
        edit = Edit(revision=before + 1, user=user, edited_at=_now())
        edit.patches.extend(await self._try(record, patches, edit))
        await self._store.put(f"{prefix(tenant, job_id)}edits/{edit.revision:06d}-{ULID()}.pb", edit.SerializeToString())

        def append(record: JobRecord) -> bool:
            check_ended(record)
            if len(record.job.edits) != before:
                raise _edited_meanwhile(len(record.job.edits))
            record.job.edits.append(edit)
            return True

        return (await self._jobs.amend(tenant, job_id, append)).job

    async def _try(self, record: JobRecord, patches: Sequence[Patch], edit: Edit) -> Sequence[Patch]:
        """Returns the patches with what they name as it is now; in a thread, as a long talk has many words.

        Errors: InvalidInputError, NotFoundError, PreconditionError, UnavailableError.
        """
        heard, found = stage_record(record, Stage.STAGE_TRANSCRIPTION), stage_record(record, Stage.STAGE_ANALYSIS)
        if not heard.HasField("output"):
            raise PreconditionError(
                f"job {record.job.id} has no transcript that could be edited; RerunJob makes it", reason="NOTHING_TO_EDIT"
            )
        transcript = await self._store.read(heard.output)
        board = await self._store.read(found.output) if found.HasField("output") else None
        waiting = record.job.edits[record.job.applied_edits :]

        def tried() -> Sequence[Patch]:
            shown = Storyboard.FromString(board) if board is not None else None
            draft = Draft(Transcript.FromString(transcript), shown, waiting)
            return [_tried(draft, patch, edit, number) for number, patch in enumerate(patches)]

        return await asyncio.to_thread(tried)


def check_ended(record: JobRecord) -> None:
    """Says whether a job has ended, so that its log and its stages stand still.

    Errors: PreconditionError.
    """
    if record.job.state not in FINISHED:
        raise PreconditionError(
            f"job {record.job.id} is at work; wait until it has ended, or cancel it first", reason="JOB_RUNNING", field="job_id"
        )


def _tried(draft: Draft, patch: Patch, edit: Edit, number: int) -> Patch:
    """Returns a patch with what it names as it is now, and applies it to the draft.

    Errors: InvalidInputError, PreconditionError.
    """
    kind = patch.WhichOneof("change")
    if kind is None:
        raise _refused(number, "", "a patch must change something: set word, label, type, split or merge")
    filled = Patch()
    filled.CopyFrom(patch)
    unmatched: Sequence[UnmatchedPatch]
    if kind == "word":
        _fill_word(draft, filled.word, number)
        unmatched = draft.patch_word(filled, edit.revision)
    else:
        if draft.board is None:
            raise PreconditionError("the job has no storyboard that could be edited; RerunJob makes it", reason="NOTHING_TO_EDIT")
        if kind == "label":
            _fill_label(draft.board, filled.label, number)
        elif kind == "type":
            _fill_type(draft.board, filled.type, number)
        elif kind == "merge":
            _fill_merge(draft.board, filled.merge)
        # The number of the patch decides the ids of the scenes that it makes: words stand in for those before it.
        alone = Edit(revision=edit.revision, user=edit.user, patches=[Patch(word=WordPatch())] * number)
        alone.patches.append(filled)
        unmatched = patch_storyboard(draft.board, draft.starts, [alone])
    if unmatched:
        raise _refused(number, kind, unmatched[0].reason)
    return filled


def _fill_word(draft: Draft, patch: WordPatch, number: int) -> None:
    count = len(draft.shown)
    if patch.word >= count:
        raise _refused(number, "word.word", f"the transcript has {count} words, the last is number {count - 1}")
    if len(patch.text) > TEXT_CHARACTERS or not all(letter.isprintable() for letter in patch.text):
        raise _refused(number, "word.text", f"a correction has at most {TEXT_CHARACTERS} printable characters")
    shown = draft.shown[patch.word]
    there = draft.find_word(shown.start_seconds)
    if there is None:
        raise _refused(
            number, "word.word", f"word {patch.word} ({shown.text!r}) was taken out by an edit that waits for RerunJob"
        )
    patch.was, patch.start_seconds = there.text, there.start_seconds


def _fill_label(board: Storyboard, patch: LabelPatch, number: int) -> None:
    node = next((node for scene in board.scenes for node in scene.diagram.nodes if node.id == patch.node_id), None)
    if node is None:
        raise _refused(number, "label.node_id", f"there is no node {patch.node_id[:80]!r}")
    patch.label = " ".join(patch.label.split())
    words, characters = longest_label(node)
    count = len(patch.label.split())
    if not 1 <= count <= words or len(patch.label) > characters or not patch.label.isprintable():
        raise _refused(
            number,
            "label.label",
            f"the label of {node.id} must have 1 to {words} words of at most {characters} characters in all",
        )
    patch.was = node.label


def _fill_type(board: Storyboard, patch: TypePatch, number: int) -> None:
    if patch.type not in pictures.DRAWN:
        raise _refused(number, "type.type", "it is no type of diagram")
    try:
        patch.was = pictures.find_scene(board, patch.scene_id).diagram.type
    except MismatchError as error:
        raise _refused(number, "type.scene_id", str(error)) from error


def _fill_merge(board: Storyboard, patch: SceneMerge) -> None:
    ids = [scene.id for scene in board.scenes]
    following = dict(itertools.pairwise(ids))
    patch.next_scene_id = following.get(patch.scene_id, "")


def _times(segment: Segment) -> tuple[float, float]:
    """Returns when the first word of a segment starts, and the last ends, in seconds."""
    begin = min(word.start_seconds for word in segment.words)
    return begin, max(max(word.start_seconds, word.end_seconds) for word in segment.words)


def _refused(number: int, field: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"patch {number} cannot be made: {why}",
        reason="INVALID_PATCH",
        field=f"patches[{number}]" + (f".{field}" if field else ""),
    )


def _edited_meanwhile(there: int) -> PreconditionError:
    return PreconditionError(
        f"the job has {there} edits now; look at it again and send the patches with after_revision {there}",
        reason="EDITED_MEANWHILE",
        field="after_revision",
    )


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
