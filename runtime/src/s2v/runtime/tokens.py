"""Tokens of an OpenID provider: JWTs signed with a key of its JWKS, which is a file or is fetched and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import urllib3

from s2v.runtime.errors import SetupError, UnauthenticatedError, UnavailableError
from s2v.runtime.security import shown
from s2v.runtime.settings import RuntimeSettings

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures by private keys only: with a shared secret whoever checks a token could make one."""
FRESH_SECONDS = 300.0
"""A key set is fetched again after so long; meanwhile its keys are good."""
AGAIN_SECONDS = 30.0
"""The set is fetched at most this often, also when that fails: strangers must not make us call the provider."""
LEEWAY_SECONDS = 30.0
"""Difference of clocks that is allowed."""
TOKEN_CHARACTERS = 8192
JWKS_BYTES = 1_000_000
TIMEOUT = urllib3.Timeout(connect=3, read=5)
"""Seconds."""


@dataclass(frozen=True)
class Claims:
    """What a good token says."""

    tenant: str
    subject: str
    high_priority: bool


class Tokens:
    """Checks tokens of one provider."""

    def __init__(self, settings: RuntimeSettings) -> None:
        """Errors: SetupError when issuer, audience or a safe place of the key set is missing."""
        if not settings.jwt_issuer or not settings.jwt_audience:
            raise SetupError("tokens need S2V_JWT_ISSUER and S2V_JWT_AUDIENCE; set both, or leave S2V_JWT_JWKS empty")
        url = urlsplit(settings.jwt_jwks)
        if url.scheme == "http" and url.hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise SetupError("S2V_JWT_JWKS is an http address: whoever is between could put his own keys there; use https")
        self._settings = settings
        self._is_url = url.scheme in {"http", "https"}
        self._http = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._failure = ""
        """Why the last try had no key set; empty: it had."""

    async def verify(self, token: str) -> Claims:
        """Returns what a token says.

        Errors: UnauthenticatedError, UnavailableError (the key set cannot be had).
        """
        if len(token) > TOKEN_CHARACTERS:
            raise _refused("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            key = await self._find_key(str(header.get("kid", "")))
            if header.get("alg") not in ALGORITHMS:
                raise _refused(f"its algorithm is none of {', '.join(ALGORITHMS)}")
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise _refused(str(error)) from error
        high = claims.get(self._settings.jwt_priority_claim)
        return Claims(str(claims.get(self._settings.jwt_tenant_claim, "")), str(claims["sub"])[:100], high is True)

    async def _find_key(self, identity: str) -> jwt.PyJWK:
        """Returns a key: one that is known at once, whatever the provider does; for another the set is fetched, if it is time."""
        known = self._keys.get(identity)
        self._refresh(FRESH_SECONDS if known else AGAIN_SECONDS)
        if known is None and self._fetching is not None:
            await asyncio.shield(self._fetching)  # others may wait for it too
            known = self._keys.get(identity)
        if known is None and self._failure:
            raise UnavailableError(self._failure)
        if known is None:
            raise _refused("its key is none of the provider's")
        return known

    def _refresh(self, after_seconds: float) -> None:
        """Begins to fetch the key set if it is so old, unless that is under way or was tried a moment ago."""
        now = time.monotonic()
        if self._fetching is None and now - self._fetched_at > after_seconds and now - self._tried_at > AGAIN_SECONDS:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        try:
            self._keys = await asyncio.to_thread(self._fetch)
            self._fetched_at, self._failure = time.monotonic(), ""
        except UnavailableError as error:
            self._failure = error.message
            log.warning("%s", error)
        finally:
            self._fetching = None

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        where = shown(self._settings.jwt_jwks)
        try:
            if self._is_url:
                response = self._http.request("GET", self._settings.jwt_jwks, redirect=False, preload_content=False)
                data = response.read(JWKS_BYTES).decode()
                response.release_conn()
                if response.status != 200:
                    raise UnavailableError(f"the key set at {where} answered {response.status}")
            else:
                data = Path(self._settings.jwt_jwks).read_text()
            return {key.key_id or "": key for key in jwt.PyJWKSet.from_json(data).keys}
        except (OSError, ValueError, urllib3.exceptions.HTTPError, jwt.PyJWTError) as error:
            raise UnavailableError(f"the key set {where} cannot be read: {error}") from error


def _refused(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the token is not good: {why}", reason="INVALID_CREDENTIALS")
