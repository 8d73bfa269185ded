"""Objects on the real S3: named by content, checked when read, copied and deleted inside the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from s2v.runtime.cache import Cache, sweep
from s2v.runtime.errors import DataLossError, NotFoundError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.work_pb2 import CacheEntry

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
