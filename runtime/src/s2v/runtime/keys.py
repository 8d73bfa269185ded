"""API keys, kept hashed in S3. A key has 256 random bits: guessing is hopeless, and a plain SHA-256 enough to keep it by."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from s2v.runtime.errors import InvalidInputError, NotFoundError, UnauthenticatedError
from s2v.runtime.store import ObjectStore
from s2v.v1.tenant_pb2 import ApiKey

PREFIX = "s2v_"
"""Start of each key, by which scanners for leaked secrets know it."""
FOLDER = "_keys/"
"""No tenant's name starts with an underscore."""
MEMORY_SECONDS = 5.0
"""How long a key is not read again: so long a revoked one may still open the door."""
MEMORY_KEYS = 1000
NAME_CHARACTERS = 100

_KEY = re.compile(r"s2v_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class NewKey:
    """A key that was just made."""

    secret: str
    """The key itself, which is nowhere else."""
    record: ApiKey


class ApiKeys:
    """The keys of all tenants."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._memory: dict[str, tuple[float, ApiKey | None]] = {}

    async def create(self, tenant: str, name: str, *, high_priority: bool = False, lifetime_seconds: float = 0.0) -> NewKey:
        """Makes a key; without a lifetime it never ends.

        Errors: InvalidInputError (name), UnavailableError.
        """
        if not 1 <= len(name) <= NAME_CHARACTERS or not name.isprintable():
            raise InvalidInputError(f"a key's name has 1 to {NAME_CHARACTERS} printable characters", field="name")
        identity = secrets.token_hex(8)
        secret = f"{PREFIX}{identity}_{secrets.token_urlsafe(32)}"
        record = ApiKey(id=identity, sha256=_hash(secret), tenant=tenant, name=name, high_priority=high_priority)
        record.created_at.GetCurrentTime()
        if lifetime_seconds:
            record.expires_at.FromNanoseconds(time.time_ns() + int(lifetime_seconds * 1e9))
        await self._write(record)
        return NewKey(secret, record)

    async def list(self, tenant: str = "") -> list[ApiKey]:
        """Returns the keys of a tenant, or of all, revoked ones too, by the time they were made.

        Errors: UnavailableError.
        """
        found = [ApiKey.FromString(await self._store.read(item.key)) for item in await self._store.list(FOLDER)]
        kept = [key for key in found if not tenant or key.tenant == tenant]
        return sorted(kept, key=lambda key: key.created_at.ToNanoseconds())

    async def revoke(self, identity: str) -> ApiKey:
        """Ends a key; doing it again changes nothing. Doors close within seconds.

        Errors: NotFoundError, UnavailableError.
        """
        record = await self._read(identity) if re.fullmatch("[0-9a-f]{16}", identity) else None
        if record is None:
            raise NotFoundError(f"there is no key {identity[:40]!r}; s2v keys list shows them", reason="KEY_NOT_FOUND")
        if not record.HasField("revoked_at"):
            record.revoked_at.GetCurrentTime()
            await self._write(record)
        return record

    async def verify(self, secret: str) -> ApiKey:
        """Returns the record of a key that is good.

        Errors: UnauthenticatedError (always the same, whatever is wrong), UnavailableError.
        """
        match = _KEY.fullmatch(secret)
        record = await self._remembered(match.group(1)) if match else None
        if record is not None and hmac.compare_digest(record.sha256, _hash(secret)) and _is_alive(record):
            return record
        raise UnauthenticatedError(
            "the API key is not good: it is mistyped, revoked or out of date", reason="INVALID_CREDENTIALS"
        )

    async def _remembered(self, identity: str) -> ApiKey | None:
        read_at, record = self._memory.get(identity, (0.0, None))
        if time.monotonic() - read_at > MEMORY_SECONDS or identity not in self._memory:
            record = await self._read(identity)
            if len(self._memory) >= MEMORY_KEYS:
                self._memory.clear()
            self._memory[identity] = (time.monotonic(), record)
        return record

    async def _read(self, identity: str) -> ApiKey | None:
        try:
            return ApiKey.FromString(await self._store.read(f"{FOLDER}{identity}.pb"))
        except NotFoundError:
            return None

    async def _write(self, record: ApiKey) -> None:
        await self._store.put(f"{FOLDER}{record.id}.pb", record.SerializeToString(), "application/x-protobuf")


def _is_alive(record: ApiKey) -> bool:
    if record.HasField("revoked_at"):
        return False
    return not record.HasField("expires_at") or record.expires_at.ToNanoseconds() > time.time_ns()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
