"""Tokens while their provider hangs, fails, or is asked for keys that it does not have."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from s2v.runtime import tokens
from s2v.runtime.errors import UnauthenticatedError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.tokens import Tokens

KEYS = {"k1": jwt.PyJWK(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True))}


class Provider:
    """Answers with `KEYS`, fails, or hangs until `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.fails = False
        self.go = threading.Event()
        self.go.set()
        monkeypatch.setattr(Tokens, "_fetch", lambda _: self.fetch())
        where = "https://user:secret@id.example/jwks"
        self.tokens = Tokens(RuntimeSettings(jwt_jwks=where, jwt_issuer="issuer", jwt_audience="s2v"))

    def fetch(self) -> dict[str, jwt.PyJWK]:
        self.asked += 1
        assert self.go.wait(10)
        if self.fails:
            raise UnavailableError("the key set cannot be read")
        return KEYS

    async def find(self, identity: str) -> jwt.PyJWK:
        return await asyncio.wait_for(self.tokens._find_key(identity), 5)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    return Provider(monkeypatch)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    now = [time.monotonic()]
    monkeypatch.setattr(tokens, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


async def test_a_known_key_answers_while_the_provider_hangs(provider: Provider, later: Callable[[float], None]) -> None:
    assert await provider.find("k1") is KEYS["k1"]
    later(tokens.FRESH_SECONDS + 1)
    provider.go.clear()
    for _ in range(3):
        assert await provider.find("k1") is KEYS["k1"]
        await asyncio.sleep(0.05)
        later(tokens.AGAIN_SECONDS + 1)
    assert provider.asked == 2, "at most one is under way"
    provider.go.set()


async def test_a_provider_that_fails_is_left_alone_for_a_while(provider: Provider, later: Callable[[float], None]) -> None:
    provider.fails = True
    for _ in range(3):
        with pytest.raises(UnavailableError, match="cannot be read"):
            await provider.find("k1")
    assert provider.asked == 1
    provider.fails = False
    later(tokens.AGAIN_SECONDS + 1)
    assert await provider.find("k1") is KEYS["k1"]
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await provider.find("stranger")
    assert provider.asked == 2


async def test_calls_that_come_at_once_fetch_once_and_one_that_is_given_up_does_not_end_it(provider: Provider) -> None:
    provider.go.clear()
    impatient = asyncio.create_task(provider.tokens._find_key("k1"))
    waiting = [asyncio.create_task(provider.tokens._find_key("k1")) for _ in range(3)]
    await asyncio.sleep(0.05)
    impatient.cancel()
    await asyncio.sleep(0.05)
    provider.go.set()
    assert await asyncio.gather(*waiting) == [KEYS["k1"]] * 3
    assert provider.asked == 1


def test_the_address_of_the_key_set_is_told_without_password() -> None:
    where = "https://user:secret@127.0.0.1:9/jwks"
    with pytest.raises(UnavailableError, match=r"the key set https://127\.0\.0\.1:9/jwks cannot be read") as caught:
        Tokens(RuntimeSettings(jwt_jwks=where, jwt_issuer="issuer", jwt_audience="s2v"))._fetch()
    assert "secret" not in caught.value.message
