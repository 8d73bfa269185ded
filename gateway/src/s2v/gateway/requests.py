"""Which job a request id stands for, so that a repeated request makes no second job. Kept in a JetStream key-value bucket."""

from __future__ import annotations

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.gateway import names
from s2v.runtime.bus import Bus
from s2v.runtime.errors import UnavailableError
from s2v.runtime.schema import ERRORS, unavailable
from s2v.runtime.schema import REQUESTS_BUCKET as BUCKET


class Requests:
    """The request ids of all tenants."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ids: KeyValue | None = None

    async def prepare(self) -> None:
        """Opens the bucket.

        Errors: UnavailableError.
        """
        self._ids = await self._bus.bucket(BUCKET)

    async def find(self, tenant: str, request_id: str) -> str:
        """Returns the id of the job that a request stands for; empty: the request is new.

        Errors: InvalidInputError, UnavailableError.
        """
        try:
            entry = await self._bucket.get(_key(tenant, request_id))
        except KeyNotFoundError:
            return ""
        except ERRORS as error:
            raise unavailable(error) from error
        return (entry.value or b"").decode()

    async def promise(self, tenant: str, request_id: str, job_id: str) -> str:
        """Lets a request stand for a job, and returns that job's id: an earlier one when somebody was faster.

        Errors: InvalidInputError, UnavailableError.
        """
        try:
            await self._bucket.create(_key(tenant, request_id), job_id.encode())
        except KeyWrongLastSequenceError:
            return await self.find(tenant, request_id) or job_id
        except ERRORS as error:
            raise unavailable(error) from error
        return job_id

    async def forget(self, tenant: str, request_id: str) -> None:
        """Forgets a request whose file was refused; nothing of it stays, not even a mark that it was deleted.

        Errors: UnavailableError.
        """
        try:
            await self._bus.jetstream.purge_stream(f"KV_{BUCKET}", subject=f"$KV.{BUCKET}.{_key(tenant, request_id)}")
        except ERRORS as error:
            raise unavailable(error) from error

    async def forget_job(self, tenant: str, job_id: str) -> None:
        """Forgets the requests that stand for a job that is deleted.

        Errors: UnavailableError.
        """
        try:
            watcher = await self._bucket.watch(f"{tenant}.*", ignore_deletes=True)
            try:
                async for entry in watcher:
                    if entry is None:  # that was all
                        return
                    if entry.value == job_id.encode():
                        await self._bus.jetstream.purge_stream(f"KV_{BUCKET}", subject=f"$KV.{BUCKET}.{entry.key}")
            finally:
                await watcher.stop()
        except ERRORS as error:
            raise unavailable(error) from error

    @property
    def _bucket(self) -> KeyValue:
        if self._ids is None:
            raise UnavailableError("the request ids are not prepared: call Requests.prepare first")
        return self._ids


def _key(tenant: str, request_id: str) -> str:
    return f"{tenant}.{names.request_key(request_id)}"
