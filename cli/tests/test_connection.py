"""A stack that one command has started stays up while another one uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from s2v.cli.connection import in_use, wait_until_unused
from s2v.cli.processes import ChildProcess
from s2v.client import Access


async def test_the_owner_waits_for_all_users(tmp_path: Path) -> None:
    told: list[str] = []
    with in_use(tmp_path):
        with in_use(tmp_path):
            waiting = asyncio.create_task(wait_until_unused(tmp_path, told.append))
            await asyncio.sleep(0)
        done, _ = await asyncio.wait({waiting}, timeout=1)
        assert not done
    await asyncio.wait_for(waiting, timeout=5)
    assert len(told) == 1


async def test_what_is_set_for_another_gateway_stays_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("S2V_CLIENT_CA", "S2V_TLS_CERT", "S2V_NATS_TLS_CA"):
        monkeypatch.setenv(name, str(tmp_path / "of another machine.pem"))
    monkeypatch.setenv("S2V_CLIENT_TLS", "on")
    monkeypatch.setenv("S2V_TOKEN", "secret")
    assert Access.from_environment(plaintext=True) == Access("secret")
    child = ChildProcess("env", ["/usr/bin/env"], log=tmp_path / "log", environment={"S2V_LISTEN": "here"}, folder=tmp_path)
    child.start()
    while child.running:
        await asyncio.sleep(0.02)
    told = (tmp_path / "log").read_text()
    assert "S2V_LISTEN=here" in told
    assert "_TLS_C" not in told


async def test_the_owner_of_an_unused_stack_waits_for_nobody(tmp_path: Path) -> None:
    told: list[str] = []
    await asyncio.wait_for(wait_until_unused(tmp_path, told.append), timeout=1)
    assert not told
