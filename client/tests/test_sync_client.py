"""The client for programs without an event loop: generated, and against a real gateway."""

from __future__ import annotations

import inspect
import itertools
import runpy
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from s2v.cli.servers import free_ports
from s2v.client import Client, JobServiceError, SyncClient
from s2v.v1.job_pb2 import JobOptions, JobState

GENERATOR = runpy.run_path(str(Path(__file__).parents[1] / "generate_sync.py"))


def test_it_is_what_the_generator_writes_and_has_every_method_with_its_parameters():
    assert GENERATOR["TARGET"].read_text() == GENERATOR["generate"](), "run python client/generate_sync.py"
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_") and name != "close":
            own, other = inspect.signature(method).parameters, dict(inspect.signature(getattr(SyncClient, name)).parameters)
            timeout = other.pop("timeout")
            assert (list(own), timeout.kind) == (list(other), inspect.Parameter.KEYWORD_ONLY), name


def test_nobody_there_is_said_and_a_deadline_ends_the_patience():
    with SyncClient(f"127.0.0.1:{free_ports(1)[0]}") as client:
        started = time.monotonic()
        with pytest.raises(JobServiceError) as caught:
            client.get_job("01ARZ3NDEKTSV4RRFFQ69G5FAV", timeout=0.3)
        assert (caught.value.code, time.monotonic() - started < 5) == (grpc.StatusCode.DEADLINE_EXCEEDED, True)
    with pytest.raises(RuntimeError, match="closed"):
        client.get_job("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    client.close()


def test_what_may_not_be_done_twice_is_sent_once():
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    with SyncClient(nobody, patience_seconds=0.3) as client, pytest.raises(JobServiceError, match="is it running"):
        client.create_webhook("https://example.com/hook")


def test_it_leaves_no_thread_behind():
    SyncClient(f"127.0.0.1:{free_ports(1)[0]}").close()
    assert not [thread for thread in threading.enumerate() if thread.name == "s2v-client"]


@pytest.mark.integration
def test_a_talk_goes_in_and_its_job_is_read_listed_watched_and_fetched(gateway, talk, tmp_path):
    with SyncClient(gateway.target) as client:
        told: list[tuple[int, int]] = []
        job = client.create_job(client.upload(talk, lambda *sent: told.append(sent)), JobOptions(theme="light"), "mine")
        assert told[-1] == (talk.stat().st_size,) * 2
        assert client.create_job(client.upload(talk), request_id="mine").id == job.id
        assert [listed.id for listed in client.list_jobs()] == [job.id]
        client.download(job.id, "source", tmp_path / "copy.wav")
        assert (tmp_path / "copy.wav").read_bytes() == talk.read_bytes()
        events = client.watch(job.id)
        assert next(events).state_changed.state == JobState.JOB_STATE_QUEUED
        with pytest.raises(JobServiceError) as caught:
            list(client.watch(job.id, after_sequence=1_000_000, timeout=0.3))
        assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert client.cancel(job.id).state == JobState.JOB_STATE_CANCELLED
        assert [event.state_changed.state for event in events] == [JobState.JOB_STATE_CANCELLED]
        with pytest.raises(JobServiceError) as caught:
            list(client.watch("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        assert caught.value.reason == "JOB_NOT_FOUND"


@pytest.mark.integration
def test_an_upload_goes_on_where_it_was_when_the_gateway_is_killed(gateway, long_talk):
    sent: list[int] = []
    killed = False

    def progress(offset: int, total: int) -> None:
        nonlocal killed
        sent.append(offset)
        if not killed and offset > 0.8 * total:
            killed = True
            gateway.kill()
            gateway.start()

    with SyncClient(gateway.target) as client:
        assert client.create_job(client.upload(long_talk, progress)).source_seconds == pytest.approx(240)
    steps_back = [after for before, after in itertools.pairwise(sent) if after < before]
    assert steps_back
    assert min(steps_back) > 8 * 1024 * 1024, "the upload started again from its first chunk"


@pytest.mark.integration
def test_threads_share_a_client_and_each_may_have_its_own(gateway, talk, caplog):
    with SyncClient(gateway.target) as shared, ThreadPoolExecutor(8) as pool:
        job = shared.create_job(shared.upload(talk))

        def ask(number: int) -> str:
            if number % 2:
                return shared.get_job(job.id).id
            with SyncClient(gateway.target) as own:
                return own.get_job(job.id).id

        assert set(pool.map(ask, range(40))) == {job.id}
    assert not caplog.records


@pytest.mark.integration
def test_a_callback_that_calls_the_client_or_fails_ends_the_upload(gateway, talk):
    with SyncClient(gateway.target) as client:
        with pytest.raises(RuntimeError, match="must not call the client"):
            client.upload(talk, lambda _sent, _total: client.get_job("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        with pytest.raises(ZeroDivisionError):
            client.upload(talk, lambda sent, _total: sent / 0)


@pytest.mark.integration
def test_closing_ends_what_another_thread_waits_for(gateway, talk):
    client = SyncClient(gateway.target)
    job = client.create_job(client.upload(talk))
    events = client.watch(job.id)
    next(events)
    threading.Timer(0.3, client.close).start()
    with pytest.raises(JobServiceError) as caught:
        next(events)
    assert caught.value.code == grpc.StatusCode.CANCELLED
