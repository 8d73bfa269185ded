"""Objects on the real S3: named by content, checked when read, copied and deleted inside the server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from s2v.runtime.cache import Cache, sweep
from s2v.runtime.errors import DataLossError, NotFoundError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.runtime.tiers import TieredStore
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.work_pb2 import CacheEntry, Tier

sys.path.insert(0, str(Path(__file__).parent))
from front import in_front, refusal

pytestmark = pytest.mark.integration


async def test_an_object_is_named_by_its_content(store: ObjectStore, tenant: str, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"film")
    ref = await store.put_by_content(f"{tenant}/", "video.mp4", path, "video/mp4")
    assert ref.key == f"{tenant}/{ref.sha256[:16]}-video.mp4"
    assert ref == await store.put_by_content(f"{tenant}/", "video.mp4", b"film", "video/mp4")
    await store.download(ref, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"film"


async def test_a_range_is_read_alone(store: ObjectStore, tenant: str) -> None:
    ref = await store.put(f"{tenant}/pcm", bytes(range(100)))
    assert await store.read(ref, offset=10, length=3) == bytes([10, 11, 12])
    assert b"".join([chunk async for chunk in store.stream(ref, 7)]) == bytes(range(100))
    assert b"".join([chunk async for chunk in store.stream(ref, 7, 10, 30)]) == bytes(range(10, 40))
    assert b"".join([chunk async for chunk in store.stream(ref, 7, 90)]) == bytes(range(90, 100))


async def test_a_changed_object_is_refused(store: ObjectStore, tenant: str, tmp_path: Path) -> None:
    ref = await store.put(f"{tenant}/object", b"one")
    await store.put(f"{tenant}/object", b"two")
    with pytest.raises(DataLossError, match=f"{tenant}/object"):
        await store.read(ref)
    with pytest.raises(DataLossError):
        await store.download(ref, tmp_path / "object")


async def test_missing_objects_are_named(store: ObjectStore, tenant: str) -> None:
    assert not await store.exists(f"{tenant}/nothing")
    with pytest.raises(NotFoundError, match=f"{tenant}/nothing"):
        await store.read(f"{tenant}/nothing")


async def test_a_prefix_is_deleted_whole(store: ObjectStore, tenant: str) -> None:
    for number in range(5):
        await store.put(f"{tenant}/jobs/a/{number}", b"x")
    await store.put(f"{tenant}/jobs/b/0", b"x")
    assert await store.delete_prefix(f"{tenant}/jobs/a/") == 5
    assert [item.key for item in await store.list(f"{tenant}/")] == [f"{tenant}/jobs/b/0"]


async def test_an_absent_server_is_unavailable(settings: RuntimeSettings) -> None:
    store = ObjectStore(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(UnavailableError, match="does not answer"):
        await store.read("x/y")


async def test_a_missing_bucket_says_nothing_of_the_object(settings: RuntimeSettings) -> None:
    store = ObjectStore(settings.model_copy(update={"s3_bucket": "s2v-absent"}))
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        await store.read("x/y")
    store.close()


async def test_an_upload_that_s3_did_not_put_together_is_no_object(
    settings: RuntimeSettings, store: ObjectStore, tenant: str, tmp_path: Path
) -> None:
    """S3 begins to answer 200 before it knows, and then says in the body that it failed."""
    path = tmp_path / "film"
    path.write_bytes(bytes(11 * 1024 * 1024))

    def fail(method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        return (200, refusal("InternalError")) if method == "POST" and "uploadId=" in path else None

    with in_front(settings, fail) as fronted:
        faulty = ObjectStore(fronted)
        with pytest.raises(UnavailableError, match="from its parts"):
            await faulty.put(f"{tenant}/film", path)
        faulty.close()
    assert not await store.exists(f"{tenant}/film")


async def test_parts_of_an_upload_that_was_broken_off_are_deleted_when_they_are_old(
    settings: RuntimeSettings, tenant: str
) -> None:
    store = TieredStore(settings.model_copy(update={"s3_warm_bucket": "s2v-broken-off"}))
    await store.prepare()
    warm = store.tiers[Tier.TIER_WARM]
    client, bucket, key = warm._client, warm._bucket, f"{tenant}/jobs/a/film"
    upload = client._create_multipart_upload(bucket, key, {})
    client._upload_part(bucket, key, bytes(5 * 1024 * 1024), {}, upload, 1)

    def uploads() -> list[str]:
        return [one.object_name for one in client._list_multipart_uploads(bucket).uploads]

    await store.abort_uploads(datetime.now(UTC) - timedelta(days=1))
    assert uploads() == [key], "it may be being written"
    assert await store.abort_uploads(datetime.now(UTC) + timedelta(seconds=5)) >= 1
    assert not uploads()
    store.close()


async def test_a_cached_result_outlives_its_job_but_not_its_time(store: ObjectStore, tenant: str) -> None:
    output = await store.put(f"{tenant}/jobs/a/out.pb", b"out")
    film = await store.put(f"{tenant}/jobs/a/film", b"film")
    entry = CacheEntry(output=output, artifacts=[Artifact(name="film", object=film)], report=StageReport(engine="e"))
    cache = Cache(store)
    await cache.put(tenant, Stage.STAGE_LAYOUT, b"key", entry)
    await store.delete_prefix(f"{tenant}/jobs/a/")
    hit = await cache.get(tenant, Stage.STAGE_LAYOUT, b"key", f"{tenant}/jobs/b/")
    assert hit is not None
    assert await store.read(hit.output) == b"out"
    assert hit.artifacts[0].object.key == f"{tenant}/jobs/b/film"
    assert await cache.get("other", Stage.STAGE_LAYOUT, b"key", "other/jobs/b/") is None, "tenants share nothing"
    assert await sweep(store, tenant, now=0) == 0
    assert await sweep(store, tenant, now=4e9) == 3
    assert await cache.get(tenant, Stage.STAGE_LAYOUT, b"key", f"{tenant}/jobs/c/") is None
