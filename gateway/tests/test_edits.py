"""Edits are tried before they are kept, a run starts where they change something, and a deleted job leaves nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from s2v.gateway.reruns import find_start
from s2v.runtime.cache import Cache
from s2v.runtime.errors import PreconditionError
from s2v.runtime.jobs import end, prefix, stage_record
from s2v.runtime.patches import patch_words
from s2v.runtime.schema import EVENT_STREAM
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Evidence, Node, NodeKind, SpokenEvidence, WordSpan
from s2v.v1.edit_pb2 import LabelPatch, Patch, SceneMerge, SceneSplit, TypePatch, WordPatch
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    DeleteJobRequest,
    EditJobRequest,
    GetJobRequest,
    RateJobRequest,
    RerunJobRequest,
    WatchJobRequest,
)
from s2v.v1.report_pb2 import Stage
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcript_pb2 import Segment, Transcript, Word
from s2v.v1.work_pb2 import CacheEntry, JobRecord, PartRecord, Terminal

pytestmark = pytest.mark.integration

FLOW = DiagramType.DIAGRAM_TYPE_FLOWCHART


def transcript() -> Transcript:
    words = [Word(text=f"w{number}", start_seconds=number / 2, end_seconds=number / 2 + 0.4) for number in range(12)]
    return Transcript(segments=[Segment(words=words)], duration_seconds=6)


def storyboard() -> Storyboard:
    spoken = Evidence(spoken=SpokenEvidence(spans=[WordSpan(begin=1, end=2)]))
    nodes = [
        Node(id=f"n{number}", kind=NodeKind.NODE_KIND_STEP, label=f"L{number}", evidence=spoken, reveal_seconds=number)
        for number in range(4)
    ]
    return Storyboard(
        scenes=[
            Scene(
                id=f"s0{number + 1}",
                start_seconds=3 * number,
                end_seconds=3 * number + 3,
                words=WordSpan(begin=6 * number, end=6 * number + 6),
                diagram=Diagram(type=FLOW, nodes=nodes[2 * number : 2 * number + 2]),
            )
            for number in range(2)
        ],
        duration_seconds=6,
    )


@pytest.fixture
def finish(media):
    """Makes a job and ends it as if its stages had been done."""

    async def make(door, *, parts: bool = True, heard: Transcript | None = None):
        job = await door.create(await door.upload("talk.wav", media.wav(6)), f"job {parts}")
        folder = prefix(door.settings.tenant, job.id)
        outputs = {
            Stage.STAGE_TRANSCRIPTION: (heard or transcript()).SerializeToString(),
            Stage.STAGE_ANALYSIS: storyboard().SerializeToString(),
            Stage.STAGE_LAYOUT: b"composition",
            Stage.STAGE_RENDERING: b"video",
        }
        refs = {stage: await door.store.put(f"{folder}{int(stage)}.pb", data) for stage, data in outputs.items()}

        def done(record: JobRecord) -> bool:
            for stage, ref in refs.items():
                entry = stage_record(record, stage)
                entry.state = StageState.STAGE_STATE_SUCCEEDED
                entry.output.CopyFrom(ref)
                entry.parts_total = 1
                if parts:
                    entry.plan.CopyFrom(ref)
                    entry.parts[0].CopyFrom(PartRecord(output=ref))
            end(record, JobState.JOB_STATE_SUCCEEDED)
            return True

        await door.jobs.conclude(await door.jobs.update(door.settings.tenant, job.id, done))
        return job.id

    return make


async def edit(door, job_id, *patches, **more):
    return (await door.stub.EditJob(EditJobRequest(job_id=job_id, patches=patches, **more))).job


async def test_an_edit_is_kept_with_what_it_changes_as_it_was_in_record_log_and_end(open_door, finish):
    async with open_door() as door:
        job_id = await finish(door)
        job = await edit(
            door,
            job_id,
            Patch(word=WordPatch(word=3, text="three")),
            Patch(label=LabelPatch(node_id="n1", label="  new   name ")),
            Patch(type=TypePatch(scene_id="s01", type=DiagramType.DIAGRAM_TYPE_CYCLE)),
            Patch(split=SceneSplit(scene_id="s02", at_seconds=4.2)),
            user="ann",
        )
        made = job.edits[0]
        assert (made.revision, made.user, job.applied_edits) == (1, "ann", 0)
        assert (made.patches[0].word.was, made.patches[0].word.start_seconds) == ("w3", 1.5)
        assert (made.patches[1].label.was, made.patches[1].label.label) == ("L1", "new name")
        assert made.patches[2].type.was == FLOW
        folder = prefix(door.settings.tenant, job_id)
        assert len(await door.store.list(f"{folder}edits/")) == 1
        assert Terminal.FromString(await door.store.read(f"{folder}terminal.pb")).job.edits == job.edits
        again = await edit(door, job_id, Patch(label=LabelPatch(node_id="n1", label="newer")), after_revision=1)
        assert again.edits[1].patches[0].label.was == "new name"


async def test_words_are_patched_beside_the_event_loop_and_none_goes_through_the_whole_talk(open_door, finish, monkeypatch):
    from s2v.gateway import edits

    seen = []

    def watched(segments, patches):
        seen.append((threading.current_thread() is threading.main_thread(), len(segments)))
        return patch_words(segments, patches)

    monkeypatch.setattr(edits, "patch_words", watched)
    segments = [
        Segment(words=[Word(text=f"w{n}", start_seconds=n, end_seconds=n + 0.4) for n in range(first, first + 10)])
        for first in range(0, 1000, 10)
    ]
    async with open_door() as door:
        job_id = await finish(door, heard=Transcript(segments=segments, duration_seconds=1000))
        await edit(door, job_id, *(Patch(word=WordPatch(word=n, text=f"a{n} b{n}")) for n in (3, 500, 999)))
        job = await edit(door, job_id, Patch(word=WordPatch(word=500, text="")), Patch(word=WordPatch(word=501, text="x")))
        assert [patch.word.was for patch in job.edits[1].patches] == ["a500", "w501"]
        async with door.refusing() as refused:
            await edit(door, job_id, Patch(word=WordPatch(word=500, text="y")))
        assert "was taken out" in refused[0].message
        assert not any(on_loop for on_loop, _ in seen)
        assert max(count for _, count in seen) <= 2


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (Patch(), "patches[0]"),
        (Patch(word=WordPatch(word=12, text="x")), "patches[0].word.word"),
        (Patch(word=WordPatch(word=1, text="x\u0007")), "patches[0].word.text"),
        (Patch(label=LabelPatch(node_id="n9", label="x")), "patches[0].label.node_id"),
        (Patch(label=LabelPatch(node_id="n1", label=" ")), "patches[0].label.label"),
        (Patch(label=LabelPatch(node_id="n1", label="one two three four five six seven")), "patches[0].label.label"),
        (Patch(type=TypePatch(scene_id="s01")), "patches[0].type.type"),
        (Patch(type=TypePatch(scene_id="s09", type=FLOW)), "patches[0].type.scene_id"),
        (Patch(split=SceneSplit(scene_id="s01", at_seconds=5)), "patches[0].split"),
        (Patch(merge=SceneMerge(scene_id="s02")), "patches[0].merge"),
    ],
)
async def test_a_patch_that_cannot_be_made_is_refused_with_its_field(open_door, finish, patch, field):
    async with open_door() as door:
        job_id = await finish(door)
        async with door.refusing() as refused:
            await edit(door, job_id, patch)
        assert (refused[0].reason, refused[0].field) == ("INVALID_PATCH", field)
        assert not (await door.stub.GetJob(GetJobRequest(job_id=job_id))).job.edits


async def test_edits_are_refused_while_a_job_is_at_work_and_after_somebody_elses(open_door, finish, media):
    async with open_door() as door:
        working = await door.create(await door.upload("talk.wav", media.wav(6)), "working")
        patch = Patch(label=LabelPatch(node_id="n1", label="x"))
        async with door.refusing() as refused:
            await edit(door, working.id, patch)
        assert refused[0].reason == "JOB_RUNNING"
        job_id = await finish(door)
        both = await asyncio.gather(*(edit(door, job_id, patch, after_revision=0) for _ in range(2)), return_exceptions=True)
        assert sum(isinstance(one, Exception) for one in both) == 1
        assert len((await door.stub.GetJob(GetJobRequest(job_id=job_id))).job.edits) == 1


async def test_a_run_applies_the_edits_from_the_first_stage_that_they_change(open_door, finish):
    async with open_door() as door:
        job_id = await finish(door)
        async with door.refusing() as refused:
            await door.stub.RerunJob(RerunJobRequest(job_id=job_id))
        assert refused[0].reason == "NOTHING_TO_DO"
        await edit(door, job_id, Patch(label=LabelPatch(node_id="n1", label="x")))
        before = await door.jobs.get(door.settings.tenant, job_id)
        start = find_start(before, Stage.STAGE_RENDERING)
        assert (start.stage, start.joins) == (Stage.STAGE_ANALYSIS, True)
        assert not find_start(before, Stage.STAGE_ANALYSIS).joins
        tasks = await door.tasks()
        job = (await door.stub.RerunJob(RerunJobRequest(job_id=job_id))).job
        assert (job.state, job.applied_edits) == (JobState.JOB_STATE_RUNNING, 1)
        assert [one.state == StageState.STAGE_STATE_SUCCEEDED for one in job.stages] == [True, False, False, False]
        record = await door.jobs.get(door.settings.tenant, job_id)
        assert record.epoch == before.epoch + 1
        assert stage_record(record, Stage.STAGE_ANALYSIS).parts[0].cached
        assert not stage_record(record, Stage.STAGE_LAYOUT).HasField("plan")
        placed = stage_record(before, Stage.STAGE_LAYOUT).output
        assert stage_record(record, Stage.STAGE_LAYOUT).previous == placed, "what the edit leaves keeps its place"
        assert not stage_record(record, Stage.STAGE_RENDERING).HasField("previous")
        assert await door.tasks() == tasks + 1
        async with door.refusing() as refused:
            await door.stub.RerunJob(RerunJobRequest(job_id=job_id))
        assert refused[0].reason == "JOB_RUNNING"


async def test_a_job_whose_other_run_was_cancelled_goes_on_where_it_was(open_door, finish):
    async with open_door() as door:
        job_id, tenant = await finish(door), door.settings.tenant
        await edit(door, job_id, Patch(label=LabelPatch(node_id="n1", label="x")))
        await door.stub.RerunJob(RerunJobRequest(job_id=job_id))
        await door.stub.CancelJob(CancelJobRequest(job_id=job_id))
        async with door.refusing() as refused:
            await edit(door, job_id, Patch(label=LabelPatch(node_id="n2", label="y")))
        assert refused[0].reason == "NOTHING_TO_EDIT"
        assert "RerunJob" in refused[0].message
        cancelled = await door.jobs.get(tenant, job_id)
        start = find_start(cancelled, Stage.STAGE_UNSPECIFIED)
        assert (start.stage, start.joins) == (Stage.STAGE_ANALYSIS, True)
        stage_record(cancelled, Stage.STAGE_ANALYSIS).output.key = "made"
        start = find_start(cancelled, Stage.STAGE_UNSPECIFIED)
        assert (start.stage, start.joins) == (Stage.STAGE_LAYOUT, False), "of its parts none is left"
        job = (await door.stub.RerunJob(RerunJobRequest(job_id=job_id))).job
        assert (job.state, job.applied_edits) == (JobState.JOB_STATE_RUNNING, 1)
        record = await door.jobs.get(tenant, job_id)
        assert record.epoch == 3
        assert stage_record(record, Stage.STAGE_LAYOUT).HasField("previous")


async def test_who_watches_a_run_does_not_take_the_end_of_the_one_before_for_its_own(open_door, finish):
    async with open_door() as door:
        job_id = await finish(door)
        await door.stub.RerunJob(RerunJobRequest(job_id=job_id, from_stage=Stage.STAGE_LAYOUT))
        stream = door.stub.WatchJob(WatchJobRequest(job_id=job_id))
        seen = []
        for _ in range(2):
            seen.append((await stream.read()).event.state_changed)
        stream.cancel()
        assert [(one.state, one.epoch) for one in seen] == [(JobState.JOB_STATE_QUEUED, 1), (JobState.JOB_STATE_RUNNING, 2)]


async def test_a_stage_that_was_answered_whole_from_the_cache_is_done_again(open_door, finish):
    async with open_door() as door:
        job_id = await finish(door, parts=False)
        await edit(door, job_id, Patch(word=WordPatch(word=1, text="x")))
        record = await door.jobs.get(door.settings.tenant, job_id)
        start = find_start(record, Stage.STAGE_UNSPECIFIED)
        assert (start.stage, start.joins) == (Stage.STAGE_TRANSCRIPTION, False)
        stage_record(record, Stage.STAGE_TRANSCRIPTION).ClearField("output")
        record.job.ClearField("edits")
        with pytest.raises(PreconditionError, match="no result of transcription"):
            find_start(record, Stage.STAGE_LAYOUT)


async def test_a_rating_is_kept_and_a_later_one_takes_its_place(open_door, finish, media):
    async with open_door() as door:
        job_id = await finish(door)
        await door.stub.RateJob(RateJobRequest(job_id=job_id, stars=2, remark="late", user="ann"))
        await door.stub.RateJob(RateJobRequest(job_id=job_id, stars=5, user="ann"))
        rating = (await door.stub.GetJob(GetJobRequest(job_id=job_id))).job.rating
        assert (rating.stars, rating.remark, rating.user) == (5, "", "ann")
        for request in (RateJobRequest(job_id=job_id, stars=6), RateJobRequest(job_id=job_id, stars=1, remark="x" * 2001)):
            async with door.refusing():
                await door.stub.RateJob(request)
        working = await door.create(await door.upload("talk.wav", media.wav(6)), "working")
        async with door.refusing() as refused:
            await door.stub.RateJob(RateJobRequest(job_id=working.id, stars=1))
        assert refused[0].reason == "JOB_NOT_DONE"


@pytest.mark.parametrize("working", [False, True])
async def test_a_deleted_job_leaves_no_object_key_event_or_cached_result(open_door, finish, media, working):
    async with open_door() as door:
        tenant = door.settings.tenant
        if working:
            job_id = (await door.create(await door.upload("talk.wav", media.wav(6)), "working")).id
        else:
            job_id = await finish(door)
        output = await door.store.put(f"{prefix(tenant, job_id)}layout/x.pb", b"composition")
        await Cache(door.store).put(tenant, Stage.STAGE_LAYOUT, b"\x01" * 32, CacheEntry(output=output))

        def note(record: JobRecord) -> bool:
            stage_record(record, Stage.STAGE_LAYOUT).cache_keys.append(b"\x01" * 32)
            return True

        await door.jobs.update(tenant, job_id, note)
        await door.stub.DeleteJob(DeleteJobRequest(job_id=job_id))
        left = [one for one in await door.left() if one != "task"]
        assert left == []
        events = await door.bus.jetstream.stream_info(EVENT_STREAM, subjects_filter=f"s2v.v1.events.{job_id}")
        assert not events.state.subjects
        async with door.refusing() as refused:
            await door.stub.DeleteJob(DeleteJobRequest(job_id=job_id))
        assert refused[0].reason == "JOB_NOT_FOUND"


@pytest.mark.parametrize("how", [JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_FAILED])
async def test_what_a_worker_still_writes_of_a_job_that_ended_just_now_is_deleted_too(open_door, media, how):
    async with open_door() as door:
        tenant = door.settings.tenant
        job_id = (await door.create(await door.upload("talk.wav", media.wav(6)), "ended")).id

        def stop(record: JobRecord) -> bool:
            end(record, how)
            return True

        await door.jobs.conclude(await door.jobs.update(tenant, job_id, stop))
        delete_prefix = door.store.delete_prefix
        late = asyncio.Event()

        async def deleting(folder):
            removed = await delete_prefix(folder)
            if not late.is_set() and folder == prefix(tenant, job_id):
                late.set()
                await door.store.put(f"{folder}layout/late.pb", b"what was under way")
            return removed

        door.store.delete_prefix = deleting
        await door.stub.DeleteJob(DeleteJobRequest(job_id=job_id))
        assert late.is_set()
        assert [one for one in await door.left() if one != "task"] == []
