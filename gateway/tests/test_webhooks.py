"""Webhooks are told, signed, that a job has ended; tried again while they fail; and never call an address inside the house."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import hmac
import json
import ssl
import threading
import time
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from s2v.gateway import notifying, webhook_http
from s2v.gateway import webhooks as webhooks_module
from s2v.gateway.notifying import Notifying
from s2v.gateway.webhook_http import BlockedError, Outbound, is_public
from s2v.gateway.webhooks import ATTEMPTS, EVENT_HEADER, SIGNATURE_HEADER, Webhooks, sign
from s2v.v1 import job_service_pb2 as api
from s2v.v1.job_pb2 import Job, JobState


class Receiver:
    """An HTTP server that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.location = ""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((dict(self.headers), body))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                self.send_response(status)
                if status in {301, 307}:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def make_webhooks(bus, store):
    async def make(hosts=frozenset({"127.0.0.1"})):
        webhooks = Webhooks(bus, store, Outbound(hosts))
        await webhooks.prepare()
        return webhooks

    return make


def ended(tenant, job_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", seconds_ago=0.0):
    job = Job(id=job_id, tenant=tenant, source_name="tälk.wav", state=JobState.JOB_STATE_SUCCEEDED)
    job.finished_at.FromNanoseconds(time.time_ns() - int(seconds_ago * 1e9))
    return job


@asynccontextmanager
async def dripping():
    """A server that answers with a byte now and then, for ever: its address, and an event that says that a caller left."""
    left = asyncio.Event()

    async def drip(reader, writer):
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
                while not reader.at_eof():
                    try:
                        await asyncio.wait_for(reader.read(65536), 0.01)
                    except TimeoutError:
                        break
        except ConnectionError:
            pass
        finally:
            left.set()
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", left
    finally:
        server.close()


async def deliver_all(webhooks, store, tenant):
    """Makes all attempts that are left, as if their waits were over."""
    from s2v.v1.webhook_pb2 import Delivery

    for _ in range(ATTEMPTS + 1):
        for item in await store.list(f"_due/{tenant}/"):
            delivery = Delivery.FromString(await store.read(item.key))
            delivery.next_at.FromSeconds(1)
            await store.put(item.key, delivery.SerializeToString())
            webhooks._waiting.pop(item.key, None)
        await webhooks.deliver_due()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::1",
        "192.0.0.1",
        "198.18.0.1",
        "fec0::1",
        "feff::1",
        "::127.0.0.1",
        "::169.254.169.254",
        "::93.184.216.34",
    ],
)
def test_an_address_inside_the_house_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_other_addresses_are(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://exämple.com/",
        "https://" + "a" * 3000,
        "file:///etc/passwd",
    ],
)
async def test_an_address_that_must_not_be_called_is_neither_taken_nor_called(url):
    with pytest.raises(Exception, match="cannot be used"):
        await Outbound().check(url)
    answer = await Outbound().post(url, b"{}", {})
    assert (answer.status, bool(answer.error)) == (0, True)


async def test_a_name_that_turns_to_a_private_address_is_not_called(monkeypatch, receiver):
    """DNS rebinding: the name is looked up once a call, and the connection goes to the address that was checked."""
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"]]
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [(2, 1, 6, "", (address, port)) for address in answers[len(asked) - 1]]

    monkeypatch.setattr(webhook_http.socket, "getaddrinfo", resolve)
    outbound = Outbound()
    await outbound.check("https://rebind.example/")
    for _ in range(2):
        answer = await outbound.post("https://rebind.example/", b"{}", {})
        assert "not a public address" in answer.error
    assert len(asked) == 3
    assert not receiver.seen


@pytest.fixture
def certificate(tmp_path):
    """The certificate of hooks.example, by itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "hooks.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "hooks.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return tmp_path / "hooks.pem", tmp_path / "hooks.key"


async def test_a_call_connects_to_the_checked_address_under_its_name(monkeypatch, receiver, certificate):
    """The name is looked up once; the certificate must be its own, whatever the address."""
    asked, named = [], []

    def resolve(host, port, **_):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    server.sni_callback = lambda _, name, __: named.append(name)
    receiver.server.socket = server.wrap_socket(receiver.server.socket, server_side=True)
    monkeypatch.setattr(webhook_http.socket, "getaddrinfo", resolve)
    port = receiver.server.server_port
    outbound = Outbound(frozenset({"hooks.example", "other.example"}), ssl.create_default_context(cafile=certificate[0]))
    answer = await outbound.post(f"https://hooks.example:{port}/x?a=1", b"{}", {"S2V-Event-Id": "e"})
    assert (answer.status, answer.error) == (204, "")
    assert (asked, named) == (["hooks.example"], ["hooks.example"])
    headers, body = receiver.seen[0]
    assert (headers["Host"], headers["S2V-Event-Id"], body) == (f"hooks.example:{port}", "e", b"{}")
    other = await outbound.post(f"https://other.example:{port}/x", b"{}", {})
    assert (other.status, "Certificate" in other.error) == (0, True)
    stranger = await Outbound(frozenset({"hooks.example"})).post(f"https://hooks.example:{port}/x", b"{}", {})
    assert (stranger.status, "Certificate" in stranger.error) == (0, True)
    assert len(receiver.seen) == 1
    with pytest.raises(BlockedError):
        Outbound()._parse("http://hooks.example/x")


async def test_a_call_that_drips_has_ended_after_its_limit_and_its_connection_is_closed(monkeypatch):
    monkeypatch.setattr(webhook_http, "CALL_SECONDS", 0.5)
    async with dripping() as (url, left):
        async with asyncio.timeout(5):
            answer = await Outbound(frozenset({"127.0.0.1"})).post(url, b"{}", {})
            assert (answer.status, "longer than" in answer.error) == (0, True)
            await left.wait()


@pytest.mark.integration
async def test_a_slow_webhook_holds_up_no_other_and_no_end_of_the_gateway(
    make_webhooks, receiver, jobs, bus, tenant, monkeypatch
):
    monkeypatch.setattr(webhooks_module, "END_SECONDS", 0.2)
    webhooks = await make_webhooks()
    async with dripping() as (url, left):
        for number in range(webhooks_module.TENANT_AT_ONCE + 1):
            await webhooks.create(f"{tenant}-slow", f"{url}{number}")
        await webhooks.announce(ended(f"{tenant}-slow"), 1)
        stop = asyncio.Event()
        running = asyncio.create_task(Notifying(webhooks, jobs, bus).run(stop))
        async with asyncio.timeout(10):  # a slow call takes 15 s
            while len(webhooks._turns) <= webhooks_module.TENANT_AT_ONCE:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            await webhooks.create(tenant, receiver.url)
            for job_id in ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"):
                await webhooks.announce(ended(tenant, job_id), 1)
            while len(receiver.seen) < 2:
                await asyncio.sleep(0.05)
            stop.set()
            await running
            await left.wait()
    for slow in await webhooks.list(f"{tenant}-slow"):
        await webhooks.delete(f"{tenant}-slow", slow.webhook.id)


@pytest.mark.integration
async def test_a_job_that_was_deleted_while_it_was_told_leaves_no_delivery(make_webhooks, receiver, store, tenant):
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, receiver.url)
    job = ended(tenant)
    await webhooks.announce(job, 1)
    post = webhooks.outbound.post

    async def deleting(*call):
        answer = await post(*call)
        await webhooks.forget_job(tenant, job.id, 1)
        return answer

    webhooks.outbound.post = deleting
    await webhooks.deliver_due()
    assert len(receiver.seen) == 1
    assert not await webhooks.deliveries(tenant, record.webhook.id)


@pytest.mark.integration
async def test_a_webhook_is_not_told_of_jobs_that_ended_before_it_or_long_ago(make_webhooks, store, tenant):
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, "http://127.0.0.1/")
    await webhooks.announce(ended(tenant, seconds_ago=60), 1)
    record.webhook.created_at.FromSeconds(1)
    await store.put(f"{tenant}/webhooks/{record.webhook.id}.pb", record.SerializeToString())
    await webhooks.announce(ended(tenant, seconds_ago=webhooks_module.KEPT_SECONDS + 60), 1)
    assert not await store.list(f"_due/{tenant}/")
    await webhooks.announce(ended(tenant, seconds_ago=60), 1)
    assert len(await store.list(f"_due/{tenant}/")) == 1
    await webhooks.delete(tenant, record.webhook.id)


@pytest.mark.integration
async def test_a_redirect_is_not_followed(make_webhooks, receiver, store, tenant):
    other = Receiver()
    receiver.location, receiver.statuses = other.url, [307]
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, receiver.url)
    await webhooks.announce(ended(tenant), 1)
    await webhooks.deliver_due()
    delivery = (await webhooks.deliveries(tenant, record.webhook.id))[0]
    assert "redirect" in delivery.attempts[0].error
    assert not other.seen
    other.server.shutdown()
    other.server.server_close()


@pytest.mark.integration
async def test_a_message_is_signed_and_says_which_job_ended_how(make_webhooks, receiver, tenant):
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, receiver.url)
    await webhooks.announce(ended(tenant), 1)
    await webhooks.announce(ended(tenant), 1)  # the same event twice
    assert await webhooks.deliver_due() >= 1
    assert len(receiver.seen) == 1
    headers, body = receiver.seen[0]
    fields = dict(part.split("=", 1) for part in headers[SIGNATURE_HEADER].split(","))
    expected = hmac.new(record.secret.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert fields["v1"] == expected
    event = json.loads(body)
    assert (event["id"], event["type"], event["job"]["state"]) == (headers[EVENT_HEADER], "job.ended", "JOB_STATE_SUCCEEDED")
    assert event["job"]["source_name"] == "tälk.wav"
    delivery = (await webhooks.deliveries(tenant, record.webhook.id))[0]
    assert (delivery.delivered, delivery.attempts[0].status, delivery.HasField("next_at")) == (True, 204, False)


@pytest.mark.integration
async def test_a_delivery_is_tried_ten_times_with_the_same_event_id_and_then_given_up(make_webhooks, receiver, store, tenant):
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, receiver.url)
    receiver.statuses = [500] * 50
    await webhooks.announce(ended(tenant), 1)
    await deliver_all(webhooks, store, tenant)
    assert len(receiver.seen) == ATTEMPTS
    assert len({headers[EVENT_HEADER] for headers, _ in receiver.seen}) == 1
    delivery = (await webhooks.deliveries(tenant, record.webhook.id))[0]
    assert (len(delivery.attempts), delivery.delivered, delivery.HasField("next_at")) == (ATTEMPTS, False, False)
    assert delivery.attempts[0].error == "it answered 500"


@pytest.mark.integration
async def test_a_delivery_that_waits_is_not_read_until_its_time_and_a_webhook_once_a_turn(
    make_webhooks, receiver, store, tenant, monkeypatch
):
    webhooks = await make_webhooks()
    record = await webhooks.create(tenant, receiver.url)
    monkeypatch.setattr(webhooks_module, "WAITS_SECONDS", (5.0,) * 9)
    receiver.statuses = [500] * 3
    for number in range(3):
        await webhooks.announce(ended(tenant, f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}"), 1)
    read, keys = store.read, []

    async def counted(key, *more):
        keys.append(key)
        return await read(key, *more)

    monkeypatch.setattr(store, "read", counted)
    await webhooks.deliver_due()
    assert keys.count(f"{tenant}/webhooks/{record.webhook.id}.pb") == 1
    await webhooks.deliver_due()  # from now on it is known when they are due
    keys.clear()
    await webhooks.deliver_due()
    assert not [key for key in keys if tenant in key]
    async with asyncio.timeout(20):
        while len(receiver.seen) < 6:
            await webhooks.deliver_due()
            await asyncio.sleep(0.1)
    assert not await store.list(f"_due/{tenant}/")
    await webhooks.deliver_due()
    assert not [key for key in webhooks._waiting if tenant in key], "what is done is forgotten"


@pytest.mark.integration
async def test_a_damaged_webhook_holds_up_nothing_and_can_be_deleted(open_door, receiver, media, caplog):
    async with open_door(webhook_hosts="127.0.0.1") as door:
        tenant, store, webhooks = door.settings.tenant, door.store, door.webhooks
        damaged = (await webhooks.create(tenant, receiver.url)).webhook.id
        whole = (await webhooks.create(tenant, receiver.url)).webhook.id
        await webhooks.announce(ended(tenant), 1)
        await store.put(f"{tenant}/webhooks/{damaged}.pb", b"\xff\xff")
        await store.put(f"_due/{tenant}/{whole}/damaged.pb", b"\xff\xff")
        stop = asyncio.Event()
        running = asyncio.create_task(Notifying(webhooks, door.jobs, door.bus).run(stop))
        await asyncio.sleep(1)  # the consumer hears what comes after it was made
        await door.bus.jetstream.publish("s2v.v1.events.01ARZ3NDEKTSV4RRFFQ69G5FAV", b"\xff\xff")
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "told")
        await door.stub.CancelJob(api.CancelJobRequest(job_id=job.id))
        async with asyncio.timeout(20):
            while len(receiver.seen) < 2 and not running.done():
                await asyncio.sleep(0.05)
        stop.set()
        await running
        assert damaged in caplog.text
        assert [one.id for one in (await door.stub.ListWebhooks(api.ListWebhooksRequest())).webhooks] == [whole]
        assert not await store.list(f"_due/{tenant}/{whole}/")
        assert await store.list(f"_due/{tenant}/{damaged}/"), "it may be restored"
        for webhook_id in (damaged, whole):
            await door.stub.DeleteWebhook(api.DeleteWebhookRequest(webhook_id=webhook_id))
        for folder in (f"{tenant}/webhooks/", f"_due/{tenant}/", f"{tenant}/deliveries/"):
            assert not await store.list(folder)


@pytest.mark.integration
async def test_an_error_that_nobody_expects_does_not_end_the_telling(make_webhooks, jobs, bus, monkeypatch, caplog):
    monkeypatch.setattr(notifying, "OUTAGE_SECONDS", 0.05)
    webhooks, tried = await make_webhooks(), 0

    async def begin_due():
        nonlocal tried
        tried += 1
        raise ValueError("nobody expects this")

    webhooks.begin_due = begin_due
    stop = asyncio.Event()
    running = asyncio.create_task(Notifying(webhooks, jobs, bus).run(stop))
    async with asyncio.timeout(20):
        while tried < 2 and not running.done():
            await asyncio.sleep(0.02)
        stop.set()
        await running
    assert "nobody expects this" in caplog.text


@pytest.mark.integration
async def test_two_gateways_make_an_attempt_once(make_webhooks, receiver, tenant):
    pods = [await make_webhooks() for _ in range(3)]
    await pods[0].create(tenant, receiver.url)
    await pods[0].announce(ended(tenant), 1)
    await asyncio.gather(*(pod.deliver_due() for pod in pods))
    assert len(receiver.seen) == 1


@pytest.mark.integration
async def test_a_job_that_ends_is_announced_and_deleting_it_leaves_no_delivery(open_door, media, receiver):
    async with open_door(webhook_hosts="127.0.0.1") as door:
        made = await door.stub.CreateWebhook(api.CreateWebhookRequest(url=receiver.url))
        assert made.secret.startswith("whsec_")
        stop = asyncio.Event()
        running = asyncio.create_task(Notifying(door.webhooks, door.jobs, door.bus).run(stop))
        await asyncio.sleep(1)  # the consumer hears what comes after it was made
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "told")
        await door.stub.CancelJob(api.CancelJobRequest(job_id=job.id))
        async with asyncio.timeout(20):
            while not receiver.seen:
                await asyncio.sleep(0.05)
        assert json.loads(receiver.seen[0][1])["job"] == {
            "id": job.id,
            "state": "JOB_STATE_CANCELLED",
            "source_name": "talk.wav",
            "finished_at": json.loads(receiver.seen[0][1])["job"]["finished_at"],
            "error": None,
        }
        listed = api.ListDeliveriesRequest(webhook_id=made.webhook.id)
        async with asyncio.timeout(20):
            while not (await door.stub.ListDeliveries(listed)).deliveries[0].delivered:
                await asyncio.sleep(0.05)
        assert [one.id for one in (await door.stub.ListWebhooks(api.ListWebhooksRequest())).webhooks] == [made.webhook.id]
        stop.set()
        await running
        await door.stub.DeleteJob(api.DeleteJobRequest(job_id=job.id))
        assert not (await door.stub.ListDeliveries(listed)).deliveries
        await door.stub.DeleteWebhook(api.DeleteWebhookRequest(webhook_id=made.webhook.id))
        async with door.refusing() as refused:
            await door.stub.ListDeliveries(listed)
        assert refused[0].reason == "WEBHOOK_NOT_FOUND"
        assert not [one for one in await door.left() if one != "task"]


@pytest.mark.integration
async def test_a_private_address_is_refused_at_the_door_unless_it_is_allowed(open_door, receiver):
    async with open_door() as door:
        async with door.refusing() as refused:
            await door.stub.CreateWebhook(api.CreateWebhookRequest(url=receiver.url))
        assert (refused[0].reason, refused[0].field) == ("INVALID_URL", "url")


def test_the_signature_is_as_documented():
    digest = hmac.new(b"whsec_x", b"1700000000.{}", hashlib.sha256).hexdigest()
    assert sign("whsec_x", 1_700_000_000, b"{}") == f"t=1700000000,v1={digest}"
