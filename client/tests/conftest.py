"""A gateway in a process of its own, that can be killed and started again at the same address."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2v.cli.servers import free_ports
from s2v.runtime.settings import RuntimeSettings


class GatewayProcess:
    """`python -m s2v.gateway` in front of the servers of the test run."""

    def __init__(self, settings: RuntimeSettings, tenant: str, log: Path) -> None:
        self.target = f"127.0.0.1:{free_ports(1)[0]}"
        self._log = log
        self._environment = {
            **os.environ,
            "S2V_LISTEN": self.target,
            "S2V_TENANT": tenant,
            "S2V_NATS_URL": settings.nats_url,
            "S2V_NATS_TOKEN": settings.nats_token.get_secret_value(),
            "S2V_S3_ENDPOINT": settings.s3_endpoint,
            "S2V_S3_ACCESS_KEY": settings.s3_access_key,
            "S2V_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
            "S2V_S3_BUCKET": settings.s3_bucket,
            "S2V_LOG_FORMAT": "text",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def restrict(self, **settings: str) -> None:
        """Sets variables of its environment from the next start on."""
        self._environment |= settings

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "s2v.gateway"], env=self._environment, stderr=log)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def gateway(settings: RuntimeSettings, tenant: str, tmp_path: Path) -> Iterator[GatewayProcess]:
    process = GatewayProcess(settings, tenant, tmp_path / "gateway.log")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A WAV of 20 s, 3.5 MB."""
    return silence(tmp_path / "talk.wav", 20)


@pytest.fixture
def long_talk(tmp_path: Path) -> Path:
    """A WAV of 240 s, 42 MB: several chunks of an upload."""
    return silence(tmp_path / "long talk.wav", 240)


def silence(path: Path, seconds: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(4 * 44_100 * seconds))
    return path
