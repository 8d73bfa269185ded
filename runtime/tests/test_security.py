"""What is said of a server names it, and tells nobody how to get in."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from s2v.runtime import bus
from s2v.runtime.errors import SetupError, UnavailableError
from s2v.runtime.security import shown
from s2v.runtime.settings import RuntimeSettings


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("nats://nats:4222", "nats://nats:4222"),
        ("nats://user:password@nats:4222", "nats://nats:4222"),
        ("tls://token@a:4222,nats://user:p@ss/w://rd@b:4222,c:4222", "tls://a:4222,nats://b:4222,c:4222"),
        ("user:password@nats:4222", "nats:4222"),
        ("http://[::1]:8333", "http://[::1]:8333"),
    ],
)
def test_an_address_is_shown_without_user_and_password(addresses: str, expected: str) -> None:
    assert shown(addresses) == expected


async def test_a_nats_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "CONNECT_SECONDS", 0.3)
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{unheard.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"NATS at nats://{where} does not answer") as caught:
            await bus.Bus(RuntimeSettings(nats_url=f"nats://user:secret@{where}")).connect()
    assert "secret" not in caught.value.message


async def test_a_connection_that_could_not_be_begun_is_closed_without_another_error(tmp_path: Path) -> None:
    for wrong, error in (({"nats_tls_ca": tmp_path / "missing"}, SetupError), ({"nats_url": "nats://:port"}, UnavailableError)):
        lonely = bus.Bus(RuntimeSettings.model_validate(wrong))
        with pytest.raises(error):
            await lonely.connect()
        await lonely.close()
