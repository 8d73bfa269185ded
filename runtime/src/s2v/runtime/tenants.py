"""Who calls: an API key or a token of an OpenID provider stands for a tenant.

Off in the embedded stack, where everybody is one tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from s2v.runtime.errors import UnauthenticatedError
from s2v.runtime.keys import PREFIX, ApiKeys
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.runtime.tokens import Tokens

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""A tenant's name; it starts the keys of all that the tenant has."""
METADATA_KEY = "authorization"


@dataclass(frozen=True)
class Caller:
    """Who makes a call."""

    tenant: str
    user: str
    """Name of the key, or subject of the token; empty where callers are not known."""
    high_priority: bool
    """Whether high priority may be asked for."""


_caller: ContextVar[Caller | None] = ContextVar("s2v_caller", default=None)


def current_caller(default_tenant: str) -> Caller:
    """Returns who makes the call that is being answered; where callers are not known, the default tenant with all its rights."""
    return _caller.get() or Caller(default_tenant, "", high_priority=True)


class Authenticator:
    """Finds out who calls."""

    def __init__(self, settings: RuntimeSettings, store: ObjectStore) -> None:
        """Errors: SetupError when the settings for tokens are not whole."""
        self._keys = ApiKeys(store)
        self._tokens = Tokens(settings) if settings.jwt_jwks else None

    async def admit(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Makes known who calls, by the metadata `authorization: Bearer <key or token>`, until the call is answered.

        Errors: UnauthenticatedError, UnavailableError.
        """
        given = next((str(value) for key, value in metadata if key == METADATA_KEY), "")
        scheme, _, secret = given.partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise UnauthenticatedError(
                "the call names no caller: send an API key or a token as the metadata 'authorization: Bearer …'",
                reason="NO_CREDENTIALS",
            )
        if secret.startswith(PREFIX):
            key = await self._keys.verify(secret)
            caller = Caller(key.tenant, key.name, key.high_priority)
        elif self._tokens is not None:
            claims = await self._tokens.verify(secret)
            caller = Caller(claims.tenant, claims.subject, claims.high_priority)
        else:
            raise UnauthenticatedError("it is no API key, and no provider of tokens is set up", reason="INVALID_CREDENTIALS")
        if not TENANT.fullmatch(caller.tenant):
            raise UnauthenticatedError("the token names no tenant that there can be", reason="INVALID_TENANT")
        _caller.set(caller)
