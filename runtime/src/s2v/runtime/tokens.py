"""Tokens of an OpenID provider: JWTs signed with a key of its JWKS, which is a file or is fetched and kept for a while."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import urllib3

from s2v.runtime.errors import SetupError, UnauthenticatedError, UnavailableError
from s2v.runtime.settings import RuntimeSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures by private keys only: with a shared secret whoever checks a token could make one."""
FRESH_SECONDS = 300.0
"""A key set is fetched again after so long."""
AGAIN_SECONDS = 30.0
"""A key that is not in the set has it fetched again at most this often: strangers must not make us call the provider."""
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
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

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
        async with self._lock:
            age = time.monotonic() - self._fetched_at
            if age > FRESH_SECONDS or (identity not in self._keys and age > AGAIN_SECONDS):
                try:
                    self._keys = await asyncio.to_thread(self._fetch)
                    self._fetched_at = time.monotonic()
                except UnavailableError:
                    if identity not in self._keys:
                        raise
        if identity not in self._keys:
            raise _refused("its key is none of the provider's")
        return self._keys[identity]

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        where = self._settings.jwt_jwks
        try:
            if self._is_url:
                response = self._http.request("GET", where, redirect=False, preload_content=False)
                data = response.read(JWKS_BYTES).decode()
                response.release_conn()
                if response.status != 200:
                    raise UnavailableError(f"the key set at {where} answered {response.status}")
            else:
                data = Path(where).read_text()
            return {key.key_id or "": key for key in jwt.PyJWKSet.from_json(data).keys}
        except (OSError, ValueError, urllib3.exceptions.HTTPError, jwt.PyJWTError) as error:
            raise UnavailableError(f"the key set {where} cannot be read: {error}") from error


def _refused(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the token is not good: {why}", reason="INVALID_CREDENTIALS")
