"""The trial release as processes of this machine: each Deployment's command and environment, with a root that is read-only.

NATS and SeaweedFS run as in test_bundled.py. The migration's Job runs, then the five services, then the pod of `helm test` with
its own command. While it waits for its video, busy workers are told to end, as a rollout or a node's drain does.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import Parse
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from pydantic import SecretStr

from deploy.generate.chart import Manifest
from s2v.cli.servers import free_ports
from s2v.runtime import queues
from s2v.runtime.bus import Bus
from s2v.runtime.jobs import FINISHED
from s2v.runtime.schema import EVENT_STREAM, VERSION
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES
from s2v.transcription.settings import TranscriptionSettings
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import JobState
from s2v.v1.timeline_pb2 import AttemptOutcome, Timeline
from tests.conftest import cut

from .bundled import HTTP, SECRETS, Bundled, needs_root, open_folder, start_nats, start_s3
from .conftest import example
from .containers import contained, resolve
from .test_images import DOCKER

pytestmark = [pytest.mark.integration, needs_root]
COMPONENTS = ("gateway", "transcription", "analysis", "layout", "rendering")
START_SECONDS, JOB_SECONDS = 120, 300


def image_command(component: str) -> list[str]:
    """Returns what the component's image runs, by this machine's Python."""
    stages = (DOCKER / f"{component}.Dockerfile").read_text().split("\nFROM ")
    (stage,) = [stage for stage in stages if stage.startswith(f"runtime AS {component}\n")]
    (command,) = re.findall(r"^CMD (\[.*\])$", stage, re.MULTILINE)
    first, *rest = json.loads(command)
    assert first == "python"
    return [sys.executable, *rest]


@dataclass
class Release:
    """The trial release, as far as it is started."""

    home: Path
    nats: Bundled
    s3: Bundled
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Ports of gRPC and metrics by component."""

    def environment(self, container: Manifest) -> dict[str, str]:
        """Returns the chart's environment, with the servers' addresses here in place of their Services' names."""
        found = resolve(container, SECRETS, "s2v-0")
        assert found["S2V_NATS_URL"] == "nats://s2v-nats:4222"
        assert found["S2V_S3_ENDPOINT"] == "http://s2v-s3:8333"
        found["S2V_NATS_URL"] = f"nats://127.0.0.1:{self.nats.ports[4222]}"
        found["S2V_S3_ENDPOINT"] = self.s3.url(8333, "")
        # What the images set: where their weights are, and no bytecode.
        found["S2V_MODEL_CACHE"] = str(TranscriptionSettings().model_cache.expanduser())
        return {"PYTHONDONTWRITEBYTECODE": "1", **found}

    @contextmanager
    def run(self, component: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """Starts a component and waits until its probes would be content."""
        spec = example("trial").find("Deployment", f"s2v-{component}")["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        environment = self.environment(container)
        port, metrics = self.ports.setdefault(component, (free_ports(1)[0], free_ports(1)[0]))
        assert (environment["S2V_LISTEN"], environment["S2V_METRICS_LISTEN"]) == ("[::]:50051", "[127.0.0.1]:9464")
        environment |= {"S2V_LISTEN": f"127.0.0.1:{port}", "S2V_METRICS_LISTEN": f"[127.0.0.1]:{metrics}", **settings}
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
        folder = self.home / component
        folder.mkdir(exist_ok=True)
        log = self.home / f"{component}.log"
        with contained(image_command(component), environment, {"/tmp": folder}, log) as process:
            deadline = time.monotonic() + START_SECONDS
            while not serves(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield process

    def job(self, container: Manifest, *, gateway: bool) -> subprocess.Popen[str]:
        """Starts a pod that runs the `s2v` command."""
        environment = {**self.environment(container), "PATH": os.environ["PATH"], "HOME": str(self.home)}
        assert environment["S2V_GATEWAY"] == "s2v-gateway:50051"
        if gateway:
            environment["S2V_GATEWAY"] = f"127.0.0.1:{self.ports['gateway'][0]}"
        program, *arguments = container["command"]
        assert program == "s2v"
        arguments = [re.sub(r"^(/usr/share/s2v|/tmp)/", f"{self.home}/", argument) for argument in arguments]
        command = [sys.executable, "-m", "s2v.cli", *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def serves(port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = HealthStub(channel).Check(HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
    return bool(answer.status == HealthCheckResponse.SERVING)


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    with open_folder() as home, ExitStack() as stack:
        for name in ("nats", "s3"):
            (home / name).mkdir(mode=0o755)
        yield Release(home, start_nats(stack, home / "nats"), start_s3(stack, home / "s3"))


def test_the_migration_may_run_any_number_of_times(release: Release) -> None:
    (container,) = example("trial").find("Job", "s2v-migration")["spec"]["template"]["spec"]["containers"]
    said = []
    for _ in range(2):
        done = release.job(container, gateway=False)
        out, err = done.communicate(timeout=60)
        assert done.returncode == 0, err
        said.append(out.splitlines())
    assert said[0] == [f"updated version {VERSION}", f"NATS and S3 are at version {VERSION}"]
    assert said[1] == said[0][1:], "the second time it changes nothing"


async def until_busy(bus: Bus, component: str, test: subprocess.Popen[str]) -> None:
    """Waits until a worker of a stage has a task."""
    async with asyncio.timeout(JOB_SECONDS):
        while not sum(queue.at_work for queue in await queues.count(bus.jetstream) if queue.stage == component):
            assert test.poll() is None, test.communicate()
            await asyncio.sleep(0.05)


async def test_workers_that_are_told_to_end_lose_no_work_and_the_job_ends_once(release: Release) -> None:
    """One has no time and hands its task back; one has the chart's time and finishes. Each is replaced, as by a rollout."""
    (pod,) = example("trial").all("Pod")
    (container,) = pod["spec"]["containers"]
    cut("01-how-a-web-page-reaches-you.opus", release.home / "talk.opus", 0, 20)
    settings = RuntimeSettings(
        nats_url=f"nats://127.0.0.1:{release.nats.ports[4222]}", nats_token=SecretStr(SECRETS["s2v-nats"]["token"])
    )
    async with AsyncExitStack() as stack:
        bus = Bus(settings)
        await bus.connect()
        stack.push_async_callback(bus.close)
        starting = [
            asyncio.to_thread(stack.enter_context, release.run("transcription", S2V_DRAIN_SECONDS="0")),
            *(asyncio.to_thread(stack.enter_context, release.run(name)) for name in COMPONENTS if name != "transcription"),
        ]
        hasty, _, _, _, patient = await asyncio.gather(*starting)
        test = release.job(container, gateway=True)
        stack.callback(test.kill)

        await until_busy(bus, "transcription", test)
        hasty.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(hasty.wait, 30) == 0, (release.home / "transcription.log").read_text()
        await asyncio.to_thread(stack.enter_context, release.run("transcription"))

        await until_busy(bus, "rendering", test)
        patient.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(patient.wait, JOB_SECONDS) == 0, (release.home / "rendering.log").read_text()
        await asyncio.to_thread(stack.enter_context, release.run("rendering"))

        out, err = await asyncio.to_thread(test.communicate, timeout=JOB_SECONDS)
        assert test.returncode == 0, out + err
        assert (release.home / "talk.mp4").stat().st_size > 10_000

        (job_id,) = {event.job_id for event in await events(bus)}
        attempts = (await timeline(release, job_id)).attempts
        by_outcome = Counter((NAMES[one.stage], AttemptOutcome.Name(one.outcome)) for one in attempts)
        assert by_outcome[("transcription", "ATTEMPT_OUTCOME_HANDED_BACK")] == 1, by_outcome
        assert {outcome for _, outcome in by_outcome} == {"ATTEMPT_OUTCOME_HANDED_BACK", "ATTEMPT_OUTCOME_DONE"}, by_outcome
        assert not [key for key in by_outcome if key == ("rendering", "ATTEMPT_OUTCOME_HANDED_BACK")], "it had the time to finish"
        done = Counter((one.stage, one.task) for one in attempts if one.outcome == AttemptOutcome.ATTEMPT_OUTCOME_DONE)
        assert set(done.values()) == {1}, "a task was done twice"
        told = [event.state_changed.state for event in await events(bus) if event.HasField("state_changed")]
        assert [state for state in told if state in FINISHED] == [JobState.JOB_STATE_SUCCEEDED], "it ends once"
        assert set((await queues.buried(bus.jetstream)).values()) == {0}

        for component, (_, metrics) in release.ports.items():
            text = HTTP.request("GET", f"http://127.0.0.1:{metrics}/metrics").data.decode()
            assert f's2v_memory_used_bytes{{service_name="{component}"}}' in text


async def timeline(release: Release, job_id: str) -> Timeline:
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "s2v.cli", "trace", job_id, "--json",
        env={**os.environ, "S2V_GATEWAY": f"127.0.0.1:{release.ports['gateway'][0]}"},
        stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await done.communicate()
    assert done.returncode == 0
    return Parse(out, Timeline())


async def events(bus: Bus) -> list[JobEvent]:
    """Returns all events that NATS keeps, in order."""
    state = (await bus.jetstream.stream_info(EVENT_STREAM)).state
    kept = [await bus.jetstream.get_msg(EVENT_STREAM, seq=sequence) for sequence in range(state.first_seq, state.last_seq + 1)]
    return [JobEvent.FromString(message.data or b"") for message in kept]
