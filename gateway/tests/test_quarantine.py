"""Uploads by POST wait in quarantine; infected files are not let in, nor any while the scanner is away."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import urllib3

from s2v.cli.servers import free_ports
from s2v.gateway.virus_scanner import VirusScanner
from s2v.runtime.errors import InvalidInputError, SetupError, UnavailableError
from s2v.v1 import job_service_pb2 as api

pytestmark = pytest.mark.integration

MARKER = b"s2v-test-virus-4711"
PACKAGES = ("clamav-daemon", "libclamav12", "libmspack0", "libjson-c5", "libpcre2-8-0")


async def start_post(door, size_bytes):
    return await door.stub.StartUpload(api.StartUploadRequest(name="talk.wav", size_bytes=size_bytes, by_post=True))


async def send(form, data, **changed):
    """Sends a form as a browser does, and returns the HTTP status."""
    fields = [*{**form.fields, **changed}.items(), ("file", ("talk.wav", data, "audio/wav"))]
    answer = await asyncio.to_thread(urllib3.request, "POST", form.url, fields=fields)
    return answer.status


async def test_a_posted_file_becomes_a_job(open_door, media):
    async with open_door() as door:
        data = media.wav(60)
        started = await start_post(door, len(data))
        assert (await door.stub.QueryUpload(api.QueryUploadRequest(upload_id=started.upload_id))).committed_size == 0
        assert await send(started.post, data) in {200, 201, 204}
        assert (await door.stub.QueryUpload(api.QueryUploadRequest(upload_id=started.upload_id))).complete
        job = await door.create(started.upload_id, "posted")
        assert job.source_seconds == pytest.approx(60)
        assert not await door.store.list(f"{door.settings.tenant}/uploads/")


async def test_a_form_takes_one_file_of_the_announced_length_at_its_own_place(open_door, media):
    async with open_door() as door:
        data = media.wav(6)
        form = (await start_post(door, len(data))).post
        assert await send(form, data + b"x") >= 400
        assert await send(form, data[:-1]) >= 400
        other = f"{door.settings.tenant}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/terminal.pb"
        assert await send(form, data, key=other) >= 400
        assert await send(form, data, policy="e30=") >= 400
        assert len(await door.store.list(f"{door.settings.tenant}/")) == 1


async def test_what_a_file_is_is_told_by_its_bytes(open_door, media):
    async with open_door() as door:
        data = b"<html>no talk</html>" * 100
        started = await start_post(door, len(data))
        await send(started.post, data)
        async with door.refusing() as refused:
            await door.create(started.upload_id, "html")
        assert refused[0].code == grpc.StatusCode.INVALID_ARGUMENT
        assert await door.left() == []


@dataclass
class Clamd:
    """A running clamd."""

    address: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """The real clamd with two signatures of our own: the one on this machine, else that of Debian's packages, unpacked."""
    folder = tmp_path_factory.mktemp("clamd")
    program, libraries = shutil.which("clamd") or "", ""
    if not program:
        try:
            subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, capture_output=True, timeout=120)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, folder / "root"], check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"clamd is not on this machine and Debian's packages cannot be had: {error}")
        program = str(folder / "root/usr/sbin/clamd")
        libraries = ":".join(str(path) for path in (folder / "root/usr/lib").glob("*-linux-gnu"))
    database, port = folder / "db", free_ports(1)[0]
    database.mkdir()
    (database / "own.ndb").write_text(f"S2V.Test.Marker:0:*:{MARKER.hex()}\n")
    config = folder / "clamd.conf"
    config.write_text(
        f"Foreground yes\nTCPAddr 127.0.0.1\nTCPSocket {port}\nDatabaseDirectory {database}\n"
        "StreamMaxLength 120M\nMaxScanSize 120M\nMaxFileSize 120M\n"
    )
    process = subprocess.Popen(
        [program, "-c", config], env={"LD_LIBRARY_PATH": libraries}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 60
    import socket

    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = process.stdout.read().decode() if process.stdout else ""
                pytest.skip(f"clamd does not start here: {said[-300:]}")
            time.sleep(0.1)
    yield Clamd(f"tcp://127.0.0.1:{port}", process)
    process.terminate()
    process.wait(20)


async def test_a_clean_file_passes_and_an_infected_one_leaves_nothing(open_door, media, clamd):
    async with open_door(clamd=clamd.address) as door:
        data = media.wav(6)
        infected = data[:20_000] + MARKER + data[20_000 + len(MARKER) :]
        async with door.refusing() as refused:
            await door.create(await door.upload("talk.wav", infected), "infected")
        assert refused[0].reason == "INFECTED"
        assert "S2V.Test.Marker" in refused[0].message
        assert await door.left() == []
        assert (await door.create(await door.upload("talk.wav", data), "clean")).id


async def test_a_large_file_is_scanned_to_its_end(clamd, tmp_path: Path):
    path = tmp_path / "large.wav"
    path.write_bytes(bytes(60_000_000) + MARKER)
    with pytest.raises(InvalidInputError, match=r"S2V\.Test\.Marker"):
        await VirusScanner(clamd.address).check(path, "large.wav")


async def test_no_file_is_let_in_while_the_scanner_is_away_and_the_upload_stays(open_door, media):
    async with open_door(clamd=f"tcp://127.0.0.1:{free_ports(1)[0]}") as door:
        upload_id = await door.upload("talk.wav", media.wav(6))
        async with door.refusing() as refused:
            await door.create(upload_id, "away")
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.UNAVAILABLE, "SCANNER_AWAY")
        assert not await door.jobs.records.list(door.settings.tenant)
        assert (await door.stub.QueryUpload(api.QueryUploadRequest(upload_id=upload_id))).complete


@pytest.mark.parametrize(
    "answer", [b"", b"stream: ", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"OK\0", b"x" * 200_000]
)
async def test_only_a_clear_answer_lets_a_file_pass(tmp_path: Path, answer: bytes):
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 20)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    path = tmp_path / "talk.wav"
    path.write_bytes(b"sound")
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(UnavailableError):
        await VirusScanner(f"tcp://127.0.0.1:{port}").check(path, "talk.wav")
    server.close()


def test_an_address_of_a_scanner_must_be_one():
    for address in ("clamd", "http://x:1", "tcp://x", "unix://"):
        with pytest.raises(SetupError):
            VirusScanner(address)
