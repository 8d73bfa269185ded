"""What is tested: an embedded stack that is started for it in a new folder, or a gateway that is already there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s2v.cli.administration import find_settings
from s2v.cli.stack import Stack
from s2v.runtime.keys import ApiKeys
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.tiers import TieredStore


@dataclass(frozen=True)
class House:
    """A system under test."""

    gateway: str
    """Its address, host:port."""
    settings: RuntimeSettings | None
    """How its NATS is reached; None: it is not."""
    embedded: bool
    """Whether its processes are children of this one."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """An API key for each tenant, where callers must be known."""


@contextlib.asynccontextmanager
async def opened(folder: Path, environment: Mapping[str, str], tenants: Sequence[str]) -> AsyncIterator[House]:
    """Starts a stack in `folder`, with settings of its services as environment variables, and keys for tenants.

    Errors: those of Stack.
    """
    with _variables(environment):
        async with Stack(folder, say) as stack:
            settings = await find_settings(folder)
            yield House(stack.endpoints.gateway, settings, embedded=True, keys=await _make_keys(settings, tenants))


@contextlib.asynccontextmanager
async def visited(gateway: str) -> AsyncIterator[House]:
    """Uses a gateway that is there; its NATS too, if S2V_NATS_URL (and S2V_NATS_TOKEN) say where it is."""
    yield House(gateway, RuntimeSettings() if "S2V_NATS_URL" in os.environ else None, embedded=False)


async def _make_keys(settings: RuntimeSettings, tenants: Sequence[str]) -> dict[str, str]:
    if not tenants:
        return {}
    store = TieredStore(settings)
    try:
        made = {tenant: await ApiKeys(store).create(tenant, "load test", high_priority=True) for tenant in tenants}
    finally:
        store.close()
    return {tenant: key.secret for tenant, key in made.items()}


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)
