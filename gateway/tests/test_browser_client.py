"""The example's client for browsers, in Node: it gets through a proxy that answers each request with a page of its own first."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "clients" / "browser" / "client.js"
SCRIPT = """
import { readFileSync } from "node:fs";
const { Client } = await import(process.argv[1]);
const client = new Client(process.argv[2]);
const upload = await client.upload(new File([readFileSync(process.argv[3])], "talk.wav"));
const job = await client.createJob(upload, { theme: "light" });
await client.cancelJob(job.id);
const states = [];
for await (const { stateChanged } of client.watch(job.id)) states.push(stateChanged.state);
const { size, type } = await client.artifact(job.id, "source");
console.log(JSON.stringify({ states, size, type }));
"""


@asynccontextmanager
async def failing_proxy(port: int) -> AsyncIterator[tuple[int, list[str]]]:
    """Yields a port that leads to another one, and the first lines of the requests that were answered with a page instead."""
    failed: list[str] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request = head.split(b"\r\n")[0].decode()
        if request not in failed:
            failed.append(request)
            status = ("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")[len(failed) % 3]
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<h1>Sorry</h1>".encode())
            await writer.drain()
            writer.close()
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        outer.write(head.replace(b"onnection: keep-alive", b"onnection: close"))
        await asyncio.gather(copy(reader, outer), copy(inner, writer), return_exceptions=True)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], failed


@pytest.mark.integration
async def test_a_talk_gets_through_a_proxy_that_fails_at_each_step(open_door, media, tmp_path):
    sound = media.wav(6)
    (tmp_path / "talk.wav").write_bytes(sound)
    async with open_door(http_listen="127.0.0.1:0") as door, failing_proxy(door.http_port) as (port, failed):
        node = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("node"),
            "--input-type=module",
            "--eval",
            SCRIPT,
            EXAMPLE.as_uri(),
            f"http://127.0.0.1:{port}",
            tmp_path / "talk.wav",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            said, complaint = await node.communicate()
    assert not node.returncode, complaint.decode()
    states = ["JOB_STATE_QUEUED", "JOB_STATE_CANCELLED"]
    assert json.loads(said) == {"states": states, "size": len(sound), "type": "audio/wav"}
    assert [line.split()[0] for line in failed[:2]] == ["POST", "PUT"]
    assert any("/artifacts/" in line for line in failed)
