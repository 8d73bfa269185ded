"""The HTTP front: the rpcs as JSON, an upload in pieces, events and artifacts as streams, and who is not let in."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from s2v.gateway import http_front, http_routes, http_streams
from s2v.gateway.http_routes import ROUTES
from s2v.gateway.settings import GatewaySettings
from s2v.runtime.keys import ApiKeys
from s2v.runtime.server import Server
from s2v.v1 import job_service_pb2
from s2v.v1.job_service_pb2 import WatchJobRequest
from s2v.v1.job_service_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server

LISTEN = {"http_listen": "127.0.0.1:0"}


def test_every_rpc_has_a_path():
    rpcs = {method.name for method in job_service_pb2.DESCRIPTOR.services_by_name["JobService"].methods}
    assert {route.rpc for route in ROUTES} | {"WriteUpload", "WatchJob", "GetArtifact"} == rpcs


@asynccontextmanager
async def browser(door, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{door.http_port}", headers=headers) as session:
        yield session


async def make_job(session: aiohttp.ClientSession, sound: bytes, request_id: str = "r1") -> dict:
    wanted = {"name": "talk.wav", "sizeBytes": len(sound), "sha256": hashlib.sha256(sound).hexdigest()}
    async with session.post("/v1/uploads", json=wanted) as response:
        upload_id = (await response.json())["uploadId"]
    async with session.put(f"/v1/uploads/{upload_id}", data=sound) as response:
        assert (await response.json()) == {"committedSize": str(len(sound))}
    order = {"requestId": request_id, "uploadId": upload_id, "options": {"theme": "light"}}
    async with session.post("/v1/jobs", json=order) as response:
        assert response.status == 200, await response.text()
        return (await response.json())["job"]


async def begin(door, head: str, *bodies: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends the head of a request and some of its body, and no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    for body in bodies:
        writer.write(body)
    await writer.drain()
    return reader, writer


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, str, dict]:
    """Returns an answer's status, its head, and its JSON."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length"))
    return int(head.split()[1]), head, json.loads(await reader.readexactly(length))


async def answered(session: aiohttp.ClientSession, path: str) -> int:
    """Asks until there is a place, and returns the status."""
    async with asyncio.timeout(10):
        while True:
            async with session.get(path) as response:
                if response.status not in {429, 503}:
                    return response.status
            await asyncio.sleep(0.05)


async def read_events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif event:
            yield event
            event = {}


@pytest.mark.integration
async def test_a_talk_goes_in_by_http_and_its_job_is_read_watched_cancelled_and_fetched(open_door, media):
    sound = media.wav(6)
    async with open_door(**LISTEN) as door, browser(door) as session:
        job = await make_job(session, sound)
        assert (job["sourceName"], job["options"]["theme"], job["sourceSeconds"]) == ("talk.wav", "light", 6)
        async with session.get(f"/v1/jobs/{job['id']}") as response:
            assert (await response.json())["job"]["state"] == "JOB_STATE_QUEUED"
        async with session.get("/v1/jobs", params={"pageSize": "1", "state": "JOB_STATE_QUEUED"}) as response:
            assert [one["id"] for one in (await response.json())["jobs"]] == [job["id"]]
        async with session.get(f"/v1/jobs/{job['id']}/events") as response:
            assert response.content_type == "text/event-stream"
            events = read_events(response)
            first = await anext(events)
            assert (first["event"], json.loads(first["data"])["stateChanged"]["state"]) == ("state_changed", "JOB_STATE_QUEUED")
            async with session.post(f"/v1/jobs/{job['id']}:cancel", json={}) as cancelled:
                assert (await cancelled.json())["job"]["state"] == "JOB_STATE_CANCELLED"
            rest = [json.loads(event["data"])["stateChanged"]["state"] async for event in events]
            assert rest == ["JOB_STATE_CANCELLED"]
        async with session.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": first["id"]}) as response:
            assert len([event async for event in read_events(response)]) == 1
        async with session.get(f"/v1/jobs/{job['id']}/artifacts/source") as response:
            assert await response.read() == sound
            assert response.headers["ETag"].strip('"') == hashlib.sha256(sound).hexdigest()
            assert "sandbox" in response.headers["Content-Security-Policy"]
            again = {"If-None-Match": response.headers["ETag"]}
        async with session.get(f"/v1/jobs/{job['id']}/artifacts/source", headers=again) as response:
            assert response.status == 304
        async with session.delete(f"/v1/jobs/{job['id']}") as response:
            assert (await response.json())["objects"] >= 1


@pytest.mark.integration
async def test_an_upload_whose_body_breaks_off_goes_on_from_what_has_arrived(open_door, media):
    sound = media.wav(60)
    async with open_door(**LISTEN) as door, browser(door) as session:
        async with session.post("/v1/uploads", json={"name": "talk.wav", "sizeBytes": len(sound)}) as response:
            path = f"/v1/uploads/{(await response.json())['uploadId']}"
        _, writer = await asyncio.open_connection("127.0.0.1", door.http_port)
        head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(sound)}\r\n\r\n"
        writer.write(head.encode() + sound[: len(sound) // 2])
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        committed = 0
        async with asyncio.timeout(20):
            while not committed:
                async with session.get(path) as response:
                    committed = int((await response.json()).get("committedSize", 0))
        assert 0 < committed <= len(sound) // 2
        async with session.put(path, params={"offset": str(committed)}, data=sound[committed:]) as response:
            assert (await response.json()) == {"committedSize": str(len(sound))}
        async with session.put(path, params={"offset": "7"}, data=b"x") as response:
            assert (response.status, (await response.json())["error"]["status"]) == (400, "OUT_OF_RANGE")


@pytest.mark.integration
async def test_errors_are_json_with_their_details(open_door):
    async with open_door(**LISTEN) as door, browser(door) as session:
        async with session.get("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV") as response:
            error = (await response.json())["error"]
            assert (response.status, error["status"], error["details"][0]["reason"]) == (404, "NOT_FOUND", "JOB_NOT_FOUND")
        async with session.get("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/events") as response:
            assert response.status == 404
        async with session.get("/v1/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/artifacts/video.mp4") as response:
            assert (response.status, response.headers["Content-Type"]) == (404, "application/json; charset=utf-8")
        for body, said in (
            (b'{"name": 7}', "name"),
            (b'{"nom": "x"}', "nom"),
            (b"[" * 200_000, "StartUploadRequest"),
            (b"\xff", "StartUploadRequest"),
            (b"x" * 2_000_000, "longer than"),
        ):
            async with session.post("/v1/uploads", data=body, headers={"Content-Type": "application/json"}) as response:
                error = (await response.json())["error"]
                assert (response.status, error["status"]) == (400, "INVALID_ARGUMENT")
                assert said in error["message"]
        async with session.get("/v1/nothing") as response:
            assert (response.status, "GET /v1/nothing" in (await response.text())) == (404, True)
        async with session.get("/v1/jobs", params={"page_size": "many"}) as response:
            assert response.status == 400


@pytest.mark.integration
async def test_who_is_not_known_is_refused_and_tenants_are_apart(open_door, store, media, tenant):
    keys = ApiKeys(store)
    own, other = [(await keys.create(name, "test")).secret for name in (tenant, f"{tenant}x")]
    async with open_door(**LISTEN, auth="on") as door:
        async with browser(door, Authorization=f"Bearer {own}") as session:
            job = await make_job(session, media.wav(6))
        async with browser(door, Authorization=f"Bearer {other}") as session, session.get(f"/v1/jobs/{job['id']}") as response:
            assert response.status == 404
        async with browser(door) as session, session.get(f"/v1/jobs/{job['id']}") as response:
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.integration
async def test_foreign_pages_and_foreign_names_get_nothing_unless_they_are_named(open_door):
    settings = {**LISTEN, "http_origins": "https://studio.example", "quotas": "on", "quota_read_burst": 1}
    async with open_door(**settings) as door, browser(door) as session:
        async with session.get("/v1/jobs", headers={"Origin": "https://evil.example"}) as response:
            assert (response.status, "Access-Control-Allow-Origin" in response.headers) == (403, False)
        async with session.get("/v1/jobs", headers={"Host": "evil.example"}) as response:
            assert response.status == 403
        async with session.post("/v1/uploads", data=b"{}", headers={"Content-Type": "text/plain"}) as response:
            assert (response.status, "application/json" in await response.text()) == (400, True)
        named = {"Origin": "https://studio.example"}
        asks = {**named, "Access-Control-Request-Method": "PUT"}
        async with session.options("/v1/uploads/x", headers=asks) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == named["Origin"]
            assert {"range", "if-none-match"} <= set(response.headers["Access-Control-Allow-Headers"].split(", "))
            assert "Content-Range" in response.headers["Access-Control-Expose-Headers"]
        refused = None
        for _ in range(20):
            async with session.get("/v1/jobs", headers=named) as response:
                assert response.headers["Access-Control-Allow-Origin"] == named["Origin"]
                refused = response if response.status == 429 else refused
        assert refused is not None
        assert int(refused.headers["Retry-After"]) >= 1


@pytest.mark.integration
async def test_more_requests_than_allowed_are_told_to_come_again(open_door, media):
    async with open_door(**LISTEN, http_requests=1) as door, browser(door) as session:
        job = await make_job(session, media.wav(6))
        async with session.get(f"/v1/jobs/{job['id']}/events") as watching:
            await anext(read_events(watching))
            async with session.get("/v1/jobs") as response:
                assert (response.status, (await response.json())["error"]["details"][0]["reason"]) == (503, "BUSY")


@pytest.mark.integration
async def test_a_watch_after_the_last_event_answers_at_once_and_a_gone_watcher_gives_its_place_back(
    open_door, media, monkeypatch
):
    monkeypatch.setattr(http_streams, "ALIVE_SECONDS", 0.3)
    async with open_door(**LISTEN, max_concurrent_calls=7) as door, browser(door) as session:  # one watch of a tenant
        path = f"/v1/jobs/{(await make_job(session, media.wav(6)))['id']}/events"
        async with asyncio.timeout(10), session.get(path) as response:
            after = {"Last-Event-ID": (await anext(read_events(response)))["id"]}
        assert await answered(session, path) == 200
        async with asyncio.timeout(5):
            while True:
                async with session.get(path, headers=after) as response:
                    if response.status == 200:
                        assert await response.content.readline() == b": still here\n"
                        break
        assert await answered(session, path) == 200
        async with asyncio.timeout(10):
            while (response := await session.get(path, headers=after)).status != 200:
                response.close()
            door.stop.set()
            last = [event async for event in read_events(response)][-1]
        assert last["event"] == "error"
        assert json.loads(last["data"])["error"]["details"][0]["reason"] == "DRAINING"


@pytest.mark.integration
async def test_a_part_of_an_artifact_comes_as_it_is_asked_for(open_door, media):
    sound = media.wav(20)
    size = len(sound)
    async with open_door(**LISTEN) as door, browser(door) as session:
        path = f"/v1/jobs/{(await make_job(session, sound))['id']}/artifacts/source"
        async with session.head(path, headers={"Range": "bytes=0-9"}) as response:
            assert (response.status, response.content_length) == (200, size)
            assert response.headers["Accept-Ranges"] == "bytes"
            etag = response.headers["ETag"]
        for asked, first, last in (
            ("bytes=0-9", 0, 9),
            ("bytes=300000-", 300_000, size - 1),
            ("bytes=100-99999999", 100, size - 1),
            (f"bytes=7-{10**30}", 7, size - 1),
            ("bytes=-500", size - 500, size - 1),
            (f"bytes=-{10**30}", 0, size - 1),
        ):
            async with session.get(path, headers={"Range": asked, "If-Range": etag}) as response:
                assert response.status == 206, asked
                assert response.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
                assert await response.read() == sound[first : last + 1]
        for asked in (f"bytes={size}-", f"bytes={10**30}-"):
            async with session.get(path, headers={"Range": asked}) as response:
                error = (await response.json())["error"]
                assert (response.status, error["code"], error["details"][0]["reason"]) == (416, 416, "RANGE_NOT_SATISFIABLE")
                assert response.headers["Content-Range"] == f"bytes */{size}"
        for headers in (
            {"Range": "bytes=0-1,4-5"},
            {"Range": "bytes=9-1"},
            {"Range": "lines=1-2"},
            {"Range": "bytes=5-", "If-Range": '"of another run"'},
        ):
            async with session.get(path, headers=headers) as response:
                assert (response.status, await response.read()) == (200, sound)
        async with session.head(path.replace("source", "video.mp4")) as response:
            assert response.status == 404


@pytest.mark.integration
async def test_a_stalled_upload_may_go_on(open_door, media, monkeypatch):
    monkeypatch.setattr(http_streams, "IDLE_SECONDS", 0.3)
    sound = media.wav(6)
    async with open_door(**LISTEN) as door, browser(door) as session:
        async with session.post("/v1/uploads", json={"name": "talk.wav", "sizeBytes": len(sound)}) as response:
            path = f"/v1/uploads/{(await response.json())['uploadId']}"
        head = f"PUT {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: {len(sound)}"
        async with asyncio.timeout(10):
            reader, writer = await begin(door, head, sound[:1000])
            status, head, answer = await read_answer(reader)
        assert (status, answer["error"]["details"][0]["reason"]) == (503, "UPLOAD_IDLE")
        assert "Retry-After" in head
        assert "offset 1000" in answer["error"]["message"]
        writer.close()
        async with session.put(path, params={"offset": "1000"}, data=sound[1000:]) as response:
            assert (await response.json()) == {"committedSize": str(len(sound))}


@pytest.mark.integration
async def test_an_upload_is_refused_while_its_body_still_comes(open_door, store, tenant):
    key = (await ApiKeys(store).create(tenant, "test")).secret
    put = f"PUT /v1/uploads/{'f' * 32} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 100000000"
    async with open_door(**LISTEN, auth="on") as door, asyncio.timeout(20):
        reader, writer = await begin(door, put)  # nothing of its body
        assert (await read_answer(reader))[0] == 401
        writer.close()
        reader, writer = await begin(door, f"{put}\nAuthorization: Bearer {key}", bytes(100_000))
        await asyncio.sleep(1)
        for _ in range(10):  # who sends does not look yet
            writer.write(bytes(100_000))
            await writer.drain()
            await asyncio.sleep(0.05)
        status, _, answer = await read_answer(reader)
        assert (status, answer["error"]["details"][0]["reason"]) == (404, "UPLOAD_NOT_FOUND")
        writer.close()


@pytest.mark.integration
@pytest.mark.parametrize("offset", ["-1", "x", str(2**63), "9" * 5000])
async def test_an_offset_that_can_be_none_is_refused(offset, open_door):
    async with open_door(**LISTEN) as door, browser(door) as session:
        async with session.put(f"/v1/uploads/{'f' * 32}", params={"offset": offset}, data=b"x") as response:
            error = (await response.json())["error"]
            assert (response.status, error["details"][1]["fieldViolations"][0]["field"]) == (400, "offset")
        async with session.put(f"/v1/uploads/{'f' * 32}", params={"offset": str(2**63 - 1)}, data=b"x") as response:
            assert response.status == 404


@pytest.mark.integration
async def test_who_sends_or_takes_nothing_keeps_no_place_from_others(open_door, media, monkeypatch):
    monkeypatch.setattr(http_routes, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(http_streams, "IDLE_SECONDS", 0.5)
    async with open_door(**LISTEN, http_requests=1) as door, browser(door) as session:
        head = "POST /v1/uploads HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nContent-Length: 99"
        reader, sender = await begin(door, head, b"{")
        async with asyncio.timeout(10):
            status, _, answer = await read_answer(reader)
        assert (status, answer["error"]["details"][0]["reason"]) == (503, "BODY_CUT")
        assert await answered(session, "/v1/jobs") == 200
        job = await make_job(session, media.wav(1000))
        _, taker = await begin(door, f"GET /v1/jobs/{job['id']}/artifacts/source HTTP/1.1\nHost: 127.0.0.1")
        async with asyncio.timeout(5):
            while True:
                async with session.get("/v1/jobs") as response:
                    if response.status == 503:  # it has the place
                        break
        assert await answered(session, "/v1/jobs") == 200
        sender.close()
        taker.close()


@pytest.mark.integration
async def test_a_gateway_with_as_many_calls_as_it_takes_says_when_to_come_again(open_door, media):
    async with open_door(**LISTEN, max_concurrent_calls=1) as door, browser(door) as session:
        job = await make_job(session, media.wav(6))
        watch = door.stub.WatchJob(WatchJobRequest(job_id=job["id"]))
        await watch.read()
        async with session.get("/v1/jobs") as response:
            error = (await response.json())["error"]
            assert (response.status, error["status"], error["details"][0]["reason"]) == (503, "UNAVAILABLE", "BUSY")
            assert response.headers["Retry-After"] == "2"
        watch.cancel()
        assert await answered(session, "/v1/jobs") == 200


@pytest.mark.integration
async def test_what_comes_to_the_same_end_each_time_has_no_status_that_is_repeated(open_door, media):
    sound = media.wav(6)
    async with open_door(**LISTEN) as door, browser(door) as session:
        async with session.post("/v1/uploads", json={"name": "talk.wav", "sizeBytes": str(10**12)}) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"], error["details"][0]["reason"]) == (413, 413, "TOO_LARGE")
            assert "Retry-After" not in response.headers
        wanted = {"name": "talk.wav", "sizeBytes": len(sound), "sha256": "0" * 64}
        async with session.post("/v1/uploads", json=wanted) as response:
            upload_id = (await response.json())["uploadId"]
        async with session.put(f"/v1/uploads/{upload_id}", data=sound) as response:
            assert response.status == 200
        async with session.post("/v1/jobs", json={"requestId": "r1", "uploadId": upload_id}) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"], error["details"][0]["reason"]) == (400, 400, "CHECKSUM_MISMATCH")


@pytest.mark.parametrize(("drain_seconds", "answered"), [(20.0, True), (0.0, False)])
async def test_requests_in_flight_have_the_time_to_drain_and_connections_take_no_more(monkeypatch, drain_seconds, answered):
    monkeypatch.setattr(http_front, "END_SECONDS", 0.2)
    begun = asyncio.Event()

    class Slow(JobServiceServicer):
        async def GetJob(self, request, context):
            begun.set()
            await asyncio.sleep(1.5)
            return job_service_pb2.GetJobResponse()

    settings = GatewaySettings(**LISTEN, drain_seconds=drain_seconds)
    server = Server(settings)
    server.add(add_JobServiceServicer_to_server, Slow(), "s2v.v1.JobService")
    async with asyncio.timeout(15), AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        async with http_front.http_front(settings, server) as port:
            await server.start()
            session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
            async with session.get("/healthz") as response:  # its connection stays open
                assert response.status == 200
            asking = asyncio.create_task(session.get("/v1/jobs/a"))
            await begun.wait()
        if answered:
            assert (await asking).status == 200
        else:
            with pytest.raises(aiohttp.ClientError):
                await asking
        with pytest.raises(aiohttp.ClientError):
            await session.get("/healthz")


@pytest.mark.integration
async def test_a_balancer_of_load_is_told_whether_the_gateway_takes_calls(open_door):
    async with open_door(**LISTEN) as door, browser(door, Host="gateway.example") as session:
        async with session.get("/healthz") as response:
            assert (response.status, await response.text()) == (200, "ok\n")
        await door.server.drain()
        async with session.get("/healthz") as response:
            assert (response.status, (await response.json())["error"]["details"][0]["reason"]) == (503, "DRAINING")
