"""Objects move between tiers whole or not at all, can be read wherever they are, and go when their time is over."""

from __future__ import annotations

import errno
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from s2v.runtime import cache, hops
from s2v.runtime.errors import DataLossError, InvalidInputError, NotFoundError, UnavailableError
from s2v.runtime.jobs import end, stage_record
from s2v.runtime.mover import STAYING, Mover
from s2v.runtime.retention import Retention
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.runtime.tiers import MARK, TieredStore
from s2v.v1.artifact_pb2 import Artifact, ArtifactKind
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.timeline_pb2 import AttemptOutcome
from s2v.v1.work_pb2 import CacheEntry, Tier

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected

pytestmark = pytest.mark.integration
DAY = 86400


@pytest.fixture
def tiered(settings: RuntimeSettings) -> RuntimeSettings:
    return settings.model_copy(update={"s3_warm_bucket": "s2v-warm", "s3_cold_bucket": "s2v-cold", "move_bytes_per_second": 1e9})


class Killed(BaseException):
    """The process is gone."""


async def finished(house: House, text: str = "one two") -> str:
    async with house.working():
        job_id = await house.submit(text)
        record = await house.ended(job_id)

    def with_source(record):
        record.job.artifacts.append(Artifact(kind=ArtifactKind.ARTIFACT_KIND_SOURCE, name="source", object=record.source))
        return True

    assert await house.text(record) == expected(text)
    await house.jobs.amend(house.tenant, job_id, with_source)
    return job_id


async def contents(store: ObjectStore, prefix: str) -> dict[str, bytes]:
    return {item.key: await store.read(item.key) for item in await store.list(prefix)}


async def test_a_job_goes_from_hot_to_cold_and_back_to_warm_when_it_is_read(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        mover = Mover(store, house.jobs, tiered)
        job_id = await finished(house)
        before = await contents(store, f"{tenant}/jobs/")
        now = time.time()
        assert await mover.run(tenant, now) == 0, "it is still hot"
        assert await mover.run(tenant, now + DAY) == 1
        assert (await house.jobs.catalogue.get(tenant, job_id)).tier == Tier.TIER_WARM
        assert await mover.run(tenant, now + DAY) == 0
        assert await mover.run(tenant, now + 40 * DAY) == 1
        hot, warm, cold = [await contents(one, f"{tenant}/jobs/") for one in store.tiers.values()]
        assert all(key.endswith(STAYING) for key in hot)
        assert not warm
        assert {**hot, **cold} == before
        assert [use.objects for use in await mover.usage(tenant)] == [len(hot), 0, len(cold)]
        output = stage_record(await house.jobs.get(tenant, job_id), ORDER[-1]).output
        assert b"".join([chunk async for chunk in store.stream(output, 7)]) == before[output.key]
        assert b"".join([chunk async for chunk in store.stream(output, 7, 3, 9)]) == before[output.key][3:12]
        assert await mover.run(tenant, now + DAY) == 1, "what was read comes back from the archive"
        assert (await house.jobs.catalogue.get(tenant, job_id)).tier == Tier.TIER_WARM
        assert await contents(store, f"{tenant}/jobs/") == before
        assert await store.delete_prefix(f"{tenant}/jobs/{job_id}/") == len(before)
        assert not await contents(store, f"{tenant}/")
        store.close()


async def test_a_mover_killed_at_any_line_loses_and_leaves_nothing(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        job_id = await finished(house, "one")
        whole = TieredStore(tiered)
        await whole.prepare()
        before = await contents(whole, f"{tenant}/jobs/")
        kills = 0
        target = Tier.TIER_WARM
        while True:
            dying = TieredStore(tiered)
            left = kills + 1

            async def effect(work, *arguments, original):
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return await original(work, *arguments)

            for store in dying.tiers.values():
                original = store._call
                store._call = lambda work, *arguments, original=original: effect(work, *arguments, original=original)  # type: ignore[method-assign]
            mover = Mover(dying, house.jobs, tiered)
            try:
                await mover.move(tenant, job_id, target)
                done = True
            except Killed:
                done = False
            assert await contents(whole, f"{tenant}/jobs/") == before, f"killed at effect {kills + 1}"
            if done:
                break
            kills += 1
            if kills % 5 == 0:  # each beginning is tried from both sides
                target = Tier.TIER_COLD if target == Tier.TIER_WARM else Tier.TIER_WARM
            dying.close()
        assert kills > 30
        await Mover(whole, house.jobs, tiered).move(tenant, job_id, target)
        for tier, store in whole.tiers.items():
            left_there = {item.key for item in await store.list(f"{tenant}/jobs/")}
            assert tier in {Tier.TIER_HOT, target} or not left_there
        entry = await house.jobs.catalogue.get(tenant, job_id)
        assert (entry.tier, entry.size_bytes > 0) == (target, True)
        whole.close()


async def test_a_job_that_was_moved_by_hand_stays_where_it_was_put(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        mover = Mover(store, house.jobs, tiered)
        job_id = await finished(house)
        for target in (Tier.TIER_COLD, Tier.TIER_HOT, Tier.TIER_WARM):
            await mover.place(tenant, job_id, target)
            await mover.run(tenant, time.time())
            assert (await house.jobs.catalogue.get(tenant, job_id)).tier == target
        await mover.place(tenant, job_id, Tier.TIER_HOT)
        await mover.run(tenant, time.time() + tiered.hot_hours * 3600 + 60)
        assert (await house.jobs.catalogue.get(tenant, job_id)).tier == Tier.TIER_WARM
        store.close()


async def test_a_copy_that_differs_is_not_trusted(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        job_id = await finished(house, "one")
        store = TieredStore(tiered)
        await store.prepare()
        before = await contents(store, f"{tenant}/jobs/")
        warm = store.tiers[Tier.TIER_WARM]
        write = warm._write

        def damaged(key, content, content_type, sha256, size):
            return write(key, b"damaged", content_type, sha256, 7)

        warm._write = damaged  # type: ignore[method-assign]
        with pytest.raises(DataLossError, match="the original stays"):
            await Mover(store, house.jobs, tiered).move(tenant, job_id, Tier.TIER_WARM)
        assert await contents(store, f"{tenant}/jobs/") == before
        assert (await house.jobs.catalogue.get(tenant, job_id)).tier == Tier.TIER_HOT
        store.close()


async def test_what_a_deleted_job_left_in_a_colder_tier_is_swept(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        await house.jobs.records.mark_whole()
        for folder in ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "no-id-of-a-job"):
            await store.tiers[Tier.TIER_COLD].put(f"{tenant}/jobs/{folder}/video", b"left")
        await Mover(store, house.jobs, tiered).run(tenant, time.time())
        assert not await store.list(f"{tenant}/")
        store.close()


async def test_a_job_that_nats_knows_is_not_swept_although_its_request_is_gone(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        await house.jobs.records.mark_whole()
        mover, job_id = Mover(store, house.jobs, tiered), await finished(house)
        await mover.run(tenant, time.time() + DAY)
        hot, warm = store.tiers[Tier.TIER_HOT], store.tiers[Tier.TIER_WARM]

        async def nothing(prefix):
            return []

        hot.folders = nothing  # type: ignore[method-assign]
        before = await contents(warm, f"{tenant}/")
        assert before
        await mover.run(tenant, time.time() + DAY)
        assert await contents(warm, f"{tenant}/") == before
        await house.jobs.remove(tenant, job_id)
        await mover.run(tenant, time.time() + DAY)
        assert not await warm.list(f"{tenant}/")
        store.close()


async def test_an_archive_is_not_swept_for_a_hot_tier_that_is_not_its_own(
    settings: RuntimeSettings, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = {f"s3_{tier}bucket": f"{tenant}-{tier}bucket".replace("_", "-") for tier in ("", "warm_", "cold_")}
    right = settings.model_copy(update=own)
    left = f"{tenant}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/video"

    async def swept(settings: RuntimeSettings) -> bool:
        store = TieredStore(settings)
        await store.prepare()
        await store.tiers[Tier.TIER_COLD].put(left, b"video")
        await Mover(store, house.jobs, settings).run(tenant, time.time())
        kept = await store.exists(left)
        assert MARK not in {item.key for item in await store.list("")}
        store.close()
        return not kept

    async with House(right, tenant) as house:
        await house.jobs.records.mark_whole()
        assert await swept(right)
        assert not await swept(right.model_copy(update={"s3_bucket": f"{tenant}-mistyped"}))
        assert "S2V_S3_BUCKET is mistyped" in caplog.text
        await house.store.delete_prefix("")  # it is lost
        assert not await swept(right)
        restored = TieredStore(right)
        await restored.adopt()
        assert await restored.belong_together()
        restored.close()
        assert await swept(right)


@pytest.mark.parametrize("lost", [False, True])
async def test_tiers_of_an_earlier_version_are_marked_if_the_hot_one_has_jobs(
    settings: RuntimeSettings, tenant: str, lost: bool
) -> None:
    store = TieredStore(settings.model_copy(update={"s3_bucket": f"{tenant}-hot", "s3_warm_bucket": f"{tenant}-warm"}))
    for tier, one in store.tiers.items():
        await one.prepare()
        if tier != Tier.TIER_HOT or not lost:
            await one.put(f"{tenant}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/request.pb", b"request")
    await store.prepare()
    assert await store.belong_together() == (not lost)
    store.close()


@pytest.mark.parametrize(
    ("endpoint", "own", "region"),
    [
        ("https://s3.eu-central-1.amazonaws.com", "", "eu-central-1"),
        ("https://s3.eu-central-1.amazonaws.com", "sa-east-1", "eu-central-1"),
        ("https://s3.example.com", "sa-east-1", "sa-east-1"),
        ("https://s3.example.com", "", "us-west-2"),
    ],
)
def test_a_tier_may_be_in_another_region(endpoint: str, own: str, region: str) -> None:
    store = TieredStore(
        RuntimeSettings(s3_region="us-west-2", s3_warm_endpoint=endpoint, s3_warm_bucket="warm", s3_warm_region=own)
    )
    assert store.tiers[Tier.TIER_HOT]._client._get_region("s2v") == "us-west-2"
    assert store.tiers[Tier.TIER_WARM]._client._get_region("warm") == region
    store.close()


async def test_a_job_that_is_made_during_the_sweep_keeps_all_it_has(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        hot, warm = store.tiers[Tier.TIER_HOT], store.tiers[Tier.TIER_WARM]
        folder, list_hot = f"{tenant}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/", hot.folders

        async def listed_just_before(prefix):
            found = await list_hot(prefix)
            for one, name in ((hot, "request.pb"), (hot, "source/talk"), (warm, "video")):
                await one.put(f"{folder}{name}", b"new")
            return found

        hot.folders = listed_just_before  # type: ignore[method-assign]
        await Mover(store, house.jobs, tiered).run(tenant, time.time())
        assert set(await contents(store, folder)) == {f"{folder}{name}" for name in ("request.pb", "source/talk", "video")}
        store.close()


@pytest.mark.parametrize(
    "error", [UnavailableError("S3 answered InternalError"), OSError(errno.ENOSPC, "No space left on device")], ids=["s3", "disk"]
)
async def test_a_job_that_cannot_be_moved_does_not_hold_up_the_others(
    tiered: RuntimeSettings, tenant: str, error: Exception
) -> None:
    async with House(tiered, tenant) as house:
        ids = [await finished(house, "one") for _ in range(2)]
        store = TieredStore(tiered)
        await store.prepare()
        hot, newest = store.tiers[Tier.TIER_HOT], ids[-1]
        download = hot.download

        async def failing(ref, path):
            if newest in ref.key:  # the newest is moved first
                raise error
            await download(ref, path)

        hot.download = failing  # type: ignore[method-assign]
        assert await Mover(store, house.jobs, tiered).run(tenant, time.time() + DAY) == 1
        tiers = [(await house.jobs.catalogue.get(tenant, job_id)).tier for job_id in ids]
        assert tiers == [Tier.TIER_WARM, Tier.TIER_HOT]
        store.close()


async def test_each_class_goes_when_its_time_is_over(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        await house.jobs.records.mark_whole()
        retention, mover = Retention(store, house.jobs, tiered), Mover(store, house.jobs, tiered)
        job_id = await finished(house)
        now = time.time()
        await mover.run(tenant, now + DAY)
        assert await retention.expire(tenant, now + 29 * DAY) == 0
        assert await retention.expire(tenant, now + 31 * DAY) > 0
        assert await retention.expire(tenant, now + 31 * DAY) == 0
        record = await house.jobs.get(tenant, job_id)
        names = {item.key.rsplit("-", 1)[-1] for item in await store.list(f"{tenant}/jobs/")}
        assert "plan.pb" not in names
        assert await store.exists(record.source.key)
        assert await retention.expire(tenant, now + 85 * DAY) == 1
        assert "source" not in {one.name for one in (await house.jobs.get(tenant, job_id)).job.artifacts}
        for artifact in (await house.jobs.get(tenant, job_id)).job.artifacts:
            assert await store.read(artifact.object), "results outlive what they were made of"
        await retention.expire(tenant, now + 366 * DAY)
        assert not await store.list(f"{tenant}/")
        with pytest.raises(NotFoundError):
            await house.jobs.get(tenant, job_id)
        assert not await house.jobs.catalogue.ids(tenant)
        store.close()


async def test_what_has_expired_is_not_looked_for_again_unless_a_pass_was_killed(settings: RuntimeSettings, tenant: str) -> None:
    async with House(settings, tenant) as house:
        retention, job_id, now = Retention(house.store, house.jobs, settings), await finished(house), time.time()
        call, asked = house.store._call, Counter[str]()

        async def counted(operation, *arguments):
            asked[operation] += 1
            if operation == "delete" and asked["delete"] == 2:
                raise Killed
            return await call(operation, *arguments)

        house.store._call = counted  # type: ignore[method-assign]
        before = await house.objects(job_id)
        with pytest.raises(Killed):
            await retention.expire(tenant, now + 31 * DAY)
        assert await retention.expire(tenant, now + 31 * DAY) > 0, "the rest"
        left = await house.objects(job_id)
        assert not [name for name in left if name.endswith("plan.pb")]
        assert len(before) > len(left)
        for days in (31, 85):
            await retention.expire(tenant, now + days * DAY)
            asked.clear()
            record = await house.jobs.get(tenant, job_id)
            assert await retention.expire(tenant, now + days * DAY) == 0
            assert not asked
            assert await house.jobs.get(tenant, job_id) == record
        assert not record.HasField("source")


@pytest.mark.parametrize("days", [31, 366])
async def test_an_object_that_cannot_be_deleted_holds_up_no_other_job(settings: RuntimeSettings, tenant: str, days: int) -> None:
    async with House(settings, tenant) as house:
        older, newest = [await finished(house, "one") for _ in range(2)]
        call, before = house.store._call, await house.objects(older)

        async def locked(operation, work, key=""):
            if operation == "delete" and newest in key:  # the newest comes first
                raise UnavailableError("S3 answered AccessDenied")
            return await call(operation, work, key)

        house.store._call = locked  # type: ignore[method-assign]
        assert await Retention(house.store, house.jobs, settings).expire(tenant, time.time() + days * DAY) > 0
        assert await house.objects(older) < before
        assert newest in await house.jobs.catalogue.ids(tenant)


async def test_the_pictures_that_an_unfinished_run_begins_with_stay(settings: RuntimeSettings, tenant: str) -> None:
    async with House(settings, tenant) as house:
        retention, ids = Retention(house.store, house.jobs, settings), [await finished(house) for _ in range(2)]
        before = await house.store.put(f"{tenant}/jobs/{ids[0]}/layout/before", b"of the run before that")

        def cut_off(record):
            entry = stage_record(record, Stage.STAGE_LAYOUT)
            entry.previous.CopyFrom(entry.output if record.job.id == ids[1] else before)
            if record.job.id == ids[1]:
                kept = [one for one in record.job.artifacts if one.object.key != entry.output.key]
                del record.job.artifacts[:]
                record.job.artifacts.extend(kept)
                entry.ClearField("output")
            return True

        records = [await house.jobs.amend(tenant, job_id, cut_off) for job_id in ids]
        await retention.expire(tenant, time.time() + 31 * DAY)
        previous = stage_record(records[1], Stage.STAGE_LAYOUT).previous
        assert await house.store.exists(previous.key)
        assert stage_record(await house.jobs.get(tenant, ids[1]), Stage.STAGE_LAYOUT).previous == previous
        assert not await house.store.exists(before.key)
        assert not stage_record(await house.jobs.get(tenant, ids[0]), Stage.STAGE_LAYOUT).HasField("previous")


async def test_what_another_run_writes_while_what_was_before_expires_stays(settings: RuntimeSettings, tenant: str) -> None:
    async with House(settings, tenant) as house:
        job_id = await finished(house)
        folder, list_all = f"{tenant}/jobs/{job_id}/", house.store.list

        def again(record):
            record.epoch += 1
            record.job.state = JobState.JOB_STATE_RUNNING
            record.job.ClearField("finished_at")
            return True

        async def listed_after(prefix):
            house.store.list = list_all  # type: ignore[method-assign]
            await house.jobs.rerun(tenant, job_id, again)
            await house.store.put(f"{folder}transcription/new", b"of the run that has just begun")
            return await list_all(prefix)

        house.store.list = listed_after  # type: ignore[method-assign]
        retention = Retention(house.store, house.jobs, settings)
        assert await retention.expire(tenant, time.time() + 31 * DAY) == 0
        assert "transcription/new" in await house.objects(job_id)
        record = await house.jobs.get(tenant, job_id)
        end(record, JobState.JOB_STATE_FAILED)
        await house.jobs.amend(tenant, job_id, lambda one: one.CopyFrom(record) is None)
        assert await retention.expire(tenant, time.time() + 31 * DAY) > 0, "what the second run has left expires in its turn"


async def test_a_job_of_which_nothing_is_kept_is_moved_once(tiered: RuntimeSettings, tenant: str) -> None:
    async with House(tiered, tenant) as house:
        store = TieredStore(tiered)
        await store.prepare()
        job_id = await house.submit("refused", wake=False)
        record = await house.jobs.get(tenant, job_id)
        attempt = hops.attempt(ORDER[0], "plan", 1, AttemptOutcome.ATTEMPT_OUTCOME_FAILED)
        await house.jobs.fail(tenant, job_id, attempt, InvalidInputError("no speech"))
        assert not await store.exists(record.source.key)
        mover, moved = Mover(store, house.jobs, tiered), []
        move = mover.move

        async def noted(*job):
            moved.append(job)
            return await move(*job)

        mover.move = noted  # type: ignore[method-assign]
        for _ in range(3):
            await mover.run(tenant, time.time() + DAY)
        assert moved == [(tenant, job_id, Tier.TIER_WARM)]
        store.close()


async def test_one_bucket_for_all_is_a_plain_store(settings: RuntimeSettings, tenant: str) -> None:
    async with House(settings, tenant) as house:
        store = TieredStore(settings)
        assert list(store.tiers) == [Tier.TIER_HOT]
        job_id = await finished(house)
        before = await contents(store, f"{tenant}/jobs/")
        assert await Mover(store, house.jobs, settings).run(tenant, time.time() + 400 * DAY) == 0
        assert await contents(store, f"{tenant}/jobs/{job_id}/") == before
        store.close()


async def test_the_cache_keeps_to_its_size_oldest_first(settings: RuntimeSettings, tenant: str, monkeypatch) -> None:
    store = ObjectStore(settings)
    results = cache.Cache(store)
    monkeypatch.setitem(cache.LIMIT_BYTES, Stage.STAGE_LAYOUT, 2500)
    for number in range(3):
        output = await store.put(f"{tenant}/jobs/a/out{number}", b"x" * 1000)
        await results.put(tenant, Stage.STAGE_LAYOUT, bytes([number]), CacheEntry(output=output, report=StageReport(engine="e")))
        time.sleep(1.1)  # S3 gives times in whole seconds
    assert await cache.sweep(store, tenant, time.time()) == 2
    hits = [await results.get(tenant, Stage.STAGE_LAYOUT, bytes([number]), f"{tenant}/jobs/b/") for number in range(3)]
    assert [hit is not None for hit in hits] == [False, True, True]
    store.close()
